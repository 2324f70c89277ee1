//! Which function is meant, as people write it: `inventory`, `stock`, `check-availability`. Pure.
//!
//! Nobody types versions and namespaces that leave no choice anyway. What leaves one is not guessed.

use std::fmt::Write;
use std::sync::Arc;

use holm_registry::nearest::nearest;

use crate::runtime::value::Signature;
use crate::runtime::{Offer, Offered, compatible};

/// The interface that is meant: its whole name, or the end of it (`inventory/stock`, `stock`), with or without a
/// version. A compatible version is as good.
///
/// # Errors
/// When there is none, or several; with all that there are.
pub(super) fn interface<'a>(offer: &'a Offer, written: &str) -> Result<&'a str, String> {
    if offer.is_empty() {
        return Err("no interface of its own: it can only be asked over HTTP".to_owned());
    }
    let exact = offer.interfaces().find(|name| *name == written);
    let meant: Vec<&str> = offer.interfaces().filter(|name| is_meant(name, written)).collect();
    match (exact, meant.as_slice()) {
        (Some(one), _) | (None, &[one]) => Ok(one),
        (None, []) => Err(format!("no interface `{written}`{}{}", did_you_mean(offer, written), listing(offer))),
        (None, several) => {
            Err(format!("several interfaces that `{written}` may mean; say which: {}", several.join(", ")))
        }
    }
}

/// The function of an interface.
///
/// # Errors
/// When there is none, or it cannot be called from outside its component.
pub(super) fn function<'a>(offer: &'a Offer, interface: &str, name: &str) -> Result<&'a Arc<Signature>, String> {
    let names = || offer.functions(interface).map(|(name, _)| name);
    match offer.functions(interface).find(|(function, _)| *function == name) {
        Some((_, Offered { signature: Ok(signature), .. })) => Ok(signature),
        Some((_, Offered { signature: Err(refusal), .. })) => {
            Err(format!("no function of {interface} that could be called so: {refusal}"))
        }
        None => {
            let nearest = nearest(name, names()).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
            Err(format!("no function `{name}` in {interface}{nearest}{}", listing(offer)))
        }
    }
}

/// A function that a service offers to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedFunction {
    /// The whole name of its interface.
    pub interface: String,
    /// Its name and types, as a line of WIT.
    pub function: String,
    /// Why it cannot be called from outside its component, if it cannot.
    pub refused: Option<String>,
}

/// All functions of all interfaces.
pub(super) fn offered(offer: &Offer) -> Vec<OfferedFunction> {
    let one = |interface: &str, (name, offered): (&str, &Offered)| {
        let (function, refused) = match &offered.signature {
            Ok(signature) => (signature.to_string(), None),
            Err(error) => (name.to_owned(), Some(error.refusal.to_string())),
        };
        OfferedFunction { interface: interface.to_owned(), function, refused }
    };
    let of = |interface| offer.functions(interface).map(move |function| one(interface, function));
    offer.interfaces().flat_map(of).collect()
}

/// The same as text, on lines of its own: for who asked for something that there is not.
fn listing(offer: &Offer) -> String {
    let mut text = String::new();
    let mut before = String::new();
    for OfferedFunction { interface, function, refused } in offered(offer) {
        // Writing into a `String` cannot fail.
        if interface != before {
            let _infallible = write!(text, "\n{interface}");
        }
        let refused = refused.map(|why| format!(" (not from outside: {why})")).unwrap_or_default();
        let _infallible = write!(text, "\n  {function}{refused}");
        before = interface;
    }
    text
}

fn is_meant(name: &str, written: &str) -> bool {
    let (path, version) = split(name);
    let (end, wanted) = split(written);
    let is_end = path.strip_suffix(end).is_some_and(|before| before.is_empty() || before.ends_with([':', '/']));
    let fits = |wanted: &str| version == Some(wanted) || compatible(name, &format!("{path}@{wanted}"));
    is_end && !end.is_empty() && wanted.is_none_or(fits)
}

fn split(name: &str) -> (&str, Option<&str>) {
    name.split_once('@').map_or((name, None), |(path, version)| (path, Some(version)))
}

/// By the whole name, by the name without a version, and by the last word of it.
fn did_you_mean(offer: &Offer, written: &str) -> String {
    let short = |name: &'_ str| split(name).0.rsplit(['/', ':']).next().unwrap_or_default().to_owned();
    let forms = offer
        .interfaces()
        .flat_map(|name| [(name, name.to_owned()), (name, split(name).0.to_owned()), (name, short(name))]);
    let forms: Vec<(&str, String)> = forms.collect();
    let found = nearest(split(written).0, forms.iter().map(|(_, form)| form.as_str()));
    let name = found.and_then(|found| forms.iter().find(|(_, form)| form == found));
    name.map(|(name, _)| format!("; did you mean `{name}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_is_taken_for_another_one() {
        for (name, written, meant) in [
            ("shop:inventory/stock@1.0.0", "shop:inventory/stock", true),
            ("shop:inventory/stock@1.2.0", "shop:inventory/stock@1.0.0", true),
            ("shop:inventory/stock@1.2.0", "stock@1.0.0", true),
            ("shop:inventory/stock@1.0.0", "inventory/stock", true),
            ("shop:inventory/stock@1.0.0", "stock", true),
            ("shop:inventory/stock", "stock", true),
            ("shop:inventory/stock@2.0.0", "stock@1.0.0", false),
            ("shop:inventory/low-stock@1.0.0", "stock", false),
            ("shop:inventory/stock@1.0.0", "inventory", false),
            ("shop:inventory/stock@1.0.0", "", false),
            ("shop:inventory/stock@1.0.0", "@1.0.0", false),
        ] {
            assert_eq!(is_meant(name, written), meant, "{written} for {name}");
        }
    }
}
