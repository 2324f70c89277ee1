//! What can be asked about events.

use http::Method;

use super::{Client, ClientError, Lines, query};
use crate::admin::api::{Consumer, DeadLetterLine, EventLine, PublishEvent, Published, Stream};
use crate::body;

/// Where dead letters are.
const DEAD_LETTERS: &str = "/api/events/dead-letters";

impl Client {
    /// The streams of the event bus.
    pub async fn streams(&self) -> Result<Vec<Stream>, ClientError> {
        self.get("/api/events/streams").await
    }

    /// All subscriptions.
    pub async fn consumers(&self) -> Result<Vec<Consumer>, ClientError> {
        self.get("/api/events/consumers").await
    }

    /// Events as they are published from now on.
    pub async fn tail(&self, subject: &str) -> Result<Lines<EventLine>, ClientError> {
        let path = format!("/api/events/tail?{}", query(&[("subject", Some(subject))]));
        Ok(Lines::new(self.ask(Method::GET, &path, None).await?.into_body()))
    }

    /// Publishes an event; on return it is durable.
    pub async fn publish(&self, event: &PublishEvent) -> Result<Published, ClientError> {
        let json = serde_json::to_vec(event).map_err(ClientError::unreadable)?;
        self.send(Method::POST, "/api/events", Some(("application/json".to_owned(), body::full(json)))).await
    }

    /// Some dead letters behind one, the oldest first, without their events.
    pub async fn dead_letters(&self, after: Option<&str>, limit: usize) -> Result<Vec<DeadLetterLine>, ClientError> {
        let limit = limit.to_string();
        self.get(&format!("{DEAD_LETTERS}?{}", query(&[("after", after), ("limit", Some(&limit))]))).await
    }

    /// One dead letter.
    pub async fn dead_letter(&self, number: &str) -> Result<DeadLetterLine, ClientError> {
        self.get(&format!("{DEAD_LETTERS}/{number}")).await
    }

    /// Publishes the event of a dead letter once more, for the subscription that has failed.
    pub async fn replay(&self, number: &str) -> Result<Published, ClientError> {
        self.send(Method::POST, &format!("{DEAD_LETTERS}/{number}/replay"), None).await
    }

    /// Removes a dead letter.
    pub async fn drop_dead_letter(&self, number: &str) -> Result<(), ClientError> {
        self.ask(Method::DELETE, &format!("{DEAD_LETTERS}/{number}"), None).await.map(drop)
    }
}
