//! The dead letters that the store keeps, whichever bus there is.

use std::time::Duration;

use holm_registry::store::{CommitError, Effects, Key, Log, Position, Sequence, Store, StoreError};

use super::dead::{DeadLetter, Number};

/// How many are kept, how large they are together, and how long: then the oldest go. Somebody who looks once a
/// week finds all of them, and a handler that refuses everything fills no disk.
const COUNT: u64 = 10_000;
const BYTES: u64 = 256 << 20;
const AGE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Read at once.
const STEP: usize = 64;

/// The log of dead letters.
#[derive(Clone)]
pub struct Letters(Store);

/// Why a dead letter was not found, replayed or dropped.
#[derive(Debug, thiserror::Error)]
pub enum LetterError {
    /// There is none of that number.
    #[error("there is no dead letter {0}; `holm events dlq ls` lists them")]
    None(Number),
    /// The store did not take it.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Letters {
    /// Those of a store.
    pub fn new(store: Store) -> Self {
        Self(store)
    }

    /// At most `limit` of them, the oldest first, behind one.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn list(&self, after: Option<Number>, limit: usize) -> Result<Vec<(Number, DeadLetter)>, StoreError> {
        let page = self.0.events(Log::DeadLetters, after.map(|number| number.0), limit)?;
        let letter = |logged: holm_registry::store::Logged| {
            Some((Number(logged.at), DeadLetter::from_content(logged.content?)?))
        };
        Ok(page.into_iter().filter_map(letter).collect())
    }

    /// One of them, and the commit that wrote it.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub fn get(&self, number: Number) -> Result<(DeadLetter, Sequence), LetterError> {
        let record = self.0.get(&Key::event(Log::DeadLetters, number.0))?.ok_or(LetterError::None(number))?;
        let content = holm_registry::event::Content::decode(&record.value).ok();
        let letter = content.and_then(DeadLetter::from_content).ok_or(LetterError::None(number))?;
        Ok((letter, record.version))
    }

    /// Publishes its event again, for the subscription that has failed, and removes it: both or neither. Answers
    /// with the new id of the event.
    ///
    /// # Errors
    /// When there is none, or the commit did not take place.
    pub async fn replay(&self, number: Number) -> Result<String, LetterError> {
        let (letter, version) = self.get(number)?;
        let mut effects = Self::removal(number, version);
        effects.events.push((Log::Events, letter.replayed().encode()));
        let sequence = self.commit(number, effects).await?;
        Ok(self.0.event_id(Position { sequence, index: 0 }))
    }

    /// Removes it.
    ///
    /// # Errors
    /// When there is none, or the commit did not take place.
    pub async fn drop(&self, number: Number) -> Result<(), LetterError> {
        let (_, version) = self.get(number)?;
        self.commit(number, Self::removal(number, version)).await.map(|_| ())
    }

    fn removal(number: Number, version: Sequence) -> Effects {
        let key = Key::event(Log::DeadLetters, number.0);
        Effects { reads: [(key.clone(), version)].into(), writes: [(key, None)].into(), ..Effects::default() }
    }

    async fn commit(&self, number: Number, effects: Effects) -> Result<Sequence, LetterError> {
        let sequence = match self.0.commit(effects).await {
            // somebody else has replayed or dropped it
            Err(CommitError::Conflict(_)) => return Err(LetterError::None(number)),
            other => other?,
        };
        self.0.durable(sequence).await?;
        Ok(sequence)
    }

    /// Removes the oldest when there are too many, and those that are too old. Answers with how many have gone.
    ///
    /// # Errors
    /// When the store cannot be read or changed.
    pub async fn trim(&self, now: u64) -> Result<u64, LetterError> {
        let mut gone = 0;
        loop {
            let kept = self.0.log_usage(Log::DeadLetters);
            let full = kept.keys > COUNT || kept.bytes > BYTES;
            let oldest = self.list(None, if full { STEP } else { 1 })?;
            let is_old = |letter: &DeadLetter| now.saturating_sub(letter.time) > AGE.as_millis() as u64;
            let excess = usize::try_from(kept.keys.saturating_sub(COUNT)).unwrap_or(STEP).max(1);
            let last = match full {
                true => oldest.get(..excess.min(oldest.len())).and_then(<[_]>::last),
                false => oldest.first().filter(|(_, letter)| is_old(letter)),
            };
            let Some((last, _)) = last else { return Ok(gone) };
            gone += self.0.trim(Log::DeadLetters, last.0).await?;
        }
    }
}
