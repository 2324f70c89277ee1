//! Decides what a deployment or a rollback does. Pure: no clock, no store.

use semver::Version;

use super::record::{RevisionRecord, ServiceRecord};
use crate::digest::Digest;
use crate::name::ServiceName;
use crate::settings::Settings;
use crate::signature::Signature;

/// Revisions of a service that are kept, the live one among them. Each holds an artifact of
/// some megabytes on disk; ten is a fortnight of deployments on working days.
pub const KEPT_REVISIONS: usize = 10;

/// What a deployment does.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// The live revision has this version, digest and settings already.
    Unchanged(u32),
    /// This revision is to go live. A kept revision of the same content gets a new number, too,
    /// so that numbers tell what was live after what.
    New(Box<RevisionRecord>),
}

/// What is to be deployed.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// What the deployer calls it.
    pub version: Version,
    /// The component's bytes.
    pub digest: Digest,
    /// Everything it is to be deployed with.
    pub settings: Settings,
    /// Who vouches for the component.
    pub signature: Option<Signature>,
}

/// Why a deployment or a rollback cannot be.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// A version names one artifact.
    #[error(
        "version {version} of {service} is already deployed with other bytes ({digest}); raise the version to deploy these"
    )]
    VersionTaken {
        /// The service.
        service: ServiceName,
        /// The version in question.
        version: Version,
        /// What it was deployed with.
        digest: Digest,
    },
    /// No revision is older than the live one.
    #[error("{service} has nothing to go back to: {}", only(*live))]
    NothingToGoBackTo {
        /// The service.
        service: ServiceName,
        /// Its live revision.
        live: Option<u32>,
    },
    /// Never made, or no longer kept.
    #[error("{service} has no revision {number}; it has {}", list(kept))]
    NoSuchRevision {
        /// The service.
        service: ServiceName,
        /// What was asked for.
        number: u32,
        /// What there is: number and version.
        kept: Vec<(u32, Version)>,
    },
    /// Nothing would change.
    #[error("revision {number} of {service} is live already")]
    AlreadyLive {
        /// The service.
        service: ServiceName,
        /// The revision.
        number: u32,
    },
}

fn only(live: Option<u32>) -> String {
    match live {
        Some(number) => format!("revision {number} is live and no older one is kept"),
        None => "no revision is live".to_owned(),
    }
}

fn list(kept: &[(u32, Version)]) -> String {
    match kept {
        [] => "none".to_owned(),
        _ => kept.iter().map(|(number, version)| format!("{number} ({version})")).collect::<Vec<_>>().join(", "),
    }
}

impl ServiceRecord {
    /// What deploying this does. `now`: milliseconds since 1970.
    ///
    /// A version stays with its digest for as long as a revision of it is kept; the same
    /// version and digest with other settings, or with a new signature, is a new revision.
    pub fn plan_deploy(&self, wanted: Wanted, now: u64) -> Result<Plan, PlanError> {
        let taken = |old: &&RevisionRecord| old.version == wanted.version && old.digest != wanted.digest;
        if let Some(old) = self.revisions.iter().find(taken) {
            let (version, digest) = (wanted.version, old.digest);
            return Err(PlanError::VersionTaken { service: self.name.clone(), version, digest });
        }
        if let Some(live) = self.live_revision().filter(|live| is_already(live, &wanted)) {
            return Ok(Plan::Unchanged(live.number));
        }
        let Wanted { version, digest, settings, signature } = wanted;
        let number = self.next;
        Ok(Plan::New(Box::new(RevisionRecord { number, version, digest, settings, created_at: now, signature })))
    }

    /// The revision that a rollback makes live. Without a number it is the highest kept one
    /// below the live one: going back twice goes two revisions back, never to and fro.
    pub fn plan_rollback(&self, to: Option<u32>) -> Result<u32, PlanError> {
        let service = || self.name.clone();
        let Some(number) = to else {
            let older = |revision: &&RevisionRecord| self.live.is_some_and(|live| revision.number < live);
            let found = self.revisions.iter().filter(older).map(|revision| revision.number).max();
            return found.ok_or_else(|| PlanError::NothingToGoBackTo { service: service(), live: self.live });
        };
        if self.revision(number).is_none() {
            let kept = self.revisions.iter().map(|kept| (kept.number, kept.version.clone())).collect();
            return Err(PlanError::NoSuchRevision { service: service(), number, kept });
        }
        match self.live == Some(number) {
            true => Err(PlanError::AlreadyLive { service: service(), number }),
            false => Ok(number),
        }
    }

    /// The record with a new revision live and the oldest ones gone.
    pub(super) fn with_revision(mut self, revision: RevisionRecord) -> Self {
        self.live = Some(revision.number);
        self.next = self.next.max(revision.number.saturating_add(1));
        self.revisions.retain(|kept| kept.number != revision.number);
        self.revisions.push(revision);
        self.prune();
        self
    }

    /// Drops the oldest revisions over [`KEPT_REVISIONS`], never the live one.
    pub fn prune(&mut self) {
        self.revisions.sort_by_key(|revision| revision.number);
        let mut surplus = self.revisions.len().saturating_sub(KEPT_REVISIONS);
        let live = self.live;
        self.revisions.retain(|revision| {
            let goes = surplus > 0 && live != Some(revision.number);
            surplus -= usize::from(goes);
            !goes
        });
    }
}

