//! Keys: one leading byte names the space, the rest is the space's own.
//!
//! | byte | space | rest of the key |
//! | --- | --- | --- |
//! | `0x01` | meta: what the store keeps about itself | name |
//! | `0x02` | catalog | path, `service/orders` |
//! | `0x10` | state of services | service, bucket, key |
//! | `0x12` | inbox: what a subscription has handled | service, subscription, id of the event |
//! | `0x13` | stored answers (reserved) | |
//! | `0x14` | logs of events | log, sequence, index |
//! | `0x7f` | chunks of large values, see [`super::layout`] | |
//!
//! A state key is `0x10 text(service) text(bucket) key`. `text` writes a zero byte as
//! `00 ff` and ends with `00 01`, so that no name is a prefix of another, whatever bytes it
//! has, and names sort as their bytes do. The guest's key comes last and stays as it is.

use std::fmt;

use super::effects::Sequence;
use super::log::{Log, Position};
use crate::name::ServiceName;

const META: u8 = 0x01;
const CATALOG: u8 = 0x02;
pub(super) const STATE: u8 = 0x10;
const INBOX: u8 = 0x12;
/// Space of answers stored by idempotency key. Nothing writes it yet.
pub const ANSWERS: u8 = 0x13;
const EVENTS: u8 = 0x14;
pub(super) const CHUNK: u8 = 0x7f;

/// Ends a name. Sorts below the escape, so that `a` comes before `a\0b`.
const END: [u8; 2] = [0x00, 0x01];
/// Stands for a zero byte inside a name.
const ZERO: [u8; 2] = [0x00, 0xff];

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

    /// A record of the catalog.
    pub fn catalog(path: &str) -> Self {
        Self::plain(CATALOG, path)
    }

    /// A record about the store itself or the host that owns it.
    pub fn meta(name: &str) -> Self {
        Self::plain(META, name)
    }

    /// The mark that a subscription of a service has handled an event.
    pub fn inbox(service: &ServiceName, subscription: &str, event: &str) -> Self {
        let mut bytes = vec![INBOX];
        push_text(&mut bytes, service.as_str());
        push_text(&mut bytes, subscription);
        bytes.extend_from_slice(event.as_bytes());
        Self(bytes.into())
    }

    /// An event in a log.
    pub fn event(log: Log, at: Position) -> Self {
        let mut bytes = vec![EVENTS, log.tag()];
        bytes.extend_from_slice(&at.sequence.0.to_be_bytes());
        bytes.extend_from_slice(&at.index.to_be_bytes());
        Self(bytes.into())
    }

    /// Where in its log an event lies.
    pub(super) fn position(&self) -> Option<Position> {
        let (&EVENTS, rest) = self.0.split_first()? else { return None };
        let (sequence, index) = rest.get(1..)?.split_first_chunk()?;
        let index = u32::from_be_bytes(index.try_into().ok()?);
        Some(Position { sequence: Sequence(u64::from_be_bytes(*sequence)), index })
    }

    /// What a service keeps, see [`super::usage`].
    pub(super) fn usage(service: &str) -> Self {
        Self::meta(&format!("usage/{service}"))
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

    /// Whose state it is, and the length of the guest's own key in bytes. Names of services have
    /// no zero bytes, so nothing needs to be decoded.
    pub(super) fn owner(&self) -> Option<(&str, u64)> {
        let (&STATE, rest) = self.0.split_first()? else { return None };
        let end = |bytes: &[u8]| bytes.windows(END.len()).position(|pair| pair == END);
        let (service, rest) = rest.split_at_checked(end(rest)?)?;
        let rest = rest.get(END.len()..)?;
        let key = rest.get(end(rest)? + END.len()..)?;
        Some((std::str::from_utf8(service).ok()?, key.len() as u64))
    }

    /// The length of the guest's own key in bytes; 0 for a key of another space.
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
        Some(Keyset(prefix.into()))
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
            (None, None) => write!(f, "a record of space {:#04x}", self.0.first().copied().unwrap_or_default()),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.0.escape_ascii())
    }
}

/// All keys of one bucket of one service, as a listing sees them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Keyset(Box<[u8]>);

impl Keyset {
    /// The keyset of a bucket.
    pub fn new(service: &ServiceName, bucket: &str) -> Self {
        Self(bucket_prefix(service, bucket).into())
    }

    /// The set's key of this name.
    pub fn key(&self, name: &str) -> Key {
        Key([&self.0, name.as_bytes()].concat().into())
    }

