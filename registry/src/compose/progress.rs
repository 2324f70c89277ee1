//! Which part of a composition is next, and what is made of all in the end.
//!
//! ```text
//! waiting ──▶ asked ──▶ answered
//!    │          └─────▶ failed: optional, the rest goes on; required, all of it ends
//!    └──▶ failed: refers to a part that has failed, or to nothing
//! ```

use std::collections::{BTreeMap, BTreeSet};

use http::uri::PathAndQuery;
use serde_json::{Map, Value};
use thiserror::Error;

use super::ask::AskError;
use super::{ERRORS, Need, Part, Plan};
use crate::gateway::PartName;
use crate::template::RenderError;

/// A composition under way. `F` is why a service has not answered.
#[derive(Debug)]
pub struct Progress<'p, F> {
    plan: &'p Plan,
    /// What references may lead to: what was given, and what was answered.
    values: Map<String, Value>,
    waiting: BTreeSet<&'p PartName>,
    failed: BTreeMap<&'p PartName, Failure<F>>,
}

/// A part to be asked now.
#[derive(Debug)]
pub struct Next<'p> {
    /// Its name.
    pub name: &'p PartName,
    /// What the plan says of it.
    pub part: &'p Part,
    /// Its path and query, filled in.
    pub path: PathAndQuery,
}

/// Why a part is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure<F> {
    /// It was never asked.
    Unready(Unready),
    /// It was asked in vain.
    Asked(F),
}

/// Why a part was not asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unready {
    /// It refers to this one, which is missing.
    #[error("it needs `{0}`, which is missing")]
    Needs(PartName),
    /// It refers to what is not there.
    #[error(transparent)]
    Path(#[from] AskError),
}

/// A part without which there is no answer is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken<F> {
    /// Which.
    pub part: PartName,
    /// Why.
    pub failure: Failure<F>,
}

impl<'p, F> Progress<'p, F> {
    /// Nothing is asked yet. `given` are the values that are no part's.
    pub fn new(plan: &'p Plan, given: Map<String, Value>) -> Self {
        Self { plan, values: given, waiting: plan.parts.keys().collect(), failed: BTreeMap::new() }
    }

