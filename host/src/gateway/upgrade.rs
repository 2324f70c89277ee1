//! Connections that go on as something else: WebSockets (RFC 6455), passed through to targets that are
//! reached over a socket.
//!
//! The head travels like any other, through all stages of its rule. When the target agrees, the
//! connection's own task copies bytes both ways until one end is done, nobody says anything for too
//! long, or the host drains.

use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use holm_registry::route::Target;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Request, Response, StatusCode, Version};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::activity::{Activity, Command};
use super::respond::Problem;
use crate::body::Body;
use crate::fault::{Fault, FaultKind};
use crate::hop_by_hop::Upgrade;

/// The one protocol that is passed through. `h2c` would get around the gateway.
const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// Where a connection finds what it goes on as.
pub(super) type Slot = Arc<Mutex<Option<Tunnel>>>;

/// Two connections that become one.
#[derive(Debug)]
pub(super) struct Tunnel {
    client: OnUpgrade,
    target: OnUpgrade,
}

/// A client that wants to go on as a WebSocket.
pub(super) struct Wanted(OnUpgrade);

impl Wanted {
    /// Notes it on the request, for whoever sends it on. Nothing for targets that cannot: for those it
    /// is a request like any other.
    pub(super) fn take<B>(request: &mut Request<B>, target: &Target) -> Option<Self> {
        let can = matches!(target, Target::Upstream(_) | Target::Service(_));
        if !can || request.version() != Version::HTTP_11 || !asks(request.headers()) {
            return None;
        }
        let client = hyper::upgrade::on(&mut *request);
        request.extensions_mut().insert(Upgrade(WEBSOCKET));
        Some(Self(client))
    }
}

fn asks(headers: &HeaderMap) -> bool {
    let protocol =
        headers.get(header::UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    let values = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    protocol && values.flat_map(|value| value.split(',')).any(|word| word.trim().eq_ignore_ascii_case("upgrade"))
}

/// Lets the connection go on when target and client agree.
///
/// # Errors
/// When the target switches to something that nobody asked for.
pub(super) fn agree(
    mut response: Response<Body>,
    wanted: Option<Wanted>,
    slot: &Slot,
) -> Result<Response<Body>, Problem> {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(response);
    }
    let Some(Wanted(client)) = wanted else {
        let fault = Fault::new(FaultKind::Dependency, "the target switches protocols, which nobody asked for");
        return Err(Problem::Fault(fault));
    };
    let target = hyper::upgrade::on(&mut response);
    *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(Tunnel { client, target });
    Ok(response)
}

/// The head that tells the client so: the fields of one connection, on this one.
pub(super) fn announce(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, WEBSOCKET);
}

impl Tunnel {
    /// What the connection goes on as, if that was agreed upon.
    pub(super) fn of(slot: &Slot) -> Option<Self> {
        slot.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Copies until one end is done, or the connection is told to end.
    pub(super) async fn run(self, activity: &Activity) {
        let ended = poll_fn(|cx| match activity.command(cx) {
            Command::Abort => Poll::Ready(()),
            Command::Stay | Command::Finish => Poll::Pending,
        });
        let copied = async {
            let client = self.client.await.map_err(io::Error::other)?;
            let target = self.target.await.map_err(io::Error::other)?;
            activity.tunnel();
            tokio::io::copy_bidirectional(&mut TokioIo::new(client), &mut TokioIo::new(target)).await
        };
        tokio::select! {
            result = copied => if let Err(error) = result {
                tracing::debug!(%error, "a tunnel ended with an error");
            },
            () = ended => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_protocol_gets_through() {
        let headers = |list: &[(&'static str, &'static str)]| -> HeaderMap {
            list.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
        };
        assert!(asks(&headers(&[("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket")])));
        for refused in [
            &[("connection", "upgrade"), ("upgrade", "h2c")][..],
            &[("connection", "upgrade"), ("upgrade", "websocket, h2c")],
            &[("connection", "keep-alive"), ("upgrade", "websocket")],
            &[("upgrade", "websocket")],
            &[("connection", "upgrade")],
        ] {
            assert!(!asks(&headers(refused)), "{refused:?}");
        }
    }
}
