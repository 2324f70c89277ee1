//! The paths of dead letters.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::api::{DeadLetterLine, Problem, Published};
use super::events::{host_failed, not_committed};
use super::extract::Asked;
use super::server::AdminState;
use crate::events::LetterError;
use crate::events::dead::Number;

/// Dead letters in one answer, and when nobody says how many.
const MOST: usize = 1000;
const USUAL: usize = 100;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    /// Only those behind this one.
    #[param(nullable = false, pattern = "^[0-9]{1,9}-[0-9]{1,5}$")]
    after: Option<String>,
    /// How many at most [default: 100].
    #[param(nullable = false)]
    limit: Option<usize>,
}

/// Events that subscriptions could not handle, the oldest first.
#[utoipa::path(
    get, path = "/api/events/dead-letters", tag = "events", params(Page),
    responses((status = 200, body = Vec<DeadLetterLine>), (status = 500, body = Problem))
)]
pub(super) async fn list(
    State(state): State<AdminState>,
    Asked(page): Asked<Page>,
) -> Result<Json<Vec<DeadLetterLine>>, Problem> {
    let after = page.after.as_deref().map(number).transpose()?;
    let found = state.events.letters().list(after, page.limit.unwrap_or(USUAL).min(MOST));
    let found = found.map_err(|error| host_failed(&error))?;
    Ok(Json(found.iter().map(|(number, letter)| DeadLetterLine::listed(*number, letter)).collect()))
}

/// One of them, with the event.
#[utoipa::path(
    get, path = "/api/events/dead-letters/{number}", tag = "events",
    params(("number" = String, Path, description = "As in the list")),
    responses((status = 200, body = DeadLetterLine), (status = 403, body = Problem), (status = 404, body = Problem))
)]
pub(super) async fn show(
    State(state): State<AdminState>,
    Path(text): Path<String>,
) -> Result<Json<DeadLetterLine>, Problem> {
    let number = number(&text)?;
    let (letter, _) = state.events.letters().get(number)?;
    Ok(Json(DeadLetterLine::shown(number, letter)))
}

/// Publish its event once more, for the subscription that has failed alone, and remove the dead letter.
#[utoipa::path(
    post, path = "/api/events/dead-letters/{number}/replay", tag = "events",
    params(("number" = String, Path, description = "As in the list")),
    responses((status = 200, body = Published), (status = 404, body = Problem), (status = 503, body = Problem),
              (status = 507, body = Problem))
)]
pub(super) async fn replay(
    State(state): State<AdminState>,
    Path(text): Path<String>,
) -> Result<Json<Published>, Problem> {
    let id = state.events.letters().replay(number(&text)?).await?;
    Ok(Json(Published { id }))
}

/// Remove it: its event is given up for good.
#[utoipa::path(
    delete, path = "/api/events/dead-letters/{number}", tag = "events",
    params(("number" = String, Path, description = "As in the list")),
    responses((status = 204), (status = 404, body = Problem), (status = 507, body = Problem))
)]
pub(super) async fn drop_one(State(state): State<AdminState>, Path(text): Path<String>) -> Result<StatusCode, Problem> {
    state.events.letters().drop(number(&text)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn number(text: &str) -> Result<Number, Problem> {
    text.parse().map_err(|error: crate::events::dead::NotANumber| Problem::bad_request(error.to_string()))
}

impl From<LetterError> for Problem {
    fn from(error: LetterError) -> Self {
        match &error {
            LetterError::None(_) => Self::not_found(error.to_string()),
            LetterError::Commit(commit) => not_committed(commit),
            LetterError::Store(store) => host_failed(store),
        }
    }
}
