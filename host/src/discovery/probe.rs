//! One question to one instance: an HTTP request or a connection.
//!
//! Redirects are not followed, since they lead where nobody registered; of the answer's body only
//! the begin is read. Every question has a connection of its own: an idle one says nothing about
//! whether a new one would be accepted.

use std::error::Error as StdError;
use std::time::Duration;

use bytes::Bytes;
use holm_registry::discovery::check::{How, HttpCheck, MAX_OUTPUT, Status};
use holm_registry::discovery::due::Question;
use holm_registry::discovery::ranges::AllowList;
use holm_registry::discovery::url::TcpAddress;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpStream;

use super::reach::Reach;

type Http = Client<HttpsConnector<HttpConnector<Reach>>, Full<Bytes>>;

/// Asks.
pub(super) struct Prober {
    /// For what clients registered.
    bounded: Way,
    /// For what operators wrote into manifests.
    trusted: Way,
}

struct Way {
    reach: Reach,
    http: Http,
}

impl Prober {
    pub(super) fn new(allow: AllowList) -> Self {
        Self { bounded: Way::new(Reach::new(Some(allow))), trusted: Way::new(Reach::new(None)) }
    }

    /// Asks once. What comes is always a status, with what people want to read about it.
    pub(super) async fn ask(&self, question: &Question) -> (Status, String) {
        let way = if question.trusted { &self.trusted } else { &self.bounded };
        let (pace, what) = match &question.how {
            How::Http { request, pace } => (pace, format!("{} {}", request.method, request.url)),
            How::Tcp { address, pace } => (pace, format!("TCP connect {address}")),
            // nobody asks these: the instance or the host itself says how it is
            How::Ttl(_) | How::Host => return (Status::Critical, String::new()),
        };
        let asked = tokio::time::timeout(pace.timeout, way.ask(&question.how)).await;
        let (status, said) = asked.unwrap_or_else(|_| (Status::Critical, no_answer(pace.timeout)));
        (status, format!("{what}: {said}"))
    }
}

fn no_answer(timeout: Duration) -> String {
    format!("no answer within {timeout:?}")
}

impl Way {
    fn new(reach: Reach) -> Self {
        let mut connector = HttpConnector::new_with_resolver(reach.clone());
        connector.enforce_http(false);
        let connector =
            HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().wrap_connector(connector);
        let http = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Self { reach, http }
    }

    async fn ask(&self, how: &How) -> (Status, String) {
        let answer = match how {
            How::Http { request, .. } => self.request(request).await,
            How::Tcp { address, .. } => self.connect(address).await,
            How::Ttl(_) | How::Host => return (Status::Critical, String::new()),
        };
        answer.unwrap_or_else(|error| (Status::Critical, chain(error.as_ref())))
    }

    async fn request(&self, check: &HttpCheck) -> Result<(Status, String), Box<dyn StdError + Send + Sync>> {
        self.reach.check_literal(check.url.host())?;
        let mut request = Request::builder()
            .method(Method::from_bytes(check.method.as_bytes())?)
            .uri(check.url.uri().clone())
            .header(header::USER_AGENT, "Holm Health Check")
            .header(header::ACCEPT, "text/plain, text/*, */*")
            .header(header::CONNECTION, "close");
        for (name, value) in &check.headers {
            request = request.header(name, value);
        }
        let response = self.http.request(request.body(Full::from(check.body.clone()))?).await?;
        let code = response.status();
        let body = begin(response.into_body()).await;
        Ok((judged(code), format!("{code} Output: {}", String::from_utf8_lossy(&body))))
    }

    async fn connect(&self, address: &TcpAddress) -> Result<(Status, String), Box<dyn StdError + Send + Sync>> {
        let mut last = None;
        for ip in self.reach.addresses(&address.host).await? {
            match TcpStream::connect((ip, address.port)).await {
                Ok(_) => return Ok((Status::Passing, "Success".to_owned())),
                Err(error) => last = Some(error),
            }
        }
        Err(last.map_or_else(|| "no address".into(), Into::into))
    }
}

/// Consul's reading: 2xx passes, 429 (too many requests) warns, everything else is critical.
fn judged(code: StatusCode) -> Status {
    if code.is_success() {
        Status::Passing
    } else if code == StatusCode::TOO_MANY_REQUESTS {
        Status::Warning
    } else {
        Status::Critical
    }
}

/// The begin of a body; one that breaks off has said enough.
async fn begin(mut body: Incoming) -> Vec<u8> {
    let mut begin = Vec::new();
    while begin.len() < MAX_OUTPUT {
        let Some(Ok(frame)) = body.frame().await else { break };
        begin.extend(frame.into_data().unwrap_or_default());
    }
    begin.truncate(MAX_OUTPUT);
    begin
}

fn chain(error: &(dyn StdError + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    let mut texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.dedup();
    texts.join(": ")
}
