//! Is a new revision fit to serve? Compiled, linked, warm and well, all beside the request path.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use holm_registry::Digest;
use holm_registry::artifact::ArtifactError;
use holm_registry::catalog::{FieldNumbers, Plan, PlanError, RevisionRecord, ServiceRecord, Wanted};
use holm_registry::settings::{Health, Settings};
use holm_registry::signature::Signature;
use http::{Request, StatusCode, header};

use super::grpc;
use super::kept::{Chosen, choose, explain};
use super::link::Offers;
use super::publish::Records;
use super::stand_in::{self, Import};
use super::{DeployComponent, DeployError, DeployOne, HttpEntry, Services, lock};
use crate::body;
use crate::runtime::{self, Identity, Lineage, Loaded, Revision, beside_requests};
use crate::telemetry::now_ms;
use crate::telemetry::trace::TraceContext;

/// A revision that could take over now.
pub(super) struct Prepared {
    pub(super) record: RevisionRecord,
    pub(super) revision: Arc<Revision>,
    /// Those of its service, if it gives fields new ones.
    pub(super) numbers: Option<FieldNumbers>,
    /// The revision whose settings it has kept.
    pub(super) settings_of: Option<u32>,
    pub(super) took: Duration,
}

/// What became of one service of a set.
pub(super) enum Outcome {
    /// The live revision is this already.
    Unchanged(u32),
    /// A new one is ready.
    Ready(Box<Prepared>),
}

impl Services {
    /// Prepares one service of a deployment. Nothing that serves is touched.
    pub(super) async fn prepare(&self, one: DeployOne, offers: &Offers) -> Result<Outcome, DeployError> {
        let records = self.0.records.load_full();
        let old = records.get(&one.name).cloned().unwrap_or_else(|| ServiceRecord::new(one.name.clone()));
        let Chosen { settings, of } = choose(one.settings.clone(), old.live_revision());
        let mut outcome = self.prepare_with(one, settings, &old, offers).await.map_err(|error| explain(error, of))?;
        if let Outcome::Ready(prepared) = &mut outcome {
            prepared.settings_of = of;
        }
        Ok(outcome)
    }

    async fn prepare_with(
        &self,
        one: DeployOne,
        settings: Settings,
        old: &ServiceRecord,
        offers: &Offers,
    ) -> Result<Outcome, DeployError> {
        let began = Instant::now();
        settings.check().map_err(|error| DeployError::Rejected(error.to_string()))?;
        let digest = self.digest(&one.component).await?;
        let records = self.0.records.load_full();
        let what = format!("{} {}", one.name, one.version);
        let signature = self.0.required.vouched(&what, &digest, one.signature, kept_signatures(&records, digest))?;
        let wanted = Wanted { version: one.version, digest, settings, signature };
        let record = match old.plan_deploy(wanted, now_ms())? {
            Plan::Unchanged(number) if !lock(&self.0.failed).contains_key(&one.name) => {
                return Ok(Outcome::Unchanged(number));
            }
            // the same again, for a service that did not come back: try once more
            Plan::Unchanged(number) => old.revision(number).cloned().ok_or_else(|| super::no_service(&one.name))?,
            Plan::New(record) => *record,
        };
        let revision = self.load(old, &record, Some(one.component), offers).await?;
        check_calls(&revision, offers)?;
        grpc::check(&revision)?;
        self.make_ready(&revision).await?;
        let numbers = grpc::generated(&record.settings, revision.offer(), &old.numbers)?.map(|made| made.numbers);
        let numbers = numbers.filter(|numbers| *numbers != old.numbers);
        let took = began.elapsed();
        Ok(Outcome::Ready(Box::new(Prepared { record, revision, numbers, settings_of: None, took })))
    }

    /// Prepares a kept revision to go live again.
    pub(super) async fn prepare_kept(
        &self,
        service: &ServiceRecord,
        record: RevisionRecord,
    ) -> Result<Prepared, DeployError> {
        let began = Instant::now();
        let what = format!("{} {}", service.name, record.version);
        self.0.required.check_kept(&what, &record.digest, record.signature)?;
        let offers = Offers::new(&self.table(), BTreeMap::new());
        let revision = self.load(service, &record, None, &offers).await?;
        self.make_ready(&revision).await?;
        Ok(Prepared { record, revision, numbers: None, settings_of: None, took: began.elapsed() })
    }

    /// A revision from the cache, from uploaded bytes or from the artifact store. Uploaded
    /// bytes are stored once they have proved to be a component.
    pub(super) async fn load(
        &self,
        service: &ServiceRecord,
        record: &RevisionRecord,
        upload: Option<DeployComponent>,
        offers: &Offers,
    ) -> Result<Arc<Revision>, DeployError> {
        let uploaded = match upload {
            Some(DeployComponent::Bytes(bytes)) => Some(bytes),
            _ => None,
        };
        let component = self.component(record.digest, uploaded.clone()).await?;
        let calls = offers.bind(&service.name, runtime::wanted(&component)?, &record.settings)?;
        let identity = Identity {
            service: service.name.clone(),
            revision: record.number,
            version: record.version.clone(),
            digest: record.digest,
        };
        let settings = match grpc::generated(&record.settings, component.offer(), &service.numbers)? {
            Some(made) => grpc::with_messages(record.settings.clone(), &made.file)?,
            None => record.settings.clone(),
        };
        let revision = self.0.runtime.revision(identity, settings, &component, calls)?;
        if let Some(bytes) = uploaded {
            let artifacts = self.0.artifacts.clone();
            beside_requests(move || artifacts.put(&bytes)).await?.map_err(artifact_error)?;
        }
        Ok(Arc::new(revision))
    }

