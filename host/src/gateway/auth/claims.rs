//! Does a token speak to us, and now? Pure: the claims of a verified token against a scheme.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use holm_registry::gateway::JwtSettings;
use holm_registry::gateway::jwt::Expiry;
use serde_json::{Map, Value};

use super::refusal::Refusal;

type Claims = Map<String, Value>;

/// Checks time, issuer, audience, required claims and scopes.
///
/// # Errors
/// The first that does not hold.
pub(super) fn check(claims: &Claims, wanted: &JwtSettings, now: SystemTime) -> Result<(), Refusal> {
    check_time(claims, wanted, now)?;
    check_one_of(claims, "iss", &wanted.issuer)?;
    check_one_of(claims, "aud", &wanted.audience)?;
    for (name, value) in &wanted.claims {
        if !claims.get(name).is_some_and(|claim| claim == value || has(claim, value)) {
            return Err(Refusal::Claim(name.clone()));
        }
    }
    check_scopes(claims, &wanted.scopes)
}

/// Checks that all of these scopes are there.
///
/// # Errors
/// The first that is missing.
pub(super) fn check_scopes(claims: &Claims, wanted: &[String]) -> Result<(), Refusal> {
    let missing = wanted.iter().find(|scope| !["scope", "scp"].iter().any(|name| has_scope(claims.get(*name), scope)));
    missing.map_or(Ok(()), |scope| Err(Refusal::Scope(scope.clone())))
}

/// `scope` is a text with spaces (RFC 8693 section 4.2); some issuers send a list.
fn has_scope(claim: Option<&Value>, scope: &str) -> bool {
    match claim {
        Some(Value::String(text)) => text.split(' ').any(|word| word == scope),
        Some(list) => has(list, &Value::String(scope.to_owned())),
        None => false,
    }
}

fn has(list: &Value, item: &Value) -> bool {
    list.as_array().is_some_and(|items| items.contains(item))
}

fn check_time(claims: &Claims, wanted: &JwtSettings, now: SystemTime) -> Result<(), Refusal> {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64();
    let leeway = wanted.leeway.as_secs_f64();
    match time(claims, "exp")? {
        None if wanted.expiry == Expiry::Required => return Err(Refusal::Claim("exp".to_owned())),
        Some(end) if now >= end + leeway => return Err(Refusal::Expired),
        _ => {}
    }
    match time(claims, "nbf")? {
        Some(begin) if now + leeway < begin => Err(Refusal::Early),
        _ => Ok(()),
    }
}

/// Seconds since 1970. A time that is no number is not taken for none.
fn time(claims: &Claims, name: &str) -> Result<Option<f64>, Refusal> {
    let wrong = || Refusal::Claim(name.to_owned());
    claims.get(name).map(|value| value.as_f64().ok_or_else(wrong)).transpose()
}

fn check_one_of(claims: &Claims, name: &str, accepted: &[String]) -> Result<(), Refusal> {
    let is_accepted = |value: &Value| value.as_str().is_some_and(|text| accepted.iter().any(|one| one == text));
    let holds = match claims.get(name) {
        _ if accepted.is_empty() => true,
        Some(Value::Array(items)) if name == "aud" => items.iter().any(is_accepted),
        Some(value) => is_accepted(value),
        None => false,
    };
    if holds { Ok(()) } else { Err(Refusal::Claim(name.to_owned())) }
}

#[cfg(test)]
mod tests {
    use holm_registry::gateway::{Algorithm, KeySource};
    use holm_registry::settings::Secret;
    use serde_json::json;

    use super::*;

    const NOW: u64 = 1_700_000_000;

    fn settings() -> JwtSettings {
        JwtSettings {
            algorithms: vec![Algorithm::HS256],
            key: KeySource::Secret(Secret::new("s")),
            issuer: vec!["shop".to_owned(), "partner".to_owned()],
            audience: vec!["api".to_owned()],
            leeway: Duration::from_secs(60),
            expiry: Expiry::Required,
            claims: [("tenant".to_owned(), json!("acme"))].into(),
            scopes: vec!["read".to_owned()],
            principal: JwtSettings::default_principal(),
            headers: Default::default(),
        }
    }

    fn checked(change: Value) -> Result<(), Refusal> {
        let mut claims = json!({"iss": "shop", "aud": "api", "exp": NOW + 10, "tenant": "acme", "scope": "write read"});
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let mut claims = claims.as_object().unwrap().clone();
        claims.retain(|_, value| *value != json!("absent"));
        check(&claims, &settings(), UNIX_EPOCH + Duration::from_secs(NOW))
    }

    fn claim(name: &str) -> Result<(), Refusal> {
        Err(Refusal::Claim(name.to_owned()))
    }

    #[test]
    fn a_good_token_is_refused() {
        assert_eq!(checked(json!({})), Ok(()));
        assert_eq!(checked(json!({"iss": "partner", "aud": ["x", "api"]})), Ok(()));
        assert_eq!(checked(json!({"tenant": ["other", "acme"], "scope": "absent", "scp": ["read"]})), Ok(()));
        assert_eq!(checked(json!({"nbf": NOW, "exp": NOW as f64 + 0.5})), Ok(()));
    }

    #[test]
    fn a_token_outlives_its_end_or_works_before_its_begin() {
        assert_eq!(checked(json!({"exp": NOW - 59})), Ok(()));
        assert_eq!(checked(json!({"exp": NOW - 60})), Err(Refusal::Expired));
        assert_eq!(checked(json!({"exp": -1})), Err(Refusal::Expired));
        assert_eq!(checked(json!({"nbf": NOW + 60})), Ok(()));
        assert_eq!(checked(json!({"nbf": NOW + 61})), Err(Refusal::Early));
        for no_time in [json!("absent"), json!("1800000000"), json!(null), json!([NOW + 10]), json!(true)] {
            assert_eq!(checked(json!({"exp": no_time})), claim("exp"));
        }
        assert_eq!(checked(json!({"nbf": "0"})), claim("nbf"));
    }

    #[test]
    fn a_token_for_somebody_else_is_accepted() {
        for issuer in [json!("absent"), json!("Shop"), json!("shop "), json!(["shop"]), json!(7), json!(null)] {
            assert_eq!(checked(json!({"iss": issuer})), claim("iss"));
        }
        for audience in [json!("absent"), json!("other"), json!([]), json!(["ap"]), json!([["api"]]), json!({"api": 1})]
        {
            assert_eq!(checked(json!({"aud": audience})), claim("aud"));
        }
        for tenant in [json!("absent"), json!("acm"), json!(["acme "]), json!({"acme": 1}), json!(null)] {
            assert_eq!(checked(json!({"tenant": tenant})), claim("tenant"));
        }
        for scope in [json!("absent"), json!("reader"), json!("READ"), json!("read,write"), json!({"read": true})] {
            assert_eq!(checked(json!({"scope": scope})), Err(Refusal::Scope("read".to_owned())));
        }
    }
}
