//! `[discovery]` and `[[external]]`: services that are not Wasm, and how they are found.

use toml::Spanned;

use super::raw::{health, parse_address};
use super::section::{Reader, Section};
use crate::discovery::external::External;
use crate::discovery::ranges::AllowList;
use crate::discovery::settings::DiscoverySettings;
use crate::discovery::url::HttpUrl;
use crate::name::ServiceName;
use crate::settings::{Health, Secret};

/// `[[external]]`
pub(super) struct RawExternal {
    /// `None` after an error that is already reported, as for the URL.
    name: Option<Spanned<ServiceName>>,
    url: Option<HttpUrl>,
    health: Option<Health>,
}

/// `[discovery]`
pub(super) fn discovery(mut section: Section<'_>) -> DiscoverySettings {
    let base = DiscoverySettings::default();
    let is_written = section.has_any(&["allow"]);
    let allow = section.list("allow", "[\"127.0.0.0/8\", \"10.1.0.0/16\"]", str::parse);
    let found = DiscoverySettings {
        listen: section.parsed("listen", "\"127.0.0.1:8500\"", parse_address).map(Spanned::into_inner),
        token: section.parsed("token", "\"${DISCOVERY_TOKEN}\"", parse_token).map(Spanned::into_inner),
        allow: allow.filter(|_| is_written).map_or(base.allow, AllowList::new),
        balance: section.parsed("balance", "\"least-in-flight\"", str::parse).map_or(base.balance, Spanned::into_inner),
    };
    section.finish();
    found
}

/// An empty token would look like protection and be none.
fn parse_token(text: &str) -> Result<Secret, &'static str> {
    match text {
        "" => Err("the token is empty; leave it away to let everybody in who reaches the listener"),
        text => Ok(Secret::new(text)),
    }
}

/// One `[[external]]`.
pub(super) fn external(mut section: Section<'_>) -> RawExternal {
    section.require("name", "\"legacy-billing\"");
    section.require("url", "\"http://127.0.0.1:3000\"");
    let found = RawExternal {
        name: section.parsed("name", "\"legacy-billing\"", str::parse),
        url: section.parsed("url", "\"http://127.0.0.1:3000\"", parse_base).map(Spanned::into_inner),
        health: section.section("health", "{ path = \"/health\" }").and_then(health),
    };
    section.finish();
    found
}

/// Paths are put behind it, so a query would end up in their middle.
fn parse_base(text: &str) -> Result<HttpUrl, String> {
    let url: HttpUrl = text.parse().map_err(|error: crate::discovery::url::UrlError| error.to_string())?;
    match url.uri().query() {
        Some(_) => Err("the URL of an external has no query: paths are put behind it".to_owned()),
        None => Ok(url),
    }
}

/// The externals that can be: none has the name of another one or of a service.
pub(super) fn externals(reader: &Reader<'_>, raw: Vec<RawExternal>, services: &[String]) -> Vec<External> {
    let mut kept: Vec<External> = Vec::new();
    for RawExternal { name, url, health } in raw {
        let (Some(name), Some(url)) = (name, url) else { continue };
        let span = name.span();
        let external = External { name: name.into_inner(), url, health };
        for (_, message, help) in external.problems() {
            reader.report(span.clone(), message, help);
        }
        let taken = if services.iter().any(|service| *service == external.name.as_str()) {
            Some("a service")
        } else {
            kept.iter().any(|other| other.name == external.name).then_some("another external")
        };
        match taken {
            Some(what) => {
                let message = format!("`{}` is {what} of this manifest already", external.name);
                reader.report(span, message, "a name leads to one place: give one of the two another name".to_owned());
            }
            None => kept.push(external),
        }
    }
    kept
}
