//! Who may ask, from the outside: tokens, keys, an issuer that comes and goes, a deployment.

use std::sync::{Arc, Mutex};

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::client::Client;
use super::door::{Answer, Host as Door, until};
use super::process::{Host, component, fixture, run, stderr, stdout};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const KEY: &str = "a-key-that-was-handed-out-to-mobile";

const GATEWAY: &str = r#"
[gateway.auth.jwt]
secret = "0123456789abcdef0123456789abcdef"
issuer = "shop"
headers = { x-user-id = "id", x-roles = "roles" }
[gateway.auth.keys]
api_keys = { mobile = "a-key-that-was-handed-out-to-mobile" }
[[gateway.route]]
path = "/open/{*rest}"
service = "echo"
[[gateway.route]]
path = "/tokens/{*rest}"
service = "echo"
auth = "jwt"
[[gateway.route]]
path = "/keys/{*rest}"
service = "echo"
auth = "keys"
[[gateway.route]]
path = "/both/{*rest}"
service = "echo"
auth = ["jwt", "keys"]
[[gateway.route]]
path = "/orders"
service = "echo"
auth = "jwt"
scopes = ["orders:read"]
"#;

fn token(claims: Value) -> String {
    encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

fn shopper() -> String {
    token(json!({"sub": "u-7", "id": 7, "roles": ["a", "b"], "iss": "shop", "exp": 4_000_000_000_u64}))
}

async fn get(host: &Door, path: &str, headers: &str) -> Answer {
    host.ask(&format!("GET {path} HTTP/1.1\r\nhost: a\r\n{headers}\r\n")).await
}

#[tokio::test]
async fn nobody_is_asked_for_credentials_or_everybody_is_let_in() {
    let host = Door::of_manifest(GATEWAY);
    assert_eq!(get(&host, "/open/a", "").await.status, 200);
    let asked = get(&host, "/tokens/a", "").await;
    assert_eq!((asked.status, asked.header("www-authenticate")), (401, Some("Bearer")));
    let problem: Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!(problem["type"], "urn:holm:fault:unauthenticated");
    assert_eq!(get(&host, "/keys/a", "").await.header("www-authenticate"), Some("ApiKey header=\"x-api-key\""));
    let refused = get(&host, "/tokens/a", "authorization: Bearer a.b.c\r\n").await;
    assert_eq!(refused.status, 403);
    let problem: Value = serde_json::from_str(&refused.body).unwrap();
    assert_eq!(
        (problem["type"].as_str(), problem["title"].as_str()),
        (Some("urn:holm:fault:forbidden"), Some("The credentials are not valid."))
    );
    let late = token(json!({"sub": "7", "iss": "shop", "exp": 1_000_000_000}));
    let refused = get(&host, "/tokens/a", &format!("authorization: Bearer {late}\r\n")).await;
    assert!(refused.body.contains("The token has expired.") && !refused.body.contains(&late), "{}", refused.body);
    assert_eq!(*host.reached.lock().unwrap(), ["GET /open/a"]);
}

#[tokio::test]
async fn the_service_does_not_learn_who_asks_or_believes_the_client() {
    let host = Door::of_manifest(GATEWAY);
    let lies = "x-holm-principal: admin\r\nx-holm-caller: orders\r\nX_User_Id: 1\r\nx-user-id: 1\r\nx-roles: admin\r\n";
    for path in ["/open/a", "/keys/a", "/tokens/a"] {
        let credentials = format!("authorization: Bearer {}\r\nx-api-key: {KEY}\r\n", shopper());
        let answer = get(&host, path, &format!("{lies}{credentials}")).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        let seen = ["x-holm-principal", "x-user-id", "x-roles"].map(|name| answer.saw(name));
        assert_eq!((answer.saw("x-holm-caller"), answer.saw("x_user_id")), (None, None), "{path}");
        match path {
            "/tokens/a" => assert_eq!(seen, [Some("u-7"), Some("7"), Some("a,b")]),
            "/keys/a" => assert_eq!(seen, [Some("mobile"), None, None]),
            _ => assert_eq!(seen, [None; 3]),
        }
    }
}

#[tokio::test]
async fn one_of_two_schemes_does_not_suffice() {
    let host = Door::of_manifest(GATEWAY);
    let good = format!("authorization: Bearer {}\r\n", shopper());
    for (headers, status) in [
        ("", 401),
        (good.as_str(), 200),
        (&format!("x-api-key: {KEY}\r\n"), 200),
        (&format!("authorization: Bearer x\r\nx-api-key: {KEY}\r\n"), 200),
        ("x-api-key: somebody-else-s-key-of-that-length\r\n", 403),
        (&format!("x-api-key: {KEY}\r\nx-api-key: {KEY}\r\n"), 403),
        (&format!("{good}{good}"), 403),
    ] {
        assert_eq!(get(&host, "/both/a", headers).await.status, status, "{headers}");
    }
}

#[tokio::test]
async fn a_scope_that_is_missing_is_not_missed() {
    let host = Door::of_manifest(GATEWAY);
    let with = |scope: &str| token(json!({"iss": "shop", "scope": scope, "exp": 4_000_000_000_u64}));
    for (scope, status) in [("orders:read other", 200), ("orders:readers", 403), ("", 403)] {
        let answer = get(&host, "/orders", &format!("authorization: Bearer {}\r\n", with(scope))).await;
        assert_eq!(answer.status, status, "{scope}");
    }
}

#[tokio::test]
async fn another_spelling_of_a_path_gets_around_its_scheme() {
    let host = Door::of_manifest(GATEWAY);
    for path in [
        "/tokens/a",
        "/%74okens/a",
        "/tokens",
        "/tokens/",
        "/open/../tokens/a",
        "/open/%2e%2e/tokens/a",
        "/open//../tokens/a",
        "/open/..;/tokens/a",
        "/open/..%2ftokens/a",
        "/tokens%00/a",
        "/TOKENS/a",
    ] {
        let status = get(&host, path, "").await.status;
        assert!([400, 401, 404].contains(&status), "{path}: {status}");
    }
    // the absolute form, another method, an upgrade
    for head in [
        "GET http://a/tokens/a HTTP/1.1\r\nhost: b\r\n",
        "BREW /tokens/a HTTP/1.1\r\nhost: a\r\n",
        "OPTIONS /tokens/a HTTP/1.1\r\nhost: a\r\n",
        "GET /tokens/a HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade, authorization\r\n",
    ] {
        assert_eq!(host.ask(&format!("{head}\r\n")).await.status, 401, "{head}");
    }
    assert!(host.reached.lock().unwrap().is_empty());
}

/// An issuer that publishes what it is told to, and counts who asks.
struct Issuer {
    url: String,
    keys: Arc<Mutex<Option<Value>>>,
    asked: Arc<Mutex<u32>>,
    _serving: JoinSet<()>,
}

impl Issuer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let (keys, asked) = (Arc::<Mutex<Option<Value>>>::default(), Arc::<Mutex<u32>>::default());
        let mut serving = JoinSet::new();
        let (published, count) = (Arc::clone(&keys), Arc::clone(&asked));
        serving.spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                *count.lock().unwrap() += 1;
                let _ = socket.read(&mut [0; 4096]).await;
                let keys = published.lock().unwrap().clone();
                let answer = match keys {
                    Some(keys) => {
                        let body = json!({"keys": keys}).to_string();
                        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
                    }
                    None => "HTTP/1.1 503 Away\r\ncontent-length: 0\r\n\r\n".to_owned(),
                };
                let _ = socket.write_all(answer.as_bytes()).await;
            }
        });
        Self { url, keys, asked, _serving: serving }
    }

    fn publish(&self, keys: &[&Pair]) {
        *self.keys.lock().unwrap() = Some(keys.iter().map(|key| key.jwk()).collect());
    }

    fn asked(&self) -> u32 {
        *self.asked.lock().unwrap()
    }
}

