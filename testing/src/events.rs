//! Events for services, and what services keep.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use holm::admin::api::{Payload, PublishEvent};
use serde_json::Value;

use crate::TestHost;

/// How long events may take until all are handled, with their retries.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(5);

impl TestHost {
    /// Publishes an event with a JSON payload, as somebody outside does.
    ///
    /// # Errors
    /// When the host does not take it.
    pub fn publish(&self, subject: &str, key: Option<&str>, payload: &Value) -> Result<()> {
        let event = PublishEvent {
            subject: subject.to_owned(),
            kind: None,
            key: key.map(str::to_owned),
            content_type: Some("application/json".to_owned()),
            headers: Vec::new(),
            payload: Payload::of(&payload.to_string().into()),
        };
        self.runtime.block_on(self.admin.publish(&event))?;
        Ok(())
    }

    /// Waits until no event waits for anybody: all are handled or dead, and those that followed from them, too.
    ///
    /// # Errors
    /// When that takes longer than a minute.
    pub fn settle(&self) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            let consumers = self.runtime.block_on(self.admin.consumers())?;
            let waiting: Vec<_> = consumers.iter().filter(|one| one.lag + one.in_flight > 0).collect();
            if waiting.is_empty() {
                return Ok(());
            }
            if Instant::now() > end {
                bail!("events still wait after {}: {waiting:?}", PATIENCE.as_secs());
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Events that were given up, with their reasons, as the admin API has them.
    ///
    /// # Errors
    /// When the host does not answer.
    pub fn dead_letters(&self) -> Result<Vec<Value>> {
        let letters = self.runtime.block_on(self.admin.dead_letters(None, 1000))?;
        Ok(letters.iter().map(serde_json::to_value).collect::<Result<_, _>>()?)
    }

    /// What a service keeps under a key of its bucket without a name; `None`: nothing.
    ///
    /// # Errors
    /// When the host does not answer.
    pub fn state(&self, service: &str, key: &str) -> Result<Option<Vec<u8>>> {
        let service = service.parse()?;
        self.runtime.block_on(async {
            let mut keys = self.admin.state_keys(&service, None, Some(key)).await?;
            while let Some(found) = keys.next().await? {
                if found.bucket.is_empty() && found.key == key {
                    return Ok(Some(self.admin.state_value(&service, "", key).await?.to_vec()));
                }
            }
            Ok(None)
        })
    }
}
