"""The routes of the service, as the notifications in Rust have them: a request leads to a response."""

import sys
import traceback
from dataclasses import dataclass, field
from typing import Optional

import clock
import domain
import store
from query import BadEncoding, decode, encode, parse

PAGE = 20
PAGE_LIMIT = 100
TITLES = {400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 500: "Internal Server Error"}


@dataclass
class Response:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class Problem(Exception):
    """Why a request failed, in words for its sender: RFC 9457, with the message once more for older clients."""

    def __init__(self, status: int, message: str, **headers: str):
        self.status, self.message, self.headers = status, message, headers

    def response(self) -> Response:
        document = {"title": TITLES[self.status], "status": self.status, "detail": self.message, "error": self.message}
        headers = {"content-type": "application/problem+json", **self.headers}
        return Response(self.status, store.as_json(document), headers)


def handle(method: str, target: str) -> Response:
    path, _, query = target.partition("?")
    try:
        return route(method, path, parse(query))
    except BadEncoding as error:
        return Problem(400, str(error)).response()
    except Problem as problem:
        return problem.response()
    except Exception:
        # the cause is for the log, not for the sender
        traceback.print_exc(file=sys.stderr)
        return Problem(500, "Internal server error").response()


def route(method: str, path: str, query: list[tuple[str, str]]) -> Response:
    wanted = "GET" if method == "HEAD" else method
    match path.removesuffix("/").split("/")[1:]:
        case ["health"]:
            allow(method, wanted, "GET")
            store.bucket().exists("health")
            return shown({"status": "ok"})
        case ["messages"]:
            allow(method, wanted, "GET")
            return listed(query)
        case ["messages", part] if part:
            message_id = decode(part)
            allow(method, wanted, "GET")
            return shown(find(message_id))
        case ["messages", part, "sent"] if part:
            message_id = decode(part)
            allow(method, wanted, "POST")
            message = domain.sent(find(message_id), clock.now())
            store.save(message)
            return shown(message)
    raise Problem(404, f"There is nothing at {path}")


def allow(method: str, wanted: str, possible: str) -> None:
    if wanted != possible:
        raise Problem(405, f"{method} is not possible here", allow=possible)


def listed(query: list[tuple[str, str]]) -> Response:
    # of a name that is repeated, the first counts
    first = dict(reversed(query))
    asked = first.get("limit", str(PAGE))
    limit = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 10 else 0
    if not 1 <= limit <= PAGE_LIMIT:
        raise Problem(400, f"limit must be a number from 1 to {PAGE_LIMIT}")
    recipient, waiting = first.get("recipient"), first.get("waiting") == "true"

    def wanted(message: dict) -> bool:
        return recipient in (None, message["recipient"]) and not (waiting and "sent_at" in message)

    items, after = store.page(limit, first.get("cursor", ""), wanted)
    response = shown(items)
    if after is not None:
        others = [(name, value) for name, value in query if name != "cursor"]
        response.headers["link"] = f'<?{encode([*others, ("cursor", after)])}>; rel="next"'
    return response


def find(message_id: str) -> dict:
    message: Optional[dict] = store.find(message_id)
    if message is None:
        raise Problem(404, "Message not found")
    return message


def shown(value: object) -> Response:
    return Response(200, store.as_json(value), {"content-type": "application/json"})
