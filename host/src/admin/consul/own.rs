//! Holm's own services, as others discover them: at the gateway, passing while they are live and
//! well.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use holm_registry::discovery::owned::OwnService;
use holm_registry::route::RouteSpec;

use super::ConsulState;
use crate::services::ServiceStatus;

/// How often those who wait for a change hear of one of Holm's own services. Who asks sees it at
/// once.
const FOLLOW: Duration = Duration::from_millis(500);
/// Meta data that Consul's clients take: longer values are cut.
const LONGEST: usize = 512;

impl ConsulState {
    /// Shows how Holm's own services are now.
    pub(super) fn show_own(&self) {
        let routes = self.services.routes();
        let own = self.services.list().into_iter().map(|status| self.own(status, &routes)).collect();
        self.discovery.show_own(own);
    }

    /// Does that again and again, for as long as the host runs.
    pub async fn follow_services(&self) {
        loop {
            self.show_own();
            tokio::time::sleep(FOLLOW).await;
        }
    }

    fn own(&self, status: ServiceStatus, routes: &[RouteSpec]) -> OwnService {
        let leads_here = |rule: &&RouteSpec| rule.services().any(|name| *name == status.service);
        let paths: Vec<String> = routes.iter().filter(leads_here).map(|rule| rule.path.to_string()).collect();
        let mut paths = paths.join(" ");
        paths.truncate(paths.floor_char_boundary(LONGEST));
        let meta = [
            ("version".to_owned(), status.version.to_string()),
            ("revision".to_owned(), status.revision.to_string()),
            ("routes".to_owned(), paths),
        ];
        let trouble = (status.state != "live").then(|| status.reason.unwrap_or_else(|| status.state.to_owned()));
        OwnService {
            name: status.service,
            address: reachable(self.gateway.ip()).to_string(),
            port: self.gateway.port(),
            meta: meta.into(),
            trouble,
        }
    }
}

/// A gateway on all addresses is reached on this machine's own.
fn reachable(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(any) if any.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(any) if any.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other,
    }
}
