//! What a service calls: an interface that another one exports, or another one by its name.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::name::{NameError, ServiceName};
use crate::text::serde_as_text;
use crate::wit::{InterfaceName, WitNameError};

/// A target of calls, as the key of `[service.orders.calls."…"]` writes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallTarget {
    /// Typed calls: `shop:inventory/stock`, with or without a version.
    Interface(InterfaceName),
    /// HTTP to `http://inventory/`: `inventory`.
    Upstream(ServiceName),
    /// What only the gateway leads to: a URL, or a rule by its path. No service can name it.
    Named(String),
}

/// Why a text is no target.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CallTargetError {
    /// It has a `:` or a `/`, so it is meant to be an interface.
    #[error(transparent)]
    Interface(#[from] WitNameError),
    /// It has neither.
    #[error(transparent)]
    Upstream(#[from] NameError),
}

impl CallTarget {
    /// Whether what is said of `self` is meant for `other`.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Interface(of), Self::Interface(other)) => of.covers(other),
            (Self::Upstream(of), Self::Upstream(other)) => of == other,
            _ => false,
        }
    }
}

impl FromStr for CallTarget {
    type Err = CallTargetError;

    fn from_str(text: &str) -> Result<Self, CallTargetError> {
        if text.contains([':', '/']) { Ok(Self::Interface(text.parse()?)) } else { Ok(Self::Upstream(text.parse()?)) }
    }
}

impl fmt::Display for CallTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interface(interface) => interface.fmt(f),
            Self::Upstream(service) => service.fmt(f),
            Self::Named(name) => name.fmt(f),
        }
    }
}

serde_as_text!(CallTarget);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_taken_for_an_interface() {
        for (text, typed) in [("shop:inventory/stock@1.0.0", true), ("inventory", false)] {
            let target: CallTarget = text.parse().unwrap();
            assert_eq!((target.to_string().as_str(), matches!(target, CallTarget::Interface(_))), (text, typed));
        }
        for (text, expected) in [("shop:stock", "is not an interface"), ("In", "is not a service name")] {
            assert!(text.parse::<CallTarget>().unwrap_err().to_string().contains(expected), "{text}");
        }
    }

    #[test]
    fn settings_of_one_target_hold_for_another() {
        let [any, one, service] =
            ["a:b/inventory", "a:b/inventory@1.0.0", "inventory"].map(|text| text.parse::<CallTarget>().unwrap());
        assert!(any.covers(&one) && service.covers(&service));
        assert!(!one.covers(&any) && !any.covers(&service) && !service.covers(&one));
    }
}
