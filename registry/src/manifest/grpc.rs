//! `[service.X.grpc]`: an interface answered over gRPC, and the rule that leads to it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;

use super::gateway::RawChain;
use super::section::Section;
use crate::settings::grpc::{GrpcSettings, parse_service, service_of};
use crate::units::parse_duration;
use crate::wit::InterfaceName;

/// What was written. The rule has what any other has between it and its target.
pub(super) struct RawGrpc {
    /// The file's path is as it was written.
    pub(super) settings: Spanned<GrpcSettings>,
    pub(super) chain: RawChain,
    pub(super) timeout: Option<Spanned<Duration>>,
}

/// Reads the section; nothing if it lacks something, which is reported. A service of a file has the name that it has
/// there; one that is made from an interface may be named, too.
pub(super) fn grpc(mut section: Section<'_>) -> Option<RawGrpc> {
    const SERVICE: &str = "\"user.UserService\"";
    section.require("interface", "\"shop:users/directory\"");
    let is_given = section.has_any(&["proto"]);
    if is_given {
        section.require("service", SERVICE);
    }
    let proto = section.parsed("proto", "\"user.proto\"", path).map(Spanned::into_inner);
    let is_named = section.has_any(&["service"]);
    let service = section.parsed("service", SERVICE, parse_service);
    let interface = section.parsed::<InterfaceName, _>("interface", "\"shop:users/directory\"", str::parse);
    let chain = RawChain::read(&mut section);
    let timeout = section.parsed("timeout", "\"3s\"", parse_duration);
    section.finish();
    let interface = interface?;
    let service = match service {
        Some(service) => service,
        None if is_given || is_named => return None,
        None => Spanned::new(interface.span(), service_of(interface.get_ref())),
    };
    if is_given && proto.is_none() {
        return None;
    }
    let (span, service) = (service.span(), service.into_inner());
    let settings = GrpcSettings { proto, descriptors: None, service, interface: interface.into_inner() };
    Some(RawGrpc { settings: Spanned::new(span, settings), chain, timeout })
}

/// The settings, with the file where the manifest means it.
pub(super) fn below(base: &Path, raw: &RawGrpc) -> GrpcSettings {
    let written = raw.settings.get_ref();
    GrpcSettings { proto: written.proto.as_ref().map(|path| base.join(path)), ..written.clone() }
}

fn path(text: &str) -> Result<PathBuf, &'static str> {
    if text.is_empty() {
        Err("the path is empty; name a .proto file, relative to the manifest")
    } else {
        Ok(text.into())
    }
}
