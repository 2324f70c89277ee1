//! Who asks, as far as the gateway has verified it.

use serde_json::{Map, Value};

/// Somebody whom a scheme has accepted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Identity {
    /// The name of the scheme that accepted them.
    pub scheme: String,
    /// Who it is: the claim that the scheme names, or the name of an API key. `None` when a token
    /// does not say.
    pub principal: Option<String>,
    /// What a token says, verified. Empty for an API key.
    pub claims: Map<String, Value>,
    /// The name of the API key, if it was one.
    pub api_key: Option<String>,
}

impl Identity {
    /// A claim by its name, or inside of others with dots between: `realm_access.roles`.
    pub fn claim(&self, name: &str) -> Option<&Value> {
        find(&self.claims, name)
    }
}

fn find<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    // whole names first: `https://example.com/roles` is one
    claims.get(name).or_else(|| {
        let (outer, inner) = name.split_once('.')?;
        find(claims.get(outer)?.as_object()?, inner)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_claim_with_dots_in_its_name_is_not_found() {
        let claims = json!({"sub": "7", "realm_access": {"roles": ["a"]}, "https://a.test/x": 1});
        let identity = Identity { claims: claims.as_object().unwrap().clone(), ..Identity::default() };
        assert_eq!(identity.claim("sub"), Some(&json!("7")));
        assert_eq!(identity.claim("realm_access.roles"), Some(&json!(["a"])));
        assert_eq!(identity.claim("https://a.test/x"), Some(&json!(1)));
        assert_eq!(identity.claim("realm_access.nobody").or(identity.claim("sub.x")), None);
    }
}
