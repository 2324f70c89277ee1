//! Names as WIT writes them: of an interface that services share, and of a function in it.
//!
//! The grammar is that of WIT's identifiers (kebab-case labels; `namespace:package/interface@version`),
//! read a little wider than there: upper case need not fill a whole word.

use std::fmt;
use std::str::FromStr;

use semver::Version;
use thiserror::Error;

use crate::text::serde_as_text;

/// Namespaces whose interfaces the host itself provides; nothing in them is another service's.
const OF_THE_HOST: [&str; 2] = ["wasi", "holm"];

/// `shop:inventory/stock` or `shop:inventory/stock@1.0.0`: an interface that one service exports
/// and another imports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceName {
    name: String,
    version: Option<Version>,
}

/// The name of a function in an interface: `check-availability`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionName(String);

/// Why a text is no such name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WitNameError {
    /// Not three labels with `:` and `/` between them.
    #[error("`{0}` is not an interface; write it as in `shop:inventory/stock` or `shop:inventory/stock@1.0.0`")]
    Interface(String),
    /// What follows `@` is no version.
    #[error(
        "`{0}` is not an interface: what follows `@` is no semantic version; write it as in `shop:inventory/stock@1.0.0`"
    )]
    Version(String),
    /// An interface that the host provides.
    #[error("`{0}` is provided by the host itself, not by another service; name an interface that a service exports")]
    OfTheHost(String),
    /// Not one label.
    #[error("`{0}` is not a function; write its name as WIT does, in kebab-case, as in `check-availability`")]
    Function(String),
}

impl InterfaceName {
    /// Without the version: `shop:inventory/stock`.
    pub fn unversioned(&self) -> &str {
        &self.name
    }

    /// Whether what is said of `self` is meant for `other`: the same name, and the same version
    /// unless `self` has none.
    pub fn covers(&self, other: &Self) -> bool {
        self.name == other.name && (self.version.is_none() || self.version == other.version)
    }

    /// Whether it names one version.
    pub fn is_versioned(&self) -> bool {
        self.version.is_some()
    }
}

impl FromStr for InterfaceName {
    type Err = WitNameError;

    fn from_str(text: &str) -> Result<Self, WitNameError> {
        let malformed = || WitNameError::Interface(text.to_owned());
        let (name, version) = text.split_once('@').map_or((text, None), |(name, version)| (name, Some(version)));
        let (namespace, rest) = name.split_once(':').ok_or_else(malformed)?;
        let (package, interface) = rest.split_once('/').ok_or_else(malformed)?;
        if ![namespace, package, interface].into_iter().all(is_label) {
            return Err(malformed());
        }
        if OF_THE_HOST.contains(&namespace) {
            return Err(WitNameError::OfTheHost(text.to_owned()));
        }
        let version = version.map(Version::parse).transpose().map_err(|_| WitNameError::Version(text.to_owned()))?;
        Ok(Self { name: name.to_owned(), version })
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{}@{version}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl FunctionName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FunctionName {
    type Err = WitNameError;

    fn from_str(text: &str) -> Result<Self, WitNameError> {
        if is_label(text) { Ok(Self(text.to_owned())) } else { Err(WitNameError::Function(text.to_owned())) }
    }
}

impl fmt::Display for FunctionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

serde_as_text!(InterfaceName);
serde_as_text!(FunctionName);

/// Words of letters and digits with one `-` between two of them; a letter comes first.
fn is_label(text: &str) -> bool {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.split('-').all(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(text: &str) -> InterfaceName {
        text.parse().unwrap()
    }

    #[test]
    fn an_interface_is_read_as_another() {
        for text in ["shop:inventory/stock", "shop:inventory/stock@1.0.0", "a:b/c@2.0.0-rc.1", "my-shop:x2/low-stock"] {
            assert_eq!(interface(text).to_string(), text);
        }
        assert_eq!(interface("shop:inventory/stock@1.0.0").unversioned(), "shop:inventory/stock");
    }

    #[test]
    fn settings_for_an_interface_miss_its_versions() {
        let [any, one] = ["shop:inventory/stock", "shop:inventory/stock@1.0.0"].map(interface);
        assert!(any.covers(&one) && any.covers(&any) && one.covers(&one));
        assert!(!one.covers(&any) && !one.covers(&interface("shop:inventory/stock@1.0.1")));
        assert!(!any.covers(&interface("shop:inventory/stocks@1.0.0")));
    }

    #[test]
    fn what_is_no_interface_is_taken_for_one() {
        for text in ["", "inventory", "shop:inventory", "shop/stock", "shop:inventory/", ":a/b", "a:b/c/d", "a:b/C_d"] {
            assert_eq!(text.parse::<InterfaceName>(), Err(WitNameError::Interface(text.to_owned())));
        }
        assert!(matches!("a:b/c@1.0".parse::<InterfaceName>(), Err(WitNameError::Version(_))));
        assert!(matches!("wasi:http/types@0.2.0".parse::<InterfaceName>(), Err(WitNameError::OfTheHost(_))));
    }

    #[test]
    fn a_function_is_written_as_no_wit_has_it() {
        for text in ["check", "check-availability", "get2", "is-HTTP"] {
            assert_eq!(text.parse::<FunctionName>().unwrap().as_str(), text);
        }
        for text in ["", "check_availability", "2get", "a--b", "-a", "a-", "a b", "[method]a.b"] {
            assert_eq!(text.parse::<FunctionName>(), Err(WitNameError::Function(text.to_owned())));
        }
    }
}
