//! `holm:caller/caller`: who asks, and how long they wait.

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit/holm-caller-0.1.0",
        inline: "package holm:bindings; world imports { import holm:caller/caller@0.1.0; }",
        imports: { default: trappable },
    });
}

use std::time::Instant;

use bindings::holm::caller::caller::{Host, Principal, add_to_linker};
use wasmtime::component::{HasSelf, Linker};

use crate::identity::Identity;
use crate::runtime::guest::Guest;

impl Guest {
    /// While an instance is being made nobody asks.
    fn identity(&self) -> Option<&Identity> {
        self.invocation()?.lineage.identity()
    }
}

impl Host for Guest {
    fn who(&mut self) -> wasmtime::Result<Option<Principal>> {
        let principal = |identity: &Identity| Principal {
            scheme: identity.scheme.clone(),
            name: identity.principal.clone(),
            // strings and values that were JSON before: cannot fail
            claims: serde_json::to_string(&identity.claims).unwrap_or_default(),
        };
        Ok(self.identity().map(principal))
    }

    fn claim(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        Ok(self.identity().and_then(|identity| identity.claim(&name)).map(ToString::to_string))
    }

    fn service(&mut self) -> wasmtime::Result<Option<String>> {
        let caller = self.invocation().and_then(|invocation| invocation.lineage.caller());
        Ok(caller.map(ToString::to_string))
    }

    fn time_left(&mut self) -> wasmtime::Result<u64> {
        let left = self.invocation().map(|invocation| invocation.deadline.saturating_duration_since(Instant::now()));
        Ok(left.map_or(0, |left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX)))
    }

    fn trace_id(&mut self) -> wasmtime::Result<String> {
        let trace = self.invocation().map(|invocation| invocation.trace.trace_id_hex().to_string());
        Ok(trace.unwrap_or_default())
    }
}

/// Links the interface.
pub fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)
}
