//! Tests of values on types that the engine has made.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `component` | a component with a function of any type |
//! | `echo` | a guest that gives back what it takes |
//! | `random` | any type, and any value of it |
//! | `types` | is a shape what the engine knows, who is refused, how differences read |
//! | `fuel` | does the engine let as much through as a call may carry |
//! | `paths` | does a value stay the same on every way that it may go |
//! | `json`, `binary`, `template` | what is refused, and in which words |

mod binary;
mod component;
mod echo;
mod fuel;
mod json;
mod paths;
pub mod random;
mod template;
mod types;

use crate::runtime::value::Shape;

fn record(fields: &[(&str, Shape)]) -> Shape {
    Shape::Record(fields.iter().map(|(name, shape)| ((*name).to_owned(), shape.clone())).collect())
}

fn list(item: Shape) -> Shape {
    Shape::List(Box::new(item))
}

fn option(inner: Shape) -> Shape {
    Shape::Option(Box::new(inner))
}

fn words(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
