//! Which function is a method, and what its messages stand for.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `message` | does a message fit a type, field by field |
//! | this one | is there a function for each method, and what is asked and answered |

use std::collections::BTreeMap;
use std::sync::Arc;

use prost_reflect::{MessageDescriptor, MethodDescriptor, ServiceDescriptor};

use self::message::{Direction, Pairer};
use super::decode::{Wrong, decode};
use super::encode::encode;
use super::form::Form;
use super::names::same;
use super::schema::Schema;
use crate::runtime::value::{MAX_SIZE, Mismatch, Shape, Signature, Val, check_size};

mod message;

/// A service of a schema, and the functions that answer it.
#[derive(Clone, Debug)]
pub struct Pairing {
    /// `user.UserService`.
    pub service: String,
    /// The whole name of the interface.
    pub interface: String,
    /// By their names in the schema.
    pub methods: BTreeMap<String, Arc<Method>>,
    /// For those who ask what there is.
    pub schema: Schema,
}

/// One method, and the function that answers it.
#[derive(Clone, Debug)]
pub struct Method {
    /// The function.
    pub signature: Arc<Signature>,
    /// How many messages an answer has.
    pub streaming: Streaming,
    request: Request,
    response: Form,
}

/// How many messages an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Streaming {
    /// One.
    One,
    /// One for each item of a list.
    Many,
}

/// What the message of a request stands for.
#[derive(Clone, Debug)]
enum Request {
    /// All parameters, by name.
    Parameters(Form),
    /// The only parameter.
    Only(Form),
}

impl Pairing {
    /// Pairs a service of a schema with the functions of an interface.
    ///
    /// # Errors
    /// Everything that does not fit, a line each, with its field.
    pub fn new(
        schema: Schema,
        service: &str,
        interface: &str,
        functions: &[Arc<Signature>],
    ) -> Result<Self, Vec<String>> {
        let Some(found) = schema.service(service) else {
            let all = schema.services().join(", ");
            return Err(vec![format!(
                "the proto file has no service {service}; it has {}",
                if all.is_empty() { "none" } else { &all }
            )]);
        };
        let methods = methods(&found, interface, functions)?;
        Ok(Self { service: service.to_owned(), interface: interface.to_owned(), methods, schema })
    }
}

fn methods(
    service: &ServiceDescriptor,
    interface: &str,
    functions: &[Arc<Signature>],
) -> Result<BTreeMap<String, Arc<Method>>, Vec<String>> {
    let (mut found, mut problems) = (BTreeMap::new(), Vec::new());
    for method in service.methods() {
        let name = method.name().to_owned();
        let place = |problem: String| format!("{}.{name}: {problem}", service.name());
        match functions.iter().find(|function| same(method.name(), &function.name)) {
            Some(function) => match Method::new(&method, function) {
                Ok(paired) => drop(found.insert(name, Arc::new(paired))),
                Err(wrong) => problems.extend(wrong.into_iter().map(place)),
            },
            None => {
                let all: Vec<&str> = functions.iter().map(|function| function.name.as_str()).collect();
                problems.push(place(format!("{interface} has no such function; it has {}", all.join(", "))));
            }
        }
    }
    if problems.is_empty() { Ok(found) } else { Err(problems) }
}

impl Method {
    fn new(method: &MethodDescriptor, signature: &Arc<Signature>) -> Result<Self, Vec<String>> {
        if method.is_client_streaming() {
            return Err(vec![
                "a function takes one message, not a stream of them; remove `stream` from its request".to_owned(),
            ]);
        }
        let streaming = if method.is_server_streaming() { Streaming::Many } else { Streaming::One };
        let (request, response) =
            (request(&method.input(), signature), response(&method.output(), signature, streaming));
        match (request, response) {
            (Ok(request), Ok(response)) => Ok(Self { signature: Arc::clone(signature), streaming, request, response }),
            (request, response) => {
                let problems = request.err().into_iter().chain(response.err());
                Err(problems.flatten().collect())
            }
        }
    }

    /// The arguments that a message stands for.
    ///
    /// # Errors
    /// What is wrong with it, and in which field.
    pub fn arguments(&self, message: &[u8]) -> Result<Vec<Val>, Wrong> {
        let arguments = match &self.request {
            Request::Parameters(form) => match decode(message, form)? {
                Val::Record(fields) => fields.into_iter().map(|(_, value)| value).collect(),
                _ => Vec::new(),
            },
            Request::Only(form) => vec![decode(message, form)?],
        };
        check_size(&arguments, MAX_SIZE)?;
        Ok(arguments)
    }

    /// The messages that a good answer stands for: the value itself, or that of `ok`.
    ///
    /// # Errors
    /// When it is no value of the function.
    pub fn messages(&self, value: Option<&Val>) -> Result<Vec<Vec<u8>>, Mismatch> {
        let nothing = Val::Bool(false);
        let value = value.unwrap_or(&nothing);
        match (self.streaming, value) {
            (Streaming::Many, Val::List(items)) => items.iter().map(|item| encode(item, &self.response)).collect(),
            (Streaming::Many, _) => Err(Mismatch::of("a stream of messages")),
            (Streaming::One, value) => Ok(vec![encode(value, &self.response)?]),
        }
    }
}

/// The message is the parameters, or the fields of the only parameter.
fn request(message: &MessageDescriptor, signature: &Signature) -> Result<Request, Vec<String>> {
    let place = |problem: String| format!("request {}: {problem}", message.name());
    let named = |problems: Vec<String>| problems.into_iter().map(place).collect::<Vec<_>>();
    let pairer = Pairer::new(Direction::In);
    let inner = match signature.params.as_slice() {
        [(name, shape @ (Shape::Record(_) | Shape::Variant(_)))]
            if !message.fields().any(|field| same(field.name(), name)) =>
        {
            shape
        }
        params => return pairer.record(params, message).map(Form::Record).map(Request::Parameters).map_err(named),
    };
    pairer.message(inner, message).map(Request::Only).map_err(named)
}

fn response(message: &MessageDescriptor, signature: &Signature, streaming: Streaming) -> Result<Form, Vec<String>> {
    let place = |problem: String| format!("response {}: {problem}", message.name());
    let ok = match &signature.result {
        Some(Shape::Result { ok, .. }) => ok.as_deref(),
        other => other.as_ref(),
    };
    let item = match (streaming, ok) {
        (Streaming::One, ok) => ok,
        (Streaming::Many, Some(Shape::List(item))) => Some(item.as_ref()),
        (Streaming::Many, other) => {
            let found = other.map_or_else(|| "nothing".to_owned(), Shape::brief);
            return Err(vec![place(format!("a stream is a list in WIT, and {} gives {found}", signature.name))]);
        }
    };
    let form = match item {
        Some(shape) => Pairer::new(Direction::Out).message(shape, message),
        None if message.fields().len() == 0 => Ok(Form::Empty),
        None => Err(vec![format!("{} gives nothing, so its message has no fields", signature.name)]),
    };
    form.map_err(|problems| problems.into_iter().map(place).collect())
}
