//! Where the counts are kept: one JSON value a day, under `day/{day}`, and one a doctor, under `doctor/{name}`.

use crate::domain::Counts;
use holm_guest::kv::{self, Bucket};
use holm_guest::{Problem, Request, page};
use serde::{Deserialize, Serialize};

/// Counts with what they are of.
#[derive(Serialize, Deserialize)]
pub struct Line {
    pub of: String,
    #[serde(flatten)]
    pub counts: Counts,
}

/// Adds to the counts of a `kind`, one of which is named `of`.
pub fn add(bucket: &Bucket, kind: &str, of: &str, change: impl Fn(Counts) -> Counts) -> Result<(), Problem> {
    let line =
        |line: Option<Line>| Line { of: of.into(), counts: change(line.map(|line| line.counts).unwrap_or_default()) };
    kv::update(bucket, &format!("{kind}/{of}"), |before| Ok::<_, Problem>(line(before)))?;
    Ok(())
}

/// The counts of a kind, in the order of their names.
pub fn list(bucket: &Bucket, kind: &str, request: &Request) -> Result<page::Page<Line>, Problem> {
    Ok(page::read(bucket, &format!("{kind}/"), &page::Wanted::of(request)?, |_| true)?)
}
