//! Why somebody is not let in.

use holm_registry::gateway::PartName;

/// Why credentials were not accepted. None of it repeats them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::gateway) enum Refusal {
    /// Not what it should be, by form.
    #[error("the token is not valid: {0}")]
    Form(&'static str),
    /// No key of the scheme has made this signature.
    #[error("the token's signature is not by a key of this scheme")]
    Signature,
    /// Over.
    #[error("the token has expired")]
    Expired,
    /// Not yet.
    #[error("the token is not valid yet")]
    Early,
    /// Meant for others, or without something that must be there.
    #[error("the token's claim `{0}` is missing or not accepted")]
    Claim(String),
    /// Not enough.
    #[error("the scope `{0}` is missing")]
    Scope(String),
    /// No key that was handed out.
    #[error("the API key is not known")]
    ApiKey,
    /// The issuer has never told its keys.
    #[error("the keys of the scheme `{0}` cannot be had from its issuer")]
    NoKeys(PartName),
}

impl Refusal {
    /// How far the credentials came; the farthest says most about what is wrong.
    pub(super) fn weight(&self) -> u8 {
        match self {
            Self::Form(_) | Self::ApiKey => 0,
            Self::Signature => 1,
            Self::Expired | Self::Early | Self::Claim(_) | Self::Scope(_) => 2,
            // the scheme might have accepted them
            Self::NoKeys(_) => 3,
        }
    }

    /// What the client is told. Before the signature is verified that is nothing.
    pub(in crate::gateway) fn told(&self) -> &'static str {
        match self {
            Self::Form(_) | Self::Signature | Self::ApiKey => "The credentials are not valid.",
            Self::Expired => "The token has expired.",
            Self::Early => "The token is not valid yet.",
            Self::Claim(_) => "The token is not for this service.",
            Self::Scope(_) => "The token's scopes do not suffice.",
            Self::NoKeys(_) => "The credentials cannot be checked at the moment.",
        }
    }
}
