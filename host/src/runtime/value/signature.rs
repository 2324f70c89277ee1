//! What a function takes and gives.

use std::fmt;

use wasmtime::component::types::ComponentFunc;

use super::path::Step;
use super::shape::{Refusal, Shape, ShapeReader};

/// A function that may be called from another island. Printed, it is a line of WIT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// As its interface has it: `check-availability`.
    pub name: String,
    /// `async func`.
    pub is_async: bool,
    /// Names and types.
    pub params: Vec<(String, Shape)>,
    /// What it gives, if anything.
    pub result: Option<Shape>,
}

impl Signature {
    /// The signature of the function `name`.
    ///
    /// # Errors
    /// When a value that it takes or gives cannot leave its island. The text names the function and the place.
    pub fn of(name: &str, func: &ComponentFunc) -> Result<Self, CannotCross> {
        Self::read(name, func).map_err(|refusal| CannotCross { function: name.to_owned(), refusal })
    }

    fn read(name: &str, func: &ComponentFunc) -> Result<Self, Refusal> {
        let mut reader = ShapeReader::default();
        let mut params = Vec::with_capacity(func.params().len());
        for (param, ty) in func.params() {
            let shape = reader.read(&ty).map_err(|refusal| refusal.under(Step::Parameter(param.to_owned())))?;
            params.push((param.to_owned(), shape));
        }
        let result = func.results().next().map(|ty| reader.read(&ty)).transpose();
        let result = result.map_err(|refusal| refusal.under(Step::Result))?;
        Ok(Self { name: name.to_owned(), is_async: func.async_(), params, result })
    }

    /// The types of its parameters.
    pub fn param_shapes(&self) -> impl ExactSizeIterator<Item = &Shape> {
        self.params.iter().map(|(_, shape)| shape)
    }
}

/// A function that cannot be called from another island.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{function}: {refusal}")]
pub struct CannotCross {
    /// Its name.
    pub function: String,
    /// Where in its types, and why.
    pub refusal: Refusal,
}

impl fmt::Display for Signature {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_async { "async func" } else { "func" };
        write!(out, "{}: {kind}(", self.name)?;
        for (at, (name, shape)) in self.params.iter().enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            write!(out, "{separator}{name}: {shape}")?;
        }
        out.write_str(")")?;
        match &self.result {
            Some(shape) => write!(out, " -> {shape}"),
            None => Ok(()),
        }
    }
}
