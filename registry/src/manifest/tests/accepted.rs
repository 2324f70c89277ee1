//! Each key of the format arrives where it belongs.

use std::time::Duration;

use super::*;
use crate::route::{Origin, Target};
use crate::settings::{Health, Isolation};

#[test]
fn a_key_of_the_manifest_has_no_effect() {
    let manifest = parse(SHOP).unwrap();
    assert_eq!(manifest.app, "shop");
    assert_eq!(manifest.listen, Some("127.0.0.1:8080".parse().unwrap()));
    assert_eq!(manifest.admin, Some("[::1]:7070".parse().unwrap()));
    assert_eq!(manifest.body_limit, Some(ByteSize::kib(512)));
    let [key] = manifest.require_signature[..] else { panic!("{:?}", manifest.require_signature) };
    assert_eq!(key.as_bytes()[30..], [0, 255]);

    let users = &manifest.services["users"];
    assert_eq!(users.component, ComponentSource::Path("/apps/shop/../target/users.wasm".into()));
    assert_eq!(users.version, "1.2.0-rc.1".parse().unwrap());
    let settings = &users.settings;
    assert_eq!((settings.isolation, settings.reuse), (Some(Isolation::Invocation), 10));
    let instances = &settings.instances;
    assert_eq!((instances.max, instances.warm, instances.growth), (8, 2, ByteSize::mib(2)));
    assert_eq!((settings.instances.idle, settings.timeout), (Duration::from_secs(60), Duration::from_secs(1)));
    let health =
        Health { path: "/health".to_owned(), interval: Duration::from_secs(5), timeout: Health::default_timeout() };
    assert_eq!(settings.health, Some(health));
    assert_eq!(settings.config["currency"], "EUR");
    assert_eq!(settings.config["dotted.key"], "${literal}");
    assert_eq!(settings.grants.http[0].to_string(), "https://api.example.com/v1/");
    assert_eq!(settings.grants.secrets["DB_TOKEN"].reveal(), "s3cret");
}

#[test]
fn a_limit_of_the_manifest_has_no_effect() {
    let manifest = parse(SHOP).unwrap();
    let limits = &manifest.services["users"].settings.limits;
    assert_eq!((limits.memory, limits.cpu), (ByteSize::mib(1), Duration::from_millis(250)));
    assert_eq!((limits.table_elements, limits.handles, limits.host_call), (500, 50, ByteSize::kib(128)));
    assert_eq!((limits.concurrency, limits.queue, limits.queue_wait), (4, 16, Duration::from_millis(40)));
    assert_eq!((limits.request_body, limits.response_body), (ByteSize::mib(1), ByteSize::mib(2)));
    assert_eq!((limits.response_head, limits.response_headers), (ByteSize::kib(5), 60));
    assert_eq!((limits.keys, limits.state), (70, ByteSize::mib(7)));
    assert_eq!((limits.value, limits.log_rate), (ByteSize::kib(3), ByteSize::bytes(1000)));
    assert_eq!((limits.outgoing, limits.outgoing_body), (4, ByteSize::mib(1)));
}

#[test]
fn the_defaults_do_not_reach_a_service_without_its_own() {
    let manifest = parse(SHOP).unwrap();
    let catalog = &manifest.services["catalog"];
    assert!(matches!(catalog.component, ComponentSource::Digest(digest) if digest.short() == "ba7816bf8f01"));
    let base = Settings::default();
    let mut expected = Settings { timeout: Duration::from_secs(2), ..base };
    expected.limits.memory = ByteSize::mib(32);
    expected.limits.queue = 16;
    assert_eq!(catalog.settings, expected);
}

#[test]
fn a_route_of_the_manifest_is_lost() {
    let manifest = parse(SHOP).unwrap();
    let [users, products] = manifest.routes.as_slice() else {
        panic!("{:?}", manifest.routes);
    };
    assert_eq!(users.host, Some("*.shop.test".parse().unwrap()));
    assert_eq!(users.path.to_string(), "/api/users/{*rest}");
    assert_eq!(users.methods, [http::Method::GET, http::Method::POST]);
    assert_eq!(users.rewrite.as_ref().unwrap().to_string(), "/users/{rest}");
    assert_eq!(users.target, Target::Service("users".parse().unwrap()));
    assert_eq!((users.timeout, users.body_limit), (Some(Duration::from_millis(500)), Some(ByteSize::kib(1))));
    assert_eq!(users.origin, Origin::Manifest("shop".to_owned()));
    assert_eq!((products.rewrite.clone(), products.timeout, products.methods.len()), (None, None, 0));
}

#[test]
fn an_outside_service_of_the_manifest_is_lost() {
    let text = "[discovery]\nlisten = \"127.0.0.1:8500\"\ntoken = \"s3cret-token\"\nallow = [\"10.0.0.0/8\"]\n\
                balance = \"hash:x-user\"\n[[external]]\nname = \"billing\"\nurl = \"https://billing.test/v1\"\n\
                health = { path = \"/health\", interval = \"5s\" }\n[[external]]\nname = \"mail\"\nurl = \"http://127.0.0.1:25\"\n";
    let manifest = parse(text).unwrap();
    let discovery = &manifest.discovery;
    assert_eq!(discovery.listen, Some("127.0.0.1:8500".parse().unwrap()));
    assert_eq!(discovery.token.as_ref().unwrap().reveal(), "s3cret-token");
    assert_eq!(
        (discovery.allow.to_string().as_str(), discovery.balance.to_string().as_str()),
        ("10.0.0.0/8", "hash:x-user")
    );
    let [billing, mail] = manifest.externals.as_slice() else { panic!("{:?}", manifest.externals) };
    assert_eq!((billing.name.as_str(), billing.url.to_string().as_str()), ("billing", "https://billing.test/v1"));
    assert_eq!(billing.health.as_ref().unwrap().interval, Duration::from_secs(5));
    assert_eq!(mail.health, None);
    let nothing = parse("").unwrap().discovery;
    assert_eq!((nothing.listen, nothing.allow.to_string().as_str()), (None, "127.0.0.0/8, ::1"));
}

#[test]
fn a_manifest_without_anything_is_refused() {
    let manifest = parse("").unwrap();
    assert_eq!((manifest.app.as_str(), manifest.services.len(), manifest.routes.len()), ("app", 0, 0));
}