    /// The parts whose references are all there now, each once.
    ///
    /// # Errors
    /// When a required part can never be asked.
    pub fn ready(&mut self) -> Result<Vec<Next<'p>>, Broken<F>> {
        let mut ready = Vec::new();
        // a part that fails here may take others with it
        while let Some((name, part)) = self.take_settled() {
            match self.prepare(part) {
                Ok(path) => ready.push(Next { name, part, path }),
                Err(unready) => self.fail(name, part, Failure::Unready(unready))?,
            }
        }
        Ok(ready)
    }

    /// A part that waits for nobody any more.
    fn take_settled(&mut self) -> Option<(&'p PartName, &'p Part)> {
        let settled = |name: &str| self.values.contains_key(name);
        let all_settled = |name: &&&PartName| {
            self.plan.parts.get(**name).is_some_and(|part| self.plan.needs(part).into_iter().all(settled))
        };
        let name: &'p PartName = self.waiting.iter().find(all_settled).copied()?;
        self.waiting.remove(name);
        self.plan.parts.get(name).map(|part| (name, part))
    }

    fn prepare(&self, part: &Part) -> Result<PathAndQuery, Unready> {
        let needs = self.plan.needs(part);
        let missing = self.failed.keys().find(|name| needs.contains(name.as_str()));
        missing.map_or(Ok(()), |name| Err(Unready::Needs((*name).clone())))?;
        Ok(part.get.fill(&self.values)?)
    }

    /// Notes what came of a part that was asked.
    ///
    /// # Errors
    /// When it was required and is missing.
    pub fn finish(&mut self, name: &'p PartName, answer: Result<Value, F>) -> Result<(), Broken<F>> {
        match (answer, self.plan.parts.get(name)) {
            (Ok(value), _) => {
                self.values.insert(name.to_string(), value);
                Ok(())
            }
            (Err(why), Some(part)) => self.fail(name, part, Failure::Asked(why)),
            (Err(_), None) => Ok(()),
        }
    }

    fn fail(&mut self, name: &'p PartName, part: &Part, failure: Failure<F>) -> Result<(), Broken<F>> {
        if part.need == Need::Required {
            return Err(Broken { part: name.clone(), failure });
        }
        self.values.insert(name.to_string(), Value::Null);
        self.failed.insert(name, failure);
        Ok(())
    }

    /// The parts that are missing, and why.
    pub fn missing(&self) -> impl Iterator<Item = (&PartName, &Failure<F>)> {
        self.failed.iter().map(|(name, failure)| (*name, failure))
    }

    /// The answer. A missing part is null in it, and so is all that the output takes from it;
    /// `describe` tells of each in `errors`.
    ///
    /// # Errors
    /// When the output refers to what a part has not given.
    pub fn output(mut self, describe: impl Fn(&PartName, &Failure<F>) -> Value) -> Result<Value, RenderError> {
        let errors: Vec<Value> = self.failed.iter().map(|(name, failure)| describe(name, failure)).collect();
        let Some(template) = &self.plan.output else { return Ok(self.all_parts(errors)) };
        self.values.insert(ERRORS.to_owned(), errors.into());
        let is_missing = |name: &str| self.failed.keys().any(|failed| failed.as_str() == name);
        template.render_without(&self.values, &is_missing)
    }

    fn all_parts(mut self, errors: Vec<Value>) -> Value {
        let mut parts = Map::new();
        for name in self.plan.parts.keys() {
            parts.insert(name.to_string(), self.values.remove(name.as_str()).unwrap_or_default());
        }
        if !errors.is_empty() {
            parts.insert(ERRORS.to_owned(), errors.into());
        }
        parts.into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn plan(source: Value) -> Plan {
        serde_json::from_value(source).unwrap()
    }

    fn shop() -> Plan {
        plan(json!({"parts": {
            "order": {"get": "http://orders/orders/{order_id}"},
            "user": {"get": "http://users/users/{claims.id}", "need": "optional"},
            "products": {"get": "http://catalog/products?ids={order.item_ids}", "need": "optional"},
        }}))
    }

    fn given() -> Map<String, Value> {
        json!({"order_id": "o-1", "claims": {"id": 7}}).as_object().unwrap().clone()
    }

    fn paths(next: Vec<Next<'_>>) -> Vec<String> {
        next.iter().map(|next| format!("{} {}", next.name, next.path)).collect()
    }

    fn describe(name: &PartName, failure: &Failure<&str>) -> Value {
        json!([name.as_str(), format!("{failure:?}")])
    }

    #[test]
    fn a_part_waits_for_one_that_it_does_not_need() {
        let plan = shop();
        let mut progress: Progress<'_, &str> = Progress::new(&plan, given());
        assert_eq!(paths(progress.ready().unwrap()), ["order /orders/o-1", "user /users/7"]);
        assert_eq!(paths(progress.ready().unwrap()), [""; 0]);
        let name = |text: &str| plan.parts.keys().find(|name| name.as_str() == text).unwrap();
        progress.finish(name("order"), Ok(json!({"id": "o-1", "item_ids": ["a", "b"]}))).unwrap();
        assert_eq!(paths(progress.ready().unwrap()), ["products /products?ids=a,b"]);
        progress.finish(name("products"), Ok(json!([1]))).unwrap();
        progress.finish(name("user"), Err("late")).unwrap();
        assert_eq!(progress.missing().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["user"]);
        let expected = json!({
            "order": {"id": "o-1", "item_ids": ["a", "b"]}, "products": [1], "user": null,
            "errors": [["user", "Asked(\"late\")"]],
        });
        assert_eq!(progress.output(describe), Ok(expected));
    }

    #[test]
    fn all_is_lost_with_a_part_that_is_optional_or_kept_without_one_that_is_not() {
        let plan = shop();
        let name = |text: &str| plan.parts.keys().find(|name| name.as_str() == text).unwrap();
        let mut progress: Progress<'_, &str> = Progress::new(&plan, given());
        progress.ready().unwrap();
        let broken = progress.finish(name("order"), Err("gone")).unwrap_err();
        assert_eq!((broken.part.as_str(), broken.failure), ("order", Failure::Asked("gone")));
        let mut nobody = given();
        nobody["claims"] = json!({});
        let mut progress: Progress<'_, &str> = Progress::new(&plan, nobody);
        assert_eq!(paths(progress.ready().unwrap()), ["order /orders/o-1"]);
        progress.finish(name("order"), Ok(json!({}))).unwrap();
        assert_eq!(paths(progress.ready().unwrap()), [""; 0]);
        let output = progress.output(describe).unwrap();
        assert_eq!((&output["user"], output["errors"].as_array().unwrap().len()), (&Value::Null, 2));
    }

    #[test]
    fn an_output_fails_for_a_part_that_may_be_missing() {
        let mut plan = shop();
        let output = json!({"id": "{order.id}", "name": "{user.name}", "hello": "hi {user.name}", "why": "{errors}"});
        plan.output = serde_json::from_value(output).unwrap();
        let name = |text: &str| plan.parts.keys().find(|name| name.as_str() == text).unwrap();
        let mut progress: Progress<'_, &str> = Progress::new(&plan, given());
        progress.ready().unwrap();
        progress.finish(name("order"), Ok(json!({"id": 1, "item_ids": []}))).unwrap();
        progress.finish(name("user"), Err("down")).unwrap();
        progress.ready().unwrap();
        progress.finish(name("products"), Ok(json!([]))).unwrap();
        let expected = json!({"id": 1, "name": null, "hello": "hi ", "why": [["user", "Asked(\"down\")"]]});
        assert_eq!(progress.output(describe), Ok(expected));
    }

    #[test]
    fn a_part_is_asked_for_what_a_missing_one_would_have_said() {
        let plan = plan(json!({"parts": {
            "a": {"get": "http://a/", "need": "optional"},
            "b": {"get": "http://b/?x={a}", "need": "optional"},
            "c": {"get": "http://c/?x={b}"},
        }}));
        let mut progress: Progress<'_, &str> = Progress::new(&plan, Map::new());
        assert_eq!(paths(progress.ready().unwrap()), ["a /"]);
        progress.finish(plan.parts.keys().next().unwrap(), Err("down")).unwrap();
        let broken = progress.ready().unwrap_err();
        assert_eq!(broken.part.as_str(), "c");
        assert_eq!(broken.failure, Failure::Unready(Unready::Needs("b".parse().unwrap())));
    }

    proptest! {
        /// Any plan of parts that refer to earlier ones, with any of them failing.
        #[test]
        fn a_composition_stops_half_way(needs in prop::collection::vec(0_u8..32, 1..6), fails in 0_u8..64) {
            let parts: Map<String, Value> = needs.iter().enumerate().map(|(at, needs)| {
                let query: String = (0..at).filter(|other| needs & (1 << other) != 0).map(|other| format!("&{{p{other}}}")).collect();
                (format!("p{at}"), json!({"get": format!("http://s/?{query}"), "need": "optional"}))
            }).collect();
            let plan = plan(json!({"parts": parts}));
            prop_assert_eq!(plan.problems(std::iter::empty(), super::super::check::Claims::Unknown), []);
            let (mut progress, mut asked) = (Progress::<'_, ()>::new(&plan, Map::new()), Vec::new());
            loop {
                let next = progress.ready().unwrap();
                if next.is_empty() { break; }
                for Next { name, .. } in next {
                    let at: usize = name.as_str()[1..].parse().unwrap();
                    asked.push(at);
                    progress.finish(name, if fails & (1 << at) != 0 { Err(()) } else { Ok(json!(at)) }).unwrap();
                }
            }
            let missing = progress.missing().count();
            let output = progress.output(|name, _| json!(name.as_str())).unwrap();
            let failed = asked.iter().filter(|at| fails & (1 << **at) != 0).count();
            prop_assert_eq!(missing, needs.len() - asked.len() + failed);
            prop_assert_eq!(output.as_object().unwrap().len(), needs.len() + usize::from(missing > 0));
        }
    }
}
