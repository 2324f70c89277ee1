//! `[service.X.grpc]`: an interface of the service, answered over gRPC.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::wit::InterfaceName;

/// Which service of a proto file an interface answers. Without a file one is made from the interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrpcSettings {
    /// The proto file, if there is one. Only in a manifest: whoever deploys it puts what it says in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proto: Option<PathBuf>,
    /// What it says: a `FileDescriptorSet` in base64, with all that it imports. `None`: what is made from the
    /// interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub descriptors: Option<String>,
    /// The service in it, with its package: `user.UserService`.
    pub service: String,
    /// Who answers: `shop:users/directory`.
    pub interface: InterfaceName,
}

impl GrpcSettings {
    /// Whether its messages are made from the interface.
    pub fn is_generated(&self) -> bool {
        self.proto.is_none() && self.descriptors.is_none()
    }
}

/// What a service is called whose messages are made from an interface: `shop.users.Directory` for
/// `shop:users/directory`.
pub fn service_of(interface: &InterfaceName) -> String {
    let (package, interface) = interface.unversioned().rsplit_once('/').unwrap_or_default();
    format!("{}.{}", package.replace(':', ".").replace('-', "_"), pascal(interface))
}

/// `check-availability` as `CheckAvailability`.
pub fn pascal(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect::<String>()
    };
    name.split('-').map(word).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_called_what_no_path_can_say() {
        for (interface, service) in [
            ("shop:users/directory@1.0.0", "shop.users.Directory"),
            ("my-shop:in-stock/check-out", "my_shop.in_stock.CheckOut"),
        ] {
            let name = service_of(&interface.parse().unwrap());
            assert_eq!((name.as_str(), parse_service(&name)), (service, Ok(service.to_owned())));
        }
        assert!(parse_service("user.").is_err() && parse_service("user/Service").is_err());
    }
}
