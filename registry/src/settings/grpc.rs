//! `[service.X.grpc]`: an interface of the service, answered over gRPC.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::wit::InterfaceName;

/// Which service of a proto file an interface answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrpcSettings {
    /// The proto file. Only in a manifest: whoever deploys it puts what it says in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proto: Option<PathBuf>,
    /// What it says: a `FileDescriptorSet` in base64, with all that it imports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub descriptors: Option<String>,
    /// The service in it, with its package: `user.UserService`.
    pub service: String,
    /// Who answers: `shop:users/directory`.
    pub interface: InterfaceName,
}

/// A name of a service, as paths have it: `user.UserService`.
///
/// # Errors
/// When it is none.
pub fn parse_service(text: &str) -> Result<String, String> {
    let word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    match text.split('.').all(word) {
        true => Ok(text.to_owned()),
        false => {
            Err(format!("`{text}` is no service of a proto file; write it with its package, as in `user.UserService`"))
        }
    }
}
