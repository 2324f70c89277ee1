//! Mangled input to a host that runs: components, requests of the admin API, and heads for the gateway.
//!
//! The pure targets are in `fuzz/targets`; these need an engine and a server. `HOLM_FUZZ_SEED` gives other
//! inputs, `HOLM_FUZZ_SECONDS` more of them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use holm_fuzz_targets::mutate::Mutator;

use crate::process::{Host, fixture};

/// For each test, unless `HOLM_FUZZ_SECONDS` says otherwise.
const SECONDS: u64 = 3;

/// What an answer may take. A mangled request may announce more than it has: then both sides wait.
const PATIENCE: Duration = Duration::from_millis(300);
/// The same while a component is compiled.
const COMPILING: Duration = Duration::from_secs(20);

#[expect(clippy::disallowed_methods, reason = "the host reads its environment in one place; this is no part of it")]
fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// All inputs of a corpus that somebody has chosen.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Makes inputs of a corpus for as long as there is time.
fn inputs(corpus: Vec<Vec<u8>>) -> impl Iterator<Item = Vec<u8>> {
    let first = corpus.clone();
    let mut mutator = Mutator::new(corpus, variable("HOLM_FUZZ_SEED", 20_261_122));
    let end = Instant::now() + Duration::from_secs(variable("HOLM_FUZZ_SECONDS", SECONDS));
    let made = std::iter::from_fn(move || (Instant::now() < end).then(|| mutator.next_input()));
    first.into_iter().chain(made)
}

/// Sends bytes and gives the status and all of the answer; `None` when there is none.
fn exchange(address: &str, request: &[u8], patience: Duration) -> Option<(u16, String)> {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(patience)).unwrap();
    // a server that refuses a head early closes before it has read all
    let _refused = socket.write_all(request);
    let mut answer = Vec::new();
    let _reset = socket.take(1 << 20).read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().unwrap();
    Some((status, answer))
}

/// A request with its length, after what is in the place of the token and the host was filled in.
fn request(host: &Host, input: &[u8]) -> Vec<u8> {
    let end = input.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(input.len());
    let (head, body) = input.split_at(end);
    let body = body.get(4..).unwrap_or_default();
    let head = String::from_utf8_lossy(head).replace("{host}", &host.admin).replace("{token}", &host.token());
    let head = format!("{head}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn is_alive(host: &Host) {
    let probe = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert_eq!(exchange(&host.admin, probe, COMPILING).map(|(status, _)| status), Some(200));
}

#[test]
fn a_mangled_request_ends_the_admin_api() {
    let host = Host::start();
    let mut answered = 0;
    for input in inputs(corpus("requests")).filter(|input| !input.windows(6).any(|six| six == b"follow")) {
        let request = request(&host, &input);
        let Some((status, answer)) = exchange(&host.admin, &request, PATIENCE) else { continue };
        answered += usize::from(status < 400);
        assert!(status < 500, "{} gave {answer}", input.escape_ascii());
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let problem = head.contains("application/problem+json");
        // what is no HTTP at all never comes to a handler
        assert!(status < 400 || problem || body.is_empty(), "{} gave {answer}", input.escape_ascii());
    }
    assert!(answered >= 5, "the corpus is of requests that nobody takes");
    is_alive(&host);
}

/// Every stage in front of a target, and targets that answer at once: what a head leads to is told by its answer.
const RULES: &str = "
[gateway.auth.jwt]
secret = \"0123456789abcdef0123456789abcdef\"
[gateway.rate.default]
requests = 1000000
per = \"1s\"
[[gateway.route]]
path = \"/open/{*rest}\"
rate = \"default\"
cors = { origins = [\"https://shop.example.com\"] }
respond = { body = \"open\" }
[[gateway.route]]
path = \"/closed/{id}\"
auth = \"jwt\"
respond = { body = \"closed\" }
[[gateway.route]]
host = \"*.shop.test\"
path = \"/{one}/{two}\"
methods = [\"GET\", \"POST\"]
headers = { x-beta = \"1\" }
redirect = \"/open/{one}\"
";

#[test]
fn a_mangled_head_ends_the_gateway_or_opens_a_closed_rule() {
    let host = Host::start();
    let path = fixture("echo");
    host.deploy_manifest(&format!("[service.a]\ncomponent = \"{}\"\nversion = \"1.0.0\"\n{RULES}", path.display()));
    let mut answered = 0;
    for input in inputs(corpus("heads")) {
        let Some((status, answer)) = exchange(&host.gateway, &input, PATIENCE) else { continue };
        answered += usize::from(status < 400);
        assert!(status < 500 || status == 501 || status == 505, "{} gave {answer}", input.escape_ascii());
        assert!(!answer.ends_with("closed"), "{} came to a closed rule", input.escape_ascii());
    }
    assert!(answered >= 3, "the corpus is of requests that no rule takes");
    is_alive(&host);
}

#[test]
fn a_mangled_component_ends_the_host() {
    let host = Host::start();
    let corpus: Vec<Vec<u8>> =
        ["trap", "spin", "log"].map(|name| std::fs::read(fixture(name)).unwrap()).into_iter().collect();
    let put = "POST /api/inspect HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
               Content-Type: application/wasm\r\n\r\n";
    let mut refused = 0;
    for input in inputs(corpus) {
        let request = request(&host, &[put.as_bytes(), &input].concat());
        let (status, answer) = exchange(&host.admin, &request, COMPILING).expect("an answer");
        assert!(status == 200 || status == 422, "{answer}");
        refused += usize::from(status == 422);
    }
    assert!(refused > 0, "nothing was mangled");
    is_alive(&host);
}
