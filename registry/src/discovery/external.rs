//! `[[external]]` of a manifest: a service that is not Wasm and that somebody else runs.

use http::uri::PathAndQuery;
use serde::{Deserialize, Serialize};

use super::check::{CheckSpec, How, HttpCheck, Pace, Status, Thresholds};
use super::directory::EXTERNAL_PREFIX;
use super::registration::{InstanceId, Registration, Weights};
use super::url::HttpUrl;
use crate::name::ServiceName;
use crate::settings::Health;

/// A service that is not Wasm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct External {
    /// What it is reached as: `http://NAME/`.
    pub name: ServiceName,
    /// Where it is; paths are put behind that of the URL.
    pub url: HttpUrl,
    /// What it is asked; without it, it counts as passing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
}

impl External {
    /// The id under which it is listed.
    pub fn id(&self) -> InstanceId {
        InstanceId::new(format!("{EXTERNAL_PREFIX}{}", self.name))
    }

    /// What is wrong with it: the field, a message and what to do.
    pub fn problems(&self) -> Vec<(&'static str, String, String)> {
        let Some(health) = &self.health else { return Vec::new() };
        let mut found = Vec::new();
        if probe_path(health).is_none() {
            let message = format!("`health.path` is `{}`, which is no path of the service", health.path);
            found.push(("health.path", message, "write a path below the URL, as in `/health`".to_owned()));
        }
        let check = CheckSpec { how: How::Http { request: self.request(health), pace: pace(health) }, ..self.check() };
        if let Err(error) = check.check() {
            found.push(("health", error.to_string(), "for example `interval = \"10s\", timeout = \"5s\"`".to_owned()));
        }
        found
    }

    /// As it stands in the directory.
    pub fn registration(&self) -> Registration {
        let how = |health: &Health| How::Http { request: self.request(health), pace: pace(health) };
        let checks = self.health.iter().map(|health| CheckSpec { how: how(health), ..self.check() }).collect();
        Registration {
            id: self.id(),
            name: self.name.to_string(),
            address: self.url.host().to_owned(),
            port: self.url.port(),
            tags: vec!["external".to_owned()],
            meta: [("url".to_owned(), self.url.to_string())].into(),
            weights: Weights::default(),
            checks,
            url: Some(self.url.clone()),
        }
    }

    fn check(&self) -> CheckSpec {
        CheckSpec {
            id: format!("service:{}", self.id()),
            name: format!("Service '{}' check", self.name),
            notes: String::new(),
            how: How::Host,
            deregister_after: None,
            thresholds: Thresholds::default(),
            initial: Status::Critical,
        }
    }

    fn request(&self, health: &Health) -> HttpCheck {
        let url = probe_path(health).map_or_else(|| self.url.clone(), |path| self.url.below(&path));
        HttpCheck { url, method: "GET".to_owned(), headers: Vec::new(), body: String::new() }
    }
}

fn pace(health: &Health) -> Pace {
    Pace::new(health.interval, Some(health.timeout))
}

fn probe_path(health: &Health) -> Option<PathAndQuery> {
    health.path.starts_with('/').then(|| health.path.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn billing(health: Option<&str>) -> External {
        let health = health.map(|path| Health {
            path: path.to_owned(),
            interval: Health::default_interval(),
            timeout: Health::default_timeout(),
        });
        External { name: "legacy-billing".parse().unwrap(), url: "http://127.0.0.1:3000/v1".parse().unwrap(), health }
    }

    #[test]
    fn an_external_is_asked_elsewhere() {
        let registration = billing(Some("/health")).registration();
        assert_eq!(registration.check(), Ok(()));
        assert_eq!(registration.base_url(), "http://127.0.0.1:3000/v1");
        let How::Http { request, .. } = &registration.checks[0].how else { panic!("{registration:?}") };
        assert_eq!(request.url.to_string(), "http://127.0.0.1:3000/v1/health");
        assert!(billing(None).registration().checks.is_empty());
    }

    #[test]
    fn an_external_with_a_bad_probe_is_deployed() {
        assert!(billing(Some("/health")).problems().is_empty());
        assert_eq!(billing(Some("health")).problems()[0].0, "health.path");
        let mut slow = billing(Some("/health"));
        slow.health.as_mut().unwrap().timeout = std::time::Duration::from_secs(61);
        assert_eq!(slow.problems()[0].1, "Timeout must be above 0 and at most 60s");
    }
}
