//! A real disk that fails: strace makes system calls of the store fail, from one of them on.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use holm_registry::store::{Store, StoreOptions};

use crate::common::{own_test, unit};
use crate::witness::{self, Acknowledged};

/// Tells the writer where its store is. Without it, the writer has nothing to do.
const STORE: &str = "HOLM_TEST_ERRORS_STORE";

/// Commits until it may not any more, and says why.
#[test]
#[ignore = "run under strace by the tests of this file"]
#[expect(clippy::disallowed_methods, reason = "how both processes of the test speak")]
fn writer() {
    let Ok(dir) = std::env::var(STORE) else { return };
    let store = Store::open(&PathBuf::from(dir), &StoreOptions::default()).unwrap();
    let say = |line: &str| std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
    for round in witness::next_round(&store, 0).. {
        match witness::try_round(&store, 0, round, 20_000) {
            Ok(()) => say(&witness::acknowledgement(0, round)),
            Err(error) => {
                let again = witness::try_round(&store, 0, round, 10).unwrap_err();
                say(&format!("stopped: {error}\nstopped: {again}\n"));
                // as after a crash: nothing is put in order
                std::process::exit(3);
            }
        }
    }
}

/// What the writer says while one kind of call fails from the n-th on.
fn run(store: &Path, fault: &str) -> (Acknowledged, Vec<String>) {
    let inner = own_test("disk_errors::writer");
    let output = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("inject={fault}")])
        .arg(inner.get_program())
        .args(inner.get_args())
        .env(STORE, store)
        .stderr(Stdio::inherit())
        .output()
        .unwrap_or_else(|error| panic!("install strace, as scripts/test does: {error}"));
    assert_eq!(output.status.code(), Some(3), "{}", output.status);
    let mut acknowledged = Acknowledged::new();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().for_each(|line| witness::note(&mut acknowledged, line));
    (acknowledged, text.lines().filter_map(|line| line.strip_prefix("stopped: ")).map(str::to_owned).collect())
}

#[test]
fn a_disk_error_is_taken_for_success_or_costs_what_was_acknowledged() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("store");
    let mut before = 0;
    for (fault, said) in [
        ("fdatasync:error=EIO:when=9+", "the store stopped: a sync failed: Input/output error"),
        ("pwrite64:error=EIO:when=23+", "the store stopped: a sync failed: "),
        ("sync_file_range:error=EIO:when=17", "the store stopped: a sync failed: "),
        ("pwrite64:error=ENOSPC:when=31+", "the store stopped: a sync failed: "),
    ] {
        let (acknowledged, stopped) = run(&path, fault);
        assert_eq!(stopped.len(), 2, "{fault}");
        assert!(stopped.iter().all(|reason| reason.starts_with(said)), "{fault}: {stopped:?}");
        assert!(acknowledged[&0] > before, "{fault}: nothing was acknowledged before it");
        let store = Store::open(&path, &StoreOptions::default()).unwrap();
        witness::check(&store, 1, &acknowledged).unwrap_or_else(|problem| panic!("{fault}: {problem}"));
        unit().put("after", "1").commit(&store).unwrap();
        before = witness::next_round(&store, 0) - 1;
    }
}
