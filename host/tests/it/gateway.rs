//! What an ordinary client may expect.

use holm::gateway::Limits;
use http::{Request, Version};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use super::door::{Host, route, until, within};

const GET: &str = "GET /a HTTP/1.1\r\nhost: shop.test\r\n\r\n";

#[tokio::test]
async fn a_connection_is_closed_after_every_request() {
    let host = Host::start(Limits::default());
    let mut client = host.connect().await;
    for _ in 0..3 {
        client.send(GET).await;
        let answer = client.answer().await.unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("connection"), None);
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_out_of_order_or_not_at_all() {
    let host = Host::start(Limits::default());
    let mut client = host.connect().await;
    client.send(&(1..=5).map(|n| format!("GET /{n} HTTP/1.1\r\nhost: a\r\n\r\n")).collect::<String>()).await;
    for n in 1..=5 {
        assert!(client.answer().await.unwrap().body.starts_with(&format!("GET /{n}\n")));
    }
}

#[tokio::test]
async fn http2_without_tls_is_not_understood() {
    let host = Host::start(Limits::default());
    let socket = TokioIo::new(TcpStream::connect(host.address).await.unwrap());
    let (mut client, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), socket).await.unwrap();
    let connection = host.tasks.spawn("client", connection);
    let request =
        |path: &str| Request::get(format!("http://shop.test{path}")).body(Empty::<bytes::Bytes>::new()).unwrap();
    let answer = within(client.send_request(request("/a?b=c"))).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, Version::HTTP_2));
    let body = String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
    assert!(body.starts_with("GET /a?b=c\n") && body.contains("\nhost: shop.test\n"), "{body}");

    // a drain finishes what is under way and says goodbye
    let held = client.send_request(request("/held"));
    let reached = host.reached.clone();
    let answering = host.tasks.spawn("held", held);
    until("the request", || reached.lock().unwrap().iter().any(|line| line == "GET /held")).await;
    host.shutdown.begin();
    host.held.add_permits(1);
    assert_eq!(within(answering).await.unwrap().unwrap().status(), 200);
    drop(client);
    within(connection).await.unwrap().unwrap();
    assert_eq!(host.drained().await.cut_off, 0);
}

#[tokio::test]
async fn the_service_sees_another_path_than_the_rule_says() {
    let host = Host::with_routes(
        Limits::default(),
        &[route("/api/users/{*rest}", "", "/users/{rest}"), route("/api/{kind}/{id}", "GET", "/{id}/of/{kind}")],
    );
    for (path, seen) in [
        ("/api/users", "/users"),
        ("/api/users/7?x=1&y=%2F", "/users/7?x=1&y=%2F"),
        ("/api/users/a%20b/c", "/users/a%20b/c"),
        ("/api/%75sers/7", "/users/7"),
        ("/api/carts/%C3%BC", "/%C3%BC/of/carts"),
    ] {
        let answer = host.ask(&format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        assert!(answer.body.starts_with(&format!("GET {seen}\n")), "{path}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_wrong_path_or_method_is_not_explained() {
    let host = Host::with_routes(Limits::default(), &[route("/users/{id}", "GET", "")]);
    let answer = host.ask("GET /carts HTTP/1.1\r\nhost: a\r\nx-request-id: r-1\r\n\r\n").await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.header("x-request-id"), Some("r-1"));
    let problem: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(problem["type"], "urn:holm:fault:not-found");
    assert_eq!(problem["instance"], "/carts");

    let answer = host.ask("DELETE /users/7 HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")));

    let mut client = host.connect().await;
    client.send("HEAD /carts HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let answer = client.answer_without_body().await.unwrap();
    assert_eq!(answer.status, 404);
    client.send("HEAD /users/7 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    let answer = client.answer_without_body().await.unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-length").is_some_and(|length| length != "0"), "{answer:?}");
    assert_eq!(client.rest().await.unwrap(), "");
}

#[tokio::test]
async fn a_client_speaks_for_the_proxy() {
    let host = Host::start(Limits::default());
    let answer = host
        .ask(
            "GET /a HTTP/1.1\r\nhost: shop.test:80\r\nx-forwarded-for: 1.1.1.1\r\nforwarded: for=1.1.1.1\r\n\
             connection: x-drop\r\nx-drop: 1\r\nte: gzip\r\n\
             traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n",
        )
        .await;
    assert_eq!(answer.saw("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(answer.saw("x-forwarded-proto"), Some("http"));
    assert_eq!(answer.saw("x-forwarded-host"), Some("shop.test:80"));
    for gone in ["forwarded", "connection", "x-drop", "te"] {
        assert_eq!(answer.saw(gone), None, "{gone}");
    }
    let trace = answer.saw("traceparent").unwrap();
    assert!(trace.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && !trace.contains("00f067aa0ba902b7"));
    let id = answer.saw("x-request-id").unwrap();
    assert_eq!((id.len(), answer.header("x-request-id")), (32, Some(id)));
    // nor does a guest speak for the connection
    for gone in ["server", "x-inner", "connection"] {
        assert_eq!(answer.header(gone), None, "{gone}");
    }
}

#[tokio::test]
async fn a_request_is_missing_from_the_access_log() {
    let host = Host::start(Limits::default());
    let length = host.ask(GET).await.body.len();
    host.ask("GET /a//b HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut leaving = host.connect().await;
    leaving.send("GET /held HTTP/1.1\r\nhost: a\r\n\r\n").await;
    until("the request", || host.reached.lock().unwrap().len() == 2).await;
    drop(leaving);
    until("the third end", || host.ended.lock().unwrap().len() == 3).await;
    let ended = host.ended.lock().unwrap().clone();
    assert_eq!(ended[0], format!("GET /{{*rest}} 200 {length} Whole"));
    assert!(ended[1].starts_with("GET - 400 ") && ended[1].ends_with(" Whole"), "{}", ended[1]);
    assert_eq!(ended[2], "GET /{*rest} 0 0 Cut");
}

#[tokio::test]
async fn an_answer_of_known_length_is_logged_as_cut_off() {
    let host = Host::start(Limits::default());
    assert_eq!(host.ask("GET /measured HTTP/1.1\r\nhost: a\r\n\r\n").await.body, "12345");
    until("the end", || host.ended.lock().unwrap().len() == 1).await;
    assert_eq!(host.ended.lock().unwrap()[0], "GET /{*rest} 200 5 Whole");
}
