//! Where a probe may connect to. A name is resolved once for each connection, and only the
//! addresses that the allow-list has are left of it: there is no second look-up that could
//! answer something else.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use holm_registry::discovery::ranges::AllowList;
use hyper_util::client::legacy::connect::dns::Name;
use tokio::sync::Semaphore;
use tower_service::Service;

/// Look-ups at once. The system's resolver blocks a thread for as long as a slow name server
/// likes, and these threads also read and write files.
const LOOKUPS: usize = 16;

/// Whose word counts: `None` for what an operator wrote into a manifest, else the allow-list.
#[derive(Clone)]
pub(super) struct Reach {
    allow: Option<Arc<AllowList>>,
    lookups: Arc<Semaphore>,
}

type Found = Pin<Box<dyn Future<Output = io::Result<std::vec::IntoIter<SocketAddr>>> + Send>>;

impl Reach {
    pub(super) fn new(allow: Option<AllowList>) -> Self {
        Self { allow: allow.map(Arc::new), lookups: Arc::new(Semaphore::new(LOOKUPS)) }
    }

    /// The addresses of a host that may be connected to: at least one.
    pub(super) async fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let found = match host.parse() {
            Ok(address) => vec![address],
            Err(_) => self.look_up(host.to_owned()).await?,
        };
        self.admit(host, found)
    }

    /// Refuses an address that is written out. A name is checked when it is resolved.
    pub(super) fn check_literal(&self, host: &str) -> io::Result<()> {
        host.parse().map_or(Ok(()), |address| self.admit(host, vec![address]).map(drop))
    }

    fn admit(&self, host: &str, mut found: Vec<IpAddr>) -> io::Result<Vec<IpAddr>> {
        if let Some(allow) = &self.allow {
            found.retain(|address| allow.allows(*address));
        }
        if !found.is_empty() {
            return Ok(found);
        }
        let allowed = self.allow.as_ref().map(|allow| allow.to_string()).unwrap_or_default();
        let why = format!("{host} is not at an address that checks may reach ({allowed}); add it to [discovery] allow");
        Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
    }

    async fn look_up(&self, host: String) -> io::Result<Vec<IpAddr>> {
        let permit = self.lookups.clone().acquire_owned().await.map_err(io::Error::other)?;
        let ask = move || {
            // held by the thread, which goes on when nobody waits for it any more
            let _permit = permit;
            Ok((host, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
        };
        tokio::task::spawn_blocking(ask).await.map_err(io::Error::other)?
    }
}

/// For the HTTP client, which calls it for names and never for addresses.
impl Service<Name> for Reach {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Found;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Found {
        let reach = self.clone();
        Box::pin(async move {
            let found = reach.addresses(name.as_str()).await?;
            // the client puts the port of the URL in the place of this one
            let sockets: Vec<SocketAddr> = found.into_iter().map(|address| SocketAddr::new(address, 0)).collect();
            Ok(sockets.into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_check_reaches_the_cloud_s_metadata() {
        let reach = Reach::new(Some(AllowList::default()));
        for host in ["169.254.169.254", "10.0.0.1", "::ffff:10.0.0.1"] {
            let error = reach.addresses(host).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{host}");
            assert!(reach.check_literal(host).is_err());
        }
        assert!(reach.check_literal("some.name").is_ok());
        assert!(reach.addresses("localhost").await.unwrap().iter().all(IpAddr::is_loopback));
        assert!(Reach::new(None).addresses("10.0.0.1").await.is_ok());
        let nothing = Reach::new(Some(AllowList::new(Vec::new())));
        assert!(nothing.addresses("localhost").await.unwrap_err().to_string().contains("[discovery] allow"));
    }
}