struct Pair {
    name: &'static str,
    key: EncodingKey,
}

impl Pair {
    fn new(name: &'static str) -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        Self { name, key: EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).unwrap() }
    }

    fn jwk(&self) -> Value {
        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&self.key, Algorithm::ES256).unwrap()).unwrap();
        jwk["kid"] = json!(self.name);
        jwk
    }

    fn token(&self) -> String {
        let header = Header { kid: Some(self.name.to_owned()), ..Header::new(Algorithm::ES256) };
        encode(&header, &json!({"sub": "7", "exp": 4_000_000_000_u64}), &self.key).unwrap()
    }
}

#[tokio::test]
async fn an_issuer_that_changes_its_keys_or_goes_away_locks_everybody_out() {
    let issuer = Issuer::start().await;
    let host = Door::of_manifest(&format!(
        "[gateway.auth.login]\njwks = \"{}\"\n[[gateway.route]]\npath = \"/a\"\nservice = \"echo\"\nauth = \"login\"\n",
        issuer.url
    ));
    let (old, new) = (Pair::new("old"), Pair::new("new"));
    let ask = async |pair: &Pair| get(&host, "/a", &format!("authorization: Bearer {}\r\n", pair.token())).await;
    until("the first question", || issuer.asked() == 1).await;
    let away = ask(&old).await;
    assert_eq!((away.status, away.header("retry-after")), (503, Some("10")), "{}", away.body);
    assert!(away.body.contains("urn:holm:fault:no-keys"));
    issuer.publish(&[&old]);
    // asked again after the interval, which the gateway of this test has made short
    until("the next question", || issuer.asked() > 1).await;
    assert_eq!(ask(&old).await.status, 200);
    let before = issuer.asked();
    assert_eq!(ask(&old).await.status, 200);
    assert_eq!(issuer.asked(), before, "known keys are not asked for");
    // a new key: the first token that names it waits for it
    tokio::time::sleep(super::door::KEY_INTERVAL).await;
    issuer.publish(&[&old, &new]);
    assert_eq!(ask(&new).await.status, 200);
    assert_eq!(ask(&old).await.status, 200);
    // away: what was known counts on
    *issuer.keys.lock().unwrap() = None;
    tokio::time::sleep(super::door::KEY_INTERVAL).await;
    assert_eq!(ask(&Pair::new("invented")).await.status, 403);
    assert_eq!((ask(&old).await.status, ask(&new).await.status), (200, 200));
    // many invented keys are one question
    let before = issuer.asked();
    for _ in 0..20 {
        assert_eq!(ask(&Pair::new("invented")).await.status, 403);
    }
    assert!(issuer.asked() <= before + 2, "{} questions", issuer.asked() - before);
}

