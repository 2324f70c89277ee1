//! The strings of a template, where values are wanted: text, or `{account}` for something that a function is called with.
//!
//! What will stand there is not known before the call, but its type is: whatever does not fit then is refused now.

use holm_registry::nearest::nearest;
use holm_registry::template::{Reference, Text, parse_text};
use wasmtime::component::Val;

use super::super::shape::Shape;
use super::super::signature::Signature;
use super::fits::{fits, is_text, takes_any_text};
use super::problem::Problem;

/// What references may begin with: the parameters of a function.
pub struct Holes<'a>(&'a [(String, Shape)]);

/// What a string stands for.
pub enum Filled {
    /// Text, to be read as if it stood there plainly.
    Text(String),
    /// Always a value of the type, which is not known yet; this stands in for it.
    Fits(Val),
}

impl<'a> Holes<'a> {
    /// For the parameters of a function.
    pub fn of(signature: &'a Signature) -> Self {
        Self(&signature.params)
    }

    /// What a string of the template stands for where a value of the type is wanted.
    ///
    /// # Errors
    /// When it refers to nothing, or to what is not always a value of the type.
    pub fn fill(&self, text: &str, shape: &Shape) -> Result<Filled, Problem> {
        let broken = |error| Problem::Nowhere { reference: text.to_owned(), why: format!("is no template: {error}") };
        match parse_text(text).map_err(broken)? {
            Text::Plain(text) => return Ok(Filled::Text(text)),
            Text::Whole(reference) => {
                let found = self.find(&reference)?;
                if !fits(found, shape) {
                    return Err(Problem::misfit(shape, &reference, found));
                }
            }
            mixed @ Text::Parts(_) => self.check_text(&mixed, text, shape)?,
        }
        Ok(Filled::Fits(Val::Option(None)))
    }

    /// References in the middle of a text make a longer text.
    fn check_text(&self, mixed: &Text, text: &str, shape: &Shape) -> Result<(), Problem> {
        if !takes_any_text(shape) {
            return Err(Problem::other_than(shape.brief(), &text.into()));
        }
        for reference in mixed.references() {
            let found = self.find(reference)?;
            if !is_text(found) {
                return Err(Problem::misfit(&Shape::String, reference, found));
            }
        }
        Ok(())
    }

    /// The type of what a reference leads to.
    fn find(&self, reference: &Reference) -> Result<&'a Shape, Problem> {
        let names = || self.0.iter().map(|(name, _)| name.as_str());
        let unknown = || {
            let nearest = nearest(reference.name(), names()).map(|name| format!("; did you mean `{{{name}}}`?"));
            nowhere(reference, format!("is no parameter of the function{}", nearest.unwrap_or_default()))
        };
        let known = self.0.iter().find(|(name, _)| name == reference.name());
        let mut found = known.map(|(_, shape)| shape).ok_or_else(unknown)?;
        for step in reference.steps() {
            let missing = || format!("leads nowhere: no `{step}` is always in {}", found.brief());
            found = step_into(found, step).ok_or_else(|| nowhere(reference, missing()))?;
        }
        Ok(found)
    }
}

fn nowhere(reference: &Reference, why: String) -> Problem {
    Problem::Nowhere { reference: reference.to_string(), why }
}

/// What is there whatever the value is: a field, or an element of what has a fixed number of them.
fn step_into<'a>(shape: &'a Shape, step: &str) -> Option<&'a Shape> {
    match shape {
        Shape::Record(fields) => fields.iter().find(|(name, _)| name == step).map(|(_, shape)| shape),
        Shape::Tuple(shapes) => shapes.get(step.parse::<usize>().ok()?),
        // bytes are one string
        Shape::FixedList(item, length) if **item != Shape::U8 => (step.parse::<u32>().ok()? < *length).then_some(item),
        _ => None,
    }
}
