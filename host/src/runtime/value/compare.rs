//! In what two functions differ, in words.
//!
//! A function there can stand for the one here only if their types are the same: names, order, everything. A field or
//! a case more would change what the bytes of all others mean.

use std::collections::BTreeSet;
use std::fmt;

use super::path::{Path, Step};
use super::shape::Shape;
use super::signature::Signature;

/// How many differences are told: whoever mends the first ones compares again.
const TOLD: usize = 3;

/// In what a function there differs from the one that is expected here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{function}: {}", .found.join("; "))]
pub struct Difference {
    /// The function's name.
    pub function: String,
    /// The first differences, each with its place: `parameter item: field "quantity" is u32 there, u64 here`.
    pub found: Vec<String>,
}

impl Signature {
    /// Whether the function `there` can stand for this one: same parameters, same result, same kind.
    ///
    /// # Errors
    /// The first differences, in words.
    pub fn check_same(&self, there: &Self) -> Result<(), Difference> {
        let mut search = Search::default();
        search.functions(there, self);
        match search.found.is_empty() {
            true => Ok(()),
            false => Err(Difference { function: self.name.clone(), found: search.found }),
        }
    }
}

/// What has been found, and where the search stands.
#[derive(Default)]
struct Search {
    path: Path,
    found: Vec<String>,
}

impl Search {
    fn note(&mut self, what: impl fmt::Display) {
        if self.found.len() < TOLD {
            let space = if self.path.is_root() { "" } else { " " };
            self.found.push(format!("{}{space}{what}", self.path));
        }
    }

    fn within(&mut self, step: Step, look: impl FnOnce(&mut Self)) {
        self.path.enter(step);
        look(self);
        self.path.leave();
    }

    fn functions(&mut self, there: &Signature, here: &Signature) {
        if there.is_async != here.is_async {
            let kind = |is_async| if is_async { "an async func" } else { "a func" };
            self.note(format_args!("is {} there, {} here", kind(there.is_async), kind(here.is_async)));
        }
        self.members(&there.params, &here.params, "parameter", Step::Parameter, Self::shapes);
        self.payloads(there.result.as_ref(), here.result.as_ref(), Step::Result);
    }

    fn shapes(&mut self, there: &Shape, here: &Shape) {
        match (there, here) {
            (Shape::List(there), Shape::List(here)) => self.within(Step::Item, |search| search.shapes(there, here)),
            (Shape::FixedList(there, length), Shape::FixedList(here, wanted)) if length == wanted => {
                self.within(Step::Item, |search| search.shapes(there, here));
            }
            (Shape::Map(there), Shape::Map(here)) => {
                self.within(Step::Key, |search| search.shapes(&there.0, &here.0));
                self.within(Step::Value, |search| search.shapes(&there.1, &here.1));
            }
            (Shape::Record(there), Shape::Record(here)) => {
                self.members(there, here, "field", Step::Field, Self::shapes);
            }
            (Shape::Tuple(there), Shape::Tuple(here)) if there.len() == here.len() => {
                for (at, (there, here)) in there.iter().zip(here).enumerate() {
                    self.within(Step::Element(at + 1), |search| search.shapes(there, here));
                }
            }
            (Shape::Variant(there), Shape::Variant(here)) => {
                let payloads = |search: &mut Self, there: &Option<Shape>, here: &Option<Shape>| {
                    search.payload(there.as_ref(), here.as_ref());
                };
                self.members(there, here, "case", Step::Case, payloads);
            }
            (Shape::Enum(there), Shape::Enum(here)) => self.names(names(there), names(here), "case"),
            (Shape::Flags(there), Shape::Flags(here)) => self.names(names(there), names(here), "flag"),
            (Shape::Option(there), Shape::Option(here)) => self.within(Step::Some, |search| search.shapes(there, here)),
            (Shape::Result { ok, err }, Shape::Result { ok: ok_here, err: err_here }) => {
                self.payloads(ok.as_deref(), ok_here.as_deref(), Step::Ok);
                self.payloads(err.as_deref(), err_here.as_deref(), Step::Err);
            }
            _ if there == here => {}
            _ => self.note(format_args!("is {} there, {} here", there.brief(), here.brief())),
        }
    }

    /// What has names and types: parameters, fields, cases.
    fn members<T>(
        &mut self,
        there: &[(String, T)],
        here: &[(String, T)],
        kind: &str,
        step: fn(String) -> Step,
        look: impl Fn(&mut Self, &T, &T),
    ) {
        let name = |(name, _): &'_ (String, T)| name.clone();
        let (names_there, names_here): (Vec<_>, Vec<_>) =
            (there.iter().map(name).collect(), here.iter().map(name).collect());
        if names_there != names_here {
            return self.names(names(&names_there), names(&names_here), kind);
        }
        for ((name, there), (_, here)) in there.iter().zip(here) {
            self.within(step(name.clone()), |search| look(search, there, here));
        }
    }

    fn names(&mut self, there: Vec<&str>, here: Vec<&str>, kind: &str) {
        if there == here {
            return;
        }
        let (known_there, known_here) = (BTreeSet::from_iter(&there), BTreeSet::from_iter(&here));
        if known_there == known_here {
            let (there, here) = (brief_list(&there), brief_list(&here));
            return self.note(format_args!("has its {kind}s in the order {there} there, {here} here"));
        }
        for name in there.iter().filter(|name| !known_here.contains(name)) {
            self.note(format_args!("has a {kind} \"{name}\" there, none here"));
        }
        for name in here.iter().filter(|name| !known_there.contains(name)) {
            self.note(format_args!("has no {kind} \"{name}\" there, one here"));
        }
    }

    fn payloads(&mut self, there: Option<&Shape>, here: Option<&Shape>, step: Step) {
        self.within(step, |search| search.payload(there, here));
    }

    fn payload(&mut self, there: Option<&Shape>, here: Option<&Shape>) {
        match (there, here) {
            (Some(there), Some(here)) => self.shapes(there, here),
            (None, None) => {}
            (there, here) => {
                let text = |shape: Option<&Shape>| shape.map_or_else(|| "nothing".to_owned(), Shape::brief);
                self.note(format_args!("is {} there, {} here", text(there), text(here)));
            }
        }
    }
}

fn names(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

fn brief_list(names: &[&str]) -> String {
    const SHOWN: usize = 8;
    let more = if names.len() > SHOWN { ", …" } else { "" };
    format!("({}{more})", names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", "))
}
