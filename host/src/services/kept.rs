//! Which settings a service is deployed with that comes without any: those that it has. Pure.
//!
//! Who swaps in a component says nothing about what its service may do; what a manifest has said about that holds
//! until a manifest says something else.

use holm_registry::catalog::RevisionRecord;
use holm_registry::settings::Settings;

use super::api::{DeployError, DeploySettings};

/// What a service is deployed with.
#[derive(Debug, PartialEq)]
pub(super) struct Chosen {
    pub(super) settings: Settings,
    /// The revision that it has them of, unless it was given them or they are the defaults anyway.
    pub(super) of: Option<u32>,
}

/// Chooses between what is given and what the live revision has.
pub(super) fn choose(wanted: DeploySettings, live: Option<&RevisionRecord>) -> Chosen {
    let isolation = match wanted {
        DeploySettings::Given(settings) => return Chosen { settings: *settings, of: None },
        DeploySettings::Kept { isolation } => isolation,
    };
    let kept = live.map(|live| live.settings.clone()).unwrap_or_default();
    let of = live.filter(|live| live.settings != Settings::default()).map(|live| live.number);
    Chosen { settings: Settings { isolation: isolation.or(kept.isolation), ..kept }, of }
}

/// What does not fit may be a setting that nobody has thought of.
pub(super) fn explain(error: DeployError, of: Option<u32>) -> DeployError {
    match (error, of) {
        (DeployError::Rejected(why), Some(of)) => DeployError::Rejected(format!(
            "{why}\nit came without settings and so kept those of revision {of}; give it others with --manifest FILE"
        )),
        (error, _) => error,
    }
}

#[cfg(test)]
mod tests {
    use holm_registry::Digest;
    use holm_registry::settings::Isolation;

    use super::*;

    fn live(settings: Settings) -> RevisionRecord {
        let (version, digest) = ("1.0.0".parse().unwrap(), Digest::of(b"orders"));
        RevisionRecord { number: 3, version, digest, settings, created_at: 0, signature: None }
    }

    fn granted() -> Settings {
        let mut settings = Settings { isolation: Some(Isolation::Reuse), ..Settings::default() };
        settings.grants.publish.push("orders.*".parse().unwrap());
        settings
    }

    #[test]
    fn a_component_that_is_swapped_in_loses_what_a_manifest_granted() {
        let kept = choose(DeploySettings::Kept { isolation: None }, Some(&live(granted())));
        assert_eq!(kept, Chosen { settings: granted(), of: Some(3) });
        let other = DeploySettings::Kept { isolation: Some(Isolation::Invocation) };
        let other = choose(other, Some(&live(granted()))).settings;
        assert_eq!(other, Settings { isolation: Some(Isolation::Invocation), ..granted() });
    }

    #[test]
    fn a_manifest_does_not_take_back_what_it_granted() {
        let given = choose(DeploySettings::Given(Box::default()), Some(&live(granted())));
        assert_eq!(given, Chosen { settings: Settings::default(), of: None });
    }

    #[test]
    fn a_new_service_has_the_settings_of_something_else() {
        let alone = DeploySettings::Kept { isolation: Some(Isolation::Reuse) };
        let settings = Settings { isolation: Some(Isolation::Reuse), ..Settings::default() };
        assert_eq!(choose(alone, None), Chosen { settings, of: None });
        let plain = choose(DeploySettings::Kept { isolation: None }, Some(&live(Settings::default())));
        assert_eq!(plain.of, None, "nothing worth telling was kept");
    }
}
