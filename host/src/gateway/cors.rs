//! Pages of other origins: what browsers ask before they ask (a preflight), and what they are told
//! of an answer. Pure. By the Fetch standard, section "CORS protocol".

use holm_registry::gateway::Cors;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Response, StatusCode};

use crate::body::{self, Body};

/// What a target may have said of it, which is the gateway's to say.
const OURS: [header::HeaderName; 6] = [
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_MAX_AGE,
];

/// The method that a browser asks about, if that is what it does.
pub(super) fn preflight(method: &Method, headers: &HeaderMap) -> Option<Method> {
    let asks = *method == Method::OPTIONS && headers.contains_key(header::ORIGIN);
    let about = headers.get(header::ACCESS_CONTROL_REQUEST_METHOD).filter(|_| asks)?;
    Method::from_bytes(about.as_bytes()).ok()
}

/// The answer to a preflight: what is not allowed is not in it.
pub(super) fn answer(cors: &Cors, about: &Method, asked: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    for varies in ["origin", "access-control-request-method", "access-control-request-headers"] {
        headers.append(header::VARY, HeaderValue::from_static(varies));
    }
    if !asked.get(header::ORIGIN).is_some_and(|origin| cors.allows(origin)) {
        return response;
    }
    if let Ok(method) = HeaderValue::from_str(about.as_str()) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, method);
    }
    if let Some(fields) = allowed_fields(cors, asked) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, fields);
    }
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from(cors.max_age.as_secs()));
    response
}

/// The fields that a page may send: those of the rule, else those that it asks for.
fn allowed_fields(cors: &Cors, asked: &HeaderMap) -> Option<HeaderValue> {
    if cors.headers.is_empty() {
        return asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    }
    let names: Vec<&str> = cors.headers.iter().map(|name| name.as_str()).collect();
    HeaderValue::try_from(names.join(", ")).ok()
}

/// Tells a browser whether the page that asked may see this answer.
pub(super) fn tell(cors: &Cors, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
    if headers.get(header::ACCESS_CONTROL_ALLOW_METHODS).is_none() {
        OURS.iter().for_each(|name| drop(headers.remove(name)));
    }
    if cors.is_for_all() {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    } else {
        // a cache must not give one page's answer to another, also when there was no page
        headers.append(header::VARY, HeaderValue::from_static("origin"));
        let Some(origin) = origin.filter(|origin| cors.allows(origin)) else { return };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
    if cors.credentials {
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    let names: Vec<&str> = cors.expose.iter().map(|name| name.as_str()).collect();
    if let Ok(names) = HeaderValue::try_from(names.join(", "))
        && !names.is_empty()
    {
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, names);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(json: &str) -> Cors {
        serde_json::from_str(json).unwrap()
    }

    fn fields(list: &[(&'static str, &str)]) -> HeaderMap {
        list.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap())).collect()
    }

    fn told(headers: &HeaderMap) -> Vec<String> {
        let mut told: Vec<String> =
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        told.sort();
        told
    }

    #[test]
    fn an_ordinary_request_is_taken_for_a_preflight() {
        let asks = [("origin", "https://a.test"), ("access-control-request-method", "PUT")];
        assert_eq!(preflight(&Method::OPTIONS, &fields(&asks)), Some(Method::PUT));
        assert_eq!(preflight(&Method::GET, &fields(&asks)), None);
        assert_eq!(preflight(&Method::OPTIONS, &fields(&asks[..1])), None);
        assert_eq!(preflight(&Method::OPTIONS, &fields(&asks[1..])), None);
    }

    #[test]
    fn a_browser_is_told_too_much() {
        let cors =
            rule(r#"{"origins":["https://shop.test"],"headers":["x-a","x-b"],"credentials":true,"max_age":"5m"}"#);
        let ask = |origin: &str| answer(&cors, &Method::PUT, &fields(&[("origin", origin)]));
        assert_eq!(
            told(ask("https://shop.test").headers()),
            [
                "access-control-allow-headers: x-a, x-b",
                "access-control-allow-methods: PUT",
                "access-control-max-age: 300",
                "vary: access-control-request-headers",
                "vary: access-control-request-method",
                "vary: origin"
            ]
        );
        let refused = ask("https://evil.test");
        assert_eq!(refused.status(), 204);
        assert!(refused.headers().keys().all(|name| name == header::VARY));
    }

    #[test]
    fn a_target_s_own_word_stands_beside_the_gateway_s() {
        let theirs = [("access-control-allow-origin", "*"), ("access-control-allow-credentials", "true")];
        let cors = rule(r#"{"origins":["https://shop.test"],"expose":["x-total"],"credentials":true}"#);
        let tell = |cors: &Cors, origin: &str| {
            let mut headers = fields(&theirs);
            tell(cors, Some(&HeaderValue::from_str(origin).unwrap()), &mut headers);
            told(&headers)
        };
        assert_eq!(
            tell(&cors, "https://shop.test"),
            [
                "access-control-allow-credentials: true",
                "access-control-allow-origin: https://shop.test",
                "access-control-expose-headers: x-total",
                "vary: origin"
            ]
        );
        assert_eq!(tell(&cors, "https://evil.test"), ["vary: origin"]);
        assert_eq!(tell(&rule(r#"{"origins":["*"]}"#), "https://any.test"), ["access-control-allow-origin: *"]);
    }
}
