//! What a bill is, and what may become of it.

use serde::{Deserialize, Serialize};

/// The bill of one appointment, as it is stored and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bill {
    /// Its appointment's id: an appointment is billed once.
    pub appointment_id: String,
    pub patient_id: String,
    pub what_for: Reason,
    pub amount_cents: u64,
    /// RFC 3339.
    pub billed_at: String,
    /// RFC 3339; absent while it is owed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_at: Option<String>,
}

/// Why something is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// A doctor has seen the patient.
    Attended,
    /// A doctor has waited for the patient.
    Missed,
}

impl Bill {
    /// The same bill, paid. `None`: it is already.
    pub fn paid(self, now: String) -> Option<Self> {
        self.paid_at.is_none().then_some(Self { paid_at: Some(now), ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bill_is_paid_twice() {
        let (appointment_id, patient_id, billed_at) = ("1".into(), "7".into(), String::new());
        let what_for = Reason::Attended;
        let bill = Bill { appointment_id, patient_id, what_for, amount_cents: 4000, billed_at, paid_at: None };
        let paid = bill.paid("2026-12-02T10:00:00Z".into()).unwrap();
        assert_eq!(paid.clone().paid("2026-12-03T10:00:00Z".into()), None);
        assert_eq!(paid.amount_cents, 4000);
    }
}
