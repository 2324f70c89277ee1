//! Writers whose every commit is whole or absent, and what has to be true of their store after any crash.
//!
//! One round of a writer is one commit: two values, an event and a mark, all with the number of the round.

use std::collections::BTreeMap;

use holm_registry::store::{CommitError, Log, Position, Sequence, Store, Usage};

use crate::common::{Unit, block_on, orders, read, unit};

/// Commits that the log of events reaches back when it is trimmed.
const KEPT: u64 = 200;

/// The highest round of each writer that was acknowledged.
pub(crate) type Acknowledged = BTreeMap<u64, u64>;

/// The next round of a writer after what its store holds.
pub(crate) fn next_round(store: &Store, writer: u64) -> u64 {
    read(store, &left(writer)).map_or(0, |value| number(&value)) + 1
}

/// Commits a round, with a value of about `len` bytes, and returns when it is durable. Trims the log now and then.
pub(crate) fn commit_round(store: &Store, writer: u64, round: u64, len: usize) {
    try_round(store, writer, round, len).unwrap();
}

/// The same where it may fail. After an error the round may be there or not.
pub(crate) fn try_round(store: &Store, writer: u64, round: u64, len: usize) -> Result<(), CommitError> {
    let sequence = one_round(writer, round, len).commit(store)?;
    block_on(store.durable(sequence))?;
    if round.is_multiple_of(50) {
        let up_to = Position { sequence: Sequence(sequence.0.saturating_sub(KEPT)), index: 0 };
        block_on(store.trim(Log::Events, up_to))?;
    }
    Ok(())
}

fn one_round(writer: u64, round: u64, len: usize) -> Unit {
    unit()
        .put(&left(writer), value(round, len))
        .put(&right(writer), value(round, 8))
        .append(Log::Events, &format!("{writer}:{round}"), len / 10)
        .handle(&format!("{writer}:{round}"), round)
}

/// What a writer says when a round is durable: one line.
pub(crate) fn acknowledgement(writer: u64, round: u64) -> String {
    format!("ack {writer} {round}\n")
}

/// Notes what a line says, if it is a whole one.
pub(crate) fn note(acknowledged: &mut Acknowledged, line: &str) {
    let numbers = line.strip_prefix("ack ").and_then(|ack| ack.split_once(' '));
    if let Some((Ok(writer), Ok(round))) = numbers.map(|(writer, round)| (writer.parse(), round.parse())) {
        acknowledged.insert(writer, round);
    }
}

/// What every store must hold of `writers` that were cut off anywhere. Says what does not.
pub(crate) fn check(store: &Store, writers: u64, acknowledged: &Acknowledged) -> Result<(), String> {
    let events = store.events(Log::Events, None, usize::MAX).unwrap();
    let marks = store.marks(&orders(), "sub").unwrap();
    for writer in 0..writers {
        let round = one_writer(store, writer)?;
        let acked = acknowledged.get(&writer).copied().unwrap_or_default();
        if round < acked {
            return Err(format!("writer {writer} lost round {acked} and stands at {round}"));
        }
        let prefix = format!("{writer}:");
        let of_writer = |text: &str| text.strip_prefix(&prefix).map(|round| round.parse::<u64>().unwrap());
        let handled: Vec<u64> = marks.iter().filter_map(|mark| of_writer(&mark.event)).collect();
        if handled.len() as u64 != round || handled.iter().max().copied().unwrap_or_default() != round {
            return Err(format!("writer {writer} stands at {round} and has {} marks", handled.len()));
        }
        let contents = events.iter().filter_map(|event| event.content.as_ref());
        let published: Vec<u64> = contents.filter_map(|content| of_writer(&content.source)).collect();
        let expected: Vec<u64> = (round + 1 - published.len() as u64..=round).collect();
        if published != expected || (round > 0 && published.is_empty()) {
            return Err(format!("writer {writer} stands at {round} and has published {published:?}"));
        }
    }
    let bytes = events.iter().map(|event| event.content.as_ref().map_or(0, |content| content.encode().len() as u64));
    let counted = bytes.fold(Usage::default(), Usage::with);
    let kept = store.log_usage(Log::Events);
    if kept == counted { Ok(()) } else { Err(format!("the log has {counted:?}, and its total says {kept:?}")) }
}

/// The round that a writer stands at, 0 for none.
fn one_writer(store: &Store, writer: u64) -> Result<u64, String> {
    match (read(store, &left(writer)), read(store, &right(writer))) {
        (None, None) => Ok(0),
        (Some(left), Some(right)) if number(&left) == number(&right) => {
            let round = number(&left);
            if left == value(round, left.len()) { Ok(round) } else { Err(format!("writer {writer}: a torn value")) }
        }
        _ => Err(format!("writer {writer}: half of a commit is there")),
    }
}

fn left(writer: u64) -> String {
    format!("left{writer}")
}

fn right(writer: u64) -> String {
    format!("right{writer}")
}

fn value(round: u64, len: usize) -> Vec<u8> {
    round.to_be_bytes().into_iter().cycle().take(len.next_multiple_of(8)).collect()
}

fn number(value: &[u8]) -> u64 {
    u64::from_be_bytes(*value.first_chunk().unwrap())
}
