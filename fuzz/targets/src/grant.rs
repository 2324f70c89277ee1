//! Grants and a request: the first line is `METHOD URL`, every other one a grant.

use std::net::IpAddr;

use holm_registry::address::special_use;
use holm_registry::grant::{UrlGrant, named_addresses};
use holm_registry::host::{Host, HostPattern};
use http::{Method, Uri};

/// A request passes only to a host that is one, in the scheme and below the path of a grant; and what
/// is no open internet is named only by who wrote it down.
pub fn run(data: &[u8]) {
    let Some((request, rest)) = crate::text(data).and_then(|text| text.split_once('\n')) else { return };
    let grants: Vec<UrlGrant> = rest.lines().filter_map(|line| line.parse().ok()).collect();
    for grant in &grants {
        crate::reads_itself(grant);
        crate::survives_json(grant);
    }
    rest.lines().for_each(hosts);
    let Some((method, url)) = request.split_once(' ') else { return };
    let (Ok(method), Ok(url)) = (method.parse::<Method>(), url.parse::<Uri>()) else { return };
    for grant in &grants {
        if grant.allows(&method, &url) {
            passed(grant, &method, &url);
        }
    }
    named(&grants, rest, &method, &url);
}

/// A host has one spelling, and a pattern of it means it.
fn hosts(line: &str) {
    if let Ok(host) = line.parse::<Host>() {
        crate::reads_itself(&host);
        let pattern: HostPattern = line.parse().unwrap_or_else(|error| panic!("{line:?} is a host: {error}"));
        assert!(pattern.matches(line) && pattern.matches(&host.to_string()), "{pattern} is {line:?}");
        assert_eq!(pattern.addresses(), host.addresses(), "{line:?}");
    }
    if let Ok(pattern) = line.parse::<HostPattern>() {
        crate::reads_itself(&pattern);
    }
}

fn passed(grant: &UrlGrant, method: &Method, url: &Uri) {
    let host: Host = url.host().unwrap_or_default().parse().unwrap_or_else(|error| panic!("{grant} {url}: {error}"));
    assert!(*method != Method::CONNECT, "{grant} makes a tunnel");
    let text = url.to_string();
    assert!(!url.authority().is_some_and(|authority| authority.as_str().contains('@')), "{grant} {text}");
    let path = grant.to_string();
    let prefix = path.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, prefix)| prefix);
    if !prefix.is_empty() {
        let below = format!("{}/", url.path());
        let plain = !below.contains('%');
        assert!(!plain || below.starts_with(&format!("/{prefix}")), "{grant} does not cover {text}");
        let climbs = resolved(&below).split(['/', '\\']).any(|part| matches!(part, "." | ".."));
        assert!(!climbs, "{grant} takes {text}, which climbs");
    }
    // the same host in its one spelling passes, too
    let port = url.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
    let rebuilt = format!("{}://{host}{port}{}", url.scheme_str().unwrap_or_default(), url.path());
    let rebuilt: Uri = rebuilt.parse().unwrap_or_else(|error| panic!("{rebuilt}: {error}"));
    assert!(grant.allows(method, &rebuilt), "{grant} takes {text}, but not {rebuilt}");
}

/// A path in which the escapes of what climbs are resolved, as plainly as possible.
fn resolved(path: &str) -> String {
    let lower = path.to_ascii_lowercase();
    lower.replace("%2e", ".").replace("%2f", "/").replace("%5c", "\\")
}

fn named(grants: &[UrlGrant], lines: &str, method: &Method, url: &Uri) {
    for address in named_addresses(grants, method, url) {
        let written = match address {
            IpAddr::V4(address) => lines.contains(&address.to_string()),
            IpAddr::V6(_) => lines.contains('['),
        };
        let local = address.is_loopback() && lines.to_ascii_lowercase().contains("localhost");
        assert!(written || local || special_use(address).is_none(), "{address} is named by none of {lines:?}");
    }
}
