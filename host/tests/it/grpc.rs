//! gRPC through the gateway: by hand, byte for byte, and by the clients that people have.

use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as Pooled;
use hyper_util::rt::TokioExecutor;
use serde_json::json;

use crate::client::Client;
use crate::door::within;
use crate::process::{Host, component, stderr, stdout};

const PROTO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/shop/user.proto");

fn manifest(more: &str) -> String {
    format!(
        "[app]\nname = \"shop\"\n[service.users]\ncomponent = \"{}\"\nversion = \"1.0.0\"\nhealth = {{ path = \"/health\" }}\n\
         [service.users.grpc]\nproto = \"{PROTO}\"\nservice = \"user.UserService\"\ninterface = \"shop:users/directory\"\n{more}\
         [[gateway.route]]\npath = \"/api/users/{{*rest}}\"\nrewrite = \"/users/{{rest}}\"\nservice = \"users\"\nauth = []\n",
        component("users").display()
    )
}

/// A host with one user, and the id.
async fn open(more: &str) -> (Host, String) {
    let host = Host::start_in(tempfile::tempdir().unwrap(), &["--grpc", "127.0.0.1:0"]);
    host.deploy_manifest(&manifest(more));
    let ada = json!({"email": "ada@example.com", "name": "Ada Lovelace"}).to_string();
    let created = Client::new(&host.gateway).send(Method::POST, "/api/users", &ada).await;
    assert_eq!(created.status, 201, "{created:?}");
    (host, created.json()["id"].as_str().unwrap().to_owned())
}

/// What came of a call: its messages, and the status with its text.
#[derive(Debug)]
struct Told {
    messages: Vec<Vec<u8>>,
    status: String,
    message: String,
}

async fn begin(host: &Host, path: &str, message: &[u8], headers: &[(&str, &str)]) -> Response<Incoming> {
    let client = Pooled::builder(TokioExecutor::new()).http2_only(true).build_http::<Full<Bytes>>();
    let mut request = Request::post(format!("http://{}{path}", host.gateway)).version(Version::HTTP_2);
    for (name, value) in [("content-type", "application/grpc"), ("te", "trailers")].iter().chain(headers) {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::from(frame(message))).unwrap();
    within(client.request(request)).await.unwrap()
}

async fn call(host: &Host, path: &str, message: &[u8], headers: &[(&str, &str)]) -> Told {
    let (head, body) = begin(host, path, message, headers).await.into_parts();
    assert_eq!(
        (head.status.as_u16(), &head.headers["content-type"]),
        (200, &"application/grpc+proto".parse().unwrap())
    );
    let body = within(body.collect()).await.unwrap();
    let told = body.trailers().cloned().unwrap_or(head.headers);
    let text =
        |told: &HeaderMap, name| told.get(name).map_or(String::new(), |value| value.to_str().unwrap().to_owned());
    let (status, message) = (text(&told, "grpc-status"), text(&told, "grpc-message"));
    Told { messages: messages(&body.to_bytes()), status, message }
}

fn frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0][..], &length, message].concat()
}

fn messages(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while let [flag, a, b, c, d, rest @ ..] = bytes {
        let (message, after) = rest.split_at(u32::from_be_bytes([*a, *b, *c, *d]) as usize);
        if *flag == 0 {
            found.push(message.to_vec());
        }
        bytes = after;
    }
    found
}

/// A message whose fields are texts, from 1 on.
fn texts(fields: &[&str]) -> Vec<u8> {
    let field =
        |(at, text): (usize, &&str)| [&[(at as u8 + 1) << 3 | 2, text.len() as u8][..], text.as_bytes()].concat();
    fields.iter().enumerate().flat_map(field).collect()
}

