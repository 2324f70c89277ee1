//! A gateway with a target made of a closure, and a client that sees every byte.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::StreamExt;
use holm::body::{self, Body};
use holm::fault::{Fault, FaultKind};
use holm::gateway::{Access, Answer as Answered, Behind, Door, Drained, Gateway, Limits, Observer, Tls, bind};
use holm::mesh::policy::Policies;
use holm::services::{CallError, Described, Function, GrpcServices, HttpEntry};
use holm::shutdown::{Shutdown, Tasks};
use holm::telemetry::metrics::Metrics;
use holm_registry::ServiceName;
use holm_registry::discovery::url::HttpUrl;
use holm_registry::gateway::GatewaySettings;
use holm_registry::manifest::Manifest;
use holm_registry::route::{Origin, RouteSpec, Target};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinHandle};

/// How often gateways of manifests may ask an issuer for keys.
pub(crate) const KEY_INTERVAL: Duration = Duration::from_millis(200);

/// No test waits longer for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Host {
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: Shutdown,
    pub(crate) tasks: Tasks,
    /// `GET /held/…` is answered once for every permit added here.
    pub(crate) held: Arc<Semaphore>,
    /// What reached the target: method and path.
    pub(crate) reached: Arc<Mutex<Vec<String>>>,
    /// How each request ended.
    pub(crate) ended: Arc<Mutex<Vec<String>>>,
    publish: Publish,
    serving: JoinHandle<Drained>,
    background: AbortHandle,
}

/// Behind the gateway: one service that echoes, whatever its name or its URL.
#[derive(Clone)]
struct Echo {
    held: Arc<Semaphore>,
    reached: Arc<Mutex<Vec<String>>>,
}

impl Behind for Echo {
    fn service(&self, _: HttpEntry, request: Request<Body>) -> Answered {
        Box::pin(answer(request, Arc::clone(&self.held), Arc::clone(&self.reached)))
    }

    fn upstream(&self, _: &HttpUrl, _: Instant, request: Request<Body>) -> Answered {
        Box::pin(answer(request, Arc::clone(&self.held), Arc::clone(&self.reached)))
    }

    fn function(&self, _: &ServiceName, _: &str, name: &str) -> Result<Function, CallError> {
        Err(CallError::NotFound(name.to_owned()))
    }

    fn describe(&self, _: &ServiceName) -> Option<Described> {
        None
    }

    fn grpc(&self) -> Arc<GrpcServices> {
        Arc::default()
    }
}

type Rules = (Vec<RouteSpec>, BTreeMap<Origin, GatewaySettings>);
type Publish = Box<dyn Fn(&[RouteSpec], &BTreeMap<Origin, GatewaySettings>) + Send + Sync>;

/// The rules of a manifest whose one service is `echo`.
fn read(text: &str) -> Rules {
    let service = "[service.echo]\ncomponent = \"echo.wasm\"\nversion = \"1.0.0\"\n";
    let manifest = Manifest::parse("holm.toml", &format!("{service}{text}"), Path::new(""), &|_| None);
    let manifest = manifest.unwrap_or_else(|error| panic!("{error}"));
    (manifest.routes, [(Origin::Manifest(manifest.app), manifest.gateway)].into())
}

pub(crate) fn route(path: &str, methods: &str, rewrite: &str) -> RouteSpec {
    let (target, origin) = (Target::Service("echo".parse().unwrap()), Origin::Manifest("test".to_owned()));
    RouteSpec {
        methods: methods.split_whitespace().map(|method| method.parse().unwrap()).collect(),
        rewrite: (!rewrite.is_empty()).then(|| rewrite.parse().unwrap()),
        ..RouteSpec::new(path.parse().unwrap(), target, origin)
    }
}

impl Host {
    /// A gateway that takes every path.
    pub(crate) fn start(limits: Limits) -> Self {
        Self::with_routes(limits, &[route("/{*rest}", "", "")])
    }

