//! Guests as the world builds them: other crates, other languages, other WASI versions.

use crate::client::Client;
use crate::process::{Host, example};

async fn hello(component: &str, isolation: &str) {
    let host = Host::start();
    let told = host.deploy("hello", "1.0.0", &example(&format!("guests/{component}")), &[]);
    assert!(told.contains(isolation), "{told}");
    let client = Client::new(&host.gateway);
    for _ in 0..3 {
        let answer = client.get("/hello/").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(answer.body.to_lowercase().contains("hello"), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_component_built_with_plain_wasip2_does_not_run() {
    hello("hello-wasip2/target/wasm32-wasip2/release/hello_wasip2.wasm", "invocation").await;
}

#[tokio::test]
async fn a_component_built_for_wasi_0_3_does_not_run() {
    hello("hello-wasip3/target/wasm32-wasip2/release/hello_wasip3.wasm", "reuse").await;
}

#[tokio::test]
async fn a_component_built_with_wstd_does_not_run() {
    hello("hello-wstd/target/wasm32-wasip2/release/hello-wstd.wasm", "invocation").await;
}

#[tokio::test]
async fn a_component_built_from_javascript_does_not_run() {
    hello("hello-js/hello.wasm", "invocation").await;
}