#[tokio::test]
async fn a_service_does_not_answer_in_its_own_words() {
    let (host, id) = open("").await;
    let ada = texts(&[&id, "ada@example.com", "Ada Lovelace"]);
    let one = call(&host, "/user.UserService/GetUser", &texts(&[&id]), &[]).await;
    assert_eq!((one.status.as_str(), one.messages), ("0", vec![ada.clone()]));
    let all = call(&host, "/user.UserService/ListUsers", &[], &[]).await;
    assert_eq!((all.status.as_str(), all.messages), ("0", vec![ada]));
    for (path, message, status, text) in [
        ("/user.UserService/GetUser", texts(&["nobody"]), "5", "not-found"),
        ("/user.UserService/GetUser", vec![0x0a, 9, 1], "3", "it is no message"),
        ("/user.UserService/GetUser", vec![0x0a, 1, 0xff], "3", "user_id: it is not UTF-8"),
        ("/user.UserService/Nothing", Vec::new(), "12", "user.UserService has no method Nothing"),
        ("/user.Nothing/GetUser", Vec::new(), "12", "No route leads"),
    ] {
        let told = call(&host, path, &message, &[]).await;
        assert_eq!((told.status.as_str(), told.messages.len()), (status, 0), "{path}: {told:?}");
        assert!(told.message.starts_with(text), "{path}: {told:?}");
    }
    let late = call(&host, "/user.UserService/GetUser", &texts(&[&id]), &[("grpc-timeout", "1n")]).await;
    assert_eq!(late.status, "4", "{late:?}");
    let well = call(&host, "/grpc.health.v1.Health/Check", &texts(&["user.UserService"]), &[]).await;
    assert_eq!((well.status.as_str(), well.messages), ("0", vec![vec![8, 1]]));
    assert_eq!(call(&host, "/grpc.health.v1.Health/Check", &texts(&["a.B"]), &[]).await.status, "5");
}

#[tokio::test]
async fn a_browser_cannot_call_or_does_not_see_the_status() {
    let (host, id) = open("").await;
    let client = Client::new(&host.gateway);
    let ask = async |kind: &str, body: Vec<u8>| {
        let headers = [("content-type", kind)];
        client.try_send_bytes(Method::POST, "/user.UserService/GetUser", &headers, body.into()).await.unwrap()
    };
    let web = ask("application/grpc-web+proto", frame(&texts(&[&id]))).await;
    assert_eq!(web.headers["content-type"], "application/grpc-web+proto");
    assert!(web.body.contains("Ada Lovelace") && web.body.ends_with("grpc-status:0\r\n"), "{web:?}");
    let gone = ask("application/grpc-web", frame(&texts(&["nobody"]))).await;
    assert_eq!((&gone.headers["grpc-status"], gone.body.as_str()), (&"5".parse().unwrap(), ""));
    let native = ask("application/grpc", frame(&texts(&[&id]))).await;
    assert_eq!(native.headers["grpc-status"], "3", "{native:?}");
    assert_eq!(ask("application/json", b"{}".to_vec()).await.status, 415);
}

#[tokio::test]
async fn a_door_for_grpc_stands_open_beside_a_closed_one() {
    let jwt = "auth = \"jwt\"\n[gateway.auth.jwt]\nsecret = \"0123456789abcdef0123456789abcdef\"\n";
    let (host, id) = open(jwt).await;
    let message = texts(&[&id]);
    assert_eq!(call(&host, "/user.UserService/GetUser", &message, &[]).await.status, "16");
    let bad = [("authorization", "Bearer a.b.c")];
    assert_eq!(call(&host, "/user.UserService/GetUser", &message, &bad).await.status, "7");
}

