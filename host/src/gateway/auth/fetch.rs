//! Asks an issuer for its keys: one GET, no redirects, with an end in time and size.

use std::error::Error as StdError;
use std::time::Duration;

use bytes::Bytes;
use holm_registry::discovery::url::HttpUrl;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// How long an issuer has for the whole answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of an answer: sixty keys with their certificates.
const LARGEST: usize = 256 * 1024;

/// The one client for keys.
pub(in crate::gateway) struct KeyClient(Client<HttpsConnector<HttpConnector>, Empty<Bytes>>);

impl KeyClient {
    /// Without any connection. They are not kept: an issuer is asked a few times an hour.
    pub(in crate::gateway) fn new() -> Self {
        let connector = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
        Self(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector))
    }

    /// The body of a good answer.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub(super) async fn get(&self, url: &HttpUrl) -> Result<Bytes, String> {
        let asked = tokio::time::timeout(TIMEOUT, self.ask(url)).await;
        asked.map_err(|_| format!("no answer within {TIMEOUT:?}"))?.map_err(|error| chain(error.as_ref()))
    }

    async fn ask(&self, url: &HttpUrl) -> Result<Bytes, Box<dyn StdError + Send + Sync>> {
        let request =
            Request::get(url.uri().clone()).header(header::ACCEPT, "application/jwk-set+json, application/json");
        let response = self.0.request(request.body(Empty::new())?).await?;
        match response.status() {
            StatusCode::OK => Ok(Limited::new(response.into_body(), LARGEST).collect().await?.to_bytes()),
            status => Err(format!("the answer was {status}").into()),
        }
    }
}

fn chain(error: &(dyn StdError + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
