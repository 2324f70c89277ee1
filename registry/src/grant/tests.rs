//! What grants let through and what they hold, as tables.

use proptest::prelude::*;

use super::*;

fn allows(grant: &str, url: &str) -> bool {
    grant.parse::<UrlGrant>().unwrap().allows(&Method::GET, &url.parse().unwrap())
}

#[test]
fn a_granted_url_is_refused() {
    for (grant, url) in [
        ("https://api.example.com/v1/", "https://api.example.com/v1/users?x=1"),
        ("https://api.example.com/v1/", "https://api.example.com/v1"),
        ("https://api.example.com/v1", "https://api.example.com/v1/a//b"),
        ("https://api.example.com/v1", "https://api.example.com/%76%31/a"),
        ("https://api.example.com", "https://API.example.COM:443/anything"),
        ("https://api.example.com:443", "https://api.example.com./"),
        ("http://api.example.com:8080/", "http://api.example.com:8080"),
        ("https://*.example.com", "https://a.b.example.com/x/../y"),
        ("http://[::1]:9000", "http://[0:0::1]:9000/"),
        ("http://a.test/gr%C3%B6".replace("%C3%B6", "ö").as_str(), "http://a.test/gr%C3%B6/x"),
        ("http://a.test/v1", "http://a.test/v1/group%2Fproject"),
        ("http://127.0.0.1", "http://127.0.0.1./"),
        ("http://localhost", "http://LOCALHOST/"),
        ("GET,POST https://a.test/", "https://a.test/"),
    ] {
        assert!(allows(grant, url), "{grant} {url}");
    }
}

#[test]
fn a_url_that_was_not_granted_passes() {
    for (grant, url) in [
        ("https://api.example.com/v1/", "https://api.example.com/v10"),
        ("https://api.example.com/v1/", "https://api.example.com/V1/a"),
        ("https://api.example.com/v1/", "https://api.example.com/"),
        ("https://api.example.com/v1/", "https://api.example.com//v1/a"),
        ("https://api.example.com/a/b", "https://api.example.com/a%2Fb/c"),
        ("https://api.example.com/", "http://api.example.com/"),
        ("https://api.example.com/", "https://api.example.com:8443/"),
        ("https://api.example.com/", "https://api.example.com:99999/"),
        ("https://api.example.com/", "https://api.example.com:/"),
        ("https://api.example.com/", "https://user@api.example.com/"),
        ("https://api.example.com/", "https://api.example.com:443@evil.org/"),
        ("https://api.example.com/", "https://api.example.com.evil.org/"),
        ("https://*.example.com/", "https://example.com/"),
        ("https://*.example.com/", "https://evilexample.com/"),
        ("http://127.0.0.1/", "http://127.1/"),
        ("http://127.0.0.1/", "http://2130706433/"),
        ("http://127.0.0.1/", "http://0x7f.1/"),
        ("http://127.0.0.1/", "http://0x7f000001/"),
        ("http://127.0.0.1/", "http://[::ffff:127.0.0.1]/"),
        ("http://127.0.0.1/", "http://127.0.0.1:80@a.test/"),
        ("http://127.0.0.1/", "http://localhost/"),
        ("http://localhost/", "http://127.0.0.1/"),
        ("https://*.example.com/", "https://a!.example.com/"),
        ("https://*.example.com/", "https://a..example.com/"),
        ("POST https://a.test/", "https://a.test/"),
        ("GET https://a.test/v1", "https://a.test/v2"),
        ("http://127.0.0.1/", "/"),
    ] {
        assert!(!allows(grant, url), "{grant} {url}");
    }
}

#[test]
fn a_path_climbs_out_of_its_prefix() {
    for path in [
        "/v1/../admin",
        "/v1/%2e%2e/admin",
        "/v1/..%2fadmin",
        "/v1/..%5cadmin",
        "/v1/..;/admin",
        "/x/../v1/a",
        "/v1/./a",
        "/v1/..",
    ] {
        assert!(!allows("https://api.example.com/v1/", &format!("https://api.example.com{path}")), "{path}");
    }
}

