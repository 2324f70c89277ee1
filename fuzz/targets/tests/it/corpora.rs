//! Every target over its corpus and what a seeded mutator makes of it, within a bound of time.
//!
//! `HOLM_FUZZ_SEED` gives other inputs. An input that fails is kept in the system's folder for temporary files; it belongs
//! into `fuzz/corpus/TARGET`, where it is tried first from then on.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use holm_fuzz_targets::mutate::Mutator;
use holm_fuzz_targets::{TARGETS, Target};

/// Inputs for each target, and how long they may take together: a slow machine tries fewer.
const INPUTS: usize = 50_000;
const TIME: Duration = Duration::from_secs(3);

/// One input; what takes longer takes the time of everybody.
const ONE: Duration = Duration::from_secs(1);

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus").join(target)
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder(target)).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = entries.collect();
    paths.sort();
    assert!(paths.len() >= 3, "{target} has hardly a corpus");
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

#[expect(clippy::disallowed_methods, reason = "the host reads its environment in one place; this is no part of it")]
fn seed() -> u64 {
    std::env::var("HOLM_FUZZ_SEED").map_or(20_261_122, |text| text.parse().expect("HOLM_FUZZ_SEED is a number"))
}

/// Keeps the input if the target panics with it.
struct Kept<'a> {
    target: &'a str,
    input: &'a [u8],
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let path = std::env::temp_dir().join(format!("holm-fuzz-{}-{}", self.target, std::process::id()));
            std::fs::write(&path, self.input).unwrap();
            eprintln!(
                "{} fails with {:?}, kept in {}",
                self.target,
                self.input.escape_ascii().to_string(),
                path.display()
            );
        }
    }
}

fn try_one(target: &str, run: Target, input: &[u8]) {
    let _kept = Kept { target, input };
    let began = Instant::now();
    run(input);
    assert!(began.elapsed() < ONE, "{target} took {:?}", began.elapsed());
}

fn hold(target: &str) {
    let (_, run) = TARGETS.into_iter().find(|(name, _)| *name == target).unwrap();
    let corpus = corpus(target);
    for input in &corpus {
        try_one(target, run, input);
    }
    let mut mutator = Mutator::new(corpus, seed());
    let end = Instant::now() + TIME;
    for _ in 0..INPUTS {
        if Instant::now() > end {
            return;
        }
        try_one(target, run, &mutator.next_input());
    }
}

#[test]
fn a_manifest_passes_that_means_nothing() {
    hold("manifest");
}

#[test]
fn a_rule_takes_what_it_should_not() {
    hold("routes");
}

#[test]
fn a_pattern_of_subjects_means_something_else() {
    hold("subject");
}

#[test]
fn a_request_passes_a_grant_that_does_not_cover_it() {
    hold("grant");
}

#[test]
fn the_admin_api_keeps_something_else_than_it_was_given() {
    hold("inputs");
}

#[test]
fn the_same_seed_gives_other_inputs() {
    let corpus = vec![b"orders.*\norders.created".to_vec(), b">\na.b".to_vec()];
    let inputs = |seed| -> Vec<Vec<u8>> {
        let mut mutator = Mutator::new(corpus.clone(), seed);
        (0..100).map(|_| mutator.next_input()).collect()
    };
    assert_eq!(inputs(7), inputs(7));
    assert_ne!(inputs(7), inputs(8));
}

#[test]
fn a_target_is_fuzzed_by_one_way_only() {
    let wanted: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    let names = |path: &str, end: &str| -> Vec<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = entries.map(|name| name.to_str().unwrap().trim_end_matches(end).to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names("../fuzz_targets", ".rs"), wanted);
    // requests of the admin API and heads for the gateway are tried on a host that runs, by its own tests
    let on_a_host = ["requests", "heads"];
    let corpora: Vec<_> =
        names("../corpus", "").into_iter().filter(|name| !on_a_host.contains(&name.as_str())).collect();
    assert_eq!(corpora, wanted);
}
