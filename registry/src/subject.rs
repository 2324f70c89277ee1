//! Names of events, and patterns of them: NATS subjects.
//!
//! A subject is a list of tokens with dots between them, `orders.created`. In a pattern a token
//! may be `*`, which stands for one token, and the last may be `>`, which stands for one or more.
//! After the subject naming rules of the NATS documentation
//! (<https://docs.nats.io/nats-concepts/subjects>), narrowed where it only warns: a wildcard
//! character inside a longer token is refused, and a subject is at most 256 bytes.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::text::serde_as_text;

/// Longest subject in bytes, as the documentation recommends. A server takes about 4 KiB for the
/// subject, the reply subject and the sizes together, so this leaves room for prefixes of ours.
const MAX_LEN: usize = 256;

/// Most tokens, as the documentation recommends: servers match token by token.
const MAX_TOKENS: usize = 16;

/// What an event is published to: no wildcard in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(String);

/// What a subscription or a grant names: a subject in which tokens may be wildcards.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectPattern(String);

/// Why a text is no subject, or no pattern.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SubjectError {
    /// Too long, or too many tokens.
    #[error(
        "a subject of {len} bytes and {tokens} tokens is too long: at most {MAX_LEN} bytes and {MAX_TOKENS} tokens are allowed; put the rest into the event"
    )]
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// Its tokens.
        tokens: usize,
    },
    /// Two dots in a row, a dot at an end, or nothing at all.
    #[error("`{text}` is not a subject: it has an empty token; write it as in `orders.created`")]
    EmptyToken {
        /// The text.
        text: String,
    },
    /// A space or a control character.
    #[error(
        "`{}` is not a subject: it has a space or a control character, which end a subject on the wire; remove it",
        text.escape_debug()
    )]
    Character {
        /// The text.
        text: String,
    },
    /// A wildcard in a subject, inside of a token, or a `>` before the end.
    #[error("`{text}` is not a subject: {reason}")]
    Wildcard {
        /// The text.
        text: String,
        /// What is wrong, and what to write.
        reason: &'static str,
    },
}

impl Subject {
    /// The subject as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a broker's or Holm's own: `$` begins the subjects of a server, `_` those of
    /// clients' replies. No guest reaches them, whatever it was granted.
    pub fn is_reserved(&self) -> bool {
        self.0.starts_with(['$', '_'])
    }
}

impl SubjectPattern {
    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a subject is meant.
    pub fn matches(&self, subject: &Subject) -> bool {
        covers(&self.0, &subject.0)
    }

    /// Whether it names a broker's or Holm's own subjects, as [`Subject::is_reserved`] says. A wildcard in
    /// front names none of them.
    pub fn is_reserved(&self) -> bool {
        self.0.starts_with(['$', '_'])
    }

    /// Whether some subject is meant by both.
    pub fn meets(&self, other: &Self) -> bool {
        meet(&self.0, &other.0)
    }

    /// Whether every subject that `narrower` means is meant here, too.
    pub fn covers(&self, narrower: &Self) -> bool {
        covers(&self.0, &narrower.0)
    }
}

/// Token by token: a subject is a pattern without wildcards, so this is matching, too.
fn covers(wide: &str, narrow: &str) -> bool {
    let mut narrow = narrow.split('.');
    for token in wide.split('.') {
        match (token, narrow.next()) {
            (">", Some(_)) => return true,
            ("*", Some(other)) if other != ">" => {}
            (literal, Some(other)) if literal == other => {}
            _ => return false,
        }
    }
    narrow.next().is_none()
}

/// Token by token, as far as neither says that anything may follow.
fn meet(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.split('.'), other.split('.'));
    loop {
        match (one.next(), other.next()) {
            (Some(">"), Some(_)) | (Some(_), Some(">")) | (None, None) => return true,
            (Some(a), Some(b)) if a == b || a == "*" || b == "*" => {}
            _ => return false,
        }
    }
}

fn check(text: &str) -> Result<(), SubjectError> {
    let tokens = text.split('.').count();
    if text.len() > MAX_LEN || tokens > MAX_TOKENS {
        return Err(SubjectError::TooLong { len: text.len(), tokens });
    }
    if text.split('.').any(str::is_empty) {
        return Err(SubjectError::EmptyToken { text: text.to_owned() });
    }
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(SubjectError::Character { text: text.to_owned() });
    }
    Ok(())
}

impl FromStr for Subject {
    type Err = SubjectError;

