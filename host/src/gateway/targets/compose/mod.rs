//! One answer made of several services' answers.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `part` | what came of one part |
//! | `answer` | what the client gets, and how it learns what is missing |
//! | this one | who is asked when |
//!
//! All parts whose references are there are asked at the same time. Whoever leaves, or fails for want
//! of a required part, drops those that are still under way.

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use holm_registry::compose::{CLAIMS, Plan, Progress, ask};
use http::{Request, Response};
use serde_json::{Map, Value};

use super::Asked;
use crate::body::Body;
use crate::gateway::behind::Behind;
use crate::gateway::respond::Problem;

mod answer;
mod part;

pub(in crate::gateway) use answer::PartProblem;

/// Asks for all parts, and makes the answer.
///
/// # Errors
/// When a part is missing without which there is none.
pub(super) async fn ask<B: Behind>(
    asked: Asked<'_, B>,
    plan: &Plan,
    request: Request<Body>,
) -> Result<Response<Body>, Problem> {
    let headers = part::headers(request.headers());
    let mut progress = Progress::new(plan, given(&asked));
    let mut under_way = FuturesUnordered::new();
    loop {
        let ready = progress.ready().map_err(|broken| answer::broken(plan, broken))?;
        under_way.extend(ready.into_iter().map(|next| part::ask(asked, next, headers.clone())));
        let Some((name, answer)) = under_way.next().await else { break };
        progress.finish(name, answer).map_err(|broken| answer::broken(plan, broken))?;
    }
    answer::assemble(plan, progress)
}

/// What references may lead to before anybody is asked: the path's parameters, and who asks.
fn given<B>(asked: &Asked<'_, B>) -> Map<String, Value> {
    let captures = asked.rule.spec.path.captures(asked.uri.path()).unwrap_or_default();
    let mut given: Map<String, Value> =
        captures.into_iter().map(|(name, raw)| (name.to_owned(), ask::given(raw))).collect();
    let claims = asked.identity.map(|identity| identity.claims.clone()).unwrap_or_default();
    given.insert(CLAIMS.to_owned(), claims.into());
    given
}
