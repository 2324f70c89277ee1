//! JSON to a value, by type.

use holm_registry::template::Template;
use serde_json::{Map, Value};
use wasmtime::component::Val;

use super::super::budget::Budget;
use super::super::path::Step;
use super::super::shape::Shape;
use super::super::signature::Signature;
use super::super::size::{MAX_SIZE, check_size};
use super::holes::{Filled, Holes};
use super::problem::{ArgumentError, Problem};
use super::scalar;

type Read<T> = Result<T, ArgumentError>;

/// The value of this type that JSON describes.
///
/// # Errors
/// When it is no value of the type, or a larger one than a call may carry.
pub fn from_json(json: &Value, shape: &Shape) -> Read<Val> {
    let value = Reader::default().value(json, shape)?;
    check_size(std::slice::from_ref(&value), MAX_SIZE)?;
    Ok(value)
}

/// The arguments of a call: an array of all in their order, or an object with their names, where options may be absent.
///
/// # Errors
/// When one is missing or unknown, is no value of its type, or they are larger than a call may carry.
pub fn arguments_from_json(json: &Value, signature: &Signature) -> Read<Vec<Val>> {
    let mut reader = Reader::default();
    let values = match json {
        Value::Array(items) => reader.arguments(items, &signature.params)?,
        Value::Object(fields) => {
            let argument = |at, name| Step::Argument(at, name);
            let named = reader.named(fields, &signature.params, "argument", &argument)?;
            named.into_iter().map(|(_, value)| value).collect()
        }
        other => {
            let wanted = format!("an array of the arguments of {signature}, or an object with their names");
            return Err(Problem::other_than(wanted, other).into());
        }
    };
    check_size(&values, MAX_SIZE)?;
    Ok(values)
}

/// Checks that a template always gives what the function gives, whatever that is called with.
///
/// # Errors
/// What does not fit, and where.
pub fn check_template(template: &Template, signature: &Signature) -> Read<()> {
    let mut reader = Reader { holes: Some(Holes::of(signature)), ..Reader::default() };
    let (json, is_nothing) = (template.source(), |fields: &Map<_, _>| fields.is_empty());
    match &signature.result {
        Some(shape) => reader.step(Step::Result, json, shape).map(drop),
        // TOML has no null
        None if json.is_null() || json.as_object().is_some_and(is_nothing) => Ok(()),
        None => {
            Err(ArgumentError::from(Problem::other_than("{}, since it gives nothing".into(), json)).under(Step::Result))
        }
    }
}

#[derive(Default)]
struct Reader<'a> {
    budget: Budget,
    /// What references stand for, where strings are those of a template.
    holes: Option<Holes<'a>>,
}

