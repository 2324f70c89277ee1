//! What is told of appointments. The key of these events is the appointment's id.

use crate::domain::Appointment;
use holm_guest::Problem;
use holm_guest::events;
use serde::Serialize;

/// What others need to know of an appointment.
#[derive(Serialize)]
struct Told<'a> {
    appointment_id: &'a str,
    patient_id: &'a str,
    patient_name: &'a str,
    doctor: &'a str,
    slot: String,
    day: &'a str,
}

/// Tells what has become of an appointment.
pub fn tell(appointment: &Appointment) -> Result<(), Problem> {
    let Appointment { id, patient_id, patient_name, doctor, slot, status } = appointment;
    let (day, slot) = (slot.day(), slot.to_string());
    let told = Told { appointment_id: id, patient_id, patient_name, doctor, slot, day };
    Ok(events::publish(status.subject(), id, &told)?)
}
