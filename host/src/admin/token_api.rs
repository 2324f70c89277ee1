//! The paths of tokens: for the admin token alone.

use axum::Json;
use axum::extract::{Path, Request, State};
use http::StatusCode;

use super::api::{MakeToken, NewToken, Problem, Token};
use super::server::AdminState;
use super::tokens::{TokenRecord, TokensError};
use super::upload::{self, JSON_LIMIT};

/// Make a token. It is shown this once; the host keeps its hash.
#[utoipa::path(
    post, path = "/api/tokens", tag = "tokens", request_body = MakeToken,
    responses((status = 200, body = NewToken), (status = 400, body = Problem), (status = 403, body = Problem))
)]
pub(super) async fn create(State(state): State<AdminState>, request: Request) -> Result<Json<NewToken>, Problem> {
    let body = upload::whole(request, JSON_LIMIT, "the request").await?;
    let MakeToken { scope, note } = upload::json(&body, "the request")?;
    let (token, record) = state.tokens.create(scope, note).await?;
    Ok(Json(NewToken { token, id: record.id, scope }))
}

/// All tokens, without the tokens.
#[utoipa::path(get, path = "/api/tokens", tag = "tokens", responses((status = 200, body = Vec<Token>)))]
pub(super) async fn list(State(state): State<AdminState>) -> Json<Vec<Token>> {
    Json(state.tokens.list().into_iter().map(Token::from).collect())
}

/// Make a token worth nothing.
#[utoipa::path(
    delete, path = "/api/tokens/{id}", tag = "tokens",
    params(("id" = String, Path, description = "Id of the token, not the token")),
    responses((status = 204), (status = 404, body = Problem))
)]
pub(super) async fn revoke(State(state): State<AdminState>, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    state.tokens.revoke(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<TokenRecord> for Token {
    fn from(record: TokenRecord) -> Self {
        let created_at = super::api::rfc3339(record.created_at);
        Self { id: record.id, scope: record.scope, note: record.note, created_at }
    }
}

impl From<TokensError> for Problem {
    fn from(error: TokensError) -> Self {
        match &error {
            TokensError::TooMany | TokensError::LongNote => Self::bad_request(error.to_string()),
            TokensError::Unknown(_) => Self::not_found(error.to_string()),
            TokensError::Random(_) | TokensError::Commit(_) | TokensError::Store(_) | TokensError::Encode(_) => {
                tracing::error!(target: "holm::admin", "{error}");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "host", "The host failed.", error.to_string())
            }
        }
    }
}
