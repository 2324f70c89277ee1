//! Keys: one leading byte names the space, the rest is the space's own.
//!
//! | byte | space | rest of the key |
//! | --- | --- | --- |
//! | `0x01` | meta: what the store keeps about itself | name |
//! | `0x02` | catalog | path, `service/orders` |
//! | `0x10` | state of services | service, bucket, key |
//! | `0x12` | inbox: what a subscription has handled | service, subscription, id of the event |
//! | `0x13` | answers stored for a request that comes again | service, digest of what is the same request |
//! | `0x14` | logs of events | log, sequence, index |
//! | `0x15` | what a bus remembers of a subscription | service, subscription, name |
//! | `0x16` | quarantine: bytes that are no record | the key that they were under |
//! | `0x7f` | chunks of large values, see [`super::layout`] | |
//!
//! A state key is `0x10 text(service) text(bucket) key`. `text` ([`text`]) writes a zero byte as
//! `00 ff` and ends with `00 01`, so that no name is a prefix of another, whatever bytes it
//! has, and names sort as their bytes do. The guest's key comes last and stays as it is.

mod keyset;
mod text;

use std::fmt;

pub use self::keyset::Keyset;
use self::text::{END, push_text, read_text};
use super::effects::Sequence;
use super::log::{Log, Position};
use crate::digest::Digest;
use crate::name::ServiceName;

const META: u8 = 0x01;
const CATALOG: u8 = 0x02;
pub(super) const STATE: u8 = 0x10;
pub(super) const INBOX: u8 = 0x12;
pub(super) const ANSWERS: u8 = 0x13;
pub(super) const EVENTS: u8 = 0x14;
const CONSUMERS: u8 = 0x15;
const QUARANTINE: u8 = 0x16;
pub(super) const CHUNK: u8 = 0x7f;

/// The key of one record.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Box<[u8]>);

impl Key {
    /// A key of a service's state.
    pub fn state(service: &ServiceName, bucket: &str, key: &str) -> Self {
        let mut bytes = bucket_prefix(service, bucket);
        bytes.extend_from_slice(key.as_bytes());
        Self(bytes.into())
    }

    /// What all state keys of a service begin with.
    pub fn states(service: &ServiceName) -> Self {
        let mut bytes = vec![STATE];
        push_text(&mut bytes, service.as_str());
        Self(bytes.into())
    }

    /// A record of the catalog.
    pub fn catalog(path: &str) -> Self {
        Self::plain(CATALOG, path)
    }

    /// A record about the store itself or the host that owns it.
    pub fn meta(name: &str) -> Self {
        Self::plain(META, name)
    }

    /// The mark that a subscription of a service has handled an event. Empty, the event is what all its marks
    /// begin with.
    pub fn inbox(service: &ServiceName, subscription: &str, event: &str) -> Self {
        Self::of_two_names(INBOX, service, subscription, event.as_bytes())
    }

    /// What a bus remembers of a subscription, under a name of its own. Empty, the name is what all of them
    /// begin with.
    pub fn consumer(service: &ServiceName, subscription: &str, name: &str) -> Self {
        Self::of_two_names(CONSUMERS, service, subscription, name.as_bytes())
    }

    /// The answer that a service gave to a request, for when that comes again. `scope` says what counts as the
    /// same request. It counts for what the service keeps, as its state does.
    pub fn answer(service: &ServiceName, scope: &Digest) -> Self {
        let mut bytes = vec![ANSWERS];
        push_text(&mut bytes, service.as_str());
        bytes.extend_from_slice(scope.as_bytes());
        Self(bytes.into())
    }

    /// An event in a log.
    pub fn event(log: Log, at: Position) -> Self {
        let mut bytes = vec![EVENTS, log.tag()];
        bytes.extend_from_slice(&at.sequence.0.to_be_bytes());
        bytes.extend_from_slice(&at.index.to_be_bytes());
        Self(bytes.into())
    }

    /// Where the bytes of a damaged record are kept aside.
    pub fn quarantined(&self) -> Self {
        Self([&[QUARANTINE], self.as_bytes()].concat().into())
    }

    /// What the keys of all that buses remember begin with.
    pub fn consumers() -> Self {
        Self([CONSUMERS].into())
    }

    /// What the keys of all bytes kept aside begin with.
    pub fn quarantine() -> Self {
        Self([QUARANTINE].into())
    }

    /// Where in its log an event lies.
    pub(super) fn position(&self) -> Option<Position> {
        let (&EVENTS, rest) = self.0.split_first()? else { return None };
        let (sequence, index) = rest.get(1..)?.split_first_chunk()?;
        let index = u32::from_be_bytes(index.try_into().ok()?);
        Some(Position { sequence: Sequence(u64::from_be_bytes(*sequence)), index })
    }

