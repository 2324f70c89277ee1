//! gRPC, or one of the forms of it that browsers can speak
//! (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md>).

use http::header::{self, HeaderMap, HeaderValue};

/// How messages and the status travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gateway) enum Dialect {
    /// Frames, and the status in trailers: HTTP/2 alone.
    Native,
    /// The trailers are a last frame, since browsers do not show them.
    Web,
    /// The same in base64, for those that cannot read bytes.
    WebText,
}

impl Dialect {
    /// What a request's content-type says; `None`: no gRPC, or messages that are not protobuf.
    pub(in crate::gateway) fn of(headers: &HeaderMap) -> Option<Self> {
        let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match kind.strip_suffix("+proto").unwrap_or(&kind) {
            "application/grpc" => Some(Self::Native),
            "application/grpc-web" => Some(Self::Web),
            "application/grpc-web-text" => Some(Self::WebText),
            _ => None,
        }
    }

    /// The content-type of the answer.
    pub(super) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Native => "application/grpc+proto",
            Self::Web => "application/grpc-web+proto",
            Self::WebText => "application/grpc-web-text+proto",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_taken_for_a_message() {
        let of = |kind: &'static str| {
            Dialect::of(&HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))]))
        };
        assert_eq!(of("application/grpc"), Some(Dialect::Native));
        assert_eq!(of("application/grpc+proto"), Some(Dialect::Native));
        assert_eq!(of("application/grpc-web+proto; charset=x"), Some(Dialect::Web));
        assert_eq!(of("application/grpc-web-text"), Some(Dialect::WebText));
        for other in ["application/grpc+json", "application/json", "application/grpcx", ""] {
            assert_eq!(of(other), None, "{other}");
        }
        assert_eq!(Dialect::of(&HeaderMap::new()), None);
    }
}