impl Reader<'_> {
    fn value(&mut self, json: &Value, shape: &Shape) -> Read<Val> {
        match (&self.holes, json) {
            (Some(holes), Value::String(text)) => match holes.fill(text, shape)? {
                Filled::Text(text) => self.plain(&text.into(), shape),
                Filled::Fits(stand_in) => Ok(stand_in),
            },
            _ => self.plain(json, shape),
        }
    }

    /// JSON that is no template, or whose references are filled in.
    fn plain(&mut self, json: &Value, shape: &Shape) -> Read<Val> {
        self.budget.take(json.as_str().map_or(0, str::len))?;
        self.value_of_kind(json, shape).unwrap_or_else(|| Err(Problem::unexpected(shape, json).into()))
    }

    /// `None` if the JSON is of another kind than the type wants.
    fn value_of_kind(&mut self, json: &Value, shape: &Shape) -> Option<Read<Val>> {
        match shape {
            Shape::List(item) => Some(self.list(json, item, None)?.map(Val::List)),
            Shape::FixedList(item, length) => Some(self.list(json, item, Some(*length))?.map(Val::FixedLengthList)),
            Shape::Map(entry) => Some(self.map(json.as_array()?, entry)),
            Shape::Record(shapes) => {
                let field = |_, name| Step::Field(name);
                Some(self.named(json.as_object()?, shapes, "field", &field).map(Val::Record))
            }
            Shape::Tuple(shapes) => Some(self.tuple(json.as_array()?, shapes)),
            Shape::Variant(cases) => self.variant(json, cases),
            Shape::Enum(names) => Some(enumeration(json.as_str()?, names)),
            Shape::Option(inner) => self.option(json, inner),
            Shape::Result { ok, err } => self.result(json, ok.as_deref(), err.as_deref()),
            Shape::Flags(names) => flags(json.as_array()?, names),
            scalar => scalar::read(json, scalar).map(Ok),
        }
    }

    fn step(&mut self, step: Step, json: &Value, shape: &Shape) -> Read<Val> {
        self.value(json, shape).map_err(|error| error.under(step))
    }

    fn arguments(&mut self, items: &[Value], params: &[(String, Shape)]) -> Read<Vec<Val>> {
        count("argument", params.len(), items.len())?;
        let read = |(at, (json, (name, shape))): (usize, (&Value, &(String, Shape)))| {
            self.step(Step::Argument(at + 1, name.clone()), json, shape)
        };
        items.iter().zip(params).enumerate().map(read).collect()
    }

    /// Elements from an array, or bytes from base64.
    fn list(&mut self, json: &Value, item: &Shape, length: Option<u32>) -> Option<Read<Vec<Val>>> {
        let length = length.map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        match item {
            Shape::U8 => Some(self.bytes(json.as_str()?, length)),
            _ => Some(self.elements(json.as_array()?, item, length)),
        }
    }

    fn bytes(&mut self, text: &str, length: Option<usize>) -> Read<Vec<Val>> {
        let bytes = scalar::bytes(text)?;
        count("byte", length.unwrap_or(bytes.len()), bytes.len())?;
        self.budget.take(bytes.len().saturating_mul(size_of::<Val>()))?;
        Ok(bytes.into_iter().map(Val::U8).collect())
    }

    fn elements(&mut self, items: &[Value], item: &Shape, length: Option<usize>) -> Read<Vec<Val>> {
        count("element", length.unwrap_or(items.len()), items.len())?;
        items.iter().enumerate().map(|(at, json)| self.step(Step::Element(at + 1), json, item)).collect()
    }

    fn tuple(&mut self, items: &[Value], shapes: &[Shape]) -> Read<Val> {
        count("element", shapes.len(), items.len())?;
        let pairs = items.iter().zip(shapes).enumerate();
        let elements = pairs.map(|(at, (json, shape))| self.step(Step::Element(at + 1), json, shape));
        Ok(Val::Tuple(elements.collect::<Read<_>>()?))
    }

    fn map(&mut self, items: &[Value], shapes: &(Shape, Shape)) -> Read<Val> {
        let entries = items.iter().enumerate().map(|(at, json)| {
            self.entry(json, shapes).map_err(|error: ArgumentError| error.under(Step::Element(at + 1)))
        });
        Ok(Val::Map(entries.collect::<Read<_>>()?))
    }

    fn entry(&mut self, json: &Value, (key, value): &(Shape, Shape)) -> Read<(Val, Val)> {
        match json.as_array().map(Vec::as_slice) {
            Some([key_json, value_json]) => {
                Ok((self.step(Step::Key, key_json, key)?, self.step(Step::Value, value_json, value)?))
            }
            _ => Err(Problem::other_than("a pair [key, value]".into(), json).into()),
        }
    }

    /// Fields, or arguments by name. What is absent must be an option. `step` gets the number, counted from 1.
    fn named(
        &mut self,
        fields: &Map<String, Value>,
        shapes: &[(String, Shape)],
        kind: &'static str,
        step: &dyn Fn(usize, String) -> Step,
    ) -> Read<Vec<(String, Val)>> {
        let mut found = 0;
        let mut values = Vec::with_capacity(shapes.len());
        for (at, (name, shape)) in shapes.iter().enumerate() {
            self.budget.take(name.len())?;
            let value = match (fields.get(name), shape) {
                (Some(json), _) => self.step(step(at + 1, name.clone()), json, shape)?,
                (None, Shape::Option(_)) => Val::Option(None),
                // a misspelt field is the better explanation of a missing one
                (None, _) => {
                    let missing = || Problem::missing(kind, name, shape);
                    return Err(unknown(fields, shapes, kind).unwrap_or_else(missing).into());
                }
            };
            found += usize::from(fields.contains_key(name));
            values.push((name.clone(), value));
        }
        if found < fields.len()
            && let Some(problem) = unknown(fields, shapes, kind)
        {
            return Err(problem.into());
        }
        Ok(values)
    }

    fn variant(&mut self, json: &Value, cases: &[(String, Option<Shape>)]) -> Option<Read<Val>> {
        let (name, payload) = match json {
            Value::String(name) => (name.as_str(), None),
            _ => only(json).map(|(name, payload)| (name, Some(payload)))?,
        };
        let Some((_, shape)) = cases.iter().find(|(case, _)| case == name) else {
            return Some(Err(Problem::unknown("case", name, cases.iter().map(|(case, _)| case.as_str())).into()));
        };
        let payload = match (payload, shape) {
            (None, None) => Ok(None),
            (Some(json), Some(shape)) => {
                self.step(Step::Case(name.to_owned()), json, shape).map(|it| Some(Box::new(it)))
            }
            _ => return None,
        };
        Some(payload.map(|payload| Val::Variant(name.to_owned(), payload)))
    }

    fn option(&mut self, json: &Value, inner: &Shape) -> Option<Read<Val>> {
        if json.is_null() {
            return Some(Ok(Val::Option(None)));
        }
        let value = match (inner, only(json)) {
            (Shape::Option(_), Some(("some", json))) => self.step(Step::Some, json, inner),
            (Shape::Option(_), _) => return None,
            _ => self.plain(json, inner),
        };
        Some(value.map(|value| Val::Option(Some(Box::new(value)))))
    }

    fn result(&mut self, json: &Value, ok: Option<&Shape>, err: Option<&Shape>) -> Option<Read<Val>> {
        match only(json)? {
            ("ok", json) => Some(self.payload(Step::Ok, json, ok).map(|payload| Val::Result(Ok(payload)))),
            ("err", json) => Some(self.payload(Step::Err, json, err).map(|payload| Val::Result(Err(payload)))),
            _ => None,
        }
    }

    fn payload(&mut self, step: Step, json: &Value, shape: Option<&Shape>) -> Read<Option<Box<Val>>> {
        match shape {
            Some(shape) => Ok(Some(Box::new(self.step(step, json, shape)?))),
            None if json.is_null() => Ok(None),
            None => {
                let error = ArgumentError::from(Problem::other_than("null, since it has no payload".into(), json));
                Err(error.under(step))
            }
        }
    }
}

