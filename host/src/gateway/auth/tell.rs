//! What a target is told about who asks, and what nobody outside may tell it.

use std::collections::BTreeMap;

use holm_registry::gateway::FieldName;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use crate::identity::Identity;

/// Who it is, verified.
const PRINCIPAL: HeaderName = HeaderName::from_static("x-holm-principal");
/// What begins like this is said by the host alone.
const OWN: &str = "x-holm-";

/// Takes away what only the host may say: everything that begins with `x-holm-`, and the fields in
/// which schemes tell claims. Also in the spelling with `_`, which CGI-like programs cannot tell
/// from `-`.
pub(in crate::gateway) fn forget(headers: &mut HeaderMap, told: &[HeaderName]) {
    for name in told {
        headers.remove(name);
    }
    let is_ours = |name: &HeaderName| {
        let text = name.as_str();
        text.starts_with(OWN) || (text.contains('_') && means_ours(&text.replace('_', "-"), told))
    };
    let ours: Vec<HeaderName> = headers.keys().filter(|name| is_ours(name)).cloned().collect();
    for name in ours {
        headers.remove(name);
    }
}

fn means_ours(plain: &str, told: &[HeaderName]) -> bool {
    plain.starts_with(OWN) || told.iter().any(|name| name.as_str() == plain)
}

/// Says who it is, and each claim in the field that its scheme names for it.
pub(super) fn tell(headers: &mut HeaderMap, identity: &Identity, fields: &BTreeMap<FieldName, String>) {
    let principal = identity.principal.as_deref().and_then(|text| HeaderValue::from_bytes(text.as_bytes()).ok());
    if let Some(principal) = principal {
        headers.insert(PRINCIPAL, principal);
    }
    for (name, claim) in fields {
        if let Some(value) = identity.claim(claim).and_then(field_value) {
            headers.insert(name.as_header(), value);
        }
    }
}

/// A claim as a field: text as it is, a list of plain values with commas, anything else as JSON.
/// `None` for null, and for text that would end the field.
fn field_value(claim: &Value) -> Option<HeaderValue> {
    let text = match claim {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        // an item with a comma in it would be read as two
        Value::Array(items) => {
            items.iter().map(plain).collect::<Option<Vec<_>>>().map_or_else(|| claim.to_string(), |all| all.join(","))
        }
        other => other.to_string(),
    };
    HeaderValue::from_bytes(text.as_bytes()).ok()
}

fn plain(item: &Value) -> Option<String> {
    match item {
        Value::String(text) if !text.contains(',') => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(item.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_client_says_who_it_is() {
        let told = [HeaderName::from_static("x-user-id")];
        let mut headers = HeaderMap::new();
        for name in ["x-holm-principal", "X-Holm-Anything", "x_holm_principal", "x-user-id", "x-user_id", "X_USER_ID"] {
            headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_static("admin"));
        }
        headers.append("x-user-id-2", HeaderValue::from_static("kept"));
        headers.append("x_other", HeaderValue::from_static("kept"));
        forget(&mut headers, &told);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-user-id-2", "x_other"]);
    }

    #[test]
    fn a_claim_becomes_another_or_a_field_of_its_own() {
        let claims = json!({
            "id": 7, "name": "Zoë", "roles": ["a", 1, true], "sly": ["user,admin"], "address": {"city": "x"},
            "evil": "a\r\nx-admin: 1", "nothing": null,
        });
        let claims = claims.as_object().unwrap().clone();
        let identity = Identity { principal: Some("7".to_owned()), claims, ..Identity::default() };
        let names = ["id", "name", "roles", "sly", "address", "evil", "nothing", "absent"];
        let fields = names.map(|name| (format!("x-{name}").parse().unwrap(), name.to_owned())).into();
        let mut headers = HeaderMap::new();
        tell(&mut headers, &identity, &fields);
        let mut seen: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
            .collect();
        seen.sort();
        assert_eq!(
            seen,
            [
                "x-address: {\"city\":\"x\"}",
                "x-holm-principal: 7",
                "x-id: 7",
                "x-name: Zoë",
                "x-roles: a,1,true",
                "x-sly: [\"user,admin\"]",
            ]
        );
    }
}