#[tokio::test]
async fn a_deployment_opens_a_route_or_shows_a_secret() {
    let host = Host::start();
    let users = component("users");
    let manifest = |more: &str, route: &str| {
        format!(
            "[app]\nname = \"shop\"\n[service.users]\ncomponent = \"{}\"\nversion = \"1.0.0\"\n{more}\
             [[gateway.route]]\npath = \"/users\"\nservice = \"users\"\n{route}",
            users.display()
        )
    };
    let scheme = format!("[gateway.auth.jwt]\nsecret = \"{SECRET}\"\n");
    host.deploy_manifest(&manifest(&scheme, "auth = \"jwt\"\n"));
    let client = Client::new(&host.gateway);
    assert_eq!(client.get("/users").await.status, 401);
    let bearer = format!("Bearer {}", token(json!({"sub": "7", "exp": 4_000_000_000_u64})));
    let with_token =
        client.try_send_with(http::Method::GET, "/users", &[("authorization", &bearer)], "").await.unwrap();
    assert_eq!(with_token.status, 200, "{}", with_token.body);
    // a key that cannot be read: nothing changes
    let wrong = "[gateway.auth.jwt]\npublic_key = \"-----BEGIN PUBLIC KEY-----\\nAAAA\\n-----END PUBLIC KEY-----\"\n";
    let path = host.file("wrong.toml", manifest(wrong, "auth = \"jwt\"\n"));
    let refused = host.cli(&["deploy", &path]);
    assert!(!refused.status.success());
    assert!(stderr(&refused).contains("gateway.auth.jwt: this is no RSA, EC"), "{}", stderr(&refused));
    assert_eq!(client.get("/users").await.status, 401);
    assert_eq!(
        client.try_send_with(http::Method::GET, "/users", &[("authorization", &bearer)], "").await.unwrap().status,
        200
    );
    let shown = host.file("shown.toml", manifest(&scheme, "auth = \"jwt\"\n"));
    for shown in [host.done(&["routes", "--json"]), stdout(&run(host.dir.path(), &["check", &shown]))] {
        assert!(shown.contains("jwt") && !shown.contains(SECRET), "{shown}");
    }
    // a restarted host asks for credentials, too
    let host = Host::start_in(host.kill(), &[]);
    let client = Client::new(&host.gateway);
    assert_eq!(client.get("/users").await.status, 401);
    assert_eq!(
        client.try_send_with(http::Method::GET, "/users", &[("authorization", &bearer)], "").await.unwrap().status,
        200
    );
    // without the scheme the route is open, because the manifest says so
    host.deploy_manifest(&manifest("", ""));
    assert_eq!(client.get("/users").await.status, 200);
}

