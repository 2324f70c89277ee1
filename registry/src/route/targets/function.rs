//! A function of a service, called with JSON.
//!
//! What the target leaves open the path names: `/rpc/{interface}/{function}` takes all functions of
//! a service, `/users/{user_id}` with both fixed takes one. Parameters of the path, of the query and
//! of the body are the function's, by name; `_` stands for the `-` that names have in WIT.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::name::ServiceName;
use crate::route::{PathPattern, RouteError};
use crate::wit::FunctionName;

/// The parameter of a path that names the function.
pub const FUNCTION: &str = "function";
/// The parameter of a path that names the interface, or the end of its name.
pub const INTERFACE: &str = "interface";
/// The parameter of a path in front of the interface: in `shop:users/directory` it is `shop:users`.
pub const PACKAGE: &str = "package";

/// Which function is called, and what its errors mean.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionTarget {
    /// Whose.
    pub service: ServiceName,
    /// Its interface, or as much of the name's end as leaves no choice; `None`: the path says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// Its name; `None`: the path says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<FunctionName>,
    /// The parameter that the whole body is; `None`: the body is an object of parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Statuses of errors by the name of their case, besides those that are known by their name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub errors: BTreeMap<String, u16>,
}

impl FunctionTarget {
    /// The interface that is meant, for one request.
    pub fn interface<'a>(&'a self, captures: &[(&str, &'a str)]) -> String {
        let captured = |name| captures.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        match (&self.interface, captured(PACKAGE), captured(INTERFACE)) {
            (Some(fixed), _, _) => fixed.clone(),
            (None, Some(package), Some(interface)) => format!("{package}/{interface}"),
            (None, _, interface) => interface.unwrap_or_default().to_owned(),
        }
    }

    /// The function that is meant, for one request.
    pub fn function<'a>(&'a self, captures: &[(&str, &'a str)]) -> &'a str {
        let captured = captures.iter().find(|(name, _)| *name == FUNCTION).map(|(_, value)| *value);
        self.name.as_ref().map(FunctionName::as_str).or(captured).unwrap_or_default()
    }

    /// Whether a parameter of the path says which function is meant, and is none of it.
    pub fn is_taken(&self, parameter: &str) -> bool {
        match parameter {
            FUNCTION => self.name.is_none(),
            INTERFACE | PACKAGE => self.interface.is_none(),
            _ => false,
        }
    }

    pub(super) fn check(&self, path: &PathPattern) -> Result<(), RouteError> {
        let problem = |message| Err(RouteError::Target { message });
        let has = |name: &str| path.names().any(|known| known == name);
        if self.interface.is_none() && !has(INTERFACE) {
            return problem(format!(
                "neither the function nor the path {path} says which interface is meant; add `interface`, or `{{interface}}` to the path"
            ));
        }
        if self.name.is_none() && !has(FUNCTION) {
            return problem(format!(
                "neither the function nor the path {path} says which function is meant; add `name`, or `{{function}}` to the path"
            ));
        }
        let wrong = self.errors.iter().find(|(_, status)| !(400..=599).contains(*status));
        wrong.map_or(Ok(()), |(name, status)| {
            problem(format!("the error `{name}` has status {status}, but an error's is from 400 to 599"))
        })
    }
}

impl fmt::Display for FunctionTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.service)?;
        if let Some(interface) = &self.interface {
            write!(f, " {interface}")?;
        }
        self.name.as_ref().map_or(Ok(()), |name| write!(f, " {name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(json: &str) -> FunctionTarget {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_path_names_another_function_than_the_one_that_is_called() {
        let open = target(r#"{"service":"users"}"#);
        let captures = [("package", "shop:users"), ("interface", "directory@1.0.0"), ("function", "get-user")];
        assert_eq!(open.interface(&captures), "shop:users/directory@1.0.0");
        assert_eq!(open.interface(&captures[1..]), "directory@1.0.0");
        assert_eq!(open.function(&captures), "get-user");
        let fixed = target(r#"{"service":"users","interface":"directory","name":"list-users"}"#);
        assert_eq!((fixed.interface(&captures).as_str(), fixed.function(&captures)), ("directory", "list-users"));
        assert!(open.is_taken("function") && !fixed.is_taken("function") && !open.is_taken("user_id"));
    }

    #[test]
    fn a_rule_that_can_call_nothing_is_accepted() {
        let check =
            |json: &str, path: &str| target(json).check(&path.parse().unwrap()).err().map(|error| error.to_string());
        assert_eq!(check(r#"{"service":"a"}"#, "/rpc/{interface}/{function}"), None);
        assert_eq!(check(r#"{"service":"a","interface":"i","name":"f"}"#, "/x/{id}"), None);
        for (json, path, expected) in [
            (r#"{"service":"a","name":"f"}"#, "/x", "add `interface`"),
            (r#"{"service":"a","interface":"i"}"#, "/x", "add `name`"),
            (r#"{"service":"a","interface":"i","name":"f","errors":{"gone":200}}"#, "/x", "from 400 to 599"),
        ] {
            let error = check(json, path).unwrap();
            assert!(error.contains(expected), "{error}");
        }
    }
}
