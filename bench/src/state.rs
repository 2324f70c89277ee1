//! The store: what a durable commit costs, for one writer and for many at once.
//!
//! Holm's one committer merges the commits that wait and shares one flush among them. The naive side is the same
//! database without that: each writer inserts, flushes and syncs for itself. Both are told that a commit stands only
//! when `fdatasync` has returned, and both write the same values.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use holm_registry::ServiceName;
use holm_registry::store::{Effects, Key, Store, StoreOptions};

use crate::report::{line, machine, median, ratio, table, time};

/// Who writes at once: nobody to share with, a few, and as many as a service has invocations.
const WRITERS: [usize; 3] = [1, 8, 64];
/// How long a side is measured in one turn, and how many turns each has. The sides alternate.
const TURN: Duration = Duration::from_secs(3);
const TURNS: usize = 3;
/// Bytes of a value, and how many keys each writer goes around.
const VALUE: usize = 256;
const KEYS: u64 = 100;
/// sled's segments, as Holm sets them.
const SEGMENT: usize = 8 << 20;

/// What one side did in all its turns.
#[derive(Default)]
struct Figures {
    latencies: Vec<Duration>,
    took: Duration,
}

impl Figures {
    fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.took.as_secs_f64()
    }

    /// The latency that this share of the commits stays below.
    fn quantile(&mut self, share: f64) -> Duration {
        self.latencies.sort_unstable();
        let at = (self.latencies.len() as f64 * share) as usize;
        self.latencies.get(at.min(self.latencies.len().saturating_sub(1))).copied().unwrap_or_default()
    }

    fn add(&mut self, turn: Self) {
        self.latencies.extend(turn.latencies);
        self.took += turn.took;
    }
}

/// Runs the bench.
pub fn run() -> anyhow::Result<()> {
    // beside the program: a temporary folder may lie in memory, where a sync costs nothing
    let program = std::env::current_exe()?;
    let home = tempfile::tempdir_in(program.parent().context("no folder to write to")?)?;
    machine();
    line(format!("disk: fdatasync of a page takes {} in {}", time(sync_time(home.path())?), home.path().display()));
    line(format!("each side: {VALUE} B values, {KEYS} keys a writer, {TURNS} turns of {}", time(TURN)));
    line("holm: tasks on as many threads as there are processors, as in the host; naive: a thread for each writer");
    let store = Store::open(&home.path().join("holm"), &StoreOptions::default())?;
    let naive = Arc::new(Naive::open(&home.path().join("naive"))?);
    let mut rows = table(&["writers", "holm/s", "p50", "p99", "naive/s", "p50", "p99", "ratio"]);
    let mut last = 0.0;
    for writers in WRITERS {
        let (mut ours, mut theirs) = (Figures::default(), Figures::default());
        for _ in 0..TURNS {
            ours.add(holm(&store, writers)?);
            theirs.add(naive.turn(writers)?);
        }
        last = ours.per_second() / theirs.per_second();
        let mut cells = vec![writers.to_string()];
        for side in [&mut ours, &mut theirs] {
            let quantiles = [time(side.quantile(0.5)), time(side.quantile(0.99))];
            cells.push(format!("{:.0}", side.per_second()));
            cells.extend(quantiles);
        }
        cells.push(format!("{last:.2}"));
        rows.add_row(cells);
    }
    line(rows);
    ratio("group-commit-vs-naive-64", last);
    Ok(())
}

fn name(writer: usize, round: u64) -> String {
    format!("writer-{writer}/key-{}", round % KEYS)
}

/// No two alike: sled does nothing where a key has the value already.
fn value(round: u64) -> [u8; VALUE] {
    let mut value = [7; VALUE];
    for (byte, of) in value.iter_mut().zip(round.to_be_bytes()) {
        *byte = of;
    }
    value
}

/// One turn of Holm's store.
fn holm(store: &Store, writers: usize) -> anyhow::Result<Figures> {
    let runtime = tokio::runtime::Runtime::new()?;
    let service: ServiceName = "bench".parse()?;
    let begun = Instant::now();
    let tasks: Vec<_> = (0..writers)
        .map(|writer| {
            let (store, service) = (store.clone(), service.clone());
            runtime.spawn(async move {
                let mut latencies = Vec::new();
                for round in 0.. {
                    let start = Instant::now();
                    if start.duration_since(begun) >= TURN {
                        break;
                    }
                    let value = Bytes::copy_from_slice(&value(round));
                    let writes = [(Key::state(&service, "", &name(writer, round)), Some(value))].into();
                    let sequence = store.commit(Effects { writes, ..Effects::default() }).await?;
                    store.durable(sequence).await?;
                    latencies.push(start.elapsed());
                }
                anyhow::Ok(latencies)
            })
        })
        .collect();
    let mut all = Figures::default();
    for task in tasks {
        all.latencies.extend(runtime.block_on(task)??);
    }
    all.took = begun.elapsed();
    Ok(all)
}

/// The peer: the same database, and each commit for itself.
struct Naive {
    tree: sled::Db,
    log: File,
}

impl Naive {
    fn open(path: &Path) -> anyhow::Result<Self> {
        let config = sled::Config::new().path(path).segment_size(SEGMENT).flush_every_ms(None).cache_capacity(64 << 20);
        let tree = config.open()?;
        Ok(Self { tree, log: File::open(path.join("db"))? })
    }

    fn commit(&self, key: &str, value: &[u8]) -> anyhow::Result<()> {
        self.tree.insert(key, value)?;
        self.tree.flush()?;
        Ok(self.log.sync_data()?)
    }

    fn turn(self: &Arc<Self>, writers: usize) -> anyhow::Result<Figures> {
        let begun = Instant::now();
        let threads: Vec<_> = (0..writers)
            .map(|writer| {
                let naive = Arc::clone(self);
                std::thread::spawn(move || {
                    let mut latencies = Vec::new();
                    for round in 0.. {
                        let start = Instant::now();
                        if start.duration_since(begun) >= TURN {
                            break;
                        }
                        naive.commit(&name(writer, round), &value(round))?;
                        latencies.push(start.elapsed());
                    }
                    anyhow::Ok(latencies)
                })
            })
            .collect();
        let mut all = Figures::default();
        for thread in threads {
            all.latencies.extend(thread.join().map_err(|_| anyhow::anyhow!("a writer panicked"))??);
        }
        all.took = begun.elapsed();
        Ok(all)
    }
}

/// What everything here is made of.
fn sync_time(folder: &Path) -> anyhow::Result<Duration> {
    use std::os::unix::fs::FileExt;
    let path = folder.join("sync");
    let file = File::create(&path)?;
    let mut times = Vec::new();
    for round in 0..50_u64 {
        file.write_all_at(&[7; 4096], round * 4096)?;
        let begun = Instant::now();
        file.sync_data()?;
        times.push(begun.elapsed());
    }
    fs::remove_file(path)?;
    median(times).context("nothing was measured")
}