#[test]
fn a_proto_file_that_does_not_fit_is_deployed() {
    let host = Host::start();
    let proto = std::fs::read_to_string(PROTO).unwrap();
    let refused = |proto: &str| {
        let file = host.file("other.proto", proto);
        let path = host.file("holm.toml", manifest("").replace(PROTO, &file));
        stderr(&host.cli(&["deploy", &path])).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let told = refused(&proto.replace("string email = 2;", "int32 email = 2;"));
    assert!(told.contains("UserService.GetUser: response UserResponse: user.UserResponse.email: it is int32 here and string in WIT; write `string`"), "{told}");
    let told = refused(&proto.replace("GetUser (", "FindUser ("));
    assert!(told.contains("UserService.FindUser: shop:users/directory@1.0.0 has no such function"), "{told}");
    let told = refused(&proto.replace("string name = 3;", "string name = ;"));
    assert!(told.contains("the proto file of users cannot be used") && told.contains("other.proto"), "{told}");
}

#[tokio::test]
async fn a_service_without_a_proto_file_cannot_be_called_or_renumbers_its_fields() {
    let host = Host::start();
    let deploy = |service: &str, version: &str| {
        let grpc = "[service.users.grpc]\ninterface = \"shop:users/directory\"\n";
        let lines = format!("component = \"{}\"\nversion = \"{version}\"\n", component(service).display());
        let route = "[[gateway.route]]\npath = \"/users/{*rest}\"\nservice = \"users\"\n";
        host.deploy_manifest(&format!("[service.users]\n{lines}{grpc}{route}"));
    };
    deploy("users", "1.0.0");
    let ada = json!({"email": "ada@example.com", "name": "Ada Lovelace"}).to_string();
    let created = Client::new(&host.gateway).send(Method::POST, "/users", &ada).await.json();
    let id = created["id"].as_str().unwrap();
    let one = call(&host, "/shop.users.Directory/GetUser", &texts(&[id]), &[]).await;
    assert_eq!((one.status.as_str(), one.messages), ("0", vec![texts(&[id, "ada@example.com", "Ada Lovelace"])]));
    let file = host.done(&["inspect", "users", "--proto"]);
    for line in ["package shop.users;", "rpc GetUser (GetUserRequest) returns (GetUserResponse);", "string email = 2;"]
    {
        assert!(file.contains(line), "{file}");
    }
    deploy("users_next", "1.1.0");
    assert_eq!(host.done(&["inspect", "users", "--proto"]), file);
    host.done(&["remove", "users"]);
    host.deploy("users", "1.0.0", &component("users"), &[]);
    let told = stderr(&host.cli(&["inspect", "users", "--proto"]));
    assert!(told.contains("it does not answer over gRPC") && told.contains("`[service.NAME.grpc]`"), "{told}");
}

#[tokio::test]
async fn who_watches_a_service_is_told_nothing_or_keeps_the_host_from_ending() {
    let (host, _) = open("").await;
    let mut watch = begin(&host, "/grpc.health.v1.Health/Watch", &texts(&["user.UserService"]), &[]).await.into_body();
    let mut later = begin(&host, "/grpc.health.v1.Health/Watch", &texts(&["shop.Later"]), &[]).await.into_body();
    let next = async |body: &mut Incoming| within(body.frame()).await.unwrap().unwrap().into_data().ok();
    assert_eq!(next(&mut watch).await, Some(frame(&[8, 1]).into()));
    assert_eq!(next(&mut later).await, Some(frame(&[8, 3]).into()));
    host.done(&["remove", "users", "--force"]);
    assert_eq!(next(&mut watch).await, Some(frame(&[8, 3]).into()));
    let ended = tokio::task::spawn_blocking(|| host.terminate().0);
    let trailers = within(watch.frame()).await.unwrap().unwrap().into_trailers().unwrap();
    assert_eq!(trailers["grpc-status"], "14");
    assert!(ended.await.unwrap().success());
}

fn example() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/grpc");
    assert!(path.join("node_modules").exists(), "the clients are not installed: run scripts/test-clients");
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clients_that_people_have_cannot_call() {
    let (host, id) = open("").await;
    let python = example().join(".venv/bin/python");
    for address in [&host.gateway, host.grpc.as_ref().unwrap()] {
        for (program, script) in [(Path::new("node"), "try.js"), (&python, "try.py")] {
            let mut client = Command::new(program);
            let output = client.args([script, address, &id]).current_dir(example()).output().unwrap();
            assert_eq!(stdout(&output), "done\n", "{script} at {address}: {}", stderr(&output));
        }
    }
}
