//! `[gateway.auth.NAME]`: a scheme is of tokens or of keys, by what it names.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use toml::Spanned;

use super::part_name;
use crate::gateway::auth::parse_api_key;
use crate::gateway::jwt::Expiry;
use crate::gateway::{ApiKeySettings, AuthSettings, FieldName, JwtSettings, KeySource, PartName};
use crate::manifest::section::Section;
use crate::settings::Secret;

/// What signatures are checked with: one of these.
const KEYS: [&str; 3] = ["secret", "public_key", "jwks"];

/// Reads one scheme; nothing if it is none, which is reported.
pub(super) fn scheme(name: Spanned<&str>, mut section: Section<'_>) -> Option<Spanned<(PartName, AuthSettings)>> {
    let parsed = part_name(&name, &section);
    let settings = if section.has_any(&["api_keys"]) {
        Some(AuthSettings::ApiKeys(api_keys(&mut section)))
    } else {
        jwt(&mut section).map(|jwt| AuthSettings::Jwt(Box::new(jwt)))
    };
    section.finish();
    Some(Spanned::new(name.span(), (parsed?, settings?)))
}

fn api_keys(section: &mut Section<'_>) -> ApiKeySettings {
    let header = section.parsed("header", "\"x-api-key\"", str::parse).map(Spanned::into_inner);
    let keys = section.texts("api_keys", "{ mobile = \"${MOBILE_KEY}\" }");
    let span = section.key_span("api_keys");
    let mut found = BTreeMap::new();
    for (name, key) in keys {
        let name_of_key = name.parse::<PartName>().map_err(|error| error.to_string());
        let hash = parse_api_key(&key).map_err(|error| format!("the key `{name}`: {error}"));
        match name_of_key.and_then(|name| Ok((name, hash?))) {
            Ok((name, hash)) => drop(found.insert(name, hash)),
            Err(message) => {
                let help = "for example `api_keys = { mobile = \"${MOBILE_KEY}\" }`, or its hash, `sha256:…`";
                section.report(span.clone(), message, help.to_owned());
            }
        }
    }
    ApiKeySettings { header: header.unwrap_or_else(ApiKeySettings::default_header), keys: found }
}

fn jwt(section: &mut Section<'_>) -> Option<JwtSettings> {
    let algorithms = section.list_or_one("algorithms", "[\"HS256\"]", str::parse);
    let key = key(section);
    let expiry = section.parsed("expiry", "\"required\"", parse_expiry).map(Spanned::into_inner);
    let principal = section.parsed("principal", "\"sub\"", text).map(Spanned::into_inner);
    let settings = JwtSettings {
        algorithms: match algorithms {
            Some(named) => named.into_iter().map(Spanned::into_inner).collect(),
            None => key.as_ref().map(KeySource::default_algorithms).unwrap_or_default(),
        },
        issuer: texts(section, "issuer", "\"https://login.example.com/\""),
        audience: texts(section, "audience", "\"shop-api\""),
        leeway: section.duration("leeway").unwrap_or_else(JwtSettings::default_leeway),
        expiry: expiry.unwrap_or_default(),
        claims: claims(section),
        scopes: texts(section, "scopes", "[\"orders:read\"]"),
        principal: principal.unwrap_or_else(JwtSettings::default_principal),
        headers: headers(section),
        key: key?,
    };
    Some(settings)
}

fn key(section: &mut Section<'_>) -> Option<KeySource> {
    let secret = section.parsed("secret", "\"${JWT_SECRET}\"", text).map(Spanned::into_inner);
    let public_key = section.parsed("public_key", "\"issuer.pem\"", text).map(Spanned::into_inner);
    let jwks = section.parsed("jwks", "\"https://login.example.com/.well-known/jwks.json\"", str::parse);
    let refresh = section.duration("refresh");
    let written = KEYS.iter().filter(|key| section.has_any(&[key])).count();
    if written != 1 {
        let message = match written {
            0 => "this scheme names neither `secret`, `public_key` or `jwks` nor `api_keys`".to_owned(),
            _ => "this scheme names more than one of `secret`, `public_key` and `jwks`".to_owned(),
        };
        let help =
            "name one; a second issuer is a second scheme, and a rule may take both: `auth = [\"one\", \"two\"]`";
        section.report_here(message, help.to_owned());
        return None;
    }
    report_refresh(section, refresh);
    let secret = secret.map(|secret| KeySource::Secret(Secret::new(secret)));
    let jwks = jwks.map(Spanned::into_inner);
    let jwks = jwks.map(|url| KeySource::Jwks { url, refresh: refresh.unwrap_or(KeySource::REFRESH) });
    secret.or(public_key.map(public_key_source)).or(jwks)
}

fn report_refresh(section: &Section<'_>, refresh: Option<Duration>) {
    if refresh.is_some() && !section.has_any(&["jwks"]) {
        let message = "`refresh` without `jwks`: this key never changes by itself".to_owned();
        section.report(section.key_span("refresh"), message, "remove it".to_owned());
    }
}

/// PEM is taken as it is; anything else is the name of a file.
fn public_key_source(text: String) -> KeySource {
    if text.trim_start().starts_with("-----BEGIN") {
        KeySource::PublicKey(text)
    } else {
        KeySource::PublicKeyFile(PathBuf::from(text))
    }
}

fn parse_expiry(text: &str) -> Result<Expiry, &'static str> {
    match text {
        "required" => Ok(Expiry::Required),
        "optional" => Ok(Expiry::Optional),
        _ => Err("`expiry` is `required` (a token without `exp` is refused) or `optional`"),
    }
}

fn claims(section: &mut Section<'_>) -> BTreeMap<String, Value> {
    let Some(written) = section.json("claims") else { return BTreeMap::new() };
    let span = written.span();
    match written.into_inner() {
        Value::Object(claims) => claims.into_iter().collect(),
        _ => {
            let help = "for example `claims = { tenant = \"acme\" }`".to_owned();
            section.report(span, "`claims` must be a table of claims and their values".to_owned(), help);
            BTreeMap::new()
        }
    }
}

/// Fields for the target, each with the claim that it gets.
fn headers(section: &mut Section<'_>) -> BTreeMap<FieldName, String> {
    let written = section.texts("headers", "{ x-user-id = \"id\" }");
    let span = section.key_span("headers");
    let mut found = BTreeMap::new();
    for (name, claim) in written {
        match name.parse::<FieldName>() {
            Ok(name) => drop(found.insert(name, claim)),
            Err(error) => {
                let help = "a field and the claim that it gets, as in `headers = { x-user-id = \"id\" }`".to_owned();
                section.report(span.clone(), error.to_string(), help);
            }
        }
    }
    found
}

fn texts(section: &mut Section<'_>, key: &'static str, example: &str) -> Vec<String> {
    let found = section.list_or_one(key, example, text).unwrap_or_default();
    found.into_iter().map(Spanned::into_inner).collect()
}

fn text(text: &str) -> Result<String, &'static str> {
    match text {
        "" => Err("the text is empty"),
        text => Ok(text.to_owned()),
    }
}
