//! `holm compile-worker`: what a host starts for each compilation. Not for people: it reads its
//! work from stdin and answers in bytes.

use std::io;

use anyhow::anyhow;

use super::Context;
use crate::runtime;

pub(super) fn run(context: &Context) -> anyhow::Result<()> {
    let answer = runtime::compile_worker(&mut io::stdin().lock());
    let (head, body) = answer.map_err(|error| anyhow!("this is started by a host alone: {error}"))?;
    context.output.raw(&head)?;
    Ok(context.output.raw(&body)?)
}
