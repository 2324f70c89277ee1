//! From a name to the addresses that may be reached.
//!
//! A name is resolved once for each connection, each of its addresses is checked, and the
//! connection goes to one of those that passed: there is no second look-up that could answer
//! something else.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use holm_registry::address::special_use;
use holm_registry::host::Host;
use hyper_util::client::legacy::connect::dns::Name;
use tokio::sync::Semaphore;
use tower_service::Service;

use super::Reach;
use crate::runtime::OutboundError;

/// Asks for the addresses of a name.
pub type Lookup = Arc<dyn Fn(String) -> Found + Send + Sync>;

/// The addresses of a name, in the order in which to try them.
pub type Found = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Look-ups at once, of all services. The system's resolver blocks a thread for as long as a slow
/// name server likes; these must not take all of the threads that also read and write files.
const LOOKUPS: usize = 64;

/// Look-ups at once of one service, so that one with a slow name server leaves some to the others.
pub(super) const LOOKUPS_OF_ONE: usize = 8;

/// Asks the operating system.
pub fn system_lookup() -> Lookup {
    let permits = Arc::new(Semaphore::new(LOOKUPS));
    Arc::new(move |name| {
        let permits = Arc::clone(&permits);
        Box::pin(async move {
            let permit = permits.acquire_owned().await.map_err(io::Error::other)?;
            let ask = move || {
                // held by the thread, which goes on when nobody waits for it any more
                let _permit = permit;
                Ok((name, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
            };
            tokio::task::spawn_blocking(ask).await.map_err(io::Error::other)?
        })
    })
}

/// Those of a host's addresses that may be reached.
///
/// # Errors
/// When none is left, with why the first one may not.
pub(super) fn admit(
    host: &str,
    addresses: impl IntoIterator<Item = IpAddr>,
    reach: &Reach,
) -> Result<Vec<IpAddr>, OutboundError> {
    let mut admitted = Vec::new();
    let mut refused = None;
    for address in addresses {
        match special_use(address) {
            Some(purpose) if !reach.has(&address) => {
                refused.get_or_insert((address, purpose));
            }
            _ => admitted.push(address),
        }
    }
    match refused {
        Some((address, purpose)) if admitted.is_empty() => {
            Err(OutboundError::Prohibited { host: host.to_owned(), address, purpose })
        }
        None if admitted.is_empty() => Err(OutboundError::UnknownName(host.to_owned())),
        _ => Ok(admitted),
    }
}

/// What the connector of one lane asks.
#[derive(Clone)]
pub(super) struct Resolver {
    lookup: Lookup,
    permits: Arc<Semaphore>,
    reach: Reach,
}

impl Resolver {
    /// A resolver that gives the addresses which may be reached.
    pub(super) fn new(lookup: Lookup, permits: Arc<Semaphore>, reach: Reach) -> Self {
        Self { lookup, permits, reach }
    }

    async fn resolve(self, name: String) -> Result<std::vec::IntoIter<SocketAddr>, OutboundError> {
        let fixed = name.parse::<Host>().map(|host| host.addresses()).unwrap_or_default();
        let found = if fixed.is_empty() { self.ask(&name).await? } else { fixed };
        // a mapped address is connected to as what it is, so it is looked at as that
        let admitted = admit(&name, found.into_iter().map(|address| address.to_canonical()), &self.reach)?;
        let sockets: Vec<_> = admitted.into_iter().map(|address| SocketAddr::new(address, 0)).collect();
        Ok(sockets.into_iter())
    }

    async fn ask(&self, name: &str) -> Result<Vec<IpAddr>, OutboundError> {
        let unknown = |why: String| OutboundError::UnknownName(format!("{name}: {why}"));
        let _permit = self.permits.acquire().await.map_err(|error| unknown(error.to_string()))?;
        (self.lookup)(name.to_owned()).await.map_err(|error| unknown(error.to_string()))
    }
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = OutboundError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, OutboundError>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), OutboundError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(self.clone().resolve(name.as_str().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(list: &[&str]) -> Vec<IpAddr> {
        list.iter().map(|address| address.parse().unwrap()).collect()
    }

    async fn resolve(answer: &[&str], named: &[&str], name: &str) -> Result<Vec<IpAddr>, OutboundError> {
        let answer = addresses(answer);
        let lookup: Lookup = Arc::new(move |_| Box::pin(std::future::ready(Ok(answer.clone()))));
        let resolver = Resolver::new(lookup, Arc::new(Semaphore::new(1)), Reach::Granted(addresses(named).into()));
        resolver.resolve(name.to_owned()).await.map(|found| found.map(|socket| socket.ip()).collect())
    }

    #[tokio::test]
    async fn a_name_leads_inside() {
        for inside in
            ["127.0.0.1", "10.0.0.5", "169.254.169.254", "::1", "fd00:ec2::254", "::ffff:127.0.0.1", "0.0.0.0"]
        {
            let error = resolve(&[inside], &["10.0.0.6"], "evil.test").await.unwrap_err();
            assert!(matches!(error, OutboundError::Prohibited { .. }), "{inside}: {error}");
        }
        let mixed = resolve(&["10.0.0.5", "1.1.1.1", "::1"], &[], "mixed.test").await;
        assert_eq!(mixed.unwrap(), addresses(&["1.1.1.1"]));
    }

    #[tokio::test]
    async fn a_name_does_not_lead_to_an_address_that_is_named() {
        let found = resolve(&["10.0.0.5", "10.0.0.6"], &["10.0.0.6"], "db.test").await;
        assert_eq!(found.unwrap(), addresses(&["10.0.0.6"]));
        let mapped = resolve(&["::ffff:10.0.0.6"], &["10.0.0.6"], "db.test").await;
        assert_eq!(mapped.unwrap(), addresses(&["10.0.0.6"]));
    }

    #[tokio::test]
    async fn localhost_is_what_a_name_server_says() {
        let found = resolve(&["1.1.1.1"], &["127.0.0.1", "::1"], "localhost").await;
        assert_eq!(found.unwrap(), addresses(&["127.0.0.1", "::1"]));
        assert!(resolve(&["1.1.1.1"], &[], "localhost").await.is_err());
    }

    #[tokio::test]
    async fn a_name_without_addresses_is_a_prohibited_one() {
        assert!(matches!(resolve(&[], &[], "none.test").await, Err(OutboundError::UnknownName(_))));
    }
}
