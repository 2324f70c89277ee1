//! How requests are spread over instances: which of several candidates is next.

use std::fmt;
use std::str::FromStr;

use http::HeaderName;
use thiserror::Error;

use crate::text::serde_as_text;

/// How requests are spread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Balance {
    /// One after the other.
    RoundRobin,
    /// Whoever has the fewest requests under way: slow instances get less by themselves.
    #[default]
    LeastInFlight,
    /// The same instance for the same value of this header, for as long as it is there.
    Hash(HeaderName),
}

/// Why a text is no way to balance.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is no way to balance; write `least-in-flight`, `round-robin` or `hash:HEADER-NAME`")]
pub struct BalanceError(String);

/// Somebody who may be chosen.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    /// Who.
    pub id: &'a str,
    /// Requests that are under way there.
    pub in_flight: u32,
}

impl Balance {
    /// Which of the choices is next. `turn` counts the requests to this name; `key` is the value
    /// of the header, without which a hash balances by requests in flight.
    pub fn choose(&self, choices: &[Choice<'_>], key: Option<&str>, turn: u64) -> Option<usize> {
        let count = choices.len() as u64;
        let first = usize::try_from(turn.checked_rem(count)?).ok()?;
        match (self, key) {
            (Self::RoundRobin, _) => Some(first),
            (Self::Hash(_), Some(key)) => highest(choices, key),
            (Self::Hash(_) | Self::LeastInFlight, _) => least(choices, first),
        }
    }
}

/// Those that tie take turns: the search begins at another one each time.
fn least(choices: &[Choice<'_>], first: usize) -> Option<usize> {
    let order = (first..choices.len()).chain(0..first);
    order.min_by_key(|at| choices.get(*at).map_or(u32::MAX, |choice| choice.in_flight))
}

/// Rendezvous hashing: everybody gets a number from the key and their own id, and the highest
/// wins. When somebody goes only their keys move, and nobody keeps a ring.
fn highest(choices: &[Choice<'_>], key: &str) -> Option<usize> {
    let score = |(at, choice): (usize, &Choice<'_>)| (mixed(key, choice.id), at);
    choices.iter().enumerate().map(score).max().map(|(_, at)| at)
}

/// FNV-1a over both texts, then the finaliser of SplitMix64, since FNV alone leaves the high bits
/// of short texts alike. The same on every host and in every version, unlike the standard hasher.
fn mixed(key: &str, id: &str) -> u64 {
    let bytes = key.bytes().chain([0]).chain(id.bytes());
    let fnv =
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let once = (fnv ^ (fnv >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let twice = (once ^ (once >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    twice ^ (twice >> 31)
}

impl FromStr for Balance {
    type Err = BalanceError;

    fn from_str(text: &str) -> Result<Self, BalanceError> {
        let wrong = || BalanceError(text.to_owned());
        match text {
            "round-robin" => Ok(Self::RoundRobin),
            "least-in-flight" => Ok(Self::LeastInFlight),
            _ => {
                let header = text.strip_prefix("hash:").ok_or_else(wrong)?;
                header.parse().map(Self::Hash).map_err(|_| wrong())
            }
        }
    }
}

impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RoundRobin => f.write_str("round-robin"),
            Self::LeastInFlight => f.write_str("least-in-flight"),
            Self::Hash(header) => write!(f, "hash:{header}"),
        }
    }
}

serde_as_text!(Balance);

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn choices<'a>(ids: &'a [String], in_flight: &[u32]) -> Vec<Choice<'a>> {
        let load = |at: usize| in_flight.get(at).copied().unwrap_or_default();
        ids.iter().enumerate().map(|(at, id)| Choice { id, in_flight: load(at) }).collect()
    }

    fn ids(count: usize) -> Vec<String> {
        (0..count).map(|at| format!("users-{at}")).collect()
    }

    fn by_user() -> Balance {
        "hash:x-user".parse().unwrap()
    }

    #[test]
    fn one_instance_gets_two_turns_in_a_row() {
        let ids = ids(3);
        let turns = |balance: &Balance| -> Vec<_> {
            (0..6).map(|turn| balance.choose(&choices(&ids, &[]), None, turn).unwrap()).collect()
        };
        assert_eq!(turns(&Balance::RoundRobin), [0, 1, 2, 0, 1, 2]);
        assert_eq!(turns(&Balance::LeastInFlight), [0, 1, 2, 0, 1, 2]);
        assert_eq!(turns(&by_user()), [0, 1, 2, 0, 1, 2], "without the header");
    }

    #[test]
    fn the_busiest_instance_gets_the_request() {
        let ids = ids(3);
        for turn in 0..3 {
            assert_eq!(Balance::LeastInFlight.choose(&choices(&ids, &[4, 1, 2]), None, turn), Some(1));
        }
    }

    #[test]
    fn keys_gather_on_few_instances() {
        let ids = ids(4);
        let mut load = BTreeMap::<usize, u32>::new();
        for key in 0..4000 {
            let key = format!("user-{key}");
            *load.entry(by_user().choose(&choices(&ids, &[]), Some(&key), 0).unwrap()).or_default() += 1;
        }
        assert!(load.len() == 4 && load.values().all(|count| (850..1150).contains(count)), "{load:?}");
    }

    #[test]
    fn a_way_to_balance_is_misread() {
        for text in ["round-robin", "least-in-flight", "hash:x-user"] {
            assert_eq!(text.parse::<Balance>().unwrap().to_string(), text);
        }
        for text in ["", "random", "hash", "hash:", "hash:a b"] {
            assert!(text.parse::<Balance>().is_err(), "{text}");
        }
        assert_eq!(Balance::RoundRobin.choose(&[], None, 7), None);
    }

    proptest! {
        #[test]
        fn an_instance_that_goes_takes_the_keys_of_others_along(key in "[a-z0-9]{0,12}", count in 2usize..12, gone in 0usize..12) {
            let before = ids(count);
            let chosen = by_user().choose(&choices(&before, &[]), Some(&key), 0).unwrap();
            let mut after = before.clone();
            let left = after.remove(gone % count);
            let now = by_user().choose(&choices(&after, &[]), Some(&key), 9).unwrap();
            prop_assert!(before[chosen] == left || after[now] == before[chosen]);
        }

        #[test]
        fn somebody_with_fewer_requests_is_passed_over(loads in proptest::collection::vec(0u32..9, 1..9), turn in any::<u64>()) {
            let ids = ids(loads.len());
            let at = Balance::LeastInFlight.choose(&choices(&ids, &loads), None, turn).unwrap();
            prop_assert_eq!(Some(&loads[at]), loads.iter().min());
        }
    }
}
