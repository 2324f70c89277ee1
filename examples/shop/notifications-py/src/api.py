"""The routes of the service, as the notifications in Rust have them: a path and a method lead to an answer."""

import json
from dataclasses import dataclass, field
from typing import Optional
from urllib.parse import parse_qsl, unquote, urlencode

import clock
import domain
import store

PAGE = 20
PAGE_LIMIT = 100
TITLES = {400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 500: "Internal Server Error"}


@dataclass
class Answer:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class Problem(Exception):
    """Why a request failed, in words for its sender: RFC 9457, with the message once more for older clients."""

    def __init__(self, status: int, message: str, **headers: str):
        self.status, self.message, self.headers = status, message, headers

    def answer(self) -> Answer:
        document = {"title": TITLES[self.status], "status": self.status, "detail": self.message, "error": self.message}
        headers = {"content-type": "application/problem+json", **self.headers}
        return Answer(self.status, as_json(document), headers)


def handle(method: str, target: str) -> Answer:
    path, _, query = target.partition("?")
    parts = [unquote(part) for part in path.strip("/").split("/")]
    try:
        return route("GET" if method == "HEAD" else method, parts, dict(parse_qsl(query, keep_blank_values=True)))
    except Problem as problem:
        return problem.answer()


def route(method: str, parts: list[str], query: dict[str, str]) -> Answer:
    match parts:
        case ["health"] if method == "GET":
            store.bucket().exists("health")
            return answer({"status": "ok"})
        case ["messages"] if method == "GET":
            return listed(query)
        case ["messages", id] if method == "GET":
            return answer(found(id))
        case ["messages", id, "sent"] if method == "POST":
            message = domain.sent(found(id), clock.now())
            store.save(message)
            return answer(message)
        case ["health"] | ["messages"] | ["messages", _]:
            raise Problem(405, f"{method} is not possible here", allow="GET")
        case ["messages", _, "sent"]:
            raise Problem(405, f"{method} is not possible here", allow="POST")
    raise Problem(404, f"There is nothing at /{'/'.join(parts)}")


def listed(query: dict[str, str]) -> Answer:
    asked = query.get("limit", str(PAGE))
    limit = int(asked) if asked.isascii() and asked.isdigit() else 0
    if not 1 <= limit <= PAGE_LIMIT:
        raise Problem(400, f"limit must be a number from 1 to {PAGE_LIMIT}")
    recipient, waiting = query.get("recipient"), query.get("waiting") == "true"

    def wanted(message: dict) -> bool:
        return recipient in (None, message["recipient"]) and not (waiting and "sent_at" in message)

    items, after = store.page(limit, query.get("cursor", ""), wanted)
    response = answer(items)
    if after is not None:
        pairs = {**{name: value for name, value in query.items() if name != "cursor"}, "cursor": after}
        response.headers["link"] = f'<?{urlencode(pairs)}>; rel="next"'
    return response


def found(id: str) -> dict:
    message: Optional[dict] = store.find(id)
    if message is None:
        raise Problem(404, "Message not found")
    return message


def answer(value: object) -> Answer:
    return Answer(200, as_json(value), {"content-type": "application/json"})


def as_json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
