//! Tokens, as they travel. The token itself does so once.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admin::tokens::Scope;

/// What token is to be made.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MakeToken {
    /// What it is good for.
    pub scope: Scope,
    /// For people: who has it.
    #[serde(default)]
    pub note: String,
}

/// A token that was just made.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewToken {
    /// The token. It is not shown again.
    pub token: String,
    /// By which it is revoked.
    pub id: String,
    /// What it is good for.
    pub scope: Scope,
}

/// A token, without the token.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// By which it is revoked.
    pub id: String,
    /// What it is good for.
    pub scope: Scope,
    /// What its maker says about it.
    pub note: String,
    /// RFC 3339, UTC.
    pub created_at: String,
}