    pub(crate) fn with_routes(limits: Limits, routes: &[RouteSpec]) -> Self {
        Self::with_gateway(limits, routes, &BTreeMap::new(), None)
    }

    /// A gateway whose rules are those of a manifest: its services are all the one that echoes.
    pub(crate) fn of_manifest(text: &str) -> Self {
        let limits = Limits { key_interval: KEY_INTERVAL, ..Limits::default() };
        let (routes, settings) = read(text);
        Self::with_gateway(limits, &routes, &settings, None)
    }

    /// A gateway that takes every path, over TLS.
    pub(crate) fn over_tls(limits: Limits, tls: Arc<Tls>) -> Self {
        Self::with_gateway(limits, &[route("/{*rest}", "", "")], &BTreeMap::new(), Some(tls))
    }

    /// The same with other rules, from now on.
    pub(crate) fn deploy(&self, text: &str) {
        let (routes, settings) = read(text);
        (self.publish)(&routes, &settings);
    }

    fn with_gateway(
        limits: Limits,
        routes: &[RouteSpec],
        settings: &BTreeMap<Origin, GatewaySettings>,
        tls: Option<Arc<Tls>>,
    ) -> Self {
        let (shutdown, tasks) = (Shutdown::new(), Tasks::new());
        let held = Arc::new(Semaphore::new(0));
        let (reached, ended) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<Mutex<Vec<String>>>::default());
        let echo = Echo { held: Arc::clone(&held), reached: Arc::clone(&reached) };
        let observer: Observer = {
            let ended = Arc::clone(&ended);
            Arc::new(move |access: &Access| ended.lock().unwrap().push(describe(access)))
        };
        let metrics = Arc::<Metrics>::default();
        let policies = Arc::new(Policies::new(Arc::clone(&metrics)));
        let gateway = Arc::new(Gateway::new(limits.clone(), echo.clone(), metrics, policies, Some(observer)));
        gateway.publish(routes, settings, echo.clone()).unwrap();
        let listener = bind("127.0.0.1:0".parse().unwrap(), "--listen").unwrap();
        let address = listener.local_addr().unwrap();
        let mut door = Door::new(listener, limits, "gateway", &tasks, shutdown.clone());
        if let Some(tls) = tls.clone() {
            door = door.with_tls(tls);
        }
        let published = Arc::clone(&gateway);
        let publish: Publish =
            Box::new(move |routes, settings| published.publish(routes, settings, echo.clone()).unwrap());
        let keeping = Arc::clone(&gateway);
        let background = tasks.spawn("keys and certificates", async move {
            let following = async {
                match tls {
                    Some(tls) => tls.follow().await,
                    None => std::future::pending().await,
                }
            };
            tokio::join!(keeping.keep_keys(), following);
        });
        let handler = move |request, peer| {
            let gateway = Arc::clone(&gateway);
            async move { gateway.handle(request, peer).await }
        };
        let serving = tasks.spawn("door", door.serve(handler));
        Self { address, shutdown, tasks, held, reached, ended, publish, serving, background: background.abort_handle() }
    }

    pub(crate) async fn connect(&self) -> Client {
        Client(BufReader::new(TcpStream::connect(self.address).await.unwrap()))
    }

    /// One request on a connection of its own.
    pub(crate) async fn ask(&self, request: &str) -> Answer {
        let mut client = self.connect().await;
        client.send(request).await;
        client.answer().await.unwrap()
    }

    pub(crate) async fn drained(self) -> Drained {
        self.background.abort();
        within(self.serving).await.unwrap()
    }
}

fn describe(access: &Access) -> String {
    let status = access.status.map_or(0, |status| status.as_u16());
    let route = access.route.as_deref().unwrap_or("-");
    format!("{} {route} {status} {} {:?}", access.method, access.bytes_out, access.ending)
}