    /// What a service or a log keeps, see [`super::usage`].
    pub(super) fn usage(owner: &str) -> Self {
        Self::meta(&format!("usage/{owner}"))
    }

    fn of_two_names(space: u8, service: &ServiceName, second: &str, rest: &[u8]) -> Self {
        let mut bytes = vec![space];
        push_text(&mut bytes, service.as_str());
        push_text(&mut bytes, second);
        bytes.extend_from_slice(rest);
        Self(bytes.into())
    }

    fn plain(space: u8, path: &str) -> Self {
        let mut bytes = Vec::with_capacity(path.len() + 1);
        bytes.push(space);
        bytes.extend_from_slice(path.as_bytes());
        Self(bytes.into())
    }

    /// The bytes under which the engine keeps the record.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// The path of a catalog or meta key.
    pub fn path(&self) -> Option<&str> {
        match self.0.split_first()? {
            (&(CATALOG | META), path) => std::str::from_utf8(path).ok(),
            _ => None,
        }
    }

    /// Service, bucket and key of a state key.
    pub fn state_parts(&self) -> Option<(String, String, String)> {
        let (&STATE, rest) = self.0.split_first()? else { return None };
        let (service, rest) = read_text(rest)?;
        let (bucket, rest) = read_text(rest)?;
        Some((service, bucket, String::from_utf8(rest.to_vec()).ok()?))
    }

    /// Service, subscription and the rest of the key of a mark or of what a bus remembers.
    pub fn subscription_parts(&self) -> Option<(String, String, String)> {
        let (&(INBOX | CONSUMERS), rest) = self.0.split_first()? else { return None };
        let (service, rest) = read_text(rest)?;
        let (subscription, rest) = read_text(rest)?;
        Some((service, subscription, String::from_utf8(rest.to_vec()).ok()?))
    }

    /// In whose total the record counts, a service's or a log's, and the bytes of the key that count beside the
    /// value: the guest's own. Names of services have no zero bytes, so nothing needs to be decoded.
    pub(super) fn owner(&self) -> Option<(&str, u64)> {
        let (&space, rest) = self.0.split_first()?;
        if space == EVENTS {
            return Some((Log::of_tag(*rest.first()?)?.owner(), 0));
        }
        let end = |bytes: &[u8]| bytes.windows(END.len()).position(|pair| pair == END);
        let names = match space {
            STATE => 2,
            ANSWERS => 1,
            _ => return None,
        };
        let service = rest.get(..end(rest)?)?;
        let key = (0..names).try_fold(rest, |rest, _| rest.get(end(rest)? + END.len()..))?;
        Some((std::str::from_utf8(service).ok()?, key.len() as u64))
    }

    /// The bytes of a state key's or an answer's key that count for its service; 0 in any other space.
    pub fn own_length(&self) -> u64 {
        self.owner().map_or(0, |(_, length)| length)
    }

    /// The guest's own key, if this is a state key of that keyset.
    pub fn name_in(&self, set: &Keyset) -> Option<&str> {
        std::str::from_utf8(self.0.strip_prefix(set.prefix())?).ok()
    }

    /// The set of keys that a state key belongs to.
    pub(super) fn keyset(&self) -> Option<Keyset> {
        let (&STATE, rest) = self.0.split_first()? else { return None };
        let (_, after_service) = read_text(rest)?;
        let (_, key) = read_text(after_service)?;
        let prefix = self.0.get(..self.0.len() - key.len())?;
        Some(Keyset::from_prefix(prefix))
    }
}

impl Key {
    fn describe_rest(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(at), Some((log, _))) = (self.position(), self.owner()) {
            return write!(f, "event {}-{} of {log}", at.sequence, at.index);
        }
        match self.subscription_parts() {
            Some((service, subscription, rest)) => {
                write!(f, "what service {service} has handled of {subscription:?}: {rest:?}")
            }
            None => write!(f, "a record of space {:#04x}", self.0.first().copied().unwrap_or_default()),
        }
    }
}

/// For messages and logs: names and sizes, never a guest's key (it may hold personal data).
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.state_parts(), self.path()) {
            (Some((service, bucket, key)), _) => {
                write!(f, "a key of {} bytes in bucket {bucket:?} of service {service}", key.len())
            }
            (None, Some(path)) => write!(f, "record {path:?}"),
            (None, None) => self.describe_rest(f),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.0.escape_ascii())
    }
}

fn bucket_prefix(service: &ServiceName, bucket: &str) -> Vec<u8> {
    let mut bytes = vec![STATE];
    push_text(&mut bytes, service.as_str());
    push_text(&mut bytes, bucket);
    bytes
}

/// The first key behind all keys that begin with `prefix`; `None`: there is none.
pub(super) fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|&byte| byte != 0xff)?;
    let mut end = prefix.get(..=last)?.to_vec();
    *end.last_mut()? += 1;
    Some(end)
}

#[cfg(test)]
mod tests;
