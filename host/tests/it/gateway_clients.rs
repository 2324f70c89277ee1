//! Clients that others wrote, on the gateway of `examples/shop/gateway.toml`.

use std::path::Path;
use std::process::Command;

use crate::process::{program, stderr, stdout};

#[test]
fn axios_opossum_and_jsonwebtoken_do_not_work() {
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/shop/clients");
    assert!(clients.join("node_modules").exists(), "the clients are not installed: run scripts/test-clients");
    let output = Command::new("node").arg("gateway.mjs").current_dir(clients).env("HOLM", program()).output().unwrap();
    assert!(output.status.success(), "{}\n{}", stdout(&output), stderr(&output));
    assert!(stdout(&output).ends_with("429 after a hundred requests\ndone\n"), "{}", stdout(&output));
}
