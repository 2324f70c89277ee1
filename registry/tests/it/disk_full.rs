//! A real disk that is full, and has room again: a small tmpfs in a mount namespace of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use holm_registry::store::{CommitError, Log, Position, Store, StoreError, StoreOptions};
use holm_registry::units::ByteSize;

use crate::common::{Unit, block_on, own_test, read, unit};
use crate::witness::{self, Acknowledged};

/// Where the small disk is mounted. Without it, the tests inside have nothing to do.
const DISK: &str = "HOLM_TEST_SMALL_DISK";
/// Fills the disk up beside the store.
const BALLAST: &str = "ballast";

/// Runs an ignored test of this file on a disk of that size. The mount ends with the process that it was made for.
fn on_a_disk_of(mebibytes: u32, test: &str) {
    let home = tempfile::tempdir().unwrap();
    let script = format!("mount -t tmpfs -o size={mebibytes}m holm \"$0\" && exec \"$@\"");
    let inner = own_test(&format!("disk_full::{test}"));
    let mut command = apart(home.path());
    command.args(["sh", "-c", &script]).arg(home.path()).arg(inner.get_program()).args(inner.get_args());
    let status = command.env(DISK, home.path()).status().unwrap();
    assert!(status.success(), "{test} on the small disk failed, see above");
}

/// What starts a program in a mount namespace of its own: as root, or else with a user namespace, too.
fn apart(folder: &Path) -> Command {
    let with = |namespaces: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(namespaces);
        command
    };
    let works = |mut command: Command| {
        let tried = command.args(["mount", "-t", "tmpfs", "holm"]).arg(folder).output();
        tried.is_ok_and(|output| output.status.success())
    };
    let ways: [&[&str]; 2] = [&["--mount"], &["--map-root-user", "--mount"]];
    let way = ways.into_iter().find(|namespaces| works(with(namespaces)));
    with(way.unwrap_or_else(|| panic!("a small disk takes root or user namespaces, `unshare` and `mount`")))
}

#[expect(clippy::disallowed_methods, reason = "how both processes of the test speak")]
fn disk() -> Option<PathBuf> {
    std::env::var(DISK).ok().map(PathBuf::from)
}

fn value(len: usize) -> Unit {
    unit().put("a", vec![7; len]).publish("one")
}

#[test]
fn a_disk_that_was_full_takes_commits_only_after_a_restart() {
    on_a_disk_of(96, "while_it_fills_up");
}

#[test]
#[ignore = "run on a small disk by the test above"]
fn while_it_fills_up() {
    let Some(disk) = disk() else { return };
    let store =
        Store::open(&disk.join("store"), &StoreOptions { reserve: ByteSize::mib(32), ..StoreOptions::default() });
    let store = store.unwrap();
    let first = unit().put("large", vec![7; 100_000]).publish("one").commit(&store).unwrap();
    fill(&disk, 20 << 20);
    // what the file system said last is believed for a moment
    let full = (0..1000).find_map(|_| value(100).commit(&store).err()).unwrap();
    assert!(matches!(full, CommitError::DiskFull { reserve: 33_554_432, .. }), "{full}");
    // nothing that was there is harmed, and what is durable is known to be so
    assert_eq!((read(&store, "large").map(|value| value.len()), store.health()), (Some(100_000), Ok(())));
    assert_eq!(block_on(store.durable(first)), Ok(()));
    assert!(unit().read("large", first).read("b", Default::default()).commit(&store).is_ok());
    fs::remove_file(disk.join(BALLAST)).unwrap();
    let (freed, mut last) = (Instant::now(), value(100).commit(&store));
    while last.is_err() && freed.elapsed() < Duration::from_secs(5) {
        last = value(100).commit(&store);
    }
    block_on(store.durable(last.unwrap())).unwrap();
    assert_eq!(block_on(store.trim(Log::Events, Position { sequence: first, index: 0 })), Ok(1));
    assert_eq!(read(&store, "a").unwrap().len(), 100);
}

#[test]
fn a_store_that_met_the_end_of_its_disk_has_lost_something() {
    on_a_disk_of(48, "until_it_is_full");
}

/// With nothing in reserve the store finds the end of the disk by writing, which it must survive, too.
#[test]
#[ignore = "run on a small disk by the test above"]
fn until_it_is_full() {
    let Some(disk) = disk() else { return };
    let path = disk.join("store");
    let store = Store::open(&path, &StoreOptions { reserve: ByteSize::bytes(0), ..StoreOptions::default() }).unwrap();
    fill(&disk, 4 << 20);
    let mut acknowledged = Acknowledged::new();
    let stopped = (1..).find_map(|round| match witness::try_round(&store, 0, round, 90_000) {
        Ok(()) => {
            acknowledged.insert(0, round);
            None
        }
        Err(stopped) => Some(stopped),
    });
    let stopped = stopped.unwrap();
    assert!(
        matches!(stopped, CommitError::Store(StoreError::Poisoned { .. }) | CommitError::DiskFull { .. }),
        "{stopped}"
    );
    assert!(read(&store, "left0").is_some(), "reads go on");
    drop(store);
    fs::remove_file(disk.join(BALLAST)).unwrap();
    let store = Store::open(&path, &StoreOptions { reserve: ByteSize::bytes(0), ..StoreOptions::default() }).unwrap();
    assert!(acknowledged[&0] > 3, "{acknowledged:?}");
    witness::check(&store, 1, &acknowledged).unwrap();
    unit().put("after", "1").commit(&store).unwrap();
}

/// Leaves that many bytes free.
fn fill(disk: &Path, free: u64) {
    let stat = rustix::fs::statvfs(disk).unwrap();
    let len = (stat.f_bavail * stat.f_frsize).saturating_sub(free);
    fs::write(disk.join(BALLAST), vec![1; len as usize]).unwrap();
}
