"""How a message is written. Nothing in here knows where it runs."""

import json
import re


def parse(payload: bytes) -> dict:
    """The members of an event. A `ValueError` says why there are none: JSON alone is taken, not all that Python reads."""
    try:
        value = json.loads(payload.decode(), parse_constant=refuse)
        # half of a surrogate pair may be escaped in JSON, but is no character
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("it is no object")
    return value


def refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def member(event: dict, name: str) -> str:
    """A member of an event as text; one whose name ends with `_cents` is money, and written with its point."""
    value = event.get(name)
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if type(value) is int and value >= 0 and name.endswith("_cents"):
        return f"{value // 100}.{value % 100:02}"
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def write(text: str, event: dict) -> str:
    """The text with the event's members in the place of their names in braces."""
    return re.sub(r"\{([^{}]*)\}", lambda found: member(event, found[1]), text)


def sent(message: dict, now: str) -> dict:
    """The same message, taken to its recipient. The first time counts."""
    return {**message, "sent_at": message.get("sent_at", now)}