    /// What every key of the set begins with.
    pub(super) fn prefix(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Keyset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Key::from_bytes(&self.0).state_parts() {
            Some((service, bucket, _)) => write!(f, "the list of keys in bucket {bucket:?} of service {service}"),
            None => f.write_str("a list of keys"),
        }
    }
}

impl fmt::Debug for Keyset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyset({})", self.0.escape_ascii())
    }
}

fn bucket_prefix(service: &ServiceName, bucket: &str) -> Vec<u8> {
    let mut bytes = vec![STATE];
    push_text(&mut bytes, service.as_str());
    push_text(&mut bytes, bucket);
    bytes
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    for &byte in text.as_bytes() {
        match byte {
            0 => out.extend_from_slice(&ZERO),
            _ => out.push(byte),
        }
    }
    out.extend_from_slice(&END);
}

/// The text and what follows it.
fn read_text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let mut text = Vec::new();
    let mut rest = bytes;
    loop {
        match rest {
            [0x00, 0x01, after @ ..] => return Some((String::from_utf8(text).ok()?, after)),
            [0x00, 0xff, after @ ..] => {
                text.push(0);
                rest = after;
            }
            [0x00, ..] | [] => return None,
            [byte, after @ ..] => {
                text.push(*byte);
                rest = after;
            }
        }
    }
}

/// The first key behind all keys that begin with `prefix`; `None`: there is none.
pub(super) fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|&byte| byte != 0xff)?;
    let mut end = prefix.get(..=last)?.to_vec();
    *end.last_mut()? += 1;
    Some(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> ServiceName {
        text.parse().unwrap()
    }

    fn text() -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(vec!['\0', '\u{1}', 'a', 'b', '/', 'ÿ', '\u{10ffff}']), 0..6)
            .prop_map(|chars| chars.into_iter().collect())
    }

    fn service() -> impl Strategy<Value = ServiceName> {
        prop::sample::select(vec!["a", "ab", "a-b", "orders", "orders2"]).prop_map(name)
    }

    proptest! {
        #[test]
        fn a_state_key_comes_back_as_it_was(s in service(), b in text(), k in text()) {
            let key = Key::state(&s, &b, &k);
            prop_assert_eq!(key.state_parts(), Some((s.to_string(), b.clone(), k.clone())));
            prop_assert_eq!(key.keyset(), Some(Keyset::new(&s, &b)));
            prop_assert_eq!(Keyset::new(&s, &b).key(&k), key.clone());
            prop_assert_eq!(key.owner(), Some((s.as_str(), k.len() as u64)));
        }

        #[test]
        fn keys_sort_by_service_then_bucket_then_key(
            one in (service(), text(), text()),
            two in (service(), text(), text()),
        ) {
            let order = Key::state(&one.0, &one.1, &one.2).cmp(&Key::state(&two.0, &two.1, &two.2));
            let expected = (one.0.as_str(), one.1.as_bytes(), one.2.as_bytes())
                .cmp(&(two.0.as_str(), two.1.as_bytes(), two.2.as_bytes()));
            prop_assert_eq!(order, expected);
        }

        #[test]
        fn a_listing_never_shows_another_bucket(
            one in (service(), text()),
            two in (service(), text(), text()),
        ) {
            let set = Keyset::new(&one.0, &one.1);
            let key = Key::state(&two.0, &two.1, &two.2);
            let inside = key.as_bytes().starts_with(set.prefix());
            prop_assert_eq!(inside, one.0 == two.0 && one.1 == two.1);
            let end = after_prefix(set.prefix()).unwrap();
            prop_assert_eq!(key.as_bytes() >= set.prefix() && key.as_bytes() < end.as_slice(), inside);
        }
    }

    #[test]
    fn a_message_about_a_key_does_not_show_what_the_guest_wrote() {
        let shown = Key::state(&name("orders"), "", "alice@example.com").to_string();
        assert_eq!(shown, "a key of 17 bytes in bucket \"\" of service orders");
    }

    #[test]
    fn spaces_do_not_meet() {
        assert_eq!(Key::catalog("service/a").path(), Some("service/a"));
        assert_eq!(Key::meta("x").path(), Some("x"));
        assert_ne!(Key::catalog("x"), Key::meta("x"));
        assert_eq!(Key::catalog("x").state_parts(), None);
        assert_eq!(after_prefix(&[0xff, 0xff]), None);
    }
}
