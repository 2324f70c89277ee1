//! Copies of dead letters, for whoever looks at the server: `_holm.dead.SERVICE.SUBJECT` in a stream of their own.
//!
//! The letters themselves stay in the store of the host that gave them up, where they are replayed from. They are
//! few, so they are sent one by one, and how far is written down.

use std::time::Duration;

use bytes::Bytes;
use holm_registry::event::Content;
use holm_registry::store::{CommitError, Effects, Key, Log, Logged, Position, Sequence, Store, StoreError};
use tokio::time::sleep;

use super::api::{ApiError, read};
use super::config::{DEAD, DEAD_SUBJECTS};
use super::link::{Link, LinkError};
use super::message::{EXPECTED_STREAM, headers};
use crate::events::dead::DeadLetter;

/// Under which name it is kept how far was sent.
const SENT: &str = "nats-dead-sent";
/// Letters read at once, and their bytes.
const STEP: usize = 64;
const BYTES: usize = 4 << 20;
/// How long the server has to confirm one.
const WITHIN: Duration = Duration::from_secs(5);
/// After one that it did not.
const AGAIN: Duration = Duration::from_secs(2);

/// Why a letter was not sent.
#[derive(Debug, thiserror::Error)]
enum Unsent {
    #[error(transparent)]
    Server(#[from] ApiError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Sends for as long as it is polled.
pub async fn run(store: &Store, link: &Link) {
    let mut visible = store.follow();
    loop {
        visible.borrow_and_update();
        link.up().await;
        match send_all(store, link).await {
            Ok(()) => {
                if visible.changed().await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::debug!(%error, "copies of dead letters wait");
                sleep(AGAIN).await;
            }
        }
    }
}

async fn send_all(store: &Store, link: &Link) -> Result<(), Unsent> {
    if store.log_usage(Log::DeadLetters).keys == 0 {
        return Ok(());
    }
    let mut sent = store.get(&Key::meta(SENT))?.map(|record| position(&record.value));
    loop {
        let page = store.page(Log::DeadLetters, sent, STEP, BYTES)?;
        let Some(last) = page.events.last().map(|last| last.at) else { return Ok(()) };
        for logged in page.events {
            send(store, link, logged).await?;
        }
        let writes = [(Key::meta(SENT), Some(bytes(last)))].into();
        store.commit(Effects { writes, ..Effects::default() }).await?;
        sent = Some(last);
    }
}

async fn send(store: &Store, link: &Link, logged: Logged) -> Result<(), Unsent> {
    let Logged { at, content } = logged;
    let Some((subject, content)) = content.and_then(addressed) else { return Ok(()) };
    let id = format!("{}-dead-{}-{}", store.id(), at.sequence, at.index);
    let mut headers = headers(&id, &content);
    headers.push((EXPECTED_STREAM.to_owned(), DEAD.to_owned()));
    match link.request(&subject, &headers, content.payload, WITHIN).await {
        // with its headers it may be larger than the server takes
        Err(LinkError::Unfit(why)) => {
            tracing::warn!(id, why, "a dead letter stays in the store alone");
            Ok(())
        }
        answer => read(&answer.map_err(ApiError::from)?.payload).map(|_| ()).map_err(Unsent::from),
    }
}

/// What it is published to. `None`: it is no dead letter.
fn addressed(content: Content) -> Option<(String, Content)> {
    let letter = DeadLetter::from_content(content.clone())?;
    Some((format!("{DEAD_SUBJECTS}.{}.{}", letter.service, letter.event.subject), content))
}

fn bytes(at: Position) -> Bytes {
    [at.sequence.0.to_be_bytes().as_slice(), &at.index.to_be_bytes()].concat().into()
}

/// Anything else is the begin.
fn position(bytes: &Bytes) -> Position {
    let read = || {
        let (sequence, index) = bytes.split_first_chunk()?;
        let index = u32::from_be_bytes(index.try_into().ok()?);
        Some(Position { sequence: Sequence(u64::from_be_bytes(*sequence)), index })
    };
    read().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::testing::content;

    #[test]
    fn a_dead_letter_is_sent_again_and_again() {
        let at = Position { sequence: Sequence(812), index: 3 };
        assert_eq!(position(&bytes(at)), at);
        assert_eq!(position(&Bytes::from_static(b"x")), Position::default());
    }

    #[test]
    fn nobody_finds_the_dead_letters_of_a_service() {
        let (id, reason) = ("s-4-0".to_owned(), "no".to_owned());
        let (service, subject) = ("stock".parse().unwrap(), "orders.*".parse().unwrap());
        let letter =
            DeadLetter { id, service, subject, reason, attempts: 5, time: 9, event: content("orders.created") };
        let (subject, sent) = addressed(letter.to_content()).unwrap();
        assert_eq!(subject, "_holm.dead.stock.orders.created");
        assert_eq!(sent, letter.to_content());
        assert_eq!(addressed(content("orders.created")), None);
    }
}