fn is_already(live: &RevisionRecord, wanted: &Wanted) -> bool {
    let signed = wanted.signature.is_none() || live.signature == wanted.signature;
    signed && live.version == wanted.version && live.digest == wanted.digest && live.settings == wanted.settings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::PublicKey;

    fn wanted(version: &str, bytes: &str) -> Wanted {
        let digest = Digest::of(bytes.as_bytes());
        Wanted { version: version.parse().unwrap(), digest, settings: Settings::default(), signature: None }
    }

    fn deploy(service: ServiceRecord, version: &str, bytes: &str) -> ServiceRecord {
        match service.plan_deploy(wanted(version, bytes), 7).unwrap() {
            Plan::New(revision) => service.with_revision(*revision),
            Plan::Unchanged(number) => panic!("revision {number} is the same"),
        }
    }

    fn orders() -> ServiceRecord {
        ServiceRecord::new("orders".parse().unwrap())
    }

    fn numbers(service: &ServiceRecord) -> Vec<u32> {
        service.revisions.iter().map(|revision| revision.number).collect()
    }

    #[test]
    fn deploying_the_same_again_changes_nothing() {
        let service = deploy(orders(), "1.0.0", "a");
        let again = service.plan_deploy(wanted("1.0.0", "a"), 9);
        assert_eq!(again, Ok(Plan::Unchanged(1)));
    }

    #[test]
    fn other_settings_are_a_new_revision() {
        let service = deploy(orders(), "1.0.0", "a");
        let settings = Settings { reuse: 1, ..Settings::default() };
        let plan = service.plan_deploy(Wanted { settings, ..wanted("1.0.0", "a") }, 9).unwrap();
        let Plan::New(revision) = plan else { panic!("{plan:?}") };
        assert_eq!((revision.number, revision.created_at), (2, 9));
    }

    #[test]
    fn a_signature_that_comes_later_is_lost() {
        let signature = Signature { key: PublicKey::from_bytes([1; 32]), bytes: [2; 64] };
        let signed = Wanted { signature: Some(signature), ..wanted("1.0.0", "a") };
        let service = deploy(orders(), "1.0.0", "a");
        let Plan::New(revision) = service.plan_deploy(signed.clone(), 9).unwrap() else { panic!("unchanged") };
        assert_eq!(revision.signature, Some(signature));
        // and one that is there is not asked for again
        let service = service.with_revision(*revision);
        assert_eq!(service.plan_deploy(signed, 9), Ok(Plan::Unchanged(2)));
        assert_eq!(service.plan_deploy(wanted("1.0.0", "a"), 9), Ok(Plan::Unchanged(2)));
    }

    #[test]
    fn a_version_must_not_change_its_bytes() {
        let service = deploy(orders(), "1.0.0", "a");
        let error = service.plan_deploy(wanted("1.0.0", "b"), 9);
        assert_eq!(
            error.unwrap_err().to_string(),
            format!(
                "version 1.0.0 of orders is already deployed with other bytes ({}); \
                 raise the version to deploy these",
                Digest::of(b"a")
            )
        );
    }

    #[test]
    fn going_back_twice_goes_two_revisions_back() {
        let mut service = deploy(deploy(deploy(orders(), "1.0.0", "a"), "1.1.0", "b"), "1.2.0", "c");
        service.live = Some(service.plan_rollback(None).unwrap());
        assert_eq!(service.live, Some(2));
        service.live = Some(service.plan_rollback(None).unwrap());
        assert_eq!(service.live, Some(1));
        assert_eq!(
            service.plan_rollback(None).unwrap_err().to_string(),
            "orders has nothing to go back to: revision 1 is live and no older one is kept"
        );
        assert_eq!(service.plan_rollback(Some(3)), Ok(3));
        assert_eq!(
            service.plan_rollback(Some(9)).unwrap_err().to_string(),
            "orders has no revision 9; it has 1 (1.0.0), 2 (1.1.0), 3 (1.2.0)"
        );
        assert_eq!(service.plan_rollback(Some(1)).unwrap_err().to_string(), "revision 1 of orders is live already");
        assert_eq!(
            orders().plan_rollback(None).unwrap_err().to_string(),
            "orders has nothing to go back to: no revision is live"
        );
        assert_eq!(orders().plan_rollback(Some(1)).unwrap_err().to_string(), "orders has no revision 1; it has none");
    }

    #[test]
    fn a_number_is_never_used_twice_even_after_going_back() {
        let mut service = deploy(deploy(orders(), "1.0.0", "a"), "1.1.0", "b");
        service.live = Some(1);
        assert_eq!(numbers(&deploy(service, "1.1.0", "b")), [1, 2, 3]);
    }

    #[test]
    fn old_revisions_go_but_never_the_live_one() {
        let mut service = orders();
        for n in 0..10 {
            service = deploy(service, &format!("1.{n}.0"), &n.to_string());
        }
        assert_eq!(numbers(&service), (1..=10).collect::<Vec<_>>());
        service = deploy(service, "2.0.0", "z");
        assert_eq!(numbers(&service), (2..=11).collect::<Vec<_>>());
        service.revisions.extend(service.revisions.first().cloned().map(|old| RevisionRecord { number: 12, ..old }));
        service.live = Some(2);
        service.prune();
        assert_eq!(numbers(&service), [2, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    }
}
