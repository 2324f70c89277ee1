"""Messages to people, written from events: the adapters of the notifications in Rust, in Python."""

import api
import clock
import domain
import store
from componentize_py_types import Err, Ok
from wit_world import exports
from wit_world.imports import wasi_config_store as config
from wit_world.imports import wasi_http_types as http
from wit_world.imports.holm_events_types import Event, Outcome, Outcome_Ack, Outcome_Reject

VERSION = "1.0.0"
# what a stream takes at once (wasi:io)
CHUNK = 4096


class IncomingHandler(exports.IncomingHandler):
    def handle(self, request: http.IncomingRequest, response_out: http.ResponseOutparam) -> None:
        method = method_of(request)
        response = api.handle(method, request.path_with_query() or "/")
        body = b"" if method == "HEAD" else response.body
        headers = {**response.headers, "x-service-version": VERSION}
        if method != "HEAD":
            headers["content-length"] = str(len(body))
        head = http.OutgoingResponse(http.Fields.from_list([(name, value.encode()) for name, value in headers.items()]))
        head.set_status_code(response.status)
        outgoing = head.body()
        # the head ends the unit of work: what was written is kept before it leaves
        http.ResponseOutparam.set(response_out, Ok(head))
        try:
            with outgoing.write() as stream:
                for start in range(0, len(body), CHUNK):
                    stream.blocking_write_and_flush(body[start : start + CHUNK])
            http.OutgoingBody.finish(outgoing, None)
        except Err:
            # a client that has left is no fault of ours
            pass


def method_of(request: http.IncomingRequest) -> str:
    method = request.method()
    if isinstance(method, http.Method_Other):
        return method.value
    return type(method).__name__.removeprefix("Method_").upper()


class Handler(exports.Handler):
    def handle(self, event: Event) -> Outcome:
        """A setting named after the event's subject is the text of the message; without one there is none."""
        try:
            payload = domain.parse(event.payload)
        except ValueError as error:
            # such an event can never be handled, so it need not come again
            return Outcome_Reject(f"the payload is not what {event.subject} should have: {error}")
        text, setting = config.get(event.subject), config.get("recipient")
        recipient = payload.get("user_id" if setting is None else setting)
        if text and recipient and isinstance(recipient, str):
            message = {"id": clock.new_id(), "recipient": recipient, "subject": event.subject}
            store.save({**message, "text": domain.write(text, payload), "created_at": clock.now()})
        return Outcome_Ack()
