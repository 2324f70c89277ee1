//! The numbers of fields in messages that are made from WIT: once given, never given again.
//!
//! A client that was built for an earlier revision reads and writes by numbers alone. So a field keeps
//! its number for as long as its name and type stay; one that gets another type gets another number;
//! and the number of one that is gone is not taken by anybody else.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// Numbers that the format keeps for itself
/// (<https://protobuf.dev/programming-guides/proto3/#assigning>).
const OF_THE_FORMAT: RangeInclusive<u32> = 19_000..=19_999;

/// All numbers that a service has ever given, by message and by enum.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FieldNumbers(BTreeMap<String, Vec<Numbered>>);

/// A field, or a value of an enum, and its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Numbered {
    number: u32,
    name: String,
    /// How its type was written; empty for a value of an enum.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    kind: String,
}

impl FieldNumbers {
    /// Whether none was ever given.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of a field of this name and type: the one that it has, else the next one.
    pub fn number(&mut self, message: &str, name: &str, kind: &str) -> u32 {
        let given = self.0.entry(message.to_owned()).or_default();
        if let Some(known) = given.iter().find(|known| known.name == name && known.kind == kind) {
            return known.number;
        }
        let next = given.iter().map(|known| known.number).max().unwrap_or(0).saturating_add(1);
        let number = if OF_THE_FORMAT.contains(&next) { OF_THE_FORMAT.end() + 1 } else { next };
        given.push(Numbered { number, name: name.to_owned(), kind: kind.to_owned() });
        number
    }

    /// The numbers of a message that none of these fields has, in their order.
    pub fn reserved(&self, message: &str, used: &BTreeSet<u32>) -> Vec<u32> {
        let given = self.0.get(message).into_iter().flatten();
        given.map(|known| known.number).filter(|number| !used.contains(number)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_of_an_earlier_revision_reads_another_field() {
        let mut numbers = FieldNumbers::default();
        let mut number = |name, kind| numbers.number("User", name, kind);
        assert_eq!([number("id", "string"), number("email", "string"), number("age", "uint32")], [1, 2, 3]);
        assert_eq!(number("age", "uint64"), 4);
        assert_eq!([number("email", "string"), number("age", "uint32")], [2, 3]);
        assert_eq!(numbers.number("Other", "id", "string"), 1);
        assert_eq!(numbers.reserved("User", &BTreeSet::from([1, 4])), [2, 3]);
        assert!(numbers.reserved("Nobody", &BTreeSet::new()).is_empty());
        let text = serde_json::to_string(&numbers).unwrap();
        assert_eq!(serde_json::from_str::<FieldNumbers>(&text).unwrap(), numbers);
    }

    #[test]
    fn a_number_that_the_format_keeps_is_given() {
        let mut numbers = FieldNumbers::default();
        for at in 1..19_000 {
            assert_eq!(numbers.number("M", &format!("f{at}"), "bool"), at);
        }
        assert_eq!(numbers.number("M", "next", "bool"), 20_000);
    }
}
