//! Components made in a test: the engine's types exist only within one.

use std::sync::LazyLock;

use wasm_encoder::{
    ComponentBuilder, ComponentDefinedTypeEncoder, ComponentExportKind, ComponentTypeRef, ComponentValType,
    PrimitiveValType, TypeBounds,
};
use wasmtime::component::Component;
use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::{Config, Engine};

use crate::runtime::value::{Shape, Signature};

/// An engine that knows every type of WIT, also those that are still behind a switch.
pub static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let mut config = Config::new();
    config.wasm_component_model_async(true).wasm_component_model_map(true);
    config.wasm_component_model_fixed_length_lists(true).wasm_component_model_error_context(true);
    Engine::new(&config).unwrap()
});

/// Which side of a component shows its types. Records, variants, enums and flags must have a name on that side.
#[derive(Clone, Copy)]
pub enum Side {
    Imports,
    Exports,
}

/// A component in the making.
pub struct Types {
    pub builder: ComponentBuilder,
    side: Side,
    named: usize,
}

impl Types {
    pub fn new(side: Side) -> Self {
        Self { builder: ComponentBuilder::default(), side, named: 0 }
    }

    /// Defines a type that needs no name.
    pub fn plain(&mut self, define: impl FnOnce(ComponentDefinedTypeEncoder<'_>)) -> ComponentValType {
        let (index, encoder) = self.builder.type_defined(None);
        define(encoder);
        ComponentValType::Type(index)
    }

    /// Defines a type that must have a name, and gives it one.
    pub fn named(&mut self, define: impl FnOnce(ComponentDefinedTypeEncoder<'_>)) -> ComponentValType {
        let (index, encoder) = self.builder.type_defined(None);
        define(encoder);
        let name = format!("t{}", self.named);
        self.named += 1;
        ComponentValType::Type(match self.side {
            Side::Imports => self.builder.import(name.as_str(), ComponentTypeRef::Type(TypeBounds::Eq(index))),
            Side::Exports => self.builder.export(name.as_str(), ComponentExportKind::Type, index, None),
        })
    }

    /// Defines a type of this shape.
    pub fn define(&mut self, shape: &Shape) -> ComponentValType {
        if let Some(primitive) = primitive(shape) {
            return primitive.into();
        }
        match shape {
            Shape::List(item) => {
                let item = self.define(item);
                self.plain(|ty| ty.list(item))
            }
            Shape::FixedList(item, length) => {
                let item = self.define(item);
                self.plain(|ty| ty.fixed_length_list(item, *length))
            }
            Shape::Map(entry) => {
                let (key, value) = (self.define(&entry.0), self.define(&entry.1));
                self.plain(|ty| ty.map(key, value))
            }
            Shape::Record(fields) => {
                let fields: Vec<_> = fields.iter().map(|(name, shape)| (name.as_str(), self.define(shape))).collect();
                self.named(|ty| ty.record(fields))
            }
            Shape::Tuple(elements) => {
                let elements: Vec<_> = elements.iter().map(|shape| self.define(shape)).collect();
                self.plain(|ty| ty.tuple(elements))
            }
            Shape::Variant(cases) => {
                let define = |(name, payload): &'_ (String, Option<Shape>)| {
                    (name.clone(), payload.as_ref().map(|shape| self.define(shape)))
                };
                let cases: Vec<_> = cases.iter().map(define).collect();
                self.named(|ty| ty.variant(cases.iter().map(|(name, payload)| (name.as_str(), *payload))))
            }
            Shape::Enum(names) => self.named(|ty| ty.enum_type(names.iter().map(String::as_str))),
            Shape::Flags(names) => self.named(|ty| ty.flags(names.iter().map(String::as_str))),
            Shape::Option(inner) => {
                let inner = self.define(inner);
                self.plain(|ty| ty.option(inner))
            }
            Shape::Result { ok, err } => {
                let ok = ok.as_ref().map(|shape| self.define(shape));
                let err = err.as_ref().map(|shape| self.define(shape));
                self.plain(|ty| ty.result(ok, err))
            }
            scalar => unreachable!("{scalar} is primitive"),
        }
    }

    /// The component, with an import `f` of this type.
    pub fn function(
        mut self,
        is_async: bool,
        params: &[(&str, ComponentValType)],
        result: Option<ComponentValType>,
    ) -> ComponentFunc {
        let (index, mut encoder) = self.builder.type_function(None);
        encoder.async_(is_async).params(params.iter().copied()).result(result);
        self.builder.import("f", ComponentTypeRef::Func(index));
        let component = Component::new(&ENGINE, self.builder.finish()).unwrap();
        let ComponentItem::ComponentFunc(func) = component.component_type().get_import(&ENGINE, "f").unwrap().ty else {
            panic!("the import `f` is no function");
        };
        func
    }
}

/// A function as the engine has it, by its signature.
pub fn function(signature: &Signature) -> ComponentFunc {
    let mut types = Types::new(Side::Imports);
    let params: Vec<_> = signature.params.iter().map(|(name, shape)| (name.as_str(), types.define(shape))).collect();
    let result = signature.result.as_ref().map(|shape| types.define(shape));
    types.function(signature.is_async, &params, result)
}

fn primitive(shape: &Shape) -> Option<PrimitiveValType> {
    Some(match shape {
        Shape::Bool => PrimitiveValType::Bool,
        Shape::S8 => PrimitiveValType::S8,
        Shape::U8 => PrimitiveValType::U8,
        Shape::S16 => PrimitiveValType::S16,
        Shape::U16 => PrimitiveValType::U16,
        Shape::S32 => PrimitiveValType::S32,
        Shape::U32 => PrimitiveValType::U32,
        Shape::S64 => PrimitiveValType::S64,
        Shape::U64 => PrimitiveValType::U64,
        Shape::F32 => PrimitiveValType::F32,
        Shape::F64 => PrimitiveValType::F64,
        Shape::Char => PrimitiveValType::Char,
        Shape::String => PrimitiveValType::String,
        _ => return None,
    })
}