    /// The component of a service of a set, before anything of the set is linked. Nothing is compiled that
    /// nobody vouches for.
    pub(super) async fn loaded_of(&self, one: &DeployOne) -> Result<Arc<Loaded>, DeployError> {
        let digest = self.digest(&one.component).await?;
        let (what, records) = (format!("{} {}", one.name, one.version), self.0.records.load_full());
        self.0.required.vouched(&what, &digest, one.signature, kept_signatures(&records, digest))?;
        let uploaded = match &one.component {
            DeployComponent::Bytes(bytes) => Some(bytes.clone()),
            DeployComponent::Stored(_) => None,
        };
        self.component(digest, uploaded).await
    }

    /// A component, of bytes that were uploaded, else from the artifact store.
    pub(super) async fn component(&self, digest: Digest, uploaded: Option<Bytes>) -> Result<Arc<Loaded>, DeployError> {
        let artifacts = self.0.artifacts.clone();
        let wasm = move || match uploaded {
            Some(bytes) => Ok(bytes),
            None => artifacts.get(&digest).map(Bytes::from).map_err(|error| error.to_string()),
        };
        Ok(self.0.runtime.component(digest, wasm).await?)
    }

    async fn make_ready(&self, revision: &Arc<Revision>) -> Result<(), DeployError> {
        let failed = |fault: crate::fault::Fault| {
            DeployError::Unhealthy(format!(
                "{} {} does not start: {}",
                revision.service(),
                revision.version,
                first_line(&fault.detail)
            ))
        };
        revision.warm().await.map_err(failed)?;
        match &revision.settings().health {
            Some(health) => probe(revision, health).await.map_err(|why| unhealthy(revision, health, &why)),
            None => Ok(()),
        }
    }

    async fn digest(&self, component: &DeployComponent) -> Result<Digest, DeployError> {
        match component {
            DeployComponent::Bytes(bytes) => {
                self.check_size(bytes.len())?;
                let bytes = bytes.clone();
                Ok(beside_requests(move || Digest::of(&bytes)).await?)
            }
            DeployComponent::Stored(digest) if self.has_component(digest) => Ok(*digest),
            DeployComponent::Stored(digest) => {
                Err(DeployError::NotFound(format!("the host has no component {digest}; upload its bytes")))
            }
        }
    }

    /// # Errors
    /// When a component of this size is not taken.
    pub(super) fn check_size(&self, size: usize) -> Result<(), DeployError> {
        let limit = self.0.component_limit;
        match size as u64 > limit {
            true => Err(DeployError::TooLarge(format!(
                "the component has {size} bytes and the host takes {limit}; strip it (`strip = true` in [profile.release]) or raise the limit"
            ))),
            false => Ok(()),
        }
    }
}

/// What was taken once is not asked again when it comes back: only a deployment is.
fn check_calls(revision: &Revision, offers: &Offers) -> Result<(), DeployError> {
    let bound = revision.calls().iter();
    let imports: Vec<Import<'_>> =
        bound.map(|bound| Import { interface: &bound.interface, provider: Some(&bound.service) }).collect();
    stand_in::check(revision.settings(), &imports, offers)
        .map_err(|problems| DeployError::Rejected(format!("{} calls {}", revision.service(), problems.join("\n"))))
}

/// What the host knows of who vouches for a component, whichever service it was deployed as.
fn kept_signatures(records: &Records, digest: Digest) -> impl Iterator<Item = Signature> {
    let revisions = records.values().flat_map(|service| &service.revisions);
    revisions.filter(move |revision| revision.digest == digest).filter_map(|revision| revision.signature)
}

/// Asks a revision whether it is well, through the same door as everybody.
///
/// # Errors
/// What is wrong with it.
pub(super) async fn probe(revision: &Arc<Revision>, health: &Health) -> Result<(), String> {
    let request = Request::get(health.path.as_str())
        .header(header::HOST, revision.service().as_str())
        .body(body::empty())
        .map_err(|error| error.to_string())?;
    let entry = HttpEntry {
        service: revision.service().clone(),
        deadline: Instant::now() + health.timeout,
        route: None,
        request_id: "probe".into(),
        trace: TraceContext::generate(),
        lineage: Lineage::default(),
    };
    match revision.http(&entry, request).await {
        Ok(response) if is_well(response.status()) => Ok(()),
        Ok(response) => Err(format!("it answered {}", response.status())),
        Err(fault) => Err(first_line(&fault.detail).to_owned()),
    }
}

fn unhealthy(revision: &Revision, health: &Health, why: &str) -> DeployError {
    DeployError::Unhealthy(format!(
        "{} {} did not pass its probe GET {}: {why}; `holm logs {}` may tell more",
        revision.service(),
        revision.version,
        health.path,
        revision.service()
    ))
}

fn is_well(status: StatusCode) -> bool {
    status.is_success() || status.is_redirection()
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

pub(super) fn artifact_error(error: ArtifactError) -> DeployError {
    match error {
        ArtifactError::DiskFull { .. } => DeployError::DiskFull(error.to_string()),
        other => DeployError::Host(other.to_string()),
    }
}

impl From<PlanError> for DeployError {
    fn from(error: PlanError) -> Self {
        match &error {
            PlanError::VersionTaken { .. } | PlanError::AlreadyLive { .. } => Self::Taken(error.to_string()),
            PlanError::NothingToGoBackTo { .. } | PlanError::NoSuchRevision { .. } => Self::NotFound(error.to_string()),
        }
    }
}
