//! Rules that lead to a URL: through the program, over sockets, to servers made by hand.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::door::{Client, until, within};
use super::process::Host;

/// A server that answers each head with the same bytes, or goes on as whatever it is asked for and echoes.
struct Server {
    url: String,
    heads: Arc<Mutex<Vec<String>>>,
    _serving: JoinSet<()>,
}

impl Server {
    async fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let mut serving = JoinSet::new();
        let seen = Arc::clone(&heads);
        serving.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.spawn(serve(stream, answer, Arc::clone(&seen)));
            }
        });
        Self { url, heads, _serving: serving }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, answer: &str, heads: Arc<Mutex<Vec<String>>>) {
    while let Some(head) = head(&mut stream).await {
        let upgrades = head.to_lowercase().contains("\r\nupgrade: websocket\r\n");
        heads.lock().unwrap().push(head);
        if upgrades {
            let agreed = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: x\r\n\r\n";
            stream.write_all(agreed.as_bytes()).await.unwrap();
            let (mut from, mut to) = stream.split();
            let _ = tokio::io::copy(&mut from, &mut to).await;
            return;
        }
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(char::from(stream.read_u8().await.ok()?));
    }
    Some(head)
}

fn manifest(server: &Server, more: &str) -> String {
    format!(
        "[[gateway.route]]\npath = \"/legacy/{{*rest}}\"\nrewrite = \"/{{rest}}\"\nupstream = \"{}/v1\"\n{more}",
        server.url
    )
}

async fn connect(host: &Host) -> Client {
    Client::over(TcpStream::connect(&host.gateway).await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_at_a_url_gets_another_request_than_was_sent() {
    let server =
        Server::start("HTTP/1.1 201 Created\r\ncontent-length: 2\r\nserver: secret\r\nx-own: 1\r\n\r\nhi").await;
    let host = Host::start();
    host.deploy_manifest(&manifest(&server, ""));
    let mut client = connect(&host).await;
    for _ in 0..3 {
        client.send("GET /legacy/a/b?c=d HTTP/1.1\r\nhost: shop.test\r\nx-real-ip: 6.6.6.6\r\nconnection: x-hop\r\nx-hop: 1\r\n\r\n").await;
        let answer = client.answer().await.unwrap();
        assert_eq!((answer.status, answer.body.as_str(), answer.header("x-own")), (201, "hi", Some("1")));
        assert_eq!(answer.header("server"), None);
    }
    let head = server.heads().pop().unwrap().to_lowercase();
    let authority = server.url.trim_start_matches("http://");
    assert!(head.starts_with("get /v1/a/b?c=d http/1.1\r\n"), "{head}");
    for line in
        [format!("host: {authority}"), "x-forwarded-for: 127.0.0.1".into(), "x-forwarded-host: shop.test".into()]
    {
        assert!(head.contains(&format!("\r\n{line}\r\n")), "{line}: {head}");
    }
    assert!(!head.contains("x-real-ip") && !head.contains("x-hop"), "{head}");
    // nothing of the path leads out of what the rule names
    client.send("GET /legacy/%2e%2e/admin HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(client.answer().await.unwrap().status, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_down_is_asked_for_ever_or_nobody_stands_in() {
    let server = Server::start("HTTP/1.1 503 Away\r\ncontent-length: 0\r\n\r\n").await;
    let host = Host::start();
    host.deploy_manifest(&manifest(
        &server,
        "retry = { attempts = 2, backoff = \"1ms\" }\nbreaker = { volume_threshold = 4, reset_timeout = \"1h\" }\n\
         fallback = { respond = { status = 203, body = \"later\" } }\n",
    ));
    let mut client = connect(&host).await;
    for _ in 0..6 {
        client.send("GET /legacy/a HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let answer = client.answer().await.unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (203, "later"));
    }
    // two attempts for each of the first two requests; then the breaker is open
    assert_eq!(server.heads().len(), 4);
    // what is not idempotent is not sent twice
    let calls = host.done(&["calls"]);
    assert!(calls.contains("holm") && calls.contains("open"), "{calls}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_web_socket_ends_at_the_gateway() {
    let server = Server::start("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let host = Host::start();
    host.deploy_manifest(&manifest(&server, ""));
    let mut client = connect(&host).await;
    client
        .send("GET /legacy/chat HTTP/1.1\r\nhost: a\r\nconnection: keep-alive, Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: x\r\nsec-websocket-version: 13\r\n\r\n")
        .await;
    let answer = client.answer_without_body().await.unwrap();
    assert_eq!((answer.status, answer.header("upgrade")), (101, Some("websocket")));
    assert_eq!(answer.header("sec-websocket-accept"), Some("x"));
    for word in ["hello", "again"] {
        client.send(word).await;
        assert_eq!(within(client.bytes(5)).await, word);
    }
    assert!(server.heads()[0].contains("GET /v1/chat HTTP/1.1"));
    drop(client);
    // another protocol is none of the gateway's
    let mut client = connect(&host).await;
    client.send("GET /legacy/a HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: h2c\r\n\r\n").await;
    assert_eq!(client.answer().await.unwrap().status, 200);
    until("the second head", || server.heads().len() == 2).await;
    assert!(!server.heads()[1].to_lowercase().contains("upgrade"));
    // a drain does not wait for those who only listen
    let mut open = connect(&host).await;
    open.send("GET /legacy/chat HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n").await;
    assert_eq!(open.answer_without_body().await.unwrap().status, 101);
    let begun = std::time::Instant::now();
    assert!(host.terminate().0.success());
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_can_ask_where_a_request_goes() {
    let server = Server::start("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let host = Host::start();
    host.deploy_manifest(&manifest(&server, "headers = { x-beta = \"*\" }\n"));
    let told = host.done(&["routes", "test", "GET", "/legacy/a?b=c", "-H", "x-beta: 1"]);
    assert!(told.contains("/legacy/{*rest} of app app") && told.contains(&server.url), "{told}");
    let told = host.done(&["routes", "test", "GET", "http://shop.test/legacy/a", "--json"]);
    let steps: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(steps[0]["what"], "404: no rule takes it");
    assert_eq!(steps[1]["what"], "/legacy/{*rest} of app app: wants x-beta: *");
}
