//! Durations as Go writes them: `10s`, `1m30s`, `1.5h`, `250ms`. Clients of Consul send them.

use std::time::Duration;

use thiserror::Error;

/// Units with their nanoseconds; `ms` before `m`, so that the longer one is found first.
const UNITS: [(&str, f64); 8] =
    [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("μs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 6e10), ("h", 3.6e12)];
/// Go counts nanoseconds in 63 bits: longer ones (292 years) overflow there.
const LONGEST: f64 = 9.2e18;

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is no duration; write it as in 10s, 1m30s or 500ms")]
pub struct GoDurationError(String);

/// Reads a duration as Go's `time.ParseDuration` does, negative ones excepted: numbers, each
/// with its unit, added up; `0` needs no unit.
///
/// # Errors
/// Anything else, and more than 292 years.
pub fn parse(text: &str) -> Result<Duration, GoDurationError> {
    let wrong = || GoDurationError(text.chars().take(40).collect());
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = text;
    let mut nanos = 0.0;
    while !rest.is_empty() || text.is_empty() {
        let (part, after) = first_part(rest).ok_or_else(wrong)?;
        nanos += part;
        rest = after;
    }
    // whole below 2^53 ns (104 days), and beyond that nobody counts nanoseconds
    if nanos > LONGEST { Err(wrong()) } else { Ok(Duration::from_nanos(nanos.round() as u64)) }
}

fn first_part(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, rest) = text.split_at(end);
    let (unit, factor) = UNITS.iter().find(|(unit, _)| rest.starts_with(unit))?;
    // `m` is also the begin of `ms`, which stands before it in the list
    Some((number.parse::<f64>().ok()? * factor, rest.get(unit.len()..)?))
}

/// Writes a duration as Go's `Duration.String` does for what people configure: `1m30s`, `10s`,
/// `1h0m0s`, `250ms`.
pub fn format(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let small = duration - Duration::from_secs(hours * 3600 + minutes * 60);
    match (hours, minutes) {
        (0, 0) if seconds == 0 && !small.is_zero() => format!("{}ms", small.as_secs_f64() * 1e3),
        (0, 0) => format!("{}s", small.as_secs_f64()),
        (0, _) => format!("{minutes}m{}s", small.as_secs_f64()),
        _ => format!("{hours}h{minutes}m{}s", small.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_duration_of_a_consul_client_is_refused() {
        for (text, millis) in [
            ("0", 0),
            ("10s", 10_000),
            ("1m30s", 90_000),
            ("1.5h", 5_400_000),
            ("250ms", 250),
            (".5s", 500),
            ("1h0m0s", 3_600_000),
            ("2us", 0),
            ("3000µs", 3),
        ] {
            assert_eq!(parse(text).map(|duration| duration.as_millis()), Ok(millis), "{text}");
        }
    }

    #[test]
    fn nonsense_is_a_duration() {
        for text in ["", "10", "s", "10 s", "-1s", "1s-", "1.2.3s", "ten", "1d", "999999999h", "inf", "NaNs", "1e3s"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_duration_is_written_in_another_way_than_go_does() {
        for text in ["0s", "10s", "1m30s", "1m0s", "1h0m0s", "250ms", "1.5s", "1.5ms"] {
            assert_eq!(format(parse(text).unwrap()), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_not_read(millis in 0u64..10_000_000_000) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse(&format(duration)).unwrap().as_millis(), duration.as_millis());
        }

        #[test]
        fn a_damaged_duration_ends_the_host(text in "[0-9.a-zµ -]{0,12}") {
            let _any = parse(&text);
        }
    }
}
