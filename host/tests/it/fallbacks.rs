//! What is said about calls is checked against what is called, before anything goes live.

use std::fs;
use std::path::Path;

use crate::calls::{serve, told};
use crate::process::{fixture, manifest, run, stderr, stdout};

const LEDGER: &str = "fixtures:calls/ledger";

/// What is wrong about calls of the ledger, and what is told of it.
const WRONG: &[(&str, &str)] = &[
    (
        "fallback = { function = \"balanc\", value = 1 }",
        "a fallback is for `balanc`, which the interface has not; did you mean `balance`?",
    ),
    (
        "fallback = { function = \"balance\", value = \"much\" }",
        "the fallback for `balance` is not what that gives: result: expected s64, as a string or as a number up to 2^53, \
         got the string \"much\"; it is balance: func(account: string) -> option<s64>",
    ),
    (
        "fallback = { function = \"balance\", value = \"{acount}\" }",
        "result: `{acount}` is no parameter of the function; did you mean `{account}`?",
    ),
    (
        "fallback = { function = \"add\", value = { ok = \"{entry.account}\" } }",
        "result: ok: expected s64, got `{entry.account}`, which is string",
    ),
    (
        "fallback = { function = \"add\", value = { err = { limt = 5 } } }",
        "result: err: unknown case \"limt\"; did you mean \"limit\"?",
    ),
    ("fallback = { service = \"nobody\" }", "the fallback is nobody, and no service of that name is live"),
    ("fallback = { service = \"ledger\" }", "the fallback is ledger, the service that would have failed"),
    ("fallback = { service = \"caller\" }", "the fallback is caller, which does not export the interface"),
    ("idempotent = [\"wiat\"]", "`idempotent` names `wiat`, which the interface has not; did you mean `wait`?"),
];

fn about(interface: &str, lines: &str) -> String {
    format!("[service.caller.calls.\"{interface}\"]\n{lines}\n")
}

#[tokio::test]
async fn a_fallback_that_does_not_fit_goes_live() {
    let (host, client) = serve("");
    for (lines, expected) in WRONG {
        let path = host.file("wrong.toml", manifest("caller", &fixture("caller"), &about(LEDGER, lines)));
        let refused = host.cli(&["deploy", &path]);
        let text = stderr(&refused);
        assert_eq!(refused.status.code(), Some(1), "{lines}");
        assert!(
            text.contains("caller calls fixtures:calls/ledger@1.0.0: ") && text.contains(expected),
            "{lines}: {text}"
        );
    }
    let misspelt = manifest("caller", &fixture("caller"), &about("fixtures:calls/legder", "timeout = \"1s\""));
    let refused = host.cli(&["deploy", &host.file("wrong.toml", misspelt)]);
    assert!(stderr(&refused).contains("did you mean `fixtures:calls/ledger`?"), "{}", stderr(&refused));
    assert_eq!(host.service("caller")["revision"], 1);
    assert_eq!(told(&client, "/caller/?add=ada&amount=5").await, "Ok(5)");
}

#[tokio::test]
async fn a_fallback_that_fits_is_refused_or_not_used() {
    let (host, client) = serve("");
    host.deploy("spare", "1.0.0", &fixture("ledger"), &[]);
    let lines = "service = \"ledger\"\nidempotent = [\"balance\", \"wait\"]\nfallback = [{ service = \"spare\" }, \
                 { function = \"wait\", value = \"{ms}\" }, { function = \"add\", value = { ok = \"{entry.amount}\" } }]";
    host.deploy_manifest(&manifest("caller", &fixture("caller"), &about(LEDGER, lines)).replace("1.0.0\"", "1.1.0\""));
    assert_eq!(told(&client, "/caller/?add=ada&amount=5").await, "Ok(5)");
    host.done(&["remove", "ledger", "--force"]);
    assert_eq!(told(&client, "/caller/?add=ada&amount=-3").await, "Ok(-3)");
    assert_eq!(told(&client, "/caller/?balance=ada").await, "None", "the spare's own state");
    assert_eq!(told(&client, "/caller/?wait=7").await, "7");
}

/// `holm check --components` on a manifest of ledger and caller.
fn check(dir: &Path, lines: &str) -> std::process::Output {
    let both = manifest("caller", &fixture("caller"), lines)
        + &format!("[service.ledger]\ncomponent = \"{}\"\nversion = \"1.0.0\"\n", fixture("ledger").display());
    fs::write(dir.join("holm.toml"), both).unwrap();
    run(dir, &["check", "--components"])
}

#[test]
fn check_does_not_see_what_a_deployment_would_refuse() {
    let dir = tempfile::tempdir().unwrap();
    let good = check(dir.path(), &about(LEDGER, "fallback = { function = \"wait\", value = \"{ms}\" }"));
    assert_eq!(good.status.code(), Some(0), "{}", stderr(&good));
    assert!(stdout(&good).contains("[service.caller"), "{}", stdout(&good));
    for (lines, expected) in [WRONG[0], WRONG[4], WRONG[5], WRONG[7]] {
        let wrong = check(dir.path(), &about(LEDGER, lines));
        assert_eq!(wrong.status.code(), Some(1), "{lines}");
        assert!(stderr(&wrong).contains(expected) && stderr(&wrong).contains("one component"), "{}", stderr(&wrong));
    }
    fs::write(dir.path().join("holm.toml"), manifest("caller", &fixture("caller"), "")).unwrap();
    let alone = run(dir.path(), &["check", "--components"]);
    assert!(
        stderr(&alone).contains("nobody provides what it imports: fixtures:calls/ledger@1.0.0"),
        "{}",
        stderr(&alone)
    );
}
