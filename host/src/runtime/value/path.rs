//! Where in a value or a type something is: `argument 2 (item): field "quantity"`.

use std::fmt;

/// The steps from the outside in. An error collects them from the inside out, on its way back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Path(Vec<Step>);

/// One step into a value or a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A parameter, as a type has it.
    Parameter(String),
    /// An argument, as a call has it: counted from 1, and the parameter's name.
    Argument(usize, String),
    /// What a function gives.
    Result,
    /// A field of a record.
    Field(String),
    /// The payload of a variant's case.
    Case(String),
    /// An element of a list or a tuple, counted from 1.
    Element(usize),
    /// Any element of a list.
    Item,
    /// Any key of a map.
    Key,
    /// Any value of a map.
    Value,
    /// What an option may hold.
    Some,
    /// The good half of a result.
    Ok,
    /// The bad half of a result.
    Err,
}

impl Path {
    /// The path to the same place from one step further out.
    pub fn under(mut self, step: Step) -> Self {
        self.0.insert(0, step);
        self
    }

    /// Goes one step further in.
    pub fn enter(&mut self, step: Step) {
        self.0.push(step);
    }

    /// Goes one step back out.
    pub fn leave(&mut self) {
        self.0.pop();
    }

    /// The steps, from the outside in.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Whether this is the outermost place.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Path {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { ": " };
            write!(out, "{separator}{step}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter(name) => write!(out, "parameter {name}"),
            Self::Argument(number, name) => write!(out, "argument {number} ({name})"),
            Self::Result => out.write_str("result"),
            Self::Field(name) => write!(out, "field \"{name}\""),
            Self::Case(name) => write!(out, "case \"{name}\""),
            Self::Element(number) => write!(out, "element {number}"),
            Self::Item => out.write_str("element"),
            Self::Key => out.write_str("key"),
            Self::Value => out.write_str("value"),
            Self::Some => out.write_str("some"),
            Self::Ok => out.write_str("ok"),
            Self::Err => out.write_str("err"),
        }
    }
}
