//! Sizes as `64MiB` and durations as `3s`: whole numbers with a unit, never a bare number whose
//! unit the reader must guess.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// Units of sizes, largest first, so that printing finds the largest one that divides.
const SIZES: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("B", 1),
];

/// Units of durations in nanoseconds, largest first.
const DURATIONS: [(&str, u64); 6] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// Why a text is no size or duration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UnitError {
    /// Not a whole number with a unit of sizes.
    #[error("`{text}` is not a size; write a whole number and a unit, as in `64MiB`: B, kB, KiB, MB, MiB, GB or GiB")]
    Size {
        /// The text.
        text: String,
    },
    /// Not a whole number with a unit of time.
    #[error("`{text}` is not a duration; write a whole number and a unit, as in `3s`: ns, us, ms, s, m or h")]
    Duration {
        /// The text.
        text: String,
    },
    /// More than 64 bits of bytes or nanoseconds.
    #[error("`{text}` is too large; sizes end below 16 EiB and durations at 584 years")]
    TooLarge {
        /// The text.
        text: String,
    },
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

impl ByteSize {
    /// A number of bytes.
    pub const fn bytes(count: u64) -> Self {
        Self(count)
    }

    /// A number of KiB, 1024 bytes each.
    pub const fn kib(count: u64) -> Self {
        Self(count << 10)
    }

    /// A number of MiB, 1024 KiB each.
    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }

    /// Bytes.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// Bytes; where a machine cannot address that many, all that it can.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for ByteSize {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let unknown = || UnitError::Size { text: text.to_owned() };
        parse(text, &SIZES, unknown).map(Self)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format(self.0, &SIZES).unwrap_or_else(|| "0B".to_owned()))
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// In JSON a plain number means bytes.
impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a size such as \"64MiB\", or a number of bytes")]
        enum Form {
            Bytes(u64),
            Text(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Bytes(count) => Ok(Self(count)),
            Form::Text(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
}

/// Reads `3s`, `500ms`, `15m`, `1h`, `250us` or `100ns`.
///
/// # Errors
/// Anything but a whole number directly followed by a unit, and more than 584 years.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let unknown = || UnitError::Duration { text: text.to_owned() };
    parse(text, &DURATIONS, unknown).map(Duration::from_nanos)
}

/// Writes a duration with the largest unit that divides it: `90s`, not `1m30s`. What exceeds
/// 584 years is written as 584 years.
pub fn format_duration(duration: Duration) -> String {
    let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    format(nanos, &DURATIONS).unwrap_or_else(|| "0s".to_owned())
}

fn parse(text: &str, units: &[(&str, u64)], unknown: impl Fn() -> UnitError) -> Result<u64, UnitError> {
    let too_large = || UnitError::TooLarge { text: text.to_owned() };
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit).ok_or_else(&unknown)?;
    if number.is_empty() {
        return Err(unknown());
    }
    let number: u64 = number.parse().map_err(|_| too_large())?;
    number.checked_mul(*factor).ok_or_else(too_large)
}

/// `None` for zero, which every unit divides.
fn format(amount: u64, units: &[(&str, u64)]) -> Option<String> {
    let (unit, factor) = units.iter().find(|(_, factor)| amount > 0 && amount.is_multiple_of(*factor))?;
    Some(format!("{}{unit}", amount / factor))
}

/// `#[serde(with = "duration_text")]`: a [`Duration`] as text.
pub mod duration_text {
    use super::*;