#[tokio::test]
pub(crate) async fn a_service_does_not_learn_what_was_verified() {
    let host = Host::start();
    let (who, relay) = (fixture("who"), fixture("relay"));
    host.deploy_manifest(&format!(
        "[service.who]\ncomponent = \"{}\"\nversion = \"1.0.0\"\n\
         [service.relay]\ncomponent = \"{}\"\nversion = \"1.0.0\"\ngrants = {{ services = [\"who\"] }}\n\
         [gateway.auth.jwt]\nsecret = \"{SECRET}\"\n\
         [[gateway.route]]\npath = \"/who\"\nservice = \"who\"\nauth = \"jwt\"\n\
         [[gateway.route]]\npath = \"/open\"\nservice = \"who\"\n\
         [[gateway.route]]\npath = \"/relay/{{*rest}}\"\nrewrite = \"/{{rest}}\"\nservice = \"relay\"\nauth = \"jwt\"\n",
        who.display(),
        relay.display()
    ));
    let client = Client::new(&host.gateway);
    let claims = json!({"sub": "u-7", "realm": {"roles": ["a"]}, "exp": 4_000_000_000_u64});
    let fields = [
        ("authorization", format!("Bearer {}", token(claims))),
        ("x-holm-principal", "admin".to_owned()),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
    ];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    let ask = async |path: &str| client.try_send_with(http::Method::GET, path, &fields, "").await.unwrap().body;
    let told = ask("/who?claim=realm.roles").await;
    for line in [
        "scheme=Some(\"jwt\")",
        "name=Some(\"u-7\")",
        r#"claims=Some("{\"exp\":4000000000,\"realm\":{\"roles\":[\"a\"]},\"sub\":\"u-7\"}")"#,
        r#"claim=Some("[\"a\"]")"#,
        "service=None",
        "time=true",
        "trace=4bf92f3577b34da6a3ce929d0e0e4736",
    ] {
        assert!(told.lines().any(|told| told == line), "{line}: {told}");
    }
    let open = ask("/open?claim=sub").await;
    assert!(open.contains("scheme=None") && open.contains("claim=None"), "{open}");
    // what a service asks on somebody's behalf, it asks in their name
    let relayed = ask("/relay/who/?claim=sub").await;
    assert!(
        relayed.contains("claim=Some(\"\\\"u-7\\\"\")") && relayed.contains("service=Some(\"relay\")"),
        "{relayed}"
    );
}