/// The one field of an object that has one.
fn only(json: &Value) -> Option<(&str, &Value)> {
    let mut fields = json.as_object()?.iter();
    let (name, value) = fields.next()?;
    fields.next().is_none().then_some((name.as_str(), value))
}

fn count(kind: &'static str, wanted: usize, got: usize) -> Result<(), Problem> {
    if wanted == got { Ok(()) } else { Err(Problem::Count { kind, wanted, got }) }
}

/// The first field that the type does not know.
fn unknown(fields: &Map<String, Value>, shapes: &[(String, Shape)], kind: &'static str) -> Option<Problem> {
    let known = || shapes.iter().map(|(name, _)| name.as_str());
    let name = fields.keys().find(|name| !known().any(|known| known == *name))?;
    Some(Problem::unknown(kind, name, known()))
}

fn enumeration(name: &str, names: &[String]) -> Read<Val> {
    known("case", name, names)?;
    Ok(Val::Enum(name.to_owned()))
}

/// The flags that are named, in the order of their declaration.
fn flags(items: &[Value], names: &[String]) -> Option<Read<Val>> {
    let given: Vec<&str> = items.iter().map(Value::as_str).collect::<Option<_>>()?;
    let checked = given.iter().try_for_each(|name| known("flag", name, names));
    let set = || names.iter().filter(|name| given.contains(&name.as_str())).cloned().collect();
    Some(checked.map(|()| Val::Flags(set())).map_err(ArgumentError::from))
}

fn known(kind: &'static str, name: &str, names: &[String]) -> Result<(), Problem> {
    match names.iter().any(|known| known == name) {
        true => Ok(()),
        false => Err(Problem::unknown(kind, name, names.iter().map(String::as_str))),
    }
}
