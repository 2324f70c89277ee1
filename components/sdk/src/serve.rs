//! Between `wasi:http/incoming-handler` and the route table: reads the request, writes the response.

use crate::route::{Route, dispatch};
use crate::{Problem, Request, Response, log};
use std::io::{Read, Write};
use wasip2::http::types::{
    Fields, IncomingBody, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

/// The largest body that a handler gets to see: as much as Holm's gateway lets through unless told otherwise.
/// It stands here too, because a body is held in memory in full and requests may come past the gateway.
pub const BODY_LIMIT: u64 = 1 << 20;

/// Answers one request by `routes`. `version` goes out with every response as `x-service-version`, so that two
/// revisions of a service can be told apart from outside.
pub fn serve(routes: &[Route], version: &str, request: IncomingRequest, out: ResponseOutparam) {
    let is_head = matches!(request.method(), Method::Head);
    let mut response = read_request(request).and_then(|request| dispatch(routes, request)).unwrap_or_else(refuse);
    if is_head {
        response.body.clear();
    } else {
        let length = response.body.len().to_string();
        response = response.with_header("content-length", length);
    }
    write_response(response.with_header("x-service-version", version), out);
}

/// Only here a problem's cause is written to the log, so that each is written once.
fn refuse(problem: Problem) -> Response {
    if let Some(cause) = &problem.cause {
        log::error("http", cause);
    }
    problem.into_response()
}

fn read_request(incoming: IncomingRequest) -> Result<Request, Problem> {
    let target = incoming.path_with_query().unwrap_or_else(|| "/".into());
    let mut request = Request::new(method_name(&incoming.method()), &target)?;
    request.headers = incoming.headers().entries();
    if !matches!(request.method.as_str(), "GET" | "HEAD") {
        let body = incoming.consume().map_err(|()| Problem::internal("the request's body is taken already"))?;
        request.body = read_body(&body)?;
    }
    Ok(request)
}

fn read_body(body: &IncomingBody) -> Result<Vec<u8>, Problem> {
    let stream = body.stream().map_err(|()| Problem::internal("the body's stream is taken already"))?;
    let mut bytes = Vec::new();
    let unreadable = |error| Problem::new(400, format!("The body could not be read: {error}"));
    stream.take(BODY_LIMIT + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > BODY_LIMIT {
        return Err(Problem::new(413, format!("A body may have {BODY_LIMIT} bytes at most")));
    }
    Ok(bytes)
}

/// Hands over the head first, then the body. The head ends the invocation's unit of work: what a handler has
/// written to its bucket is committed before the client sees the head.
fn write_response(response: Response, out: ResponseOutparam) {
    let headers = response.headers.into_iter().map(|(name, value)| (name.to_string(), value.into_bytes()));
    let headers = Fields::from_list(&headers.collect::<Vec<_>>()).unwrap_or_else(|error| {
        log::error("http", &format!("a header was refused: {error:?}"));
        Fields::new()
    });
    let head = OutgoingResponse::new(headers);
    let body = head.set_status_code(response.status).and_then(|()| head.body());
    ResponseOutparam::set(out, Ok(head));
    if let Ok(body) = body {
        write_body(body, &response.body);
    }
}

fn write_body(body: OutgoingBody, bytes: &[u8]) {
    let Ok(mut stream) = body.write() else { return };
    let written = stream.write_all(bytes).and_then(|()| Write::flush(&mut stream));
    // a body may only be finished after its stream is gone
    drop(stream);
    // a client that has left is no fault of ours: the response is simply not finished
    if written.is_ok()
        && let Err(error) = OutgoingBody::finish(body, None)
    {
        log::warn("http", &format!("the response's body was not finished: {error:?}"));
    }
}

fn method_name(method: &Method) -> &str {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Connect => "CONNECT",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
        Method::Other(name) => name,
    }
}
