//! Where bills are kept: one JSON value an appointment, under `bill/{appointment_id}`.

use crate::domain::Bill;
use holm_guest::kv::{self, Bucket};
use holm_guest::page::{self, Page, Wanted};
use holm_guest::{Problem, Request};

pub fn find(bucket: &Bucket, appointment_id: &str) -> Result<Option<Bill>, kv::Error> {
    kv::get(bucket, &key(appointment_id))
}

pub fn save(bucket: &Bucket, bill: &Bill) -> Result<(), kv::Error> {
    kv::set(bucket, &key(&bill.appointment_id), bill)
}

/// The bills in the order of their appointments; those of one patient, or those that are owed, if the request asks.
pub fn list(bucket: &Bucket, request: &Request) -> Result<Page<Bill>, Problem> {
    let patient = request.query("patient_id");
    let owed = request.query("owed") == Some("true");
    let wanted =
        |bill: &Bill| patient.is_none_or(|patient| bill.patient_id == patient) && !(owed && bill.paid_at.is_some());
    Ok(page::read(bucket, "bill/", &Wanted::of(request)?, wanted)?)
}

fn key(appointment_id: &str) -> String {
    format!("bill/{appointment_id}")
}
