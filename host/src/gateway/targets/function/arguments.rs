//! The arguments of a function, collected from path, query and body. Pure.
//!
//! What stands in a path or a query is text, and becomes JSON by the type of its parameter. Whatever
//! is wrong is told with its place: a parameter of the URL by its name, a part of the body by its
//! JSON pointer (RFC 6901).

use std::collections::BTreeMap;

use holm_registry::compose::ask::given;
use holm_registry::nearest::nearest;
use holm_registry::route::FunctionTarget;
use serde_json::{Map, Value};

use crate::services::value::{ArgumentError, Problem, Shape, Signature, Step};

/// What a request says.
pub(super) struct Given<'a> {
    pub(super) target: &'a FunctionTarget,
    /// Of the path, raw.
    pub(super) captures: &'a [(&'a str, &'a str)],
    pub(super) query: Option<&'a str>,
    pub(super) body: Option<Value>,
}

/// Where each argument was found, by its name in WIT.
#[derive(Debug, Default)]
pub(super) struct Places(BTreeMap<String, Place>);

#[derive(Clone, Debug)]
enum Place {
    /// A parameter of the URL, as it is written there.
    Parameter(String),
    /// The whole body.
    Body,
}

/// What is wrong with an argument, for the client.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::gateway) struct Wrong {
    /// A parameter of path or query.
    pub(super) parameter: Option<String>,
    /// A part of the body: `#/items/0/quantity`.
    pub(super) pointer: Option<String>,
    /// What is wrong there.
    pub(super) detail: String,
}

/// All arguments as one value, and where they come from.
///
/// # Errors
/// A parameter that the function does not have, or that is given twice.
pub(super) fn collect(given: Given<'_>, signature: &Signature) -> Result<(Value, Places), Wrong> {
    let mut collected = Collected { signature, arguments: Map::new(), places: Places::default() };
    let Given { target, captures, query, body } = given;
    for (name, raw) in captures.iter().filter(|(name, _)| !target.is_taken(name)) {
        collected.parameter(name, &[text(raw)])?;
    }
    for (name, values) in query.map(parameters).unwrap_or_default() {
        collected.parameter(&name, &values)?;
    }
    let Collected { arguments, places, .. } = match (body, &target.body) {
        (None, _) => collected,
        (Some(body), Some(parameter)) => collected.whole_body(parameter, body)?,
        (Some(Value::Object(fields)), None) => collected.fields(fields)?,
        // all of them in their order, as `holm call` takes them
        (Some(list @ Value::Array(_)), None) if collected.arguments.is_empty() => return Ok((list, Places::default())),
        (Some(_), None) => {
            return Err(Wrong::whole("the body must be an object with the function's parameters".into()));
        }
    };
    Ok((arguments.into(), places))
}

struct Collected<'a> {
    signature: &'a Signature,
    arguments: Map<String, Value>,
    places: Places,
}

impl Collected<'_> {
    fn parameter(&mut self, written: &str, values: &[String]) -> Result<(), Wrong> {
        let wrong = |detail: String| Wrong { parameter: Some(written.to_owned()), pointer: None, detail };
        let name = written.replace('_', "-");
        let Some((_, shape)) = self.signature.params.iter().find(|(known, _)| *known == name) else {
            let known = self.signature.params.iter().map(|(name, _)| name.as_str());
            let hint = nearest(&name, known).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
            return Err(wrong(format!("the function has no such parameter{hint}")));
        };
        let value = from_texts(values, shape).ok_or_else(|| wrong("it is given more than once".to_owned()))?;
        if self.arguments.insert(name.clone(), value).is_some() {
            return Err(wrong("it is given more than once".to_owned()));
        }
        self.places.0.insert(name, Place::Parameter(written.to_owned()));
        Ok(())
    }

    fn whole_body(mut self, parameter: &str, body: Value) -> Result<Self, Wrong> {
        self.arguments.insert(parameter.to_owned(), body);
        self.places.0.insert(parameter.to_owned(), Place::Body);
        Ok(self)
    }

    fn fields(mut self, fields: Map<String, Value>) -> Result<Self, Wrong> {
        for (name, value) in fields {
            if self.arguments.contains_key(&name) {
                let pointer = Some(pointer(&[&name]));
                return Err(Wrong { parameter: None, pointer, detail: "the URL says it already".to_owned() });
            }
            self.arguments.insert(name, value);
        }
        Ok(self)
    }
}

