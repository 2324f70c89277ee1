//! `[gateway]`: what stands between rules and their targets.

use std::time::Duration;

use super::*;
use crate::gateway::jwt::Expiry;
use crate::gateway::{Algorithm, AuthSettings, JwtSettings, KeySource};

const USERS: &str = "[service.users]\ncomponent = \"users.wasm\"\nversion = \"1.0.0\"\n";
const SECRET: &str = "secret = \"0123456789abcdef0123456789abcdef\"";

fn manifest(lines: &str) -> Manifest {
    parse(&format!("{USERS}{lines}")).unwrap_or_else(|error| panic!("{error}"))
}

fn problems(lines: &str) -> String {
    parse(&format!("{USERS}{lines}")).unwrap_err().to_string().replace("holm.toml:", "")
}

fn jwt(lines: &str) -> JwtSettings {
    let mut manifest = manifest(&format!("[gateway.auth.jwt]\n{lines}"));
    match manifest.gateway.auth.remove(&"jwt".parse().unwrap()) {
        Some(AuthSettings::Jwt(jwt)) => *jwt,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_key_of_a_scheme_has_no_effect() {
    let short = jwt(SECRET);
    assert_eq!(short.algorithms, [Algorithm::HS256]);
    assert_eq!(
        (short.leeway, short.expiry, short.principal.as_str()),
        (Duration::from_secs(60), Expiry::Required, "sub")
    );
    assert!(short.issuer.is_empty() && short.audience.is_empty() && short.scopes.is_empty());
    let full = jwt("public_key = \"keys/shop.pem\"\nalgorithms = [\"ES256\", \"ES384\"]\nissuer = [\"a\", \"b\"]\n\
                    audience = \"api\"\nleeway = \"5s\"\nexpiry = \"optional\"\nclaims = { tenant = \"acme\", level = 3 }\n\
                    scopes = \"read\"\nprincipal = \"id\"\nheaders = { X-User-Id = \"id\" }\n");
    assert_eq!(full.key, KeySource::PublicKeyFile("/apps/shop/keys/shop.pem".into()));
    assert_eq!((full.issuer, full.audience), (vec!["a".to_owned(), "b".to_owned()], vec!["api".to_owned()]));
    assert_eq!((full.leeway, full.expiry), (Duration::from_secs(5), Expiry::Optional));
    assert_eq!(serde_json::to_string(&full.claims).unwrap(), r#"{"level":3,"tenant":"acme"}"#);
    assert_eq!((full.scopes, full.principal.as_str()), (vec!["read".to_owned()], "id"));
    assert_eq!(full.headers.keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["x-user-id"]);
    let issuer = jwt("jwks = \"https://login.test/keys\"\nrefresh = \"5m\"");
    assert_eq!(issuer.algorithms, [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA]);
    let KeySource::Jwks { url, refresh } = issuer.key else { panic!() };
    assert_eq!((url.to_string().as_str(), refresh), ("https://login.test/keys", Duration::from_secs(300)));
}

#[test]
fn a_key_that_was_handed_out_stays_in_the_manifest() {
    let manifest = manifest(
        "[gateway.auth.keys]\nheader = \"X-Key\"\n\
         api_keys = { mobile = \"${DB_TOKEN}-and-enough-more\", web = \"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\" }\n",
    );
    let json = serde_json::to_string(&manifest.gateway).unwrap();
    assert!(json.contains("sha256:ba78") && json.contains("x-key") && !json.contains("s3cret"), "{json}");
    assert_eq!(serde_json::from_str::<crate::gateway::GatewaySettings>(&json).unwrap(), manifest.gateway);
}

#[test]
fn a_rule_without_auth_of_its_own_is_open() {
    let text = format!(
        "[gateway.auth.jwt]\n{SECRET}\n[gateway.auth.other]\n{SECRET}\n[gateway.defaults]\nauth = \"jwt\"\nscopes = [\"read\"]\n\
         [[gateway.route]]\npath = \"/a\"\nservice = \"users\"\n\
         [[gateway.route]]\npath = \"/b\"\nservice = \"users\"\nauth = [\"other\", \"jwt\"]\n\
         [[gateway.route]]\npath = \"/c\"\nservice = \"users\"\nauth = []\n\
         [[gateway.route]]\npath = \"/d\"\nservice = \"users\"\nscopes = [\"write\"]\n"
    );
    let chains: Vec<String> =
        manifest(&text).routes.iter().map(|route| serde_json::to_string(&route.chain).unwrap()).collect();
    assert_eq!(
        chains,
        [
            r#"{"auth":["jwt"],"scopes":["read"]}"#,
            r#"{"auth":["other","jwt"]}"#,
            "{}",
            r#"{"auth":["jwt"],"scopes":["write"]}"#,
        ]
    );
}

#[test]
fn a_scheme_that_would_let_somebody_in_is_accepted() {
    for (lines, expected) in [
        (
            "",
            "4:15: this scheme names neither `secret`, `public_key` or `jwks` nor `api_keys`\n  help: name one; a second issuer is a second scheme, and a rule may take both: `auth = [\"one\", \"two\"]`",
        ),
        (
            "secret = \"x\"\npublic_key = \"y\"",
            "4:15: this scheme names more than one of `secret`, `public_key` and `jwks`\n  help: name one; a second issuer is a second scheme, and a rule may take both: `auth = [\"one\", \"two\"]`",
        ),
        (
            "secret = \"hunter2\"",
            "5:10: `secret` has 7 bytes, and 32 are the least (RFC 7518 section 3.2)\n  help: a short secret is found by trying; make a long one, for example with `openssl rand -base64 48`",
        ),
        ("secret = \"\"", "5:10: the text is empty\n  help: for example `secret = \"${JWT_SECRET}\"`"),
        (
            "jwks = \"http://login.test/keys\"",
            "5:8: `http://login.test/keys` is not https, so whoever is on the way could put in keys of their own\n  help: use https; plain http is for this machine alone",
        ),
        (
            "jwks = \"https://login.test/keys\"\nrefresh = \"1s\"",
            "6:11: `refresh` must be from 1m to 24h\n  help: 15m is the default; an unknown key is asked for at once",
        ),
        (
            "public_key = \"a.pem\"\nalgorithms = [\"HS256\"]",
            "6:14: `HS256` needs a secret, and this scheme has public keys\n  help: HS256, HS384 and HS512 go with `secret`, all others with `public_key` or `jwks`",
        ),
        (
            &format!("{SECRET}\nalgorithms = [\"HS256\", \"RS256\"]"),
            "6:14: `RS256` needs a public key, and this scheme has a secret\n  help: HS256, HS384 and HS512 go with `secret`, all others with `public_key` or `jwks`",
        ),
        (
            &format!("{SECRET}\nalgorithms = [\"none\"]"),
            "6:15: `none` is no algorithm for tokens; use some of HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA\n  help: for example `algorithms = [\"HS256\"]`",
        ),
        (
            &format!("{SECRET}\nalgorithms = []"),
            "6:14: `algorithms` is empty, so no token would be accepted\n  help: HS256, HS384 and HS512 go with `secret`, all others with `public_key` or `jwks`",
        ),
        (
            &format!("{SECRET}\nleeway = \"1h\""),
            "6:10: `leeway` is more than 10m: a token would outlive its end by that much\n  help: set the clocks by a time server; 60s is the default",
        ),
        (
            &format!("{SECRET}\nexpiry = \"never\""),
            "6:10: `expiry` is `required` (a token without `exp` is refused) or `optional`\n  help: for example `expiry = \"required\"`",
        ),
        (
            &format!("{SECRET}\nheaders = {{ host = \"sub\" }}"),
            "6:11: claims cannot stand in the field `host`: it frames or routes the message, which is the gateway's business\n  help: choose another name, as in `x-user-id`",
        ),
        (
            &format!("{SECRET}\nheaders = {{ x_user = \"sub\" }}"),
            "6:1: `x_user` is no name of a header field; use letters, digits and `-`, as in `x-user-id`\n  help: a field and the claim that it gets, as in `headers = { x-user-id = \"id\" }`",
        ),
        (
            &format!("{SECRET}\nclaims = \"x\""),
            "6:10: `claims` must be a table of claims and their values\n  help: for example `claims = { tenant = \"acme\" }`",
        ),
        (
            &format!("{SECRET}\nrefresh = \"5m\""),
            "6:1: `refresh` without `jwks`: this key never changes by itself\n  help: remove it",
        ),
        (
            "api_keys = {}",
            "5:12: `api_keys` is empty, so nobody would be let in\n  help: name a key, as in `api_keys = { mobile = \"${MOBILE_KEY}\" }`",
        ),
        (
            "api_keys = { a = \"short\" }",
            "5:1: the key `a`: an API key of 5 characters could be guessed; make one of at least 20, for example with `openssl rand -hex 32`\n  help: for example `api_keys = { mobile = \"${MOBILE_KEY}\" }`, or its hash, `sha256:…`",
        ),
        (
            "api_keys = { a = \"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\" }\nheader = \"host\"",
            "6:10: API keys cannot stand in `host`: it frames or routes the message, which is the gateway's business\n  help: use a field of its own, as in `header = \"x-api-key\"`",
        ),
    ] {
        let found = problems(&format!("[gateway.auth.jwt]\n{lines}\n"));
        assert!(found.starts_with(expected), "{lines}\n{found}\n-- expected\n{expected}");
    }
}

#[test]
fn a_rule_that_names_nobody_s_scheme_is_open() {
    let route = "[[gateway.route]]\npath = \"/a\"\nservice = \"users\"\n";
    assert_eq!(
        problems(&format!("[gateway.auth.jwt]\n{SECRET}\n{route}auth = \"jtw\"\n")),
        "9:8: there is no `[gateway.auth.jtw]`\n  help: did you mean `jwt`?"
    );
    assert_eq!(
        problems(&format!("{route}auth = [\"jwt\"]\n")),
        "7:9: there is no `[gateway.auth.jwt]`\n  help: add `[gateway.auth.jwt]`"
    );
    assert_eq!(
        problems(&format!("[gateway.defaults]\nauth = \"jwt\"\n{route}")),
        "5:8: there is no `[gateway.auth.jwt]`\n  help: add `[gateway.auth.jwt]`"
    );
    assert_eq!(
        problems(&format!("{route}scopes = [\"read\"]\n")),
        "7:11: `scopes` without `auth`: nobody's scopes are known here\n  help: add `auth = \"NAME\"`, or take the scopes away"
    );
    assert!(problems("[gateway.auth.\"a b\"]\n").contains("`a b` is no name here"));
}

#[test]
fn a_limit_of_the_manifest_has_no_effect() {
    let text = "[gateway]\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\"]\n[gateway.rate.default]\nrequests = 100\nper = \"15m\"\n\
                [gateway.rate.tight]\nrequests = 10\nper = \"1s\"\nburst = 2\nby = \"header:X-Tenant\"\n\
                [gateway.defaults]\nrate = \"default\"\n\
                [[gateway.route]]\npath = \"/a\"\nservice = \"users\"\n\
                [[gateway.route]]\npath = \"/b\"\nservice = \"users\"\nrate = [\"default\", \"tight\"]\n\
                [[gateway.route]]\npath = \"/c\"\nservice = \"users\"\nrate = []\n";
    let manifest = manifest(text);
    let limit = |name: &str| {
        let rate = &manifest.gateway.rate[&name.parse().unwrap()];
        (rate.requests, rate.per.as_secs(), rate.burst, rate.by.to_string())
    };
    assert_eq!(limit("default"), (100, 900, 100, "address".to_owned()));
    assert_eq!(limit("tight"), (10, 1, 2, "header:x-tenant".to_owned()));
    assert_eq!(manifest.gateway.trusted_proxies.len(), 2);
    let rates: Vec<usize> = manifest.routes.iter().map(|route| route.chain.rate.len()).collect();
    assert_eq!(rates, [1, 2, 0]);
}

#[test]
fn a_limit_that_limits_nobody_is_accepted() {
    for (lines, expected) in [
        ("per = \"1m\"", "4:15: `gateway.rate.few` has no `requests`\n  help: add it, for example `requests = 100`"),
        ("requests = 5", "4:15: `gateway.rate.few` has no `per`\n  help: add it, for example `per = \"15m\"`"),
        (
            "requests = 0\nper = \"1m\"",
            "5:12: `requests` is 0, but must be from 1 to 1000000000\n  help: for no requests at all leave the route away",
        ),
        (
            "requests = 5\nper = \"0s\"",
            "6:7: `per` must be from 1ms to 744h\n  help: what was counted is in memory: a restart begins anew",
        ),
        (
            "requests = 5\nper = \"1m\"\nburst = 0",
            "7:9: `burst` is 0, so nobody could ever ask\n  help: 1 spreads requests evenly; leave it away for all at once",
        ),
        (
            "requests = 5\nper = \"1m\"\nby = \"ip\"",
            "7:6: `ip` tells nobody apart; use `address`, `principal`, `api-key`, `claim:NAME` or `header:NAME`\n  help: for example `by = \"address\"`",
        ),
    ] {
        let found = problems(&format!("[gateway.rate.few]\n{lines}\n"));
        assert_eq!(found, expected, "{lines}");
    }
    let by_user = "[gateway.rate.per-user]\nrequests = 5\nper = \"1m\"\nby = \"principal\"\n";
    let route = "[[gateway.route]]\npath = \"/a\"\nservice = \"users\"\n";
    let open = "the limit `per-user` is by `principal`, and nobody is known here\n  help: add `auth = \"NAME\"`, or limit by `address`";
    assert_eq!(problems(&format!("{by_user}{route}rate = \"per-user\"\n")), format!("11:8: {open}"));
    assert_eq!(
        problems(&format!("{by_user}[gateway.defaults]\nrate = \"per-user\"\n{route}")),
        format!("11:8: {open}")
    );
    assert_eq!(
        problems(&format!("{by_user}{route}rate = \"per-users\"\n")),
        "11:8: there is no `[gateway.rate.per-users]`\n  help: did you mean `per-user`?"
    );
    assert!(
        problems("[gateway]\ntrusted_proxies = [\"all\"]\n").contains("`all` is neither an IP address nor a network")
    );
}
