//! What a user is and which values are acceptable.

use holm_guest::problem::FieldError;
use serde::{Deserialize, Serialize};

/// Long enough for real names; a bound, because names are shown on pages of others.
const NAME_LIMIT: usize = 100;
/// RFC 5321: the longest address that mail can be sent to.
const EMAIL_LIMIT: usize = 254;

/// A profile, as it is stored and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub id: String,
    pub email: String,
    pub name: String,
    /// In which currency this user sees prices, after ISO 4217.
    pub currency: String,
    /// RFC 3339, as is `updated_at`.
    pub created_at: String,
    pub updated_at: String,
}

/// How somebody signs in, as it is stored under the address that they have signed up with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    pub user_id: String,
    /// What can be compared with a password, and from which nobody gets it back.
    pub password: String,
}

/// A whole profile, as a client sends it to create or to replace one.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    pub email: String,
    pub name: String,
    pub currency: Option<String>,
}

/// A part of a profile, as a client sends it to change one.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    pub email: Option<String>,
    pub name: Option<String>,
    pub currency: Option<String>,
}

impl User {
    /// A new user. `currency` holds if the profile does not choose one.
    pub fn create(id: String, profile: Profile, currency: String, now: &str) -> Result<Self, Vec<FieldError>> {
        let user = Self {
            id,
            email: profile.email,
            name: profile.name,
            currency: profile.currency.unwrap_or(currency),
            created_at: now.into(),
            updated_at: now.into(),
        };
        user.checked()
    }

    /// The same user with another profile, or a part of one.
    pub fn changed(self, change: Change, now: &str) -> Result<Self, Vec<FieldError>> {
        let user = Self {
            email: change.email.unwrap_or(self.email),
            name: change.name.unwrap_or(self.name),
            currency: change.currency.unwrap_or(self.currency),
            updated_at: now.into(),
            ..self
        };
        user.checked()
    }

    /// An address as it is compared: people type blanks around it, and capitals.
    pub fn plain_email(email: &str) -> String {
        email.trim().to_lowercase()
    }

    /// Trims what people type, then looks at all fields, so that one answer names everything that is wrong.
    fn checked(mut self) -> Result<Self, Vec<FieldError>> {
        self.email = Self::plain_email(&self.email);
        self.name = self.name.trim().to_string();
        let wrong = [
            check_email(&self.email).map(|detail| FieldError::new("email", detail)),
            check_name(&self.name).map(|detail| FieldError::new("name", detail)),
            check_currency(&self.currency).map(|detail| FieldError::new("currency", detail)),
        ];
        let errors: Vec<_> = wrong.into_iter().flatten().collect();
        if errors.is_empty() { Ok(self) } else { Err(errors) }
    }
}

impl From<Profile> for Change {
    fn from(profile: Profile) -> Self {
        Self { email: Some(profile.email), name: Some(profile.name), currency: profile.currency }
    }
}

/// Only what surely is no address is refused. Whether an address works, only a mail to it can tell.
fn check_email(email: &str) -> Option<String> {
    let (name, host) = email.rsplit_once('@').unwrap_or_default();
    let plausible =
        !name.is_empty() && host.contains('.') && !email.contains(|c: char| c.is_whitespace() || c.is_control());
    match (plausible, email.len()) {
        (true, ..=EMAIL_LIMIT) => None,
        (true, _) => Some(format!("is longer than {EMAIL_LIMIT} bytes")),
        (false, _) => Some("is not an email address".into()),
    }
}

fn check_name(name: &str) -> Option<String> {
    match name.chars().count() {
        0 => Some("is empty".into()),
        1..=NAME_LIMIT => None,
        _ => Some(format!("is longer than {NAME_LIMIT} characters")),
    }
}

fn check_currency(currency: &str) -> Option<String> {
    let fits = currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase());
    (!fits).then(|| "is not a currency code of three capitals".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> Profile {
        Profile { email: " Ada@Example.com ".into(), name: " Ada Lovelace".into(), currency: None }
    }

    fn create(profile: Profile) -> Result<User, Vec<FieldError>> {
        User::create("1".into(), profile, "EUR".into(), "2026-11-22T09:30:00Z")
    }

    #[test]
    fn blanks_around_an_address_are_kept() {
        let user = create(ada()).unwrap();
        assert_eq!((user.email.as_str(), user.name.as_str()), ("ada@example.com", "Ada Lovelace"));
    }

    #[test]
    fn only_the_first_wrong_field_is_named() {
        let profile = Profile { email: "ada".into(), name: "  ".into(), currency: Some("euro".into()) };
        let pointers: Vec<_> = create(profile).unwrap_err().into_iter().map(|error| error.pointer).collect();
        assert_eq!(pointers, ["#/email", "#/name", "#/currency"]);
    }

    #[test]
    fn an_impossible_address_is_accepted() {
        for email in ["", "@", "ada@", "@example.com", "ada@localhost", "a da@example.com"] {
            assert!(create(Profile { email: email.into(), ..ada() }).is_err(), "{email}");
        }
    }

    #[test]
    fn a_change_of_the_name_loses_the_address() {
        let change = Change { name: Some("Countess Lovelace".into()), ..Change::default() };
        let user = create(ada()).unwrap().changed(change, "2026-11-22T10:00:00Z").unwrap();
        assert_eq!(user.email, "ada@example.com");
        assert_eq!(user.name, "Countess Lovelace");
        assert_eq!(user.created_at, "2026-11-22T09:30:00Z");
        assert_eq!(user.updated_at, "2026-11-22T10:00:00Z");
    }

    #[test]
    fn a_misspelt_field_is_ignored() {
        assert!(serde_json::from_str::<Change>(r#"{"nmae": "Ada"}"#).is_err());
    }
}
