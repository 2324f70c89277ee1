//! What happens to appointments, and what is told of bills. The key of all these events is the appointment's id.
//!
//! | event | what follows |
//! | --- | --- |
//! | `appointments.attended` | a bill over the setting `fee_cents`, `billing.billed` |
//! | `appointments.missed` | a bill over the setting `missed_fee_cents`, the same |

use crate::domain::{Bill, Reason};
use crate::store;
use holm_guest::events::{self, Event, On};
use holm_guest::{Problem, clock, config, kv};
use serde::{Deserialize, Serialize};

pub const HANDLERS: &[On] = &[
    On::new("appointments.attended", attended),
    On::new("appointments.missed", missed),
    On::new("appointments.*", nothing),
];

/// What a visit costs where the settings do not say: forty euros.
const FEE_CENTS: u64 = 4_000;
/// And what waiting for nobody does: fifteen.
const MISSED_FEE_CENTS: u64 = 1_500;

#[derive(Deserialize)]
struct Settled {
    appointment_id: String,
    patient_id: String,
}

/// What others need to know of a bill.
#[derive(Serialize)]
struct Told<'a> {
    appointment_id: &'a str,
    patient_id: &'a str,
    amount_cents: u64,
}

/// Tells of a bill that was paid.
pub fn paid(bill: &Bill) -> Result<(), Problem> {
    tell("billing.paid", bill)
}

fn attended(event: &Event) -> Result<(), Problem> {
    bill(event, Reason::Attended, config::get("fee_cents", FEE_CENTS)?)
}

fn missed(event: &Event) -> Result<(), Problem> {
    bill(event, Reason::Missed, config::get("missed_fee_cents", MISSED_FEE_CENTS)?)
}

/// What else is told of appointments costs nobody anything.
fn nothing(_: &Event) -> Result<(), Problem> {
    Ok(())
}

fn bill(event: &Event, what_for: Reason, amount_cents: u64) -> Result<(), Problem> {
    let Settled { appointment_id, patient_id } = events::json(event)?;
    let bucket = kv::open()?;
    if store::find(&bucket, &appointment_id)?.is_some() {
        return Ok(());
    }
    let billed_at = clock::now().to_string();
    let bill = Bill { appointment_id, patient_id, what_for, amount_cents, billed_at, paid_at: None };
    store::save(&bucket, &bill)?;
    tell("billing.billed", &bill)
}

fn tell(subject: &str, bill: &Bill) -> Result<(), Problem> {
    let Bill { appointment_id, patient_id, amount_cents, .. } = bill;
    let told = Told { appointment_id, patient_id, amount_cents: *amount_cents };
    Ok(events::publish(subject, appointment_id, &told)?)
}