impl Wrong {
    /// Something wrong with the whole body.
    pub(super) fn whole(detail: String) -> Self {
        Self { parameter: None, pointer: Some("#".to_owned()), detail }
    }
}

impl Places {
    /// What is wrong, told with its place in the request.
    pub(super) fn wrong(&self, error: &ArgumentError) -> Wrong {
        let (steps, detail) = (error.path.steps(), error.problem.to_string());
        let argument = match (steps.first(), &error.problem) {
            (Some(Step::Argument(_, name)), _) => Some(name),
            (None, Problem::Missing { name, .. } | Problem::Unknown { name, .. }) => Some(name),
            _ => None,
        };
        let inner = steps.get(1..).unwrap_or_default();
        let mut places: Vec<String> = inner.iter().filter_map(token).collect();
        if let (Problem::Missing { name, .. } | Problem::Unknown { name, .. }, false) =
            (&error.problem, steps.is_empty())
        {
            places.push(name.clone());
        }
        match argument.and_then(|name| self.0.get(name)) {
            Some(Place::Parameter(name)) => Wrong { parameter: Some(name.clone()), pointer: None, detail },
            Some(Place::Body) => Wrong { parameter: None, pointer: Some(pointer(&places)), detail },
            None => {
                let all: Vec<&str> =
                    argument.map(String::as_str).into_iter().chain(places.iter().map(String::as_str)).collect();
                Wrong { parameter: None, pointer: Some(pointer(&all)), detail }
            }
        }
    }
}

/// One step as JSON has it.
fn token(step: &Step) -> Option<String> {
    match step {
        Step::Field(name) | Step::Case(name) | Step::Argument(_, name) | Step::Parameter(name) => Some(name.clone()),
        Step::Element(number) => Some((number.saturating_sub(1)).to_string()),
        Step::Key => Some("0".to_owned()),
        Step::Value => Some("1".to_owned()),
        Step::Some => Some("some".to_owned()),
        Step::Ok => Some("ok".to_owned()),
        Step::Err => Some("err".to_owned()),
        Step::Result | Step::Item => None,
    }
}

/// A pointer as the fragment of a URI, with `~` and `/` escaped.
fn pointer(tokens: &[impl AsRef<str>]) -> String {
    let escaped = |token: &str| format!("/{}", token.replace('~', "~0").replace('/', "~1"));
    std::iter::once("#".to_owned()).chain(tokens.iter().map(|token| escaped(token.as_ref()))).collect()
}

/// What text means for a type; `None` for several texts where one is wanted. What makes no sense
/// stays text, and is refused by its type with the rest.
fn from_texts(values: &[String], shape: &Shape) -> Option<Value> {
    match (shape, values) {
        (Shape::Option(inner), _) => from_texts(values, inner),
        (Shape::List(item), _) if **item != Shape::U8 => {
            values.iter().map(|text| from_texts(std::slice::from_ref(text), item)).collect()
        }
        (_, [text]) => Some(from_text(text, shape)),
        _ => None,
    }
}

fn from_text(text: &str, shape: &Shape) -> Value {
    let as_it_is = || Value::String(text.to_owned());
    match shape {
        Shape::String | Shape::Char | Shape::Enum(_) | Shape::S64 | Shape::U64 | Shape::List(_) => as_it_is(),
        // numbers, truth values, and records that somebody took the trouble to write as JSON
        _ => serde_json::from_str(text).unwrap_or_else(|_| as_it_is()),
    }
}

fn text(raw: &str) -> String {
    given(raw).as_str().unwrap_or_default().to_owned()
}

