//! What of a service's functions can be asked over HTTP, as OpenAPI 3.1
//! (<https://spec.openapis.org/oas/v3.1.0>). Pure.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `operation` | what does one function take and give |
//! | `schema` | what does JSON of a type look like |
//! | this one | what is the whole document |

mod operation;
mod schema;

use holm_registry::ServiceName;
use http::Method;
use serde_json::{Map, Value, json};

use crate::services::{Described, Operation};

/// The document of a service.
pub(super) fn document(service: &ServiceName, described: &Described) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    let mut names = Names::default();
    for operation in &described.operations {
        let path = paths.entry(operation.path.clone()).or_insert_with(|| json!({}));
        let Some(path) = path.as_object_mut() else { continue };
        for method in methods(operation) {
            let id = names.unique(&operation.signature.name);
            path.insert(method.as_str().to_ascii_lowercase(), operation::operation(operation, &method, id));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {"title": service, "version": described.version},
        "paths": paths,
        "components": {"schemas": {"Problem": problem()}},
    })
}

/// A rule for every method stands there with the one that people use for functions.
fn methods(operation: &Operation) -> Vec<Method> {
    if operation.methods.is_empty() { vec![Method::POST] } else { operation.methods.clone() }
}

/// How errors are told (RFC 9457). Members that only some of them have are left open.
fn problem() -> Value {
    json!({
        "type": "object",
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
        },
        "required": ["type", "title", "status"],
    })
}

/// Names of operations: each only once in a document.
#[derive(Default)]
struct Names(Map<String, Value>);

impl Names {
    fn unique(&mut self, name: &str) -> String {
        let count = self.0.get(name).and_then(Value::as_u64).unwrap_or(0) + 1;
        self.0.insert(name.to_owned(), count.into());
        if count == 1 { name.to_owned() } else { format!("{name}-{count}") }
    }
}
