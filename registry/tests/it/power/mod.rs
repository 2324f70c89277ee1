//! Power cuts, simulated: a writer runs under strace, and from the record come images of the disk as they may be left
//! at any moment. Each is opened: what was acknowledged is there, and of every commit all or nothing.
//!
//! | module | holds |
//! | --- | --- |
//! | `trace` | the record, read |
//! | `disk` | the disk: what is certain, what may be there |

mod disk;
mod trace;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use holm_registry::store::{Store, StoreOptions};

use self::disk::{Disk, Image, Luck};
use self::trace::Event;
use crate::common::{own_test, unit};
use crate::witness::{self, Acknowledged};

/// Tells the writer where its store is. Without it, the writer has nothing to do.
const STORE: &str = "HOLM_TEST_POWER_STORE";
/// How many images are made and opened, for a longer run than the usual.
const IMAGES: &str = "HOLM_TEST_POWER_IMAGES";
const WRITERS: u64 = 3;
const ROUNDS: u64 = 12;

/// Numbers that follow from a seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

/// Commits some rounds in each of several threads, and says which are durable.
#[test]
#[ignore = "run under strace by the tests of power cuts"]
#[expect(clippy::disallowed_methods, reason = "how both processes of the test speak")]
fn writer() {
    let Ok(dir) = std::env::var(STORE) else { return };
    let store = Store::open(&PathBuf::from(dir), &StoreOptions::default()).unwrap();
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let store = store.clone();
            scope.spawn(move || {
                let first = witness::next_round(&store, writer);
                for round in first..first + ROUNDS {
                    // from a small value to one in chunks, and just around the largest that lies in one record
                    let len = [100, 16 << 10, 60_000, (96 << 10) - 8, 150_000, 8][(round % 6) as usize];
                    witness::commit_round(&store, writer, round, len);
                    let line = witness::acknowledgement(writer, round);
                    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
                }
            });
        }
    });
}

/// Runs the writer to its end and reads what it did.
fn record(store: &Path) -> Vec<Event> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let inner = own_test("power::writer");
    let status = Command::new("strace")
        .args(["-f", "-y", "-xx", "-s", "100000000", "-e", &format!("trace={}", trace::CALLS), "-o"])
        .arg(file.path())
        .arg(inner.get_program())
        .args(inner.get_args())
        .env(STORE, store)
        .stdout(Stdio::null())
        .status();
    let status = status.unwrap_or_else(|error| panic!("install strace, as scripts/test does: {error}"));
    assert!(status.success(), "the writer under strace ended with {status}");
    trace::parse(&fs::read_to_string(file.path()).unwrap())
}

/// Puts an image on a real disk and opens it.
fn survives(image: &Image, store: &Path, acknowledged: &Acknowledged) -> Result<(), String> {
    let home = tempfile::tempdir().unwrap();
    let there = home.path().join("store");
    fs::create_dir(&there).unwrap();
    for (name, bytes) in image {
        let name = Path::new(name).strip_prefix(store).unwrap();
        fs::create_dir_all(there.join(name).parent().unwrap()).unwrap();
        fs::write(there.join(name), bytes).unwrap();
    }
    let store = Store::open(&there, &StoreOptions::default()).map_err(|error| error.to_string())?;
    witness::check(&store, WRITERS, acknowledged)?;
    unit().put("after", "1").commit(&store).map_err(|error| error.to_string())?;
    let blobs = fs::read_dir(there.join("blobs")).map_or(0, Iterator::count);
    if blobs == 0 { Ok(()) } else { Err(format!("{blobs} values lie outside the log")) }
}

/// Cuts the power at random moments of a record. Returns what was acknowledged in all of it.
fn cut(store: &Path, before: Disk, mut acknowledged: Acknowledged, events: &[Event], cuts: usize) -> Acknowledged {
    let mut numbers = Numbers(0x1234_5678 + events.len() as u64);
    let mut moments: Vec<usize> = (0..cuts).map(|_| numbers.below(events.len() + 1)).collect();
    moments.sort_unstable();
    let mut moments = moments.into_iter().peekable();
    let mut disk = before;
    for at in 0..=events.len() {
        while moments.next_if_eq(&at).is_some() {
            for luck in [Luck::Nothing, Luck::Half, Luck::Everything] {
                let image = disk.image(luck, &mut numbers);
                if let Err(problem) = survives(&image, store, &acknowledged) {
                    panic!("power cut at moment {at} of {}, {luck:?} of the rest on disk: {problem}", events.len());
                }
            }
        }
        let Some(event) = events.get(at) else { break };
        disk.apply(event);
        if let Event::Said(text) = event {
            text.lines().for_each(|line| witness::note(&mut acknowledged, line));
        }
    }
    acknowledged
}

#[expect(clippy::disallowed_methods, reason = "a longer run is asked for by hand")]
fn images() -> usize {
    std::env::var(IMAGES).map_or(204, |count| count.parse().unwrap())
}

#[test]
fn a_power_cut_takes_what_was_acknowledged_or_leaves_half_of_a_commit() {
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("store");
    let cuts = images() / 6;
    let first = record(&store);
    let acknowledged = cut(&store, Disk::default(), Acknowledged::new(), &first, cuts);
    assert_eq!(acknowledged.values().sum::<u64>(), WRITERS * ROUNDS, "the record misses acknowledgements");
    // once more, on a store that is there: it is opened with a snapshot
    let before = Disk::of(&store);
    let second = record(&store);
    let acknowledged = cut(&store, before, acknowledged, &second, cuts);
    assert_eq!(acknowledged.values().sum::<u64>(), 2 * WRITERS * ROUNDS, "the record misses acknowledgements");
}
