//! Whether what is written for one type always reads as another: types are compared by their JSON, not by their bytes, so
//! that a `u8` may stand where a `u32` is wanted, and a case of an enum where a string is.
//!
//! When in doubt it does not: who writes a template is asked now rather than disappointed later.

use super::super::shape::Shape;

/// Whether the JSON of every value of `from` is that of a value of `to`.
pub fn fits(from: &Shape, to: &Shape) -> bool {
    if from == to {
        return true;
    }
    match (from, to) {
        // null, or {"some": …}
        (Shape::Option(from), Shape::Option(to)) => is_option(from) == is_option(to) && fits(from, to),
        (Shape::Option(_), _) => false,
        (from, Shape::Option(to)) => !is_option(to) && fits(from, to),
        (from, Shape::String) => is_string(from),
        (Shape::List(from), Shape::List(to)) | (Shape::FixedList(from, _), Shape::List(to)) => elements_fit(from, to),
        (Shape::FixedList(from, length), Shape::FixedList(to, wanted)) => length == wanted && elements_fit(from, to),
        (Shape::Map(from), Shape::Map(to)) => fits(&from.0, &to.0) && fits(&from.1, &to.1),
        (Shape::Record(from), Shape::Record(to)) => record_fits(from, to),
        (Shape::Tuple(from), Shape::Tuple(to)) => {
            from.len() == to.len() && from.iter().zip(to).all(|(from, to)| fits(from, to))
        }
        (Shape::Enum(from), Shape::Enum(to)) | (Shape::Flags(from), Shape::Flags(to)) => {
            from.iter().all(|name| to.contains(name))
        }
        (Shape::Variant(from), Shape::Variant(to)) => from.iter().all(|case| case_fits(case, to)),
        (Shape::Enum(from), Shape::Variant(to)) => from.iter().all(|name| to.contains(&(name.clone(), None))),
        (Shape::Result { ok, err }, Shape::Result { ok: ok_wanted, err: err_wanted }) => {
            half_fits(ok.as_deref(), ok_wanted.as_deref()) && half_fits(err.as_deref(), err_wanted.as_deref())
        }
        _ => number_fits(from, to),
    }
}

/// Whether any text is a value of this type.
pub fn takes_any_text(shape: &Shape) -> bool {
    fits(&Shape::String, shape)
}

/// Whether every value can stand in the middle of a text: plain, absent, or a list of such.
pub fn is_text(shape: &Shape) -> bool {
    match shape {
        Shape::List(item) | Shape::FixedList(item, _) => is_plain(shape) || is_plain(item),
        Shape::Tuple(shapes) => shapes.iter().all(is_plain),
        Shape::Flags(_) => true,
        plain => is_plain(plain),
    }
}

fn is_plain(shape: &Shape) -> bool {
    match shape {
        Shape::Option(inner) => !is_option(inner) && is_plain(inner),
        Shape::Bool | Shape::F32 | Shape::F64 => true,
        other => is_string(other) || range(other).is_some(),
    }
}

/// Whether its JSON is always a string.
fn is_string(shape: &Shape) -> bool {
    match shape {
        Shape::List(item) | Shape::FixedList(item, _) => **item == Shape::U8,
        other => matches!(other, Shape::String | Shape::Char | Shape::Enum(_) | Shape::U64 | Shape::S64),
    }
}

fn is_option(shape: &Shape) -> bool {
    matches!(shape, Shape::Option(_))
}

/// The elements of arrays; bytes are a string.
fn elements_fit(from: &Shape, to: &Shape) -> bool {
    (*from == Shape::U8) == (*to == Shape::U8) && fits(from, to)
}

/// Unknown fields are refused, and only options may be absent.
fn record_fits(from: &[(String, Shape)], to: &[(String, Shape)]) -> bool {
    let wanted = |name: &String| to.iter().find(|(other, _)| other == name).map(|(_, shape)| shape);
    let given = |name: &String| from.iter().any(|(other, _)| other == name);
    from.iter().all(|(name, shape)| wanted(name).is_some_and(|to| fits(shape, to)))
        && to.iter().all(|(name, shape)| given(name) || is_option(shape))
}

