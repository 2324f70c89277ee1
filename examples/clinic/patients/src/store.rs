//! Where patients are kept: one JSON value a patient, under `patient/{id}`.

use crate::domain::Patient;
use holm_guest::kv::{self, Bucket};
use holm_guest::page::{self, Page, Wanted};
use holm_guest::{Problem, Request};

pub fn find(bucket: &Bucket, id: &str) -> Result<Option<Patient>, kv::Error> {
    kv::get(bucket, &key(id))
}

pub fn save(bucket: &Bucket, patient: &Patient) -> Result<(), kv::Error> {
    kv::set(bucket, &key(&patient.id), patient)
}

/// The patients in the order of their registration.
pub fn list(bucket: &Bucket, request: &Request) -> Result<Page<Patient>, Problem> {
    Ok(page::read(bucket, "patient/", &Wanted::of(request)?, |_| true)?)
}

fn key(id: &str) -> String {
    format!("patient/{id}")
}
