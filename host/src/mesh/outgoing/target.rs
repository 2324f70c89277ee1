//! Which host a URL means, written in the one way that all further checks look at.

use holm_registry::host::{Host, service_label};
use holm_registry::path::has_dots;
use http::Uri;
use http::uri::{Authority, PathAndQuery};

use super::Reach;
use super::resolve::admit;
use crate::runtime::OutboundError;

/// The URL with its host in canonical form. A host that is an address is checked here; one that is
/// a name, when it is resolved.
///
/// # Errors
/// For a host that is none, that names a service, or that is an address which may not be reached.
pub(super) fn canonical(uri: &Uri, reach: &Reach) -> Result<Uri, OutboundError> {
    let text = uri.host().unwrap_or_default();
    let unknown = || OutboundError::UnknownName(text.to_owned());
    let host: Host = text.parse().map_err(|_| unknown())?;
    match &host {
        Host::Name(name) if service_label(name).is_some() => return Err(unknown()),
        Host::Name(_) => {}
        Host::Address(address) => admit(text, [*address], reach).map(|_| ())?,
    }
    let port = uri.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
    let authority: Authority = format!("{host}{port}").parse().map_err(|_| unknown())?;
    let path = uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
    let scheme = uri.scheme_str().unwrap_or_default().to_ascii_lowercase();
    let built = Uri::builder().scheme(scheme.as_str()).authority(authority).path_and_query(path).build();
    built.map_err(|_| unknown())
}

/// The URL of a request to an instance: its path below that of the instance, which it must not leave.
///
/// # Errors
/// What is wrong with the path.
pub(in crate::mesh) fn below(base: &str, uri: &Uri) -> Result<Uri, &'static str> {
    let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    if has_dots(uri.path()) {
        return Err("has a `.` or `..` segment, which clients resolve before they send");
    }
    format!("{base}{path}").parse().map_err(|_| "does not fit behind the URL of its instance")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(url: &str, named: &[&str]) -> Result<String, OutboundError> {
        let reach = Reach::Granted(named.iter().map(|address| address.parse().unwrap()).collect());
        canonical(&url.parse().unwrap(), &reach).map(|uri| uri.to_string())
    }

    #[test]
    fn a_request_climbs_out_of_the_path_of_its_instance() {
        let at = |path: &str| below("http://127.0.0.1:3000/v1", &path.parse().unwrap()).map(|uri| uri.to_string());
        assert_eq!(at("http://billing/invoices?id=7").unwrap(), "http://127.0.0.1:3000/v1/invoices?id=7");
        assert_eq!(at("/").unwrap(), "http://127.0.0.1:3000/v1/");
        assert_eq!(at("http://billing").unwrap(), "http://127.0.0.1:3000/v1/");
        for path in ["/../admin", "/a/%2e%2e/..", "/..;/admin"] {
            assert!(at(path).is_err(), "{path}");
        }
    }

    #[test]
    fn a_service_name_never_reaches_dns() {
        for url in [
            "http://inventory/stock",
            "http://inventory.holm/stock",
            "http://inventory.HOLM./",
            "http://inventory./",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[fe80::1%25eth0]/",
        ] {
            let Ok(uri) = url.parse::<Uri>() else { continue };
            assert!(matches!(ask(&uri.to_string(), &[]), Err(OutboundError::UnknownName(_))), "{url}");
        }
    }

    #[test]
    fn one_host_goes_out_in_two_spellings() {
        for (url, canonical) in [
            ("HTTP://Example.COM.:80/a?b", "http://example.com:80/a?b"),
            ("https://example.com", "https://example.com/"),
            ("http://localhost:1/", "http://localhost:1/"),
            ("http://1.1.1.1./", "http://1.1.1.1/"),
            ("http://[2606:4700:0:0::1111]:8/", "http://[2606:4700::1111]:8/"),
        ] {
            assert_eq!(ask(url, &[]).unwrap(), canonical);
        }
    }

    #[test]
    fn an_address_inside_is_reached_without_being_named() {
        for url in ["http://127.0.0.1:9/", "http://[::1]:1/", "http://[::ffff:127.0.0.1]/", "http://169.254.169.254/"] {
            assert!(matches!(ask(url, &[]), Err(OutboundError::Prohibited { .. })), "{url}");
        }
        assert!(ask("http://127.0.0.1:9/", &["127.0.0.1"]).is_ok());
        assert!(ask("http://127.0.0.2:9/", &["127.0.0.1"]).is_err());
        assert!(ask("http://[::ffff:127.0.0.1]/", &["127.0.0.1"]).is_err());
        assert!(ask("http://[::ffff:127.0.0.1]/", &["::ffff:127.0.0.1"]).is_ok());
    }
}
