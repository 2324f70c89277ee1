//! What goes over the wire: one request, framed by us, and the head of its answer.

use http::{HeaderMap, Request, Response, header};
use http_body_util::BodyExt;

use super::Bounds;
use super::answer::AnswerBody;
use super::explain::explain;
use super::lanes::{Client, HEAD};
use crate::body::Body;
use crate::hop_by_hop;
use crate::runtime::OutboundError;

/// Sends a request to its URL and waits for the head of its answer.
pub(super) async fn send(
    client: Client,
    mut request: Request<Body>,
    bounds: Bounds,
) -> Result<Response<Body>, OutboundError> {
    hop_by_hop::strip(request.headers_mut());
    if let Some(upgrade) = request.extensions().get::<hop_by_hop::Upgrade>().cloned() {
        upgrade.apply(request.headers_mut());
    }
    // the client says it again, from the URL that was checked
    request.headers_mut().remove(header::HOST);
    let sent = tokio::time::timeout_at(bounds.deadline.into(), client.request(request)).await;
    let mut response = sent.map_err(|_| OutboundError::Timeout)?.map_err(|error| explain(&error))?;
    hop_by_hop::strip(response.headers_mut());
    let size = head_size(response.headers());
    if size > HEAD {
        return Err(OutboundError::Protocol(format!("its head has {size} bytes, and {HEAD} are allowed")));
    }
    Ok(response.map(|body| AnswerBody::new(body, bounds.body_limit, bounds.pause).boxed_unsync()))
}

/// Bytes of the fields as HTTP/1.1 writes them, and HTTP/2 before it compresses them.
fn head_size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum()
}