fn case_fits((name, payload): &(String, Option<Shape>), to: &[(String, Option<Shape>)]) -> bool {
    let wanted = to.iter().find(|(other, _)| other == name).map(|(_, payload)| payload);
    match (payload, wanted) {
        (None, Some(None)) => true,
        (Some(from), Some(Some(to))) => fits(from, to),
        _ => false,
    }
}

/// Without a payload it is null.
fn half_fits(from: Option<&Shape>, to: Option<&Shape>) -> bool {
    match (from, to) {
        (Some(from), Some(to)) => fits(from, to),
        (None, None) => true,
        (None, Some(to)) => is_option(to),
        (Some(_), None) => false,
    }
}

fn number_fits(from: &Shape, to: &Shape) -> bool {
    match (range(from), to) {
        (Some(_), Shape::F32 | Shape::F64) => true,
        (Some((low, high)), Shape::U64) => low >= 0 && high >= 0,
        (Some(_), Shape::S64) => true,
        (Some((low, high)), to) => range(to).is_some_and(|(lowest, highest)| lowest <= low && high <= highest),
        (None, Shape::F64) => *from == Shape::F32,
        _ => false,
    }
}

/// The integers whose JSON is a number.
fn range(shape: &Shape) -> Option<(i64, i64)> {
    Some(match shape {
        Shape::U8 => (0, u8::MAX.into()),
        Shape::U16 => (0, u16::MAX.into()),
        Shape::U32 => (0, u32::MAX.into()),
        Shape::S8 => (i8::MIN.into(), i8::MAX.into()),
        Shape::S16 => (i16::MIN.into(), i16::MAX.into()),
        Shape::S32 => (i32::MIN.into(), i32::MAX.into()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::runtime::value::tests::random::{relative, shape, value};
    use crate::runtime::value::{from_json, to_json};

    fn pair() -> impl Strategy<Value = (Shape, Shape)> {
        shape().prop_flat_map(|from| (relative(&from), Just(from))).prop_map(|(to, from)| (from, to))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn what_fits_does_not_read((from, to, value) in pair().prop_flat_map(|(from, to)| {
            let value = value(&from);
            (Just(from), Just(to), value)
        })) {
            if fits(&from, &to) {
                let json = to_json(&value, &from).unwrap();
                prop_assert!(from_json(&json, &to).is_ok(), "{from} for {to}: {json}");
            }
        }
    }

    #[test]
    fn what_would_read_is_refused() {
        let option = |inner: Shape| Shape::Option(Box::new(inner));
        let list = |item: Shape| Shape::List(Box::new(item));
        let fields = |fields: &[(&str, Shape)]| {
            Shape::Record(fields.iter().map(|(name, shape)| ((*name).to_owned(), shape.clone())).collect())
        };
        for (from, to, expected) in [
            (Shape::U8, Shape::U32, true),
            (Shape::U32, Shape::S64, true),
            (Shape::U32, Shape::S32, false),
            (Shape::S8, Shape::U64, false),
            (Shape::U64, Shape::String, true),
            (Shape::U64, Shape::U32, false),
            (Shape::F32, Shape::F64, true),
            (Shape::F64, Shape::String, false),
            (Shape::String, option(Shape::String), true),
            (option(Shape::String), Shape::String, false),
            (option(Shape::U8), option(Shape::U16), true),
            (option(Shape::U8), option(option(Shape::U8)), false),
            (option(option(Shape::U8)), option(option(Shape::U16)), true),
            (list(Shape::U8), Shape::String, true),
            (list(Shape::U8), list(Shape::U16), false),
            (list(Shape::U16), list(Shape::U32), true),
            (fields(&[("a", Shape::U8)]), fields(&[("a", Shape::U16), ("b", option(Shape::Bool))]), true),
            (fields(&[("a", Shape::U8), ("b", Shape::Bool)]), fields(&[("a", Shape::U8)]), false),
            (fields(&[("a", Shape::U8)]), fields(&[("a", Shape::U8), ("b", Shape::Bool)]), false),
        ] {
            assert_eq!(fits(&from, &to), expected, "{from} for {to}");
        }
    }
}
