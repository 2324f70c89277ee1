//! Which services an invocation is nested in, and on whose behalf all of them act.

use std::sync::Arc;

use holm_registry::ServiceName;
use holm_registry::settings::Limit;

use crate::fault::Fault;
use crate::identity::Identity;

/// How deep services may call each other. Deeper chains are a mistake nearly always, and each
/// level holds an instance.
pub const DEPTH: u32 = 8;

/// The services that wait for an invocation, the nearest first: none for one from outside. And who
/// was let in at the gateway, for all that follows from one request.
#[derive(Clone, Debug, Default)]
pub struct Lineage {
    caller: Option<Arc<Caller>>,
    identity: Option<Arc<Identity>>,
}

#[derive(Debug)]
struct Caller {
    service: ServiceName,
    depth: u32,
    outer: Lineage,
}

/// In which relation an invocation stands to those that are under way: it decides who may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It comes from outside; nobody inside waits for it.
    Outside,
    /// A service waits for it.
    Nested,
    /// The very service that it enters waits for it already.
    Again,
}

impl Lineage {
    /// That of a request from outside.
    pub fn from_outside(identity: Option<Arc<Identity>>) -> Self {
        Self { caller: None, identity }
    }

    /// Who was let in, if somebody had to show who they are.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_deref()
    }

    /// The lineage of what `service`, itself of this lineage, calls.
    ///
    /// # Errors
    /// When the chain would be too long.
    pub fn through(&self, service: &ServiceName) -> Result<Self, Fault> {
        let depth = self.depth() + 1;
        if depth > DEPTH {
            let detail = format!("is {DEPTH}, and {service} calls on behalf of {self}");
            return Err(Fault::over(Limit::CallDepth, detail));
        }
        let caller = Caller { service: service.clone(), depth, outer: self.clone() };
        Ok(Self { caller: Some(Arc::new(caller)), identity: self.identity.clone() })
    }

    /// How an invocation of this lineage stands to `service`, which it enters.
    pub fn standing(&self, service: &ServiceName) -> Standing {
        match self.callers().any(|caller| caller == service) {
            true => Standing::Again,
            false if self.caller.is_some() => Standing::Nested,
            false => Standing::Outside,
        }
    }

    /// Who called, if it was a service.
    pub fn caller(&self) -> Option<&ServiceName> {
        self.caller.as_ref().map(|caller| &caller.service)
    }

    fn depth(&self) -> u32 {
        self.caller.as_ref().map_or(0, |caller| caller.depth)
    }

    fn callers(&self) -> impl Iterator<Item = &ServiceName> {
        std::iter::successors(self.caller.as_deref(), |caller| caller.outer.caller.as_deref())
            .map(|caller| &caller.service)
    }
}

impl std::fmt::Display for Lineage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, caller) in self.callers().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{caller}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::FaultKind;

    fn name(text: &str) -> ServiceName {
        text.parse().unwrap()
    }

    #[test]
    fn a_service_that_is_called_back_is_not_known_to_wait() {
        let outside = Lineage::default();
        assert_eq!(outside.standing(&name("orders")), Standing::Outside);
        let nested = outside.through(&name("orders")).unwrap().through(&name("stock")).unwrap();
        assert_eq!(nested.standing(&name("users")), Standing::Nested);
        assert_eq!(nested.standing(&name("orders")), Standing::Again);
        assert_eq!(nested.standing(&name("stock")), Standing::Again);
        assert_eq!((nested.caller(), nested.to_string().as_str()), (Some(&name("stock")), "stock, orders"));
    }

    #[test]
    fn services_call_each_other_without_end() {
        let mut lineage = Lineage::default();
        for _ in 0..DEPTH {
            lineage = lineage.through(&name("a")).unwrap();
        }
        let fault = lineage.through(&name("a")).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Limit);
        assert!(fault.detail.starts_with("call-depth is 8, and a calls on behalf of a, a"), "{fault}");
    }
}
