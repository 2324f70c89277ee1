//! A request as a handler sees it, a response as it returns it. Plain data: no WASI in here, so that handlers
//! and the router can be tested on any machine.

use crate::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// One request, its body read in full.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// In capitals: `GET`.
    pub method: String,
    /// The path as it came, still percent-encoded, without the query.
    pub path: String,
    /// Decoded pairs of the query, in their order.
    pub query: Vec<(String, String)>,
    /// Names in lower case; a value may be any bytes.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body's bytes.
    pub body: Vec<u8>,
    /// What the path's `{name}` parts stand for, decoded. The router fills it in.
    pub params: Vec<(&'static str, String)>,
}

impl Request {
    /// Takes a path with its query apart.
    ///
    /// # Errors
    /// 400 if the query's percent-encoding is broken.
    pub fn new(method: &str, path_with_query: &str) -> Result<Self, Problem> {
        let (path, query) = path_with_query.split_once('?').unwrap_or((path_with_query, ""));
        Ok(Self { method: method.into(), path: path.into(), query: parse_query(query)?, ..Self::default() })
    }

    /// What `{name}` of the route's path stands for; empty if the route has no such part.
    pub fn param(&self, name: &str) -> &str {
        self.params.iter().find(|(n, _)| *n == name).map_or("", |(_, value)| value)
    }

    /// The first value of a query parameter.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The value of a header, by its name in lower case. None too where it is not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(n, _)| n == name)?;
        std::str::from_utf8(value).ok()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// 400 if it is no JSON, 422 if it is JSON of another shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let status = if error.is_data() { 422 } else { 400 };
            Problem::new(status, format!("The body is not what this request needs: {error}"))
        })
    }
}

/// One response, its body complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names and values, as they go out.
    pub headers: Vec<(&'static str, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
}

impl Response {
    /// A response without a body.
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// A response with `value` as its JSON body; 500 if the value cannot be written as JSON.
    pub fn json(status: u16, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Self { body, ..Self::empty(status) }.with_header("content-type", "application/json"),
            Err(error) => Problem::internal(error).into_response(),
        }
    }

    /// The same response with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

fn parse_query(query: &str) -> Result<Vec<(String, String)>, Problem> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(&name.replace('+', " "))?, decode(&value.replace('+', " "))?))
        })
        .collect()
}

/// Undoes percent-encoding.
///
/// # Errors
/// 400 if a `%` is not followed by two hex digits, or if the bytes are no UTF-8.
pub fn decode(text: &str) -> Result<String, Problem> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (byte, rest) = escape(part).ok_or_else(|| bad_encoding(text))?;
        bytes.push(byte);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).map_err(|_| bad_encoding(text))
}

fn escape(part: &str) -> Option<(u8, &str)> {
    let (digits, rest) = part.split_at_checked(2)?;
    // from_str_radix alone would take "+7" for a number
    let valid = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    valid.then(|| u8::from_str_radix(digits, 16).ok()).flatten().map(|byte| (byte, rest))
}

fn bad_encoding(text: &str) -> Problem {
    Problem::new(400, format!("The percent-encoding of \"{text}\" is broken"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_values_arrive_encoded() {
        let request = Request::new("GET", "/products?q=gr%C3%BCner+tee&ids=a,b&flag").unwrap();
        assert_eq!(request.path, "/products");
        assert_eq!(request.query("q"), Some("grüner tee"));
        assert_eq!(request.query("ids"), Some("a,b"));
        assert_eq!(request.query("flag"), Some(""));
        assert_eq!(request.query("other"), None);
    }

    #[test]
    fn broken_percent_encoding_gets_past() {
        for path in ["/?a=%", "/?a=%4", "/?a=%+7", "/?a=%zz", "/?a=%ff", "/?a=%ü"] {
            assert_eq!(Request::new("GET", path).unwrap_err().status, 400, "{path}");
        }
    }

    #[test]
    fn json_of_another_shape_is_called_no_json() {
        let mut request = Request::new("POST", "/").unwrap();
        request.body = b"{\"a\": 1}".to_vec();
        assert_eq!(request.json::<Vec<u8>>().unwrap_err().status, 422);
        request.body = b"[1, ".to_vec();
        assert_eq!(request.json::<Vec<u8>>().unwrap_err().status, 400);
    }
}
