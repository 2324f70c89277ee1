//! What can be asked about what services keep.

use bytes::Bytes;
use holm_registry::ServiceName;
use http::Method;

use super::{Client, ClientError, Lines, query, whole};
use crate::admin::api::{Imported, StateKey, StateRecord};
use crate::body;

impl Client {
    /// The keys of a service: those of a bucket, those that begin so, or all.
    pub async fn state_keys(
        &self,
        service: &ServiceName,
        bucket: Option<&str>,
        prefix: Option<&str>,
    ) -> Result<Lines<StateKey>, ClientError> {
        let path = format!("/api/state/{service}?{}", query(&[("bucket", bucket), ("prefix", prefix)]));
        Ok(Lines::new(self.ask(Method::GET, &path, None).await?.into_body()))
    }

    /// The value of one key.
    pub async fn state_value(&self, service: &ServiceName, bucket: &str, key: &str) -> Result<Bytes, ClientError> {
        let query = query(&[("bucket", Some(bucket)), ("key", Some(key))]);
        whole(self.ask(Method::GET, &format!("/api/state/{service}/value?{query}"), None).await?.into_body()).await
    }

    /// All that a service keeps.
    pub async fn export_state(&self, service: &ServiceName) -> Result<Lines<StateRecord>, ClientError> {
        let path = format!("/api/state/{service}/export");
        Ok(Lines::new(self.ask(Method::GET, &path, None).await?.into_body()))
    }

    /// Sets keys of a service: some lines of an export, all or none.
    pub async fn import_state(&self, service: &ServiceName, lines: Vec<u8>) -> Result<Imported, ClientError> {
        let body = Some(("application/x-ndjson".to_owned(), body::full(lines)));
        self.send(Method::POST, &format!("/api/state/{service}/import"), body).await
    }
}
