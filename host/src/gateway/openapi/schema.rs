//! What JSON of a type looks like, as JSON Schema (2020-12), which is what OpenAPI 3.1 speaks.

use serde_json::{Map, Value, json};

use crate::services::value::Shape;

/// The schema of the JSON that stands for values of a type.
pub(super) fn schema(shape: &Shape) -> Value {
    match shape {
        Shape::Bool => json!({"type": "boolean"}),
        Shape::U8 => integer(0, u8::MAX.into()),
        Shape::U16 => integer(0, u16::MAX.into()),
        Shape::U32 => integer(0, u32::MAX.into()),
        Shape::S8 => integer(i8::MIN.into(), i8::MAX.into()),
        Shape::S16 => integer(i16::MIN.into(), i16::MAX.into()),
        Shape::S32 => integer(i32::MIN.into(), i32::MAX.into()),
        Shape::U64 => json!({"type": "string", "pattern": "^[0-9]+$", "format": "uint64"}),
        Shape::S64 => json!({"type": "string", "pattern": "^-?[0-9]+$", "format": "int64"}),
        Shape::F32 | Shape::F64 => {
            json!({"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]})
        }
        Shape::Char => json!({"type": "string", "minLength": 1, "maxLength": 1}),
        Shape::String => json!({"type": "string"}),
        Shape::Enum(names) => json!({"type": "string", "enum": names}),
        Shape::Flags(names) => {
            json!({"type": "array", "items": {"type": "string", "enum": names}, "uniqueItems": true})
        }
        Shape::Record(fields) => record(&fields.iter().collect::<Vec<_>>()),
        Shape::Tuple(shapes) => tuple(&shapes.iter().collect::<Vec<_>>()),
        Shape::Variant(cases) => {
            json!({"oneOf": cases.iter().map(|(name, payload)| case(name, payload.as_ref())).collect::<Vec<_>>()})
        }
        Shape::Option(inner) => option(inner),
        Shape::Result { ok, err } => json!({"oneOf": [half("ok", ok.as_deref()), half("err", err.as_deref())]}),
        Shape::List(item) => list(item, None),
        Shape::FixedList(item, length) => list(item, Some(*length)),
        Shape::Map(entry) => json!({"type": "array", "items": tuple(&[&entry.0, &entry.1])}),
    }
}

fn integer(low: i64, high: i64) -> Value {
    json!({"type": "integer", "minimum": low, "maximum": high})
}

/// Only options may be absent, and nothing else may be there.
pub(super) fn record(fields: &[&(String, Shape)]) -> Value {
    let properties: Map<String, Value> = fields.iter().map(|(name, shape)| (name.clone(), schema(shape))).collect();
    let required: Vec<&str> =
        fields.iter().filter(|(_, shape)| !matches!(shape, Shape::Option(_))).map(|(name, _)| name.as_str()).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn tuple(shapes: &[&Shape]) -> Value {
    let items: Vec<Value> = shapes.iter().map(|shape| schema(shape)).collect();
    json!({"type": "array", "prefixItems": items, "items": false, "minItems": shapes.len()})
}

fn case(name: &str, payload: Option<&Shape>) -> Value {
    payload.map_or_else(|| json!({"const": name}), |shape| tagged(name, schema(shape)))
}

fn half(name: &str, payload: Option<&Shape>) -> Value {
    tagged(name, payload.map_or_else(|| json!({"type": "null"}), schema))
}

fn tagged(name: &str, payload: Value) -> Value {
    json!({"type": "object", "properties": {name: payload}, "required": [name], "additionalProperties": false})
}

fn option(inner: &Shape) -> Value {
    let some = if matches!(inner, Shape::Option(_)) { tagged("some", schema(inner)) } else { schema(inner) };
    json!({"anyOf": [some, {"type": "null"}]})
}

fn list(item: &Shape, length: Option<u32>) -> Value {
    if *item == Shape::U8 {
        return json!({"type": "string", "contentEncoding": "base64"});
    }
    match length {
        Some(length) => json!({"type": "array", "items": schema(item), "minItems": length, "maxItems": length}),
        None => json!({"type": "array", "items": schema(item)}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_made_from_the_schema_sends_something_else() {
        let item = Shape::Record(vec![
            ("sku".into(), Shape::String),
            ("quantity".into(), Shape::U8),
            ("note".into(), Shape::Option(Box::new(Shape::String))),
        ]);
        assert_eq!(
            schema(&item),
            json!({
                "type": "object",
                "properties": {
                    "sku": {"type": "string"},
                    "quantity": {"type": "integer", "minimum": 0, "maximum": 255},
                    "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                },
                "required": ["sku", "quantity"],
                "additionalProperties": false,
            })
        );
        assert_eq!(schema(&Shape::List(Box::new(Shape::U8)))["contentEncoding"], "base64");
        let variant = Shape::Variant(vec![("gone".into(), None), ("late".into(), Some(Shape::Bool))]);
        assert_eq!(schema(&variant)["oneOf"][0], json!({"const": "gone"}));
        assert_eq!(schema(&variant)["oneOf"][1]["required"], json!(["late"]));
    }
}