#[test]
fn a_bad_grant_gives_another_message() {
    let message = |text: &str| text.parse::<UrlGrant>().unwrap_err().to_string();
    for text in ["", "api.example.com", "ftp://a", "//a", "https:/a"] {
        assert!(message(text).contains("neither `http://` nor `https://`"), "{text}");
    }
    assert!(message("https://me:pw@a/").contains("user or password"));
    for text in ["https://me:pw@a/", "GRAB https://me:pw@a/"] {
        assert!(!message(text).contains("pw@"), "a password must not be shown");
    }
    for text in ["get https://a/", "GET, POST https://a/", "CONNECT https://a/", " https://a/", "GET,, https://a/"] {
        assert!(message(text).contains("no list of methods"), "{text}: {}", message(text));
    }
    assert!(message("POTS https://a/").contains("did you mean `POST`"), "{}", message("POTS https://a/"));
    for text in ["https://", "https:///v1", "https://a b/", "https://*/", "https://a?x=1", "https://[::1/"] {
        assert!(message(text).contains("is not a host"), "{text}: {}", message(text));
    }
    for text in ["https://a:/", "https://a:0/", "https://a:65536/", "https://a:x/", "https://a:+1/", "https://[::1]x/"]
    {
        assert!(message(text).contains("port"), "{text}: {}", message(text));
    }
    for text in [
        "https://a/v1//b",
        "https://a/../b",
        "https://a/%2e",
        "https://a/?x",
        "https://a/v1/#x",
        "https://a/{id}",
        "https://a//",
    ] {
        assert!(message(text).contains("cannot be a prefix"), "{text}: {}", message(text));
    }
}

#[test]
fn one_grant_is_printed_in_two_ways() {
    for (text, canonical) in [
        ("HTTPS://Api.Example.com:443/v1", "https://api.example.com/v1/"),
        ("http://a.test:80", "http://a.test/"),
        ("http://a.test:8080/a/b/", "http://a.test:8080/a/b/"),
        ("POST,GET,POST http://a.test", "GET,POST http://a.test/"),
    ] {
        assert_eq!(text.parse::<UrlGrant>().unwrap().to_string(), canonical);
    }
}

#[test]
fn an_address_inside_is_reached_without_being_named() {
    let grants: Vec<UrlGrant> = [
        "https://*.example.com/",
        "https://10.0.0.5/v1/",
        "https://[fd00::1]/",
        "POST https://10.0.0.6/",
        "http://10.0.0.7/",
        "https://localhost/local/",
    ]
    .map(|text| text.parse().unwrap())
    .into();
    let named = |method: Method, url: &str| {
        let addresses = named_addresses(&grants, &method, &url.parse().unwrap());
        addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(named(Method::GET, "https://db.example.com/v1/a"), "10.0.0.5 fd00::1");
    assert_eq!(named(Method::POST, "https://db.example.com/"), "10.0.0.6 fd00::1");
    assert_eq!(named(Method::GET, "http://db.example.com/"), "10.0.0.7");
    assert_eq!(named(Method::GET, "http://db.example.com:81/"), "");
    assert_eq!(named(Method::GET, "https://localhost/local/a"), "127.0.0.1 ::1 fd00::1");
    assert_eq!(named(Method::CONNECT, "https://db.example.com/"), "");
}

#[test]
fn a_grant_for_all_methods_makes_a_tunnel() {
    let grant: UrlGrant = "https://a.test/".parse().unwrap();
    let url = "https://a.test/".parse().unwrap();
    assert!(grant.allows(&Method::DELETE, &url) && grant.allows(&Method::from_bytes(b"PURGE").unwrap(), &url));
    assert!(!grant.allows(&Method::CONNECT, &url));
}

proptest! {
    #[test]
    fn a_prefix_lets_a_neighbour_through(path in "(/(v1|v2|\\.|\\.\\.|%2e|%2F|a)){0,5}/?") {
        let allowed = allows("https://a.test/v1/", &format!("https://a.test{path}"));
        prop_assert!(!allowed || path == "/v1" || path.starts_with("/v1/"));
        prop_assert!(!allowed || !(path.contains("/.") || path.contains("%2e")));
    }

    #[test]
    fn a_printed_grant_cannot_be_read_back(host in "(\\*\\.)?[a-z]{1,8}(\\.[a-z]{2,3})?", port in 1u16.., prefix in "(/[a-z0-9ö~-]{1,5}){0,3}", methods in "((GET|PUT|POST)(,(GET|DELETE)){0,2} )?") {
        let grant: UrlGrant = format!("{methods}https://{host}:{port}{prefix}").parse().unwrap();
        prop_assert_eq!(grant.to_string().parse(), Ok(grant));
    }
}
