//! Which messages and services a `.proto` file has: read where it lies, and sent as what it means.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::prost::Message;
use prost_reflect::{DescriptorPool, FileDescriptor, ServiceDescriptor};
use protox::Compiler;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};

/// Messages and services, with all that they refer to.
#[derive(Clone, Debug)]
pub struct Schema(DescriptorPool);

/// Why there is no schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// The file, or one that it imports, is none.
    #[error("{0}")]
    Source(String),
    /// What was sent instead of the file is damaged.
    #[error("the schema is damaged: {0}")]
    Damaged(String),
}

/// Compiles a file, and all that it imports from its own folder, to a text that can be sent.
///
/// # Errors
/// What is wrong with it, with its line.
pub fn compile(file: &Path) -> Result<String, SchemaError> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let source = |error: protox::Error| SchemaError::Source(format!("{}: {error}", file.display()));
    let mut compiler = Compiler::new([folder]).map_err(source)?;
    compiler.include_imports(true).include_source_info(false).open_file(name).map_err(source)?;
    Ok(STANDARD.encode(compiler.encode_file_descriptor_set()))
}

/// The same of a text that imports nothing of its own.
///
/// # Errors
/// What is wrong with it, with its line.
pub fn compile_text(name: &str, text: &str) -> Result<String, SchemaError> {
    let source = |error: protox::Error| SchemaError::Source(error.to_string());
    let mut resolver = ChainFileResolver::new();
    resolver.add(One { name: name.to_owned(), text: text.to_owned() });
    resolver.add(GoogleFileResolver::new());
    let mut compiler = Compiler::with_file_resolver(resolver);
    compiler.include_imports(true).open_file(name).map_err(source)?;
    Ok(STANDARD.encode(compiler.encode_file_descriptor_set()))
}

impl Schema {
    /// What [`compile`] or [`compile_text`] gave.
    ///
    /// # Errors
    /// When it is something else.
    pub fn decode(text: &str) -> Result<Self, SchemaError> {
        let damaged = |error: &dyn std::fmt::Display| SchemaError::Damaged(error.to_string());
        let bytes = STANDARD.decode(text).map_err(|error| damaged(&error))?;
        DescriptorPool::decode(bytes.as_slice()).map(Self).map_err(|error| damaged(&error))
    }

    /// A service by its full name.
    pub(super) fn service(&self, name: &str) -> Option<ServiceDescriptor> {
        self.0.get_service_by_name(name)
    }

    /// The full names of all services.
    pub(super) fn services(&self) -> Vec<String> {
        self.0.services().map(|service| service.full_name().to_owned()).collect()
    }

    /// A file by its name, with all that it imports, each as its descriptor's bytes.
    pub fn file(&self, name: &str) -> Option<Vec<Vec<u8>>> {
        self.0.get_file_by_name(name).map(|file| with_imports(&file))
    }

    /// The file in which something is declared: a service, a method, a message, an enum.
    pub fn file_of(&self, symbol: &str) -> Option<Vec<Vec<u8>>> {
        let service = || self.0.get_service_by_name(symbol).map(|service| service.parent_file());
        let of_method = || self.0.get_service_by_name(symbol.rsplit_once('.')?.0).map(|service| service.parent_file());
        let message = || self.0.get_message_by_name(symbol).map(|message| message.parent_file());
        let values = || self.0.get_enum_by_name(symbol).map(|values| values.parent_file());
        service().or_else(message).or_else(values).or_else(of_method).map(|file| with_imports(&file))
    }
}

/// The file itself comes first.
fn with_imports(file: &FileDescriptor) -> Vec<Vec<u8>> {
    let (mut found, mut names, mut left) = (Vec::new(), Vec::new(), vec![file.clone()]);
    while let Some(file) = left.pop() {
        if !names.contains(&file.name().to_owned()) {
            names.push(file.name().to_owned());
            found.push(file.file_descriptor_proto().encode_to_vec());
            left.extend(file.dependencies());
        }
    }
    found
}

/// One file, from memory.
struct One {
    name: String,
    text: String,
}

impl FileResolver for One {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        if name == self.name { File::from_source(name, &self.text) } else { Err(protox::Error::file_not_found(name)) }
    }
}