/// Says what it saw; waits on `/held/…`; does not read the body on `/deaf/…`; streams five bytes on `/measured/…`; fails
/// on `/broken/…`; says much on `/large/…`.
async fn answer(
    request: Request<Body>,
    held: Arc<Semaphore>,
    reached: Arc<Mutex<Vec<String>>>,
) -> Result<Response<Body>, Fault> {
    let (parts, body) = request.into_parts();
    reached.lock().unwrap().push(format!("{} {}", parts.method, parts.uri));
    if parts.uri.path().starts_with("/held") {
        held.acquire().await.unwrap().forget();
    }
    if parts.uri.path().starts_with("/broken") {
        return Err(Fault::new(FaultKind::Trap, "it always does"));
    }
    if parts.uri.path().starts_with("/large") {
        let response = Response::builder().header("content-type", "text/plain").header("etag", "\"1\"");
        return Ok(response.body(body::full("much ".repeat(2000))).unwrap());
    }
    let mut text = format!("{} {}\n", parts.method, parts.uri);
    for (name, value) in &parts.headers {
        text += &format!("{name}: {}\n", value.to_str().unwrap());
    }
    if !parts.uri.path().starts_with("/deaf") {
        match body.collect().await {
            Ok(body) => text += &format!("\n{}", String::from_utf8_lossy(&body.to_bytes())),
            Err(error) => text += &format!("\ncut: {error}"),
        }
    }
    if parts.uri.path().starts_with("/measured") {
        // as a guest sends it: the length is in the head, and the end of the stream comes apart from the last bytes
        let chunks = futures::stream::iter([Ok(Frame::data("12345".into()))]).chain(futures::stream::pending());
        return Ok(Response::builder()
            .header("content-length", "5")
            .body(StreamBody::new(chunks).boxed_unsync())
            .unwrap());
    }
    let response = Response::builder().header("connection", "x-inner").header("x-inner", "1").header("server", "guest");
    Ok(response.body(body::full(text)).unwrap())
}

/// One connection.
pub(crate) struct Client(BufReader<TcpStream>);

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Status line and headers, header names in lower case as hyper writes them.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Client {
    pub(crate) fn over(stream: TcpStream) -> Self {
        Self(BufReader::new(stream))
    }

    pub(crate) async fn send(&mut self, text: &str) {
        within(self.0.get_mut().write_all(text.as_bytes())).await.unwrap();
    }

    /// May fail, as on a connection that the host has closed.
    pub(crate) async fn try_send(&mut self, text: &str) -> std::io::Result<()> {
        self.0.get_mut().write_all(text.as_bytes()).await
    }

    /// `None`: the connection was closed in good order before an answer.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        within(self.read_answer(true)).await.unwrap()
    }

    pub(crate) async fn answer_without_body(&mut self) -> Option<Answer> {
        within(self.read_answer(false)).await.unwrap()
    }

    /// The next bytes, this many.
    pub(crate) async fn bytes(&mut self, count: usize) -> String {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).await.unwrap();
        String::from_utf8(bytes).unwrap()
    }

    /// Whether a good answer comes.
    pub(crate) async fn rest_of_one(&mut self) -> bool {
        matches!(within(self.read_answer(true)).await, Ok(Some(answer)) if answer.status == 200)
    }

    /// Whatever comes until the host closes; an error is a reset.
    pub(crate) async fn rest(&mut self) -> std::io::Result<String> {
        let mut rest = String::new();
        within(self.0.read_to_string(&mut rest)).await.map(|_| rest)
    }

    async fn read_answer(&mut self, with_body: bool) -> std::io::Result<Option<Answer>> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut head).await? == 0 {
                assert_eq!(head, "", "closed inside a head");
                return Ok(None);
            }
        }
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
        let mut body = vec![0; if with_body { length } else { 0 }];
        self.0.read_exact(&mut body).await?;
        let status = head[9..12].parse().unwrap();
        Ok(Some(Answer { status, head, body: String::from_utf8(body).unwrap() }))
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// A line of the target's account of what it saw.
    pub(crate) fn saw(&self, name: &str) -> Option<&str> {
        self.body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("took longer than any test may")
}

/// Polls until the condition holds.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{what} never happened"));
}
