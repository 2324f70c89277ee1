//! The routes of the service.

use crate::domain::{Appointment, Status, Wish};
use crate::slot::Slot;
use crate::{events, patients, store};
use holm_guest::problem::FieldError;
use holm_guest::{Problem, Request, Response, Route, id, kv};

pub const ROUTES: &[Route] = &[
    Route::get("/health", kv::health),
    Route::get("/appointments", list),
    Route::post("/appointments", book),
    Route::get("/appointments/{id}", show),
    Route::post("/appointments/{id}/cancel", cancel),
    Route::post("/appointments/{id}/attend", attend),
    Route::post("/appointments/{id}/miss", miss),
    Route::get("/doctors/{doctor}/free", free),
];

fn list(request: &Request) -> Result<Response, Problem> {
    Ok(store::list(&kv::open()?, request)?.into_response(request))
}

fn show(request: &Request) -> Result<Response, Problem> {
    Ok(Response::json(200, &store::find(&kv::open()?, request.param("id"))?))
}

fn book(request: &Request) -> Result<Response, Problem> {
    let wish: Wish = request.json()?;
    let slot = wish.check().map_err(Problem::invalid)?;
    let patient_name = patients::name(&wish.patient_id)?;
    let bucket = kv::open()?;
    if store::is_busy(&bucket, &wish.doctor, &slot)? {
        return Err(Problem::new(409, "The doctor sees somebody else then"));
    }
    if store::is_elsewhere(&bucket, &wish.patient_id, &slot)? {
        return Err(Problem::new(409, "The patient sees somebody else then"));
    }
    let Wish { patient_id, doctor, .. } = wish;
    let booked = Appointment { id: id::new(), patient_id, patient_name, doctor, slot, status: Status::Booked };
    store::book(&bucket, &booked)?;
    events::tell(&booked)?;
    Ok(Response::json(201, &booked).with_header("location", format!("appointments/{}", booked.id)))
}

fn cancel(request: &Request) -> Result<Response, Problem> {
    settle(request, Status::Cancelled)
}

fn attend(request: &Request) -> Result<Response, Problem> {
    settle(request, Status::Attended)
}

fn miss(request: &Request) -> Result<Response, Problem> {
    settle(request, Status::Missed)
}

/// Saying twice what has become of an appointment is saying it once.
fn settle(request: &Request, status: Status) -> Result<Response, Problem> {
    let bucket = kv::open()?;
    let appointment = store::find(&bucket, request.param("id"))?;
    let before = appointment.status;
    let settled = appointment.settled(status);
    let settled = settled.ok_or_else(|| Problem::new(409, "Something else has become of the appointment already"))?;
    if before != status {
        store::save(&bucket, &settled)?;
        if status == Status::Cancelled {
            store::free(&bucket, &settled)?;
        }
        events::tell(&settled)?;
    }
    Ok(Response::json(200, &settled))
}

/// The half hours of `?day=` in which a doctor has nobody.
fn free(request: &Request) -> Result<Response, Problem> {
    let day = request.query("day").unwrap_or_default();
    let slots = Slot::of_day(day);
    let slots = slots.map_err(|_| Problem::invalid(vec![FieldError::new("day", "must be a day, like 2026-12-01")]))?;
    let (bucket, doctor) = (kv::open()?, request.param("doctor"));
    let mut free = Vec::with_capacity(slots.len());
    for slot in slots {
        if !store::is_busy(&bucket, doctor, &slot)? {
            free.push(slot);
        }
    }
    Ok(Response::json(200, &free))
}
