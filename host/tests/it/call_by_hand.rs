//! `holm call`, and the path of the admin API that it asks.

use std::io::Write;
use std::process::{Output, Stdio};

use http::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::process::{Host, fixture, holm, manifest, stderr, stdout};

/// A host with the ledger.
fn ledger() -> Host {
    let host = Host::start();
    host.deploy_manifest(&manifest("ledger", &fixture("ledger"), "timeout = \"20s\""));
    host
}

fn value(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(output), stderr(output));
    serde_json::from_str(&stdout(output)).unwrap()
}

/// It prints nothing, and an error with these parts.
fn failed(output: &Output, code: i32, parts: &[&str]) {
    let text = stderr(output);
    assert_eq!((output.status.code(), stdout(output).as_str()), (Some(code), ""), "{text}");
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
}

#[test]
fn a_function_called_by_hand_gets_other_arguments_or_gives_another_result() {
    let host = ledger();
    let call = |arguments: &[&str]| value(&host.cli(&[&["call", "ledger"][..], arguments].concat()));
    let add = r#"[{"account": "ada", "amount": "5"}]"#;
    assert_eq!(call(&["fixtures:calls/ledger@1.0.0", "add", add]), json!({"ok": "5"}));
    assert_eq!(
        call(&["fixtures:calls/ledger", "add", r#"{"entry": {"account": "ada", "amount": -7}}"#]),
        json!({"ok": "-2"})
    );
    assert_eq!(call(&["ledger", "balance", r#"["ada"]"#]), json!("-2"));
    assert_eq!(call(&["calls/ledger", "balance", r#"["bob"]"#]), json!(null));
    assert_eq!(call(&["ledger@1.0.0", "wait", "[1]"]), json!(1));
    // an answer like any other, and what it had staged is discarded
    assert_eq!(
        call(&["ledger", "add", r#"[{"account": "ada", "amount": 2000000}]"#]),
        json!({"err": {"limit": 1_000_000}})
    );
    assert_eq!(call(&["ledger", "balance", r#"["ada"]"#]), json!("-2"));
}

#[test]
fn arguments_cannot_come_from_a_file_or_a_pipe() {
    let host = ledger();
    let path = host.file("arguments.json", r#"{"account": "ada"}"#);
    assert_eq!(value(&host.cli(&["call", "ledger", "ledger", "balance", &format!("@{path}")])), Value::Null);
    let url = format!("http://{}", host.admin);
    let mut command = holm(host.dir.path());
    command.args(["call", "ledger", "ledger", "wait", "-", "--admin-url", &url]).stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"[3]").unwrap();
    assert_eq!(value(&child.wait_with_output().unwrap()), json!(3));
    failed(&host.cli(&["call", "ledger", "ledger", "wait", "@nowhere.json"]), 1, &["nowhere.json cannot be read"]);
}

#[test]
fn a_wrong_argument_is_not_pointed_at() {
    let host = ledger();
    let call = |function: &str, arguments: &str| host.cli(&["call", "ledger", "ledger", function, arguments]);
    for (function, arguments, code, parts) in [
        ("balance", "[ada]", 2, &["the arguments is no JSON: expected value at line 1 column 2"][..]),
        ("balance", "[7]", 1, &["argument 1 (account): expected string, got the number 7"]),
        ("balance", "[]", 1, &["expected 1 arguments, got 0", "balance: func(account: string) -> option<s64>"]),
        ("balance", "\"ada\"", 1, &["expected an array of the arguments of balance: func(account: string)"]),
        ("balance", r#"{"acount": "ada"}"#, 1, &["unknown argument \"acount\"; did you mean \"account\"?"]),
        (
            "add",
            r#"[{"account": "ada", "amount": "much"}]"#,
            1,
            &["argument 1 (entry): field \"amount\": expected s64, as a string or as a number up to 2^53"],
        ),
        ("add", r#"[{"account": "ada"}]"#, 1, &["argument 1 (entry): field \"amount\" is missing; it is s64"]),
        ("wait", "[-1]", 1, &["argument 1 (ms): expected u32 (0 to 4294967295), got the number -1"]),
    ] {
        failed(&call(function, arguments), code, parts);
    }
}

#[test]
fn a_function_that_there_is_not_leaves_its_caller_in_the_dark() {
    let host = ledger();
    host.deploy("echo", "1.0.0", &fixture("echo"), &[]);
    let add = "  add: func(entry: record { account: string, amount: s64 }) -> result<s64, variant { unknown(string), limit(u32) }>";
    for (arguments, parts) in [
        (["ledgr", "ledger", "add"], &["no service `ledgr` is live; did you mean `ledger`?", "echo, ledger"][..]),
        (["ledger", "ledgers", "add"], &["did you mean `fixtures:calls/ledger@1.0.0`?", add]),
        (["ledger", "ledger@2.0.0", "add"], &["no interface `ledger@2.0.0`", add]),
        (["ledger", "ledger", "ad"], &["no function `ad` in fixtures:calls/ledger@1.0.0; did you mean `add`?", add]),
        (["echo", "ledger", "add"], &["echo exports no interface of its own"]),
    ] {
        failed(&host.cli(&[&["call"][..], &arguments].concat()), 1, parts);
    }
    let listed = host.done(&["call", "ledger"]);
    assert!(listed.starts_with("fixtures:calls/ledger@1.0.0\n") && listed.contains(add), "{listed}");
    assert_eq!(host.cli(&["call", "ledger", "ledger"]).status.code(), Some(2), "an interface without a function");
}

#[test]
fn a_service_that_fails_looks_like_one_that_answers() {
    let host = ledger();
    failed(
        &host.cli(&["call", "ledger", "ledger", "break-down"]),
        1,
        &["The service failed while it answered.", "unreachable"],
    );
    let late = host.cli(&["call", "ledger", "ledger", "wait", "[60000]", "--timeout", "50ms"]);
    failed(&late, 1, &["The service did not answer in time."]);
    let log = host.done(&["logs", "ledger"]);
    assert!(log.contains("trap") && log.contains("deadline"), "{log}");
}

#[tokio::test]
async fn a_call_by_hand_is_not_in_the_audit_log_or_open_to_who_may_only_look() {
    let host = ledger();
    let token = |scope: &str| host.done(&["token", "new", "--scope", scope]).trim().to_owned();
    let (read, deploy) = (token("read"), token("deploy"));
    let call = ["call", "ledger", "ledger", "balance", r#"["ada"]"#, "--token"];
    failed(&host.cli(&[&call[..], &[&read]].concat()), 1, &["scope `deploy`"]);
    value(&host.cli(&[&call[..], &[&deploy]].concat()));
    let lines = host.done(&["audit", "--json"]);
    let calls: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let calls: Vec<&Value> = calls.iter().filter(|line| line["action"] == "call").collect();
    assert_eq!((&calls[0]["outcome"], &calls[1]["outcome"]), (&json!("refused"), &json!("done")));
    assert_eq!((&calls[1]["service"], &calls[1]["function"]), (&json!("ledger"), &json!("ledger balance")));
    assert_eq!((&calls[1]["revision"], &calls[1]["version"]), (&json!(1), &json!("1.0.0")));
    let answer = ask(&host, &deploy, r#"{"interface": "ledger", "function": "balance", "argument": []}"#).await;
    assert!(answer.status == 400 && answer.body.contains("unknown field `argument`"), "{answer:?}");
    let answer = ask(&host, &deploy, &format!("[\"{}\"]", "x".repeat(9 << 20))).await;
    assert_eq!(answer.status, 413);
}

async fn ask(host: &Host, token: &str, body: &str) -> Answer {
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let client = Client::new(&host.admin);
    client.try_send_with(Method::POST, "/api/services/ledger/call", &headers, body).await.unwrap()
}
