//! The half hours of a day in which doctors see patients: `2026-12-01T09:30`, by the clinic's own clock.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The first half hour begins at eight, the last one ends at five.
const HOURS: std::ops::Range<u32> = 8..17;
/// When a half hour begins within its hour.
const MINUTES: [u32; 2] = [0, 30];

/// One half hour of one day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slot(String);

/// A text that is no half hour in which doctors see patients.
#[derive(Debug, PartialEq, Eq)]
pub struct NoSlot;

impl Slot {
    /// All half hours of a day.
    pub fn of_day(day: &str) -> Result<Vec<Self>, NoSlot> {
        if !is_day(day) {
            return Err(NoSlot);
        }
        let of_hour = |hour| MINUTES.map(|minute| Self(format!("{day}T{hour:02}:{minute:02}")));
        Ok(HOURS.flat_map(of_hour).collect())
    }

    /// The day that it is of.
    pub fn day(&self) -> &str {
        self.0.get(..10).unwrap_or_default()
    }
}

impl TryFrom<String> for Slot {
    type Error = NoSlot;

    fn try_from(text: String) -> Result<Self, NoSlot> {
        let day = text.split_once('T').ok_or(NoSlot)?.0;
        let slot = Self::of_day(day)?.into_iter().find(|slot| slot.0 == text);
        slot.ok_or(NoSlot)
    }
}

impl From<Slot> for String {
    fn from(slot: Slot) -> Self {
        slot.0
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for NoSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be a half hour between 08:00 and 17:00, like 2026-12-01T09:30")
    }
}

/// Whether this is a day of the form `2026-12-01`. A month has 31 days here: nobody books the 31st of June by mistake
/// and comes.
fn is_day(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return false };
    let number = |text: &str, digits: usize, highest: u32| {
        // parse alone would take +815 for a number
        let is_number = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number && text.parse().is_ok_and(|number: u32| (1..=highest).contains(&number))
    };
    number(year, 4, 9999) && number(month, 2, 12) && number(day, 2, 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_is_booked_at_night_or_between_two_others() {
        for text in ["2026-12-01T08:00", "2026-12-01T16:30"] {
            assert_eq!(Slot::try_from(text.to_owned()).unwrap().to_string(), text);
        }
        for text in [
            "2026-12-01T07:30",
            "2026-12-01T17:00",
            "2026-12-01T09:15",
            "2026-12-01T9:30",
            "2026-12-01",
            "2026-12-00T09:30",
            "2026-13-01T09:30",
            "2026-12-01T09:30:00Z",
            "tomorrow",
        ] {
            assert_eq!(Slot::try_from(text.to_owned()), Err(NoSlot), "{text}");
        }
    }

    #[test]
    fn a_day_has_more_or_fewer_half_hours() {
        let day = Slot::of_day("2026-12-01").unwrap();
        assert_eq!(day.len(), 18);
        assert!(day.is_sorted() && day.iter().all(|slot| slot.day() == "2026-12-01"));
        assert_eq!(Slot::of_day("soon"), Err(NoSlot));
    }
}
