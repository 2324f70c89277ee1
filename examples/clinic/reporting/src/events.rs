//! What is counted: whatever is told of appointments and of bills. An event takes effect once, however often it is
//! delivered, so counting is adding one.

use crate::domain::{Counts, Told};
use crate::store;
use holm_guest::events::{self, Event, On};
use holm_guest::{Problem, kv};

pub const HANDLERS: &[On] = &[On::new("appointments.*", count), On::new("billing.*", count)];

/// Appointments count for the day on which they are, bills for the day on which they were written or paid.
fn count(event: &Event) -> Result<(), Problem> {
    let told: Told = events::json(event)?;
    let more = |counts: Counts| counts.clone().with(&event.subject, &told).unwrap_or(counts);
    let bucket = kv::open()?;
    let day = if told.day.is_empty() { event.time.get(..10).unwrap_or_default() } else { &told.day };
    store::add(&bucket, "day", day, more)?;
    if !told.doctor.is_empty() {
        store::add(&bucket, "doctor", &told.doctor, more)?;
    }
    Ok(())
}
