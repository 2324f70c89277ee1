//! Long lists, a page at a time.
//!
//! A page is a JSON array; a `Link` header (RFC 8288) with `rel="next"` names the next one. The reference is a
//! bare query, so it holds at whatever path a gateway shows the service.

use crate::kv::{self, Bucket};
use crate::{Problem, Request, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

const DEFAULT_LIMIT: usize = 20;
/// A page is held in memory as values and as text; a hundred entries of 1 kB stay far below 1 MiB.
const MAX_LIMIT: usize = 100;
/// How many values are fetched in one call while looking for those that fit.
const CHUNK: usize = 100;

/// Which page is wanted.
#[derive(Debug, PartialEq, Eq)]
pub struct Wanted {
    /// How many entries at most.
    pub limit: usize,
    /// The last id of the page before; empty for the first page.
    pub after: String,
}

impl Wanted {
    /// Reads `?limit=` and `?cursor=`.
    ///
    /// # Errors
    /// 400 if the limit is no number from 1 to 100.
    pub fn of(request: &Request) -> Result<Self, Problem> {
        let limit = match request.query("limit").map(str::parse) {
            None => DEFAULT_LIMIT,
            Some(Ok(limit @ 1..=MAX_LIMIT)) => limit,
            Some(_) => return Err(Problem::new(400, format!("limit must be a number from 1 to {MAX_LIMIT}"))),
        };
        Ok(Self { limit, after: request.query("cursor").unwrap_or_default().into() })
    }
}

/// Some entries of a long list.
pub struct Page<T> {
    /// In the order of their keys.
    pub items: Vec<T>,
    /// The cursor of the next page; none on the last one.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// The same page with other entries in the place of each.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(change).collect(), next: self.next }
    }

    /// The same page with several entries, or none, in the place of each.
    pub fn flat_map<U, I: IntoIterator<Item = U>>(self, change: impl FnMut(T) -> I) -> Page<U> {
        Page { items: self.items.into_iter().flat_map(change).collect(), next: self.next }
    }
}

impl<T: Serialize> Page<T> {
    /// The page as an answer to `request`, whose other query parameters go on to the next page.
    pub fn into_response(self, request: &Request) -> Response {
        let response = Response::json(200, &self.items);
        match self.next {
            None => response,
            Some(cursor) => response.with_header("link", format!("<{}>; rel=\"next\"", next_query(request, &cursor))),
        }
    }
}

/// The page of those values under `prefix` that `keep` keeps.
pub fn read<T: DeserializeOwned>(
    bucket: &Bucket,
    prefix: &str,
    wanted: &Wanted,
    keep: impl Fn(&T) -> bool,
) -> Result<Page<T>, kv::Error> {
    let after = format!("{prefix}{}", wanted.after);
    let mut page = Page { items: Vec::new(), next: None };
    let mut last = String::new();
    let keys: Vec<String> = kv::keys(bucket, prefix)?.into_iter().filter(|key| *key > after).collect();
    for chunk in keys.chunks(CHUNK) {
        for (key, item) in kv::get_many(bucket, chunk)?.into_iter().filter(|(_, item)| keep(item)) {
            if page.items.len() == wanted.limit {
                page.next = last.strip_prefix(prefix).map(str::to_string);
                return Ok(page);
            }
            page.items.push(item);
            last = key;
        }
    }
    Ok(page)
}

fn next_query(request: &Request, cursor: &str) -> String {
    let others = request.query.iter().filter(|(name, _)| name != "cursor");
    let mut query: String = others.map(|(name, value)| format!("{}={}&", encode(name), encode(value))).collect();
    query.insert(0, '?');
    query + "cursor=" + &encode(cursor)
}

/// Percent-encodes all but the unreserved characters of RFC 3986.
fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encode_byte = |byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(encode_byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(query: &str) -> Request {
        Request::new("GET", &format!("/users?{query}")).unwrap()
    }

    #[test]
    fn a_page_may_be_empty_or_endless() {
        for limit in ["0", "101", "-1", "ten", ""] {
            assert_eq!(Wanted::of(&request(&format!("limit={limit}"))).unwrap_err().status, 400, "{limit}");
        }
        assert_eq!(Wanted::of(&request("limit=100")).unwrap().limit, 100);
        assert_eq!(Wanted::of(&request("")).unwrap(), Wanted { limit: DEFAULT_LIMIT, after: String::new() });
    }

    #[test]
    fn the_next_page_forgets_the_search() {
        let page = Page { items: vec![1], next: Some("a b".into()) };
        let response = page.into_response(&request("q=green+tea&cursor=old&limit=1"));
        assert!(response.headers.contains(&("link", "<?q=green%20tea&limit=1&cursor=a%20b>; rel=\"next\"".into())));
    }
}