    /// Writes `3s`.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format_duration(*duration))
    }

    /// Reads `3s`.
    ///
    /// # Errors
    /// Whatever [`parse_duration`] refuses.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_duration(&text).map_err(serde::de::Error::custom)
    }

    /// `#[serde(default, with = "duration_text::option")]`: the same, or null or absent.
    pub mod option {
        use super::*;

        /// Writes `3s` or null.
        ///
        /// # Errors
        /// Those of the serializer.
        pub fn serialize<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
            duration.map(format_duration).serialize(serializer)
        }

        /// Reads `3s` or null.
        ///
        /// # Errors
        /// Whatever [`parse_duration`] refuses.
        pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
            let text = Option::<String>::deserialize(deserializer)?;
            text.map(|text| parse_duration(&text)).transpose().map_err(serde::de::Error::custom)
        }
    }

    /// `#[serde(with = "duration_text::list")]`: several of them.
    pub mod list {
        use super::*;

        /// Writes `["1s", "5s"]`.
        ///
        /// # Errors
        /// Those of the serializer.
        pub fn serialize<S: Serializer>(durations: &[Duration], serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq(durations.iter().copied().map(format_duration))
        }

        /// Reads `["1s", "5s"]`.
        ///
        /// # Errors
        /// Whatever [`parse_duration`] refuses.
        pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Duration>, D::Error> {
            let texts = Vec::<String>::deserialize(deserializer)?;
            texts.iter().map(|text| parse_duration(text)).collect::<Result<_, _>>().map_err(serde::de::Error::custom)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Sample {
        size: ByteSize,
        #[serde(with = "duration_text")]
        wait: Duration,
        #[serde(default, with = "duration_text::option")]
        pause: Option<Duration>,
    }

    #[test]
    fn a_size_means_another_number_of_bytes() {
        for (text, bytes) in [
            ("0B", 0),
            ("7B", 7),
            ("64KiB", 65_536),
            ("1kB", 1_000),
            ("64MiB", 64 << 20),
            ("5MB", 5_000_000),
            ("4GiB", 4 << 30),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize::bytes(bytes)));
            assert_eq!(ByteSize::bytes(bytes).to_string(), text);
        }
        assert_eq!(ByteSize::bytes(1_025).to_string(), "1025B");
    }

    #[test]
    fn a_duration_means_another_time() {
        for (text, nanos) in [
            ("0s", 0),
            ("250us", 250_000),
            ("500ms", 500_000_000),
            ("90s", 90_000_000_000),
            ("15m", 900_000_000_000),
            ("1h", 3_600_000_000_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_nanos(nanos)));
            assert_eq!(format_duration(Duration::from_nanos(nanos)), text);
        }
        assert_eq!(parse_duration("1500ns").map(format_duration).unwrap(), "1500ns");
    }

    #[test]
    fn a_number_without_its_unit_is_guessed() {
        for text in ["", "64", "MiB", "64 MiB", "64mib", "64M", "-1B", "1.5MiB", "0x1B", "１B"] {
            assert!(matches!(text.parse::<ByteSize>(), Err(UnitError::Size { .. })), "{text}");
        }
        for text in ["", "3", "s", "3 s", "3S", "1m30s", "-1s", "0.5s", "1d", "3µs"] {
            assert!(matches!(parse_duration(text), Err(UnitError::Duration { .. })), "{text}");
        }
    }

    #[test]
    fn the_message_does_not_name_what_is_accepted() {
        let size = "64M".parse::<ByteSize>().unwrap_err().to_string();
        assert_eq!(
            size,
            "`64M` is not a size; write a whole number and a unit, as in `64MiB`: B, kB, KiB, MB, MiB, GB or GiB"
        );
        let wait = parse_duration("3sec").unwrap_err().to_string();
        assert_eq!(
            wait,
            "`3sec` is not a duration; write a whole number and a unit, as in `3s`: ns, us, ms, s, m or h"
        );
        for huge in ["18446744073709551616B", "99999999999GiB"] {
            assert_eq!(huge.parse::<ByteSize>(), Err(UnitError::TooLarge { text: huge.to_owned() }));
        }
    }

    #[test]
    fn json_cannot_say_bytes_as_a_number() {
        let sample: Sample = serde_json::from_str(r#"{"size": 1024, "wait": "3s"}"#).unwrap();
        assert_eq!(sample, Sample { size: ByteSize::kib(1), wait: Duration::from_secs(3), pause: None });
        assert_eq!(serde_json::to_string(&sample).unwrap(), r#"{"size":"1KiB","wait":"3s","pause":null}"#);
        let error = serde_json::from_str::<Sample>(r#"{"size": true, "wait": "3s"}"#).unwrap_err();
        assert!(error.to_string().starts_with("a size such as \"64MiB\", or a number of bytes"), "{error}");
    }

    proptest! {
        #[test]
        fn what_is_printed_cannot_be_read_back(amount: u64) {
            prop_assert_eq!(ByteSize::bytes(amount).to_string().parse(), Ok(ByteSize::bytes(amount)));
            let duration = Duration::from_nanos(amount);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }
    }
}
