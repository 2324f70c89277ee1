//! The shop's services on a host in this process, as their users test theirs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use holm_testing::{Result, TestHost};
use http::{Method, StatusCode};
use serde_json::{Value, json};

/// A service of the shop, as `scripts/build-components` builds it.
fn component(name: &str) -> PathBuf {
    let built = "../components/target/wasm32-wasip2/release";
    Path::new(env!("CARGO_MANIFEST_DIR")).join(built).join(format!("{name}.wasm"))
}

#[test]
fn a_service_is_asked_in_vain() -> Result<()> {
    let host = TestHost::start()?;
    host.deploy("users", component("users"), "config = { currency = \"EUR\" }")?;
    let user = json!({ "email": "ada@example.com", "name": "Ada" });
    let made = host.send_json(Method::POST, "/users/users", &user)?;
    assert_eq!(made.status(), StatusCode::CREATED);
    let made: Value = serde_json::from_str(made.body())?;
    let id = made["id"].as_str().unwrap();
    let shown: Value = serde_json::from_str(host.get(&format!("/users/users/{id}"))?.body())?;
    assert_eq!(shown, made);
    host.end()
}

#[test]
fn time_stands_still_for_a_service() -> Result<()> {
    let host = TestHost::start()?;
    host.deploy("users", component("users"), "")?;
    let day = |name: &str| -> Result<String> {
        let user = json!({ "email": format!("{name}@example.com"), "name": name });
        let made: Value = serde_json::from_str(host.send_json(Method::POST, "/users/users", &user)?.body())?;
        Ok(made["created_at"].as_str().unwrap()[..10].to_owned())
    };
    let today = day("ada")?;
    host.advance(Duration::from_secs(3 * 24 * 60 * 60));
    assert!(day("bob")? > today);
    Ok(())
}

#[test]
fn a_function_and_an_event_reach_nobody() -> Result<()> {
    let host = TestHost::start()?;
    let grants = "grants = { publish = [\"inventory.*\"] }\n[[service.inventory.subscribe]]\nsubject = \"orders.*\"";
    host.deploy("inventory", component("inventory"), grants)?;
    host.send_json(Method::PUT, "/inventory/stock/tea", &json!({ "on_hand": 5 }))?;
    let items = json!([[{ "sku": "tea", "quantity": 2 }]]);
    let answer = host.call("inventory", "shop:inventory/stock", "check-availability", items)?;
    assert_eq!(answer["ok"]["available"], json!(true), "{answer}");

    let order =
        json!({ "order_id": "o1", "user_id": "ada", "total_cents": 2, "items": [{ "sku": "tea", "quantity": 2 }] });
    host.publish("orders.created", Some("o1"), &order)?;
    host.settle()?;
    let stock: Value = serde_json::from_str(host.get("/inventory/stock/tea")?.body())?;
    assert_eq!(stock["reserved"], json!(2), "{stock}, {:?}", host.dead_letters()?);
    Ok(())
}

#[test]
fn a_bad_component_is_deployed() -> Result<()> {
    let host = TestHost::start()?;
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("no.wasm");
    std::fs::write(&file, b"\0asm")?;
    let refused = host.deploy("no", &file, "").unwrap_err();
    assert!(format!("{refused:#}").contains("no"), "{refused:#}");
    assert_eq!(host.get("/no/")?.status(), StatusCode::NOT_FOUND);
    Ok(())
}
