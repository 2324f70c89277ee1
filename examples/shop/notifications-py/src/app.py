"""Messages to people, written from events: the routes and the handler of the notifications in Rust, in Python."""

import json

import api
import clock
import domain
import store
from componentize_py_types import Ok
from wit_world import exports
from wit_world.imports import wasi_config_store as config
from wit_world.imports import wasi_http_types as http
from wit_world.imports.holm_events_types import Event, Outcome, Outcome_Ack, Outcome_Reject

VERSION = "1.0.0"
METHODS = {
    http.Method_Get: "GET",
    http.Method_Head: "HEAD",
    http.Method_Post: "POST",
    http.Method_Put: "PUT",
    http.Method_Delete: "DELETE",
    http.Method_Patch: "PATCH",
    http.Method_Options: "OPTIONS",
}
# what a stream takes at once (wasi:io)
CHUNK = 4096


class IncomingHandler(exports.IncomingHandler):
    def handle(self, request: http.IncomingRequest, response_out: http.ResponseOutparam) -> None:
        method = METHODS.get(type(request.method()), "OTHER")
        answer = api.handle(method, request.path_with_query() or "/")
        headers = {**answer.headers, "x-service-version": VERSION, "content-length": str(len(answer.body))}
        fields = http.Fields.from_list([(name, value.encode()) for name, value in headers.items()])
        response = http.OutgoingResponse(fields)
        response.set_status_code(answer.status)
        body = response.body()
        # the head ends the unit of work: what was written is kept before it leaves
        http.ResponseOutparam.set(response_out, Ok(response))
        with body.write() as stream:
            for start in range(0, len(answer.body) if method != "HEAD" else 0, CHUNK):
                stream.blocking_write_and_flush(answer.body[start : start + CHUNK])
        http.OutgoingBody.finish(body, None)


class Handler(exports.Handler):
    def handle(self, event: Event) -> Outcome:
        """A setting named after the event's subject is the text of the message; without one there is none."""
        text = config.get(event.subject)
        try:
            told = json.loads(event.payload)
        except ValueError as error:
            return Outcome_Reject(f"the payload is not what {event.subject} should have: {error}")
        if not isinstance(told, dict):
            return Outcome_Reject(f"the payload is not what {event.subject} should have: it is no object")
        recipient = told.get(config.get("recipient") or "user_id")
        if text and recipient and isinstance(recipient, str):
            message = {"id": clock.new_id(), "recipient": recipient, "subject": event.subject}
            store.save({**message, "text": domain.write(text, told), "created_at": clock.now()})
        return Outcome_Ack()
