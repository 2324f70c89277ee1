//! The door for other services: `clinic:patients/registry`. It speaks the types of the interface.

use crate::Patients;
use crate::bindings::exports::clinic::patients::registry::{Failure, Guest, Patient};
use crate::domain;
use crate::store;
use holm_guest::kv;

impl Guest for Patients {
    fn find(id: String) -> Result<Option<Patient>, Failure> {
        let told = |domain::Patient { id, name, .. }| Patient { id, name };
        Ok(store::find(&kv::open()?, &id)?.map(told))
    }
}

impl From<kv::Error> for Failure {
    fn from(error: kv::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}
