//! What every gRPC server answers: how its services do, and what they are. The gateway does so for
//! whatever no rule takes.

use http::{Request, Response, Uri};

use super::dialect::Dialect;
use super::{health, reflection};
use crate::body::Body;
use crate::gateway::behind::Behind;
use crate::gateway::publish::Watched;

/// A request that the gateway answers itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gateway) enum Builtin {
    /// `grpc.health.v1.Health/Check`.
    Health(Dialect),
    /// `grpc.health.v1.Health/Watch`.
    Watch(Dialect),
    /// `grpc.reflection.v1.ServerReflection`, and the same by its older name.
    Reflection(Dialect),
}

impl Builtin {
    /// Whether it is one.
    pub(in crate::gateway) fn of(uri: &Uri, dialect: Option<Dialect>) -> Option<Self> {
        match uri.path() {
            "/grpc.health.v1.Health/Check" => dialect.map(Self::Health),
            "/grpc.health.v1.Health/Watch" => dialect.map(Self::Watch),
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
            | "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo" => dialect.map(Self::Reflection),
            _ => None,
        }
    }

    /// Answers it.
    pub(in crate::gateway) async fn answer<B: Behind>(
        self,
        watched: Watched<B>,
        request: Request<Body>,
    ) -> Response<Body> {
        let services = watched.behind.borrow().grpc();
        match self {
            Self::Health(dialect) => health::check(dialect, &services, request).await,
            Self::Watch(dialect) => health::watch(dialect, watched, request).await,
            Self::Reflection(dialect) => reflection::answer(dialect, services, request),
        }
    }
}
