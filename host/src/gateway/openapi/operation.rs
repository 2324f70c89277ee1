//! What one function takes and gives, by one rule.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Map, Value, json};

use super::schema::{record, schema};
use crate::gateway::named_error::meaning;
use crate::services::Operation;
use crate::services::value::Shape;

/// It, for one method of its rule.
pub(super) fn operation(operation: &Operation, method: &Method, id: String) -> Value {
    let mut found = json!({
        "operationId": id,
        "summary": operation.signature.to_string(),
        "parameters": parameters(operation, method),
        "responses": responses(operation),
    });
    if let (Some(body), Some(found)) = (body(operation, method), found.as_object_mut()) {
        found.insert("requestBody".to_owned(), body);
    }
    found
}

/// Those that a URL has: of the path, and without a body, all others in the query.
fn parameters(operation: &Operation, method: &Method) -> Vec<Value> {
    let shape = |wanted: &str| {
        let mut params = operation.signature.params.iter();
        params.find(|(name, _)| *name == wanted.replace('_', "-")).map(|(_, shape)| schema(shape))
    };
    let in_path = operation
        .in_path
        .iter()
        .filter_map(|name| Some(json!({"name": name, "in": "path", "required": true, "schema": shape(name)?})));
    let in_query = left(operation).filter(|(name, _)| !has_body(method) || is_beside_body(operation, name));
    let in_query = in_query.map(|(name, shape)| {
        let name = name.replace('-', "_");
        json!({"name": name, "in": "query", "required": is_required(shape), "schema": schema(shape)})
    });
    in_path.chain(in_query).collect()
}

/// An object of all parameters that the path does not have, or the one that the whole body is.
fn body(operation: &Operation, method: &Method) -> Option<Value> {
    if !has_body(method) {
        return None;
    }
    let whole = operation.target.body.as_ref();
    let whole = whole.and_then(|body| left(operation).find(|(name, _)| name == body));
    let fields: Vec<&(String, Shape)> = left(operation).collect();
    let (schema, is_required) = match whole {
        Some((_, shape)) => (schema(shape), is_required(shape)),
        None if fields.is_empty() => return None,
        None => (record(&fields), fields.iter().any(|(_, shape)| is_required(shape))),
    };
    Some(json!({"required": is_required, "content": {"application/json": {"schema": schema}}}))
}

/// The parameters that the path does not have.
fn left(operation: &Operation) -> impl Iterator<Item = &(String, Shape)> {
    let in_path = |name: &str| operation.in_path.iter().any(|known| known.replace('_', "-") == name);
    operation.signature.params.iter().filter(move |(name, _)| !in_path(name))
}

fn is_beside_body(operation: &Operation, name: &str) -> bool {
    operation.target.body.as_ref().is_some_and(|body| body != name)
}

fn has_body(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

fn is_required(shape: &Shape) -> bool {
    !matches!(shape, Shape::Option(_))
}

/// What comes of it: its value, what its errors mean, and what any request may come to.
fn responses(operation: &Operation) -> Value {
    let (good, error) = match &operation.signature.result {
        Some(Shape::Result { ok, err }) => (ok.as_deref(), err.as_deref()),
        other => (other.as_ref(), None),
    };
    let mut found = Map::new();
    match good {
        Some(shape) => {
            let content = json!({"application/json": {"schema": schema(shape)}});
            found.insert("200".to_owned(), json!({"description": "What the function gives.", "content": content}));
        }
        None => drop(found.insert("204".to_owned(), json!({"description": "It is done."}))),
    }
    for (status, cases) in errors(operation, error) {
        found.insert(status.to_string(), problem(&cases.join(", "), error));
    }
    let any = problem("The request was not understood, not let through, or not answered.", None);
    found.insert("default".to_owned(), any);
    found.into()
}

/// The cases of the function's error by their statuses.
fn errors<'a>(operation: &Operation, error: Option<&'a Shape>) -> BTreeMap<u16, Vec<&'a str>> {
    let names: Vec<&str> = match error {
        Some(Shape::Enum(names)) => names.iter().map(String::as_str).collect(),
        Some(Shape::Variant(cases)) => cases.iter().map(|(name, _)| name.as_str()).collect(),
        _ => Vec::new(),
    };
    let mut found: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for name in names {
        let own = operation.target.errors.get(name).copied();
        found.entry(own.unwrap_or_else(|| meaning(name).status.as_u16())).or_default().push(name);
    }
    found
}

fn problem(description: &str, error: Option<&Shape>) -> Value {
    let any = json!({"$ref": "#/components/schemas/Problem"});
    let schema = match error {
        Some(shape) => {
            json!({"allOf": [any, {"type": "object", "properties": {"error": schema(shape)}}]})
        }
        None => any,
    };
    json!({"description": description, "content": {"application/problem+json": {"schema": schema}}})
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::services::value::Signature;

    fn reserve(target: Value, in_path: &[&str]) -> Operation {
        let failure = Shape::Variant(vec![("not-found".into(), None), ("taken".into(), Some(Shape::String))]);
        let result = Shape::Result { ok: None, err: Some(Box::new(failure)) };
        let params = vec![
            ("item-id".to_owned(), Shape::String),
            ("count".to_owned(), Shape::U8),
            ("note".to_owned(), Shape::Option(Box::new(Shape::String))),
        ];
        let signature = Signature { name: "reserve".into(), is_async: false, params, result: Some(result) };
        Operation {
            path: "/items/{item_id}".into(),
            methods: Vec::new(),
            in_path: in_path.iter().map(|name| (*name).to_owned()).collect(),
            target: serde_json::from_value(target).unwrap(),
            signature: Arc::new(signature),
        }
    }

    #[test]
    fn a_client_made_from_the_document_asks_something_else() {
        let reserve = reserve(json!({"service": "a", "errors": {"taken": 423}}), &["item_id"]);
        let get = operation(&reserve, &Method::GET, "reserve".into());
        let place = |one: &Value| format!("{} in {}", one["name"].as_str().unwrap(), one["in"].as_str().unwrap());
        let places: Vec<String> = get["parameters"].as_array().unwrap().iter().map(place).collect();
        assert_eq!(places, ["item_id in path", "count in query", "note in query"]);
        assert!(get.get("requestBody").is_none());
        let post = operation(&reserve, &Method::POST, "reserve".into());
        let body = &post["requestBody"]["content"]["application/json"]["schema"];
        assert_eq!((&body["required"], post["parameters"].as_array().unwrap().len()), (&json!(["count"]), 1));
        let statuses: Vec<&String> = post["responses"].as_object().unwrap().keys().collect();
        assert_eq!(statuses, ["204", "404", "423", "default"]);
    }

    #[test]
    fn the_whole_body_stands_in_the_query() {
        let reserve = reserve(json!({"service": "a", "body": "count"}), &["item_id"]);
        let put = operation(&reserve, &Method::PUT, "reserve".into());
        assert_eq!(put["requestBody"]["content"]["application/json"]["schema"]["maximum"], 255);
        assert_eq!(put["parameters"][1]["name"], "note");
    }
}
