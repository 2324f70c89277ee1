//! `[service.X.grpc]`: an interface answered over gRPC, and the rule that leads to it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;

use super::gateway::RawChain;
use super::section::Section;
use crate::settings::grpc::{GrpcSettings, parse_service};
use crate::units::parse_duration;

/// What was written. The rule has what any other has between it and its target.
pub(super) struct RawGrpc {
    /// The file's path is as it was written.
    pub(super) settings: Spanned<GrpcSettings>,
    pub(super) chain: RawChain,
    pub(super) timeout: Option<Spanned<Duration>>,
}

/// Reads the section; nothing if it lacks something, which is reported.
pub(super) fn grpc(mut section: Section<'_>) -> Option<RawGrpc> {
    section.require("proto", "\"user.proto\"");
    section.require("service", "\"user.UserService\"");
    section.require("interface", "\"shop:users/directory\"");
    let proto = section.parsed("proto", "\"user.proto\"", path).map(Spanned::into_inner);
    let service = section.parsed("service", "\"user.UserService\"", parse_service);
    let interface = section.parsed("interface", "\"shop:users/directory\"", str::parse).map(Spanned::into_inner);
    let chain = RawChain::read(&mut section);
    let timeout = section.parsed("timeout", "\"3s\"", parse_duration);
    section.finish(&[]);
    let service = service?;
    let (span, service) = (service.span(), service.into_inner());
    let settings = GrpcSettings { proto: Some(proto?), descriptors: None, service, interface: interface? };
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
