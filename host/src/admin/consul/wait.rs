//! Blocking queries: an answer when something is newer than the index that the client knows, or
//! when its time is over.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use holm_registry::discovery::directory::Directory;
use http::StatusCode;
use serde_json::Value;

use super::ConsulState;
use super::query::Asked;
use super::refusal::Refusal;
use crate::telemetry::random::random_u64;

impl ConsulState {
    /// Answers with `look`, now or when `index_of` has grown.
    pub(super) async fn answer(
        &self,
        asked: &Asked,
        index_of: impl Fn(&Directory) -> u64,
        look: impl FnOnce(&Directory) -> Value,
    ) -> Result<Response, Refusal> {
        self.show_own();
        if let Some(index) = asked.index {
            self.wait(index, asked.wait, &index_of).await?;
        }
        let (index, found) = self.discovery.read(|directory| (index_of(directory), look(directory)));
        let headers = [("x-consul-index", index.to_string()), ("x-consul-knownleader", "true".to_owned())];
        Ok((headers, Json(found)).into_response())
    }

    async fn wait(&self, index: u64, wait: Duration, index_of: impl Fn(&Directory) -> u64) -> Result<(), Refusal> {
        let too_many =
            |_| Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too many clients wait for changes; ask without index");
        let _place = self.waiters.try_acquire().map_err(too_many)?;
        tokio::select! {
            () = self.discovery.changed(index, index_of) => {}
            () = tokio::time::sleep(wait + spread(wait)) => {}
            () = self.stop.cancelled() => {}
        }
        Ok(())
    }
}

/// Up to a sixteenth more, as Consul does, so that clients that began together do not all come
/// back together.
fn spread(wait: Duration) -> Duration {
    wait.mul_f64(f64::from(random_u64() as u16) / f64::from(u16::MAX) / 16.0)
}
