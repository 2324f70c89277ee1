//! Messages and values, against the library that everybody else uses.

mod generated;
mod pairs;
mod values;

use std::sync::Arc;

use super::{Pairing, Schema, SchemaError, compile_text};
use crate::runtime::value::{Shape, Signature};

fn of_text(name: &str, text: &str) -> Result<Schema, SchemaError> {
    compile_text(name, text).and_then(|sent| Schema::decode(&sent))
}

/// A file of one service `S` with one method `Do`, of these messages.
fn schema(messages: &str) -> Schema {
    let text = format!(
        "syntax = \"proto3\";\npackage t;\nimport \"google/protobuf/empty.proto\";\n\
         service S {{ rpc Do (In) returns (Out); }}\n{messages}"
    );
    of_text("t.proto", &text).unwrap_or_else(|error| panic!("{error}"))
}

fn function(params: &[(&str, Shape)], result: Option<Shape>) -> Arc<Signature> {
    let params = params.iter().map(|(name, shape)| ((*name).to_owned(), shape.clone())).collect();
    Arc::new(Signature { name: "do".to_owned(), is_async: false, params, result })
}

fn pair(messages: &str, params: &[(&str, Shape)], result: Option<Shape>) -> Result<Pairing, Vec<String>> {
    Pairing::new(schema(messages), "t.S", "t:t/s", &[function(params, result)])
}

fn option(inner: Shape) -> Shape {
    Shape::Option(Box::new(inner))
}

fn list(item: Shape) -> Shape {
    Shape::List(Box::new(item))
}

fn record(fields: &[(&str, Shape)]) -> Shape {
    Shape::Record(fields.iter().map(|(name, shape)| ((*name).to_owned(), shape.clone())).collect())
}
