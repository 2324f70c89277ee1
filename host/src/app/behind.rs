//! What the rules of the gateway lead to, as one snapshot: services of this host, and those outside.

use std::sync::Arc;

use holm_registry::ServiceName;
use holm_registry::discovery::url::HttpUrl;
use http::Request;

use crate::body::Body;
use crate::gateway::{Answer, Behind};
use crate::mesh::OutsideServices;
use crate::services::{CallError, Described, Function, GrpcServices, HttpEntry, Services, Table, describe};

/// Services of this host, and those that are not Wasm.
#[derive(Clone)]
pub(super) struct AllServices {
    table: Arc<Table>,
    outside: OutsideServices,
    grpc: Arc<GrpcServices>,
}

impl AllServices {
    /// Those of a snapshot.
    pub(super) fn of(table: &Arc<Table>, outside: OutsideServices) -> Self {
        Self { table: Arc::clone(table), outside, grpc: Arc::new(GrpcServices::of(table)) }
    }
}

impl Behind for AllServices {
    fn service(&self, entry: HttpEntry, request: Request<Body>) -> Answer {
        let Self { table, outside, .. } = self.clone();
        Box::pin(async move {
            let is_outside = !table.services.contains_key(&entry.service) && outside.knows(&entry.service);
            if is_outside { outside.http(&entry, request).await } else { Services::http(&table, &entry, request).await }
        })
    }

    fn upstream(&self, url: &HttpUrl, deadline: std::time::Instant, request: Request<Body>) -> Answer {
        let (outside, url) = (self.outside.clone(), url.clone());
        Box::pin(async move { outside.http_to(&url, deadline, request).await })
    }

    fn function(&self, service: &ServiceName, interface: &str, name: &str) -> Result<Function, CallError> {
        Function::find(&self.table, service, interface, name)
    }

    fn describe(&self, service: &ServiceName) -> Option<Described> {
        describe(&self.table, service)
    }

    fn grpc(&self) -> Arc<GrpcServices> {
        Arc::clone(&self.grpc)
    }
}