    fn from_str(text: &str) -> Result<Self, SubjectError> {
        check(text)?;
        if text.contains(['*', '>']) {
            let reason = "`*` and `>` stand in patterns; an event is published to one subject, as in `orders.created`";
            return Err(SubjectError::Wildcard { text: text.to_owned(), reason });
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for SubjectPattern {
    type Err = SubjectError;

    fn from_str(text: &str) -> Result<Self, SubjectError> {
        check(text)?;
        let refused = |reason| Err(SubjectError::Wildcard { text: text.to_owned(), reason });
        let mut tokens = text.split('.');
        let last = tokens.next_back();
        if tokens.clone().any(|token| token == ">") {
            return refused("`>` stands for all tokens that follow; write it at the end, as in `orders.>`");
        }
        let mut all = tokens.chain(last);
        if all.any(|token| token.len() > 1 && token.contains(['*', '>'])) {
            return refused("`*` and `>` stand for whole tokens; write them alone, as in `orders.*.created`");
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for SubjectPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

serde_as_text!(Subject);
serde_as_text!(SubjectPattern);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn subject(text: &str) -> Subject {
        text.parse().unwrap()
    }

    fn pattern(text: &str) -> SubjectPattern {
        text.parse().unwrap()
    }

    /// The meaning of the words, written down as directly as possible.
    fn means(pattern: &[&str], subject: &[&str]) -> bool {
        match (pattern, subject) {
            ([">"], rest) => !rest.is_empty(),
            (["*", pattern @ ..], [_, subject @ ..]) => means(pattern, subject),
            ([token, pattern @ ..], [other, subject @ ..]) => token == other && means(pattern, subject),
            (pattern, subject) => pattern.is_empty() && subject.is_empty(),
        }
    }

    /// Every subject of up to four tokens over two words.
    fn subjects() -> Vec<String> {
        let longer = |all: &[String]| -> Vec<String> {
            all.iter().flat_map(|front| ["a", "z"].map(|token| format!("{front}.{token}"))).collect()
        };
        let mut all = vec![vec!["a".to_owned(), "z".to_owned()]];
        for _ in 0..3 {
            all.push(longer(all.last().unwrap()));
        }
        all.concat()
    }

    #[test]
    fn an_event_reaches_the_wrong_subscribers() {
        for (wide, name) in [
            ("orders.created", "orders.created"),
            ("orders.*", "orders.created"),
            ("*.created", "orders.created"),
            ("orders.>", "orders.eu.created"),
            (">", "orders"),
            ("*.*.>", "a.b.c.d"),
        ] {
            assert!(pattern(wide).matches(&subject(name)), "{wide} {name}");
        }
        for (wide, name) in [
            ("orders.created", "orders.Created"),
            ("orders.*", "orders"),
            ("orders.*", "orders.eu.created"),
            ("orders.>", "orders"),
            ("*.created", "created"),
            ("orders", "orders.created"),
        ] {
            assert!(!pattern(wide).matches(&subject(name)), "{wide} {name}");
        }
    }

    #[test]
    fn a_grant_covers_what_it_should_not() {
        assert!(pattern("orders.>").covers(&pattern("orders.*.created")));
        assert!(pattern("orders.>").covers(&pattern("orders.eu.>")));
        assert!(pattern("*").covers(&pattern("*")));
        assert!(!pattern("orders.*").covers(&pattern("orders.>")));
        assert!(!pattern("orders.>").covers(&pattern(">")));
        assert!(!pattern("orders.created").covers(&pattern("orders.*")));
        assert!(!pattern("*.>").covers(&pattern(">")));
    }

    #[test]
    fn a_bad_subject_is_accepted() {
        let long = "a".repeat(257);
        let deep = vec!["a"; 17].join(".");
        for text in
            ["", ".", "a.", ".a", "a..b", "a b", "a\tb", "a\r\nPUB b", "a\0", "a.\u{a0}", "a.\u{2028}b", &long, &deep]
        {
            assert!(text.parse::<Subject>().is_err(), "{text:?}");
            assert!(text.parse::<SubjectPattern>().is_err(), "{text:?}");
        }
        for text in ["*", "a.*", ">", "a.>", "a*", "a.b>"] {
            assert!(matches!(text.parse::<Subject>(), Err(SubjectError::Wildcard { .. })), "{text}");
        }
        for text in [">.a", "a.>.b", "a*", "*a.b", "**", ">>", "a.*>"] {
            assert!(matches!(text.parse::<SubjectPattern>(), Err(SubjectError::Wildcard { .. })), "{text}");
        }
        assert!(subject("größe.neu").to_string().parse::<SubjectPattern>().is_ok());
        assert!(subject("$SYS.x").is_reserved() && subject("_INBOX.x").is_reserved() && !subject("a.$b").is_reserved());
    }

    proptest! {
        #[test]
        fn a_pattern_means_something_else_than_its_words_say(
            wide in "((a|b|\\*)\\.){0,3}(a|b|\\*|>)", name in "((a|b)\\.){0,4}(a|b)",
        ) {
            let tokens: Vec<&str> = wide.split('.').collect();
            let expected = means(&tokens, &name.split('.').collect::<Vec<_>>());
            prop_assert_eq!(pattern(&wide).matches(&subject(&name)), expected);
        }

        #[test]
        fn two_patterns_meet_nowhere_or_miss_each_other(
            one in "((a|\\*)\\.){0,2}(a|z|\\*|>)", other in "((a|\\*)\\.){0,2}(a|z|\\*|>)",
        ) {
            let (one, other) = (pattern(&one), pattern(&other));
            let all = subjects();
            let both = all.iter().map(|text| subject(text)).any(|name| one.matches(&name) && other.matches(&name));
            prop_assert_eq!(one.meets(&other), both, "{:?} {:?}", one, other);
        }

        #[test]
        fn a_wider_pattern_misses_a_subject(
            wide in "((a|\\*)\\.){0,2}(a|\\*|>)", narrow in "((a|\\*)\\.){0,2}(a|\\*|>)",
        ) {
            let (wide, narrow) = (pattern(&wide), pattern(&narrow));
            let all = subjects();
            let inside = all.iter().map(|text| subject(text)).filter(|name| narrow.matches(name));
            prop_assert_eq!(wide.covers(&narrow), inside.clone().all(|name| wide.matches(&name)), "{:?}", wide);
        }
    }
}
