//! What is asked of the patients' service: typed calls through `clinic:patients/registry`.

use crate::bindings::clinic::patients::registry::{self, Failure};
use holm_guest::Problem;
use holm_guest::problem::FieldError;

/// The name of a patient, who must be one of the clinic.
pub fn name(id: &str) -> Result<String, Problem> {
    match registry::find(id) {
        Ok(Some(patient)) => Ok(patient.name),
        Ok(None) => Err(Problem::invalid(vec![FieldError::new("patient_id", "is that of nobody")])),
        Err(Failure::Unavailable(why)) => Err(Problem {
            cause: Some(format!("patients: {why}")),
            ..Problem::new(503, "It is not known at the moment who the patients are, try again later")
        }),
    }
}