/// A query, as forms are encoded: names with all their values, in their order.
fn parameters(query: &str) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        found.entry(text(&name.replace('+', " "))).or_default().push(text(&value.replace('+', " ")));
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::services::value::Path;

    fn signature() -> Signature {
        let item = Shape::Record(vec![("sku".into(), Shape::String), ("quantity".into(), Shape::U32)]);
        let params = [
            ("user-id", Shape::String),
            ("limit", Shape::Option(Box::new(Shape::U32))),
            ("tags", Shape::List(Box::new(Shape::String))),
            ("big", Shape::U64),
            ("item", item),
        ];
        let params = params.into_iter().map(|(name, shape)| (name.to_owned(), shape)).collect();
        Signature { name: "find".into(), is_async: false, params, result: None }
    }

    fn target(json: Value) -> FunctionTarget {
        serde_json::from_value(json).unwrap()
    }

    fn fixed() -> FunctionTarget {
        target(json!({"service": "users", "interface": "directory", "name": "find"}))
    }

    fn arguments(target: &FunctionTarget, captures: &[(&str, &str)], query: &str, body: Value) -> Result<Value, Wrong> {
        let body = (!body.is_null()).then_some(body);
        let query = (!query.is_empty()).then_some(query);
        collect(Given { target, captures, query, body }, &signature()).map(|(arguments, _)| arguments)
    }

    #[test]
    fn a_text_of_the_url_stays_text_or_a_number_becomes_one_unasked() {
        let found = arguments(&fixed(), &[("user_id", "7%20a")], "limit=5&tags=1&tags=b+c&big=9", Value::Null);
        let expected = json!({"user-id": "7 a", "limit": 5, "tags": ["1", "b c"], "big": "9"});
        assert_eq!(found, Ok(expected));
        let found = arguments(&fixed(), &[], "limit=many&user_id=12&item={\"sku\":\"a\"}", Value::Null);
        assert_eq!(found, Ok(json!({"limit": "many", "user-id": "12", "item": {"sku": "a"}})));
    }

    #[test]
    fn the_body_is_not_what_the_rule_says_it_is() {
        let item = json!({"sku": "tea", "quantity": 2});
        let mut whole = fixed();
        whole.body = Some("item".to_owned());
        let found = arguments(&whole, &[("user_id", "7")], "", item.clone());
        assert_eq!(found, Ok(json!({"user-id": "7", "item": item})));
        let found = arguments(&fixed(), &[("user_id", "7")], "", json!({"item": item}));
        assert_eq!(found, Ok(json!({"user-id": "7", "item": item})));
        let rpc = target(json!({"service": "users"}));
        let captures = [("interface", "directory"), ("function", "find")];
        assert_eq!(arguments(&rpc, &captures, "", json!(["7"])), Ok(json!(["7"])));
        assert_eq!(arguments(&rpc, &captures, "", json!({})), Ok(json!({})));
    }

    #[test]
    fn a_wrong_parameter_is_taken_or_not_named() {
        let wrong = |query: &str, body: Value| arguments(&fixed(), &[("user_id", "7")], query, body).unwrap_err();
        let detail = |wrong: Wrong| format!("{:?} {:?} {}", wrong.parameter, wrong.pointer, wrong.detail);
        assert_eq!(
            detail(wrong("limt=5", Value::Null)),
            "Some(\"limt\") None the function has no such parameter; did you mean `limit`?"
        );
        assert!(detail(wrong("limit=5&limit=6", Value::Null)).ends_with("it is given more than once"));
        assert!(detail(wrong("user_id=8", Value::Null)).ends_with("it is given more than once"));
        assert!(detail(wrong("", json!({"user-id": "8"}))).contains("#/user-id"));
        assert!(detail(wrong("", json!("8"))).contains("must be an object"));
    }

    #[test]
    fn an_error_points_somewhere_else() {
        let mut path = Path::default();
        path.enter(Step::Argument(2, "items".into()));
        path.enter(Step::Element(1));
        path.enter(Step::Field("quan/tity".into()));
        let error = ArgumentError { path, problem: Problem::Unexpected { wanted: "u32".into(), got: "x".into() } };
        let mut places = Places::default();
        assert_eq!(places.wrong(&error).pointer.as_deref(), Some("#/items/0/quan~1tity"));
        places.0.insert("items".into(), Place::Body);
        assert_eq!(places.wrong(&error).pointer.as_deref(), Some("#/0/quan~1tity"));
        places.0.insert("items".into(), Place::Parameter("items".into()));
        assert_eq!(places.wrong(&error).parameter.as_deref(), Some("items"));
        let missing = Problem::Missing { kind: "argument", name: "user-id".into(), wanted: "string".into() };
        let error = ArgumentError { path: Path::default(), problem: missing };
        assert_eq!(places.wrong(&error).pointer.as_deref(), Some("#/user-id"));
    }
}
