//! What is counted, and what of. Counting is adding, so it makes no difference in which order events of different
//! services come.

use serde::{Deserialize, Serialize};

/// What happened on one day, or with one doctor, as it is stored and shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    pub booked: u64,
    pub cancelled: u64,
    pub attended: u64,
    pub missed: u64,
    pub billed_cents: u64,
    pub paid_cents: u64,
}

/// What an event says, as far as it is counted.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Told {
    /// Of appointments: whom they are with, and on which day.
    pub doctor: String,
    pub day: String,
    /// Of bills.
    pub amount_cents: u64,
}

impl Counts {
    /// The same counts with one more event. `None`: it is of none that are counted.
    pub fn with(self, subject: &str, told: &Told) -> Option<Self> {
        Some(match subject {
            "appointments.booked" => Self { booked: self.booked + 1, ..self },
            "appointments.cancelled" => Self { cancelled: self.cancelled + 1, ..self },
            "appointments.attended" => Self { attended: self.attended + 1, ..self },
            "appointments.missed" => Self { missed: self.missed + 1, ..self },
            "billing.billed" => Self { billed_cents: self.billed_cents.saturating_add(told.amount_cents), ..self },
            "billing.paid" => Self { paid_cents: self.paid_cents.saturating_add(told.amount_cents), ..self },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_that_happened_is_not_counted_or_counted_as_something_else() {
        let told = Told { amount_cents: 4_000, ..Told::default() };
        let subjects = [
            "appointments.booked",
            "appointments.booked",
            "appointments.cancelled",
            "appointments.attended",
            "appointments.missed",
            "billing.billed",
            "billing.billed",
            "billing.paid",
        ];
        let count = |counts: Counts, subject: &&str| counts.with(subject, &told).unwrap();
        let counts = subjects.iter().fold(Counts::default(), count);
        let (billed_cents, paid_cents) = (8_000, 4_000);
        let expected = Counts { booked: 2, cancelled: 1, attended: 1, missed: 1, billed_cents, paid_cents };
        assert_eq!(counts, expected);
        assert_eq!(subjects.iter().rev().fold(Counts::default(), count), expected);
        assert_eq!(Counts::default().with("billing.lost", &told), None);
    }
}
