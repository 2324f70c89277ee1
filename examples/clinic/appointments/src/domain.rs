//! What an appointment is, and what may become of it.

use crate::slot::Slot;
use holm_guest::problem::FieldError;
use serde::{Deserialize, Serialize};

/// Doctors go by short names.
const DOCTOR_LIMIT: usize = 64;

/// An appointment, as it is stored and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appointment {
    pub id: String,
    pub patient_id: String,
    pub patient_name: String,
    pub doctor: String,
    pub slot: Slot,
    pub status: Status,
}

/// What became of an appointment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    Booked,
    Cancelled,
    /// The patient came.
    Attended,
    /// The patient did not come.
    Missed,
}

/// What a client asks for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    pub patient_id: String,
    pub doctor: String,
    pub slot: String,
}

impl Wish {
    /// The half hour that is asked for, if the wish can be meant.
    pub fn check(&self) -> Result<Slot, Vec<FieldError>> {
        let doctor = self.doctor.is_empty() || self.doctor.len() > DOCTOR_LIMIT || self.doctor.contains('/');
        let detail = || format!("must have 1 to {DOCTOR_LIMIT} bytes, and no slash");
        let mut errors: Vec<_> = doctor.then(|| FieldError::new("doctor", detail())).into_iter().collect();
        let slot = Slot::try_from(self.slot.clone());
        errors.extend(slot.as_ref().err().map(|error| FieldError::new("slot", error.to_string())));
        match slot {
            Ok(slot) if errors.is_empty() => Ok(slot),
            _ => Err(errors),
        }
    }
}

impl Appointment {
    /// The same appointment when this has become of it. `None`: something else has.
    pub fn settled(self, status: Status) -> Option<Self> {
        (self.status == Status::Booked || self.status == status).then_some(Self { status, ..self })
    }
}

impl Status {
    /// The event that tells of it.
    pub fn subject(self) -> &'static str {
        match self {
            Self::Booked => "appointments.booked",
            Self::Cancelled => "appointments.cancelled",
            Self::Attended => "appointments.attended",
            Self::Missed => "appointments.missed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(doctor: &str, slot: &str) -> Wish {
        Wish { patient_id: "7".into(), doctor: doctor.into(), slot: slot.into() }
    }

    #[test]
    fn a_wish_that_nobody_can_mean_is_granted() {
        assert!(wish("hopper", "2026-12-01T09:30").check().is_ok());
        let pointers = |wish: Wish| -> Vec<_> { wish.check().unwrap_err().into_iter().map(|it| it.pointer).collect() };
        assert_eq!(pointers(wish("", "now")), ["#/doctor", "#/slot"]);
        assert_eq!(pointers(wish("a/b", "2026-12-01T09:30")), ["#/doctor"]);
    }

    #[test]
    fn somebody_who_came_has_cancelled() {
        let slot = wish("hopper", "2026-12-01T09:30").check().unwrap();
        let (patient_id, patient_name, doctor) = ("7".into(), "Ada".into(), "hopper".into());
        let booked = Appointment { id: "1".into(), patient_id, patient_name, doctor, slot, status: Status::Booked };
        let attended = booked.settled(Status::Attended).unwrap();
        assert_eq!(attended.clone().settled(Status::Attended), Some(attended.clone()));
        assert_eq!(attended.clone().settled(Status::Cancelled), None);
        assert_eq!(attended.settled(Status::Missed), None);
    }
}
