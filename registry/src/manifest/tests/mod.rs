//! The whole format as far as it is supported, and every kind of bad value with its full text.

use super::*;

mod accepted;
mod calls;
mod events;
mod gateway;
mod refused;
mod rules;
mod targets;

const SHOP: &str = r#"
[app]
name = "shop"

[host]
listen = "127.0.0.1:${PORT}"
admin = "[::1]:7070"

[deploy]
require_signature = ["ed25519:00000000000000000000000000000000000000000000000000000000000000ff"]

[defaults]
timeout = "2s"
limits = { memory = "32MiB", queue = 16 }

[service.users]
component = "../target/users.wasm"
version = "1.2.0-rc.1"
isolation = "invocation"
reuse = 10
instances = { max = 8, concurrency = 1, warm = 2, idle = "1m", growth = "2MiB" }
timeout = "1s"
health = { path = "/health", interval = "5s" }
config = { currency = "EUR", "dotted.key" = "$${literal}" }

[service.users.limits]
memory = 1048576
table_elements = 500
handles = 50
host_call = "128KiB"
cpu = "250ms"
concurrency = 4
queue_wait = "40ms"
request_body = "1MiB"
response_body = "2MiB"
response_head = "5KiB"
response_headers = 60
keys = 70
state = "7MiB"
value = "3KiB"
log_rate = "1kB"
outgoing = 4
outgoing_body = "1MiB"

[service.users.grants]
http = ["https://api.example.com/v1/"]
secrets = { DB_TOKEN = "${DB_TOKEN}" }
files = []

[service.catalog]
component = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
version = "1.0.0"

[gateway]
body_limit = "512KiB"

[[gateway.route]]
host = "*.shop.test"
path = "/api/users/{*rest}"
methods = ["GET", "POST"]
rewrite = "/users/{rest}"
service = "users"
timeout = "500ms"
body_limit = "1KiB"

[[gateway.route]]
path = "/products"
service = "catalog"
"#;

fn env(name: &str) -> Option<String> {
    match name {
        "DB_TOKEN" => Some("s3cret".to_owned()),
        "PORT" => Some("8080".to_owned()),
        _ => None,
    }
}

fn parse(text: &str) -> Result<Manifest, Diagnostics> {
    Manifest::parse("holm.toml", text, Path::new("/apps/shop"), &env)
}
