//! Where appointments are kept: one JSON value each, under `appointment/{id}`. Whose a half hour is, stands under
//! `doctor/{name}/{slot}` and `patient/{id}/{slot}`: the id of the appointment.
//!
//! Nothing is locked. What a request has read must still hold when what it writes is committed, and of two who have
//! read that a half hour is free, one finds that it is not any more: the host runs that one again.

use crate::domain::Appointment;
use crate::slot::Slot;
use holm_guest::kv::{self, Bucket};
use holm_guest::page::{self, Page, Wanted};
use holm_guest::{Problem, Request};

pub fn find(bucket: &Bucket, id: &str) -> Result<Appointment, Problem> {
    kv::get(bucket, &key(id))?.ok_or_else(|| Problem::not_found("Appointment not found"))
}

/// Keeps what has become of an appointment.
pub fn save(bucket: &Bucket, appointment: &Appointment) -> Result<(), kv::Error> {
    kv::set(bucket, &key(&appointment.id), appointment)
}

/// Whether a doctor has somebody in a half hour.
pub fn is_busy(bucket: &Bucket, doctor: &str, slot: &Slot) -> Result<bool, kv::Error> {
    Ok(bucket.exists(&doctor_key(doctor, slot))?)
}

/// Whether a patient sees somebody in a half hour.
pub fn is_elsewhere(bucket: &Bucket, patient: &str, slot: &Slot) -> Result<bool, kv::Error> {
    Ok(bucket.exists(&patient_key(patient, slot))?)
}

/// Keeps a new appointment, and whose its half hour is.
pub fn book(bucket: &Bucket, appointment: &Appointment) -> Result<(), kv::Error> {
    let Appointment { id, doctor, patient_id, slot, .. } = appointment;
    save(bucket, appointment)?;
    kv::set(bucket, &doctor_key(doctor, slot), id)?;
    kv::set(bucket, &patient_key(patient_id, slot), id)
}

/// The half hour of an appointment is free again.
pub fn free(bucket: &Bucket, appointment: &Appointment) -> Result<(), kv::Error> {
    let Appointment { doctor, patient_id, slot, .. } = appointment;
    bucket.delete(&doctor_key(doctor, slot))?;
    Ok(bucket.delete(&patient_key(patient_id, slot))?)
}

/// The appointments in the order of their booking; those of one patient, doctor or day, if the request asks for them.
pub fn list(bucket: &Bucket, request: &Request) -> Result<Page<Appointment>, Problem> {
    let is = |name: &str, value: &str| request.query(name).is_none_or(|wanted| wanted == value);
    let wanted =
        |it: &Appointment| is("patient_id", &it.patient_id) && is("doctor", &it.doctor) && is("day", it.slot.day());
    Ok(page::read(bucket, "appointment/", &Wanted::of(request)?, wanted)?)
}

fn key(id: &str) -> String {
    format!("appointment/{id}")
}

fn doctor_key(doctor: &str, slot: &Slot) -> String {
    format!("doctor/{doctor}/{slot}")
}

fn patient_key(patient: &str, slot: &Slot) -> String {
    format!("patient/{patient}/{slot}")
}
