//! A real process, killed while it commits and while it opens.
//!
//! The test binary runs itself again with one ignored test, which is the victim.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Stdio};
use std::thread;
use std::time::Duration;

use holm_registry::store::{Store, StoreOptions};

use crate::common::{own_test, unit};
use crate::witness::{self, Acknowledged};

/// Tells the victim where its store is. Without it, the victim has nothing to do.
const STORE: &str = "HOLM_TEST_STORE";
const THREADS: u64 = 4;

/// Killed when the test ends, however it ends.
struct Victim(Child);

impl Victim {
    fn start(dir: &Path) -> (Self, BufReader<ChildStdout>) {
        let mut child = own_test("crash::victim").env(STORE, dir).stdout(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        (Self(child), out)
    }

    /// SIGKILL, and wait until it is gone.
    fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Commits round after round in several threads, and says what is durable.
#[test]
#[ignore = "run by the tests that kill it"]
#[expect(clippy::disallowed_methods, reason = "how both processes of the test speak")]
fn victim() {
    let Ok(dir) = std::env::var(STORE) else { return };
    let store = Store::open(&PathBuf::from(dir), &StoreOptions::default()).unwrap();
    println!("\nopen"); // the harness has begun this line with the name of the test
    thread::scope(|scope| {
        for writer in 0..THREADS {
            let store = store.clone();
            scope.spawn(move || write_for_ever(&store, writer));
        }
    });
}

fn write_for_ever(store: &Store, writer: u64) {
    for round in witness::next_round(store, writer).. {
        // every seventh value is large enough for chunks
        witness::commit_round(store, writer, round, if round.is_multiple_of(7) { 150_000 } else { 100 });
        let line = witness::acknowledgement(writer, round);
        std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
    }
}

/// Reads the victim's acknowledgements until it is killed after `after`.
fn acknowledged(dir: &Path, after: Duration) -> Acknowledged {
    let (mut victim, mut out) = Victim::start(dir);
    wait_for_line(&mut out, "open");
    let killer = thread::spawn(move || {
        thread::sleep(after); // the moment of the kill, not a condition waited for
        victim.kill();
    });
    let mut highest = Acknowledged::new();
    for line in out.lines().map_while(Result::ok) {
        witness::note(&mut highest, &line);
    }
    killer.join().unwrap();
    highest
}

fn wait_for_line(out: &mut impl BufRead, wanted: &str) {
    let mut line = String::new();
    while line.trim() != wanted {
        line.clear();
        assert!(out.read_line(&mut line).unwrap() > 0, "the victim ended before it said {wanted:?}");
    }
}

/// Moments that differ from run to run without a random number generator.
fn moment(round: u64) -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    (u64::from(now.subsec_nanos()) / 1000).wrapping_mul(2_654_435_761).wrapping_add(round * 7919)
}

#[test]
fn a_killed_process_must_not_lose_an_acknowledged_commit_or_leave_half_of_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut total = 0;
    for round in 0..20 {
        let acks = acknowledged(dir.path(), Duration::from_millis(20 + moment(round) % 300));
        total += acks.len();
        let store = Store::open(dir.path(), &StoreOptions::default()).unwrap();
        witness::check(&store, THREADS, &acks).unwrap();
        assert_eq!(std::fs::read_dir(dir.path().join("blobs")).unwrap().count(), 0);
    }
    assert!(total > 0, "the victim was never given the time to commit");
}

#[test]
fn a_process_killed_while_it_opens_must_not_brick_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let acks = acknowledged(dir.path(), Duration::from_millis(200));
    for round in 0..10 {
        let (mut victim, _out) = Victim::start(dir.path());
        thread::sleep(Duration::from_micros(moment(round) % 12_000)); // the moment of the kill
        victim.kill();
    }
    let store = Store::open(dir.path(), &StoreOptions::default()).unwrap();
    witness::check(&store, THREADS, &acks).unwrap();
    assert!(witness::next_round(&store, 0) > 1);
    unit().put("after", "1").commit(&store).unwrap();
}
