"""How a message is written. Nothing in here knows where it runs."""

import json
import re


def member(event: dict, name: str) -> str:
    """A member of an event as text; one whose name ends with `_cents` is money, and written with its point."""
    value = event.get(name)
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if type(value) is int and value >= 0 and name.endswith("_cents"):
        return f"{value // 100}.{value % 100:02}"
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def write(text: str, event: dict) -> str:
    """The text with the event's members in the place of their names in braces."""
    return re.sub(r"\{([^{}]*)\}", lambda found: member(event, found[1]), text)


def sent(message: dict, now: str) -> dict:
    """The same message, taken to its recipient. The first time counts."""
    return {**message, "sent_at": message.get("sent_at", now)}
