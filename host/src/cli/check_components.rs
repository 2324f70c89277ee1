//! `holm check --components`: can the components of a manifest be deployed together?

use std::collections::BTreeMap;

use bytes::Bytes;
use holm_registry::ServiceName;
use holm_registry::manifest::{ComponentSource, Manifest, ServiceSpec};

use super::failure::Failure;
use super::{Context, plan};
use crate::config::{self, CompileLimits};
use crate::runtime;
use crate::services::{Candidate, examine};

/// Tells what is wrong with any of the components, alone or with the others. Those of a digest are the host's business.
pub(super) async fn check(context: &Context, manifest: &Manifest, limits: CompileLimits) -> anyhow::Result<()> {
    let (mut candidates, mut problems) = (BTreeMap::new(), BTreeMap::new());
    for (name, spec) in &manifest.services {
        let ComponentSource::Path(path) = &spec.component else { continue };
        let _progress = context.output.progress(format!("compiling {name}"));
        match candidate(plan::read_component(path)?, spec, limits).await {
            Ok(candidate) => drop(candidates.insert(name.clone(), candidate)),
            Err(problem) => drop(problems.insert(name.clone(), problem)),
        }
    }
    let complete = manifest.services.values().all(|spec| matches!(spec.component, ComponentSource::Path(_)));
    problems.extend(examine(&candidates, complete));
    report(context, manifest, &problems)
}

async fn candidate(wasm: Bytes, spec: &ServiceSpec, limits: CompileLimits) -> Result<Candidate, String> {
    let inspected = runtime::inspect(wasm, config::compiler(), limits).await;
    let (inspection, component) = inspected.map_err(|error| error.to_string())?;
    Ok(Candidate { inspection, component, settings: spec.settings.clone() })
}

fn report(context: &Context, manifest: &Manifest, problems: &BTreeMap<ServiceName, String>) -> anyhow::Result<()> {
    for (name, problem) in problems {
        let source = manifest.services.get(name).map(|spec| &spec.component);
        let path = match source {
            Some(ComponentSource::Path(path)) => path.display().to_string(),
            _ => String::new(),
        };
        context.output.note(format_args!("{name} ({path}): {problem}"));
    }
    let what = match problems.len() {
        0 => return Ok(()),
        1 => "one component cannot be deployed".to_owned(),
        more => format!("{more} components cannot be deployed"),
    };
    Err(Failure::new(what).because("see above").into())
}
