//! What a patient is and which values are acceptable.

use holm_guest::problem::FieldError;
use serde::{Deserialize, Serialize};

/// Long enough for real names.
const NAME_LIMIT: usize = 100;
/// A line.
const CONTACT_LIMIT: usize = 200;

/// A patient, as it is stored and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patient {
    pub id: String,
    pub name: String,
    /// `1815-12-10`.
    pub born: String,
    /// How they can be reached, in their words.
    pub contact: String,
    /// RFC 3339.
    pub registered_at: String,
}

/// A patient, as a client sends one.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPatient {
    pub name: String,
    pub born: String,
    #[serde(default)]
    pub contact: String,
}

impl Patient {
    /// A new patient; `now` is what no birthday comes after.
    pub fn register(id: String, new: NewPatient, now: String) -> Result<Self, Vec<FieldError>> {
        let NewPatient { name, born, contact } = new;
        let name = name.trim().to_string();
        let mut errors = Vec::new();
        if name.is_empty() || name.chars().count() > NAME_LIMIT {
            errors.push(FieldError::new("name", format!("must have 1 to {NAME_LIMIT} characters")));
        }
        if !is_day(&born) || now.get(..10).is_some_and(|today| born.as_str() > today) {
            errors.push(FieldError::new("born", "must be a day that has been, like 1815-12-10"));
        }
        if contact.chars().count() > CONTACT_LIMIT {
            errors.push(FieldError::new("contact", format!("is longer than {CONTACT_LIMIT} characters")));
        }
        if errors.is_empty() { Ok(Self { id, name, born, contact, registered_at: now }) } else { Err(errors) }
    }
}

/// Whether this is a day of the form `1815-12-10`. A month has 31 days here: what is wrong beyond that, people see.
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

    fn register(name: &str, born: &str) -> Result<Patient, Vec<FieldError>> {
        let new = NewPatient { name: name.into(), born: born.into(), contact: String::new() };
        Patient::register("1".into(), new, "2026-11-22T09:30:00Z".into())
    }

    #[test]
    fn somebody_is_registered_who_is_not_born_yet() {
        assert!(register("Ada", "2026-11-22").is_ok());
        for born in ["2026-11-23", "", "1815", "1815-12-32", "1815-13-10", "1815-1-1", "+815-12-10", "10.12.1815"] {
            assert!(register("Ada", born).is_err(), "{born}");
        }
    }

    #[test]
    fn only_the_first_wrong_field_is_named() {
        let pointers: Vec<_> = register(" ", "soon").unwrap_err().into_iter().map(|error| error.pointer).collect();
        assert_eq!(pointers, ["#/name", "#/born"]);
        assert_eq!(register(" Ada ", "1815-12-10").unwrap().name, "Ada");
    }
}
