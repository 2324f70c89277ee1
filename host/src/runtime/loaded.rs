//! Components that are in use, each loaded once however many services have it: its code is mapped
//! once, and the next deployment of it neither reads nor checks it again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use holm_registry::Digest;
use wasmtime::component::Component;

use super::call::{self, Offer};

/// A component that is loaded for as long as somebody holds this.
pub struct Loaded {
    /// The component.
    pub(super) component: Component,
    offer: Offer,
}

impl Loaded {
    /// A component, and what it offers.
    pub(super) fn new(component: Component) -> Self {
        Self { offer: call::offered(&component), component }
    }

    /// What it offers to other services; read once.
    pub fn offer(&self) -> &Offer {
        &self.offer
    }
}

/// What is loaded, by digest.
#[derive(Clone, Default)]
pub struct InUse(Arc<Mutex<HashMap<Digest, Weak<Loaded>>>>);

impl InUse {
    /// The component, if somebody has it.
    pub fn get(&self, digest: &Digest) -> Option<Arc<Loaded>> {
        self.lock().get(digest)?.upgrade()
    }

    /// Shares a component from now on. Whoever loaded the same at the same time gets the first one.
    pub fn share(&self, digest: Digest, component: Component) -> Arc<Loaded> {
        let mut known = self.lock();
        known.retain(|_, loaded| loaded.strong_count() > 0);
        if let Some(first) = known.get(&digest).and_then(Weak::upgrade) {
            return first;
        }
        let loaded = Arc::new(Loaded::new(component));
        known.insert(digest, Arc::downgrade(&loaded));
        loaded
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Weak<Loaded>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::{compile, engine};

    /// The empty component.
    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    #[test]
    fn every_service_has_its_own_copy_of_the_code_or_it_stays_for_ever() {
        let engine = engine::build_for_compiling().unwrap();
        let load = || compile::load(&engine, &compile::compile(&engine, EMPTY).unwrap()).unwrap();
        let (in_use, digest) = (InUse::default(), Digest::of(EMPTY));
        let first = in_use.share(digest, load());
        assert!(Arc::ptr_eq(&first, &in_use.share(digest, load())));
        assert!(Arc::ptr_eq(&first, &in_use.get(&digest).unwrap()));
        drop(first);
        assert!(in_use.get(&digest).is_none());
    }
}
