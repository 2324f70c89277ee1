//! A proto file made from the functions of an interface. Pure.
//!
//! What comes out pairs with the functions by the table in `pair/message.rs`: every type has one way to
//! be written here. WIT's types have no names in a signature, so messages are named by where they occur:
//! `ReserveRequest.Items` is what the parameter `items` of `reserve` holds.

use std::fmt::Write;
use std::sync::Arc;

use holm_registry::catalog::FieldNumbers;
use holm_registry::settings::grpc::pascal;

use self::message::Block;
use crate::runtime::value::{Shape, Signature};

mod message;

/// The file of a service, `shop.users.Directory`, that is answered by these functions. Fields keep the
/// numbers that they have, and get new ones.
pub fn generate(service: &str, interface: &str, functions: &[Arc<Signature>], numbers: &mut FieldNumbers) -> String {
    let (package, name) = service.rsplit_once('.').unwrap_or(("", service));
    let (mut methods, mut messages) = (String::new(), Vec::new());
    for function in functions {
        let method = pascal(&function.name);
        let (asked, told) = (format!("{method}Request"), format!("{method}Response"));
        // Writing into a `String` cannot fail.
        let _infallible = writeln!(methods, "  rpc {method} ({asked}) returns ({told});");
        messages.extend(Block::new(asked, numbers).fields(&function.params).declared());
        let answer = match &function.result {
            Some(Shape::Result { ok, .. }) => ok.as_deref(),
            result => result.as_ref(),
        };
        let answered = Block::new(told, numbers);
        let answered = match answer {
            Some(shape) => answered.content(shape),
            None => answered,
        };
        messages.extend(answered.declared());
    }
    let package = if package.is_empty() { String::new() } else { format!("package {package};\n\n") };
    format!(
        "// Made by Holm from {interface}. Fields keep their numbers when the interface changes.\n\
         syntax = \"proto3\";\n\n{package}import \"google/protobuf/empty.proto\";\n\n\
         service {name} {{\n{methods}}}\n\n{}\n",
        messages.join("\n")
    )
}
