//! From a manifest or a single component to what is deployed.
//!
//! Both ways in share this file: `up --manifest` hands a [`Plan`] to the services in its own
//! process, `deploy` sends it to a host.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use holm_registry::gateway::{AuthSettings, GatewaySettings, KeySource};
use holm_registry::manifest::{ComponentSource, Manifest, ServiceSpec};
use holm_registry::settings::{Isolation, Settings};
use holm_registry::signature::Signature;
use holm_registry::{Digest, ServiceName};
use semver::Version;

use super::failure::Failure;
use super::signature_file;
use super::sources::{MANIFEST, Project};
use crate::admin::api;
use crate::config;
use crate::services::{AppSet, DeployComponent, DeployOne, DeploySet, DeploySettings};

/// Services and routes that go live as one set, with the components read.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The app with all its routes and externals; `None` leaves those of all apps as they are.
    pub app: Option<AppSet>,
    /// The services.
    pub services: Vec<Part>,
}

/// One service of a plan.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its name.
    pub name: ServiceName,
    /// Its version.
    pub version: Version,
    /// What it is deployed with.
    pub settings: DeploySettings,
    /// The digest of its component.
    pub digest: Digest,
    /// The component, unless the manifest names one that the host has.
    pub bytes: Option<Bytes>,
    /// Who vouches for it, from the file beside it.
    pub signature: Option<Signature>,
}

/// Reads a manifest and every component that it names.
pub fn from_manifest(path: &Path) -> anyhow::Result<Plan> {
    from_parsed(read_manifest(path)?)
}

/// Reads a manifest alone.
pub(super) fn read_manifest(path: &Path) -> anyhow::Result<Manifest> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, error))?;
    let base = path.parent().unwrap_or(Path::new(""));
    Ok(Manifest::parse(&path.display().to_string(), &text, base, &config::variable)?)
}

/// Reads the components of a manifest.
pub(super) fn from_parsed(manifest: Manifest) -> anyhow::Result<Plan> {
    let services = manifest.services.into_iter().map(|(name, spec)| part(name, spec)).collect::<Result<_, _>>()?;
    let Manifest { app: name, routes, externals, mut gateway, .. } = manifest;
    read_public_keys(&mut gateway)?;
    Ok(Plan { app: Some(AppSet { name, routes, externals, gateway }), services })
}

/// A component outside of any manifest: its service keeps the settings that it has, but for the isolation if one is
/// given.
pub(super) fn from_component(
    name: ServiceName,
    version: Version,
    path: &Path,
    isolation: Option<Isolation>,
) -> Result<Plan, Failure> {
    let part = part_of_file(name, version, DeploySettings::Kept { isolation }, path)?;
    Ok(Plan { app: None, services: vec![part] })
}

/// One service of a manifest, with the rules that can be published: those of services that go
/// live with it or are live already. The others would lead nowhere.
pub(super) fn only(mut manifest: Manifest, service: &ServiceName, live: &[ServiceName]) -> Result<Manifest, Failure> {
    let spec = manifest.services.remove(service).ok_or_else(|| {
        let names: Vec<_> = manifest.services.keys().map(ServiceName::as_str).collect();
        Failure::new(format!("the manifest has no service `{service}`"))
            .because(format!("its services are {}", names.join(", ")))
    })?;
    manifest.routes.retain(|route| route.services().all(|target| target == service || live.contains(target)));
    Ok(Manifest { services: BTreeMap::from([(service.clone(), spec)]), ..manifest })
}

impl Plan {
    /// For the services of this process.
    pub fn into_deploy_set(self) -> DeploySet {
        let one = |part: Part| {
            let component = part.bytes.map_or(DeployComponent::Stored(part.digest), DeployComponent::Bytes);
            DeployOne {
                name: part.name,
                version: part.version,
                component,
                settings: part.settings,
                signature: part.signature,
            }
        };
        DeploySet { services: self.services.into_iter().map(one).collect(), app: self.app, force: false }
    }

    /// For the admin API: the plan, and the components by digest, each once.
    pub(super) fn into_upload(self) -> (api::Plan, BTreeMap<Digest, Bytes>) {
        let mut components = BTreeMap::new();
        let mut services = Vec::with_capacity(self.services.len());
        for Part { name, version, settings, digest, bytes, signature } in self.services {
            components.extend(bytes.map(|bytes| (digest, bytes)));
            let (settings, isolation) = match settings {
                DeploySettings::Given(settings) => (Some(*settings), None),
                DeploySettings::Kept { isolation } => (None, isolation),
            };
            services.push(api::PlannedService { name, version, digest, settings, isolation, signature });
        }
        let app = self.app.as_ref().map(|set| set.name.clone());
        let AppSet { routes, externals, gateway, .. } = self.app.unwrap_or_default();
        (api::Plan { app, services, routes, externals, gateway, force: false }, components)
    }
}

/// Puts keys in the place of the files that a manifest names: the host may be another machine.
fn read_public_keys(gateway: &mut GatewaySettings) -> Result<(), Failure> {
    let tokens = gateway.auth.values_mut().filter_map(|scheme| match scheme {
        AuthSettings::Jwt(jwt) => Some(jwt),
        AuthSettings::ApiKeys(_) => None,
    });
    for jwt in tokens {
        if let KeySource::PublicKeyFile(path) = &jwt.key {
            let pem = std::fs::read_to_string(path).map_err(|error| unreadable(path, error))?;
            jwt.key = KeySource::PublicKey(pem);
        }
    }
    Ok(())
}

fn part(name: ServiceName, spec: ServiceSpec) -> Result<Part, Failure> {
    let ServiceSpec { component, version, mut settings } = spec;
    read_proto(&name, &mut settings)?;
    let settings = DeploySettings::Given(Box::new(settings));
    match component {
        ComponentSource::Path(path) => part_of_file(name, version, settings, &path),
        ComponentSource::Digest(digest) => Ok(Part { name, version, settings, digest, bytes: None, signature: None }),
    }
}

/// Puts what a proto file says in the place of the file.
fn read_proto(service: &ServiceName, settings: &mut Settings) -> Result<(), Failure> {
    let Some(grpc) = &mut settings.grpc else { return Ok(()) };
    if let Some(path) = grpc.proto.take() {
        let refused = |error| Failure::new(format!("the proto file of {service} cannot be used")).because(error);
        grpc.descriptors = Some(crate::grpc::compile(&path).map_err(refused)?);
    }
    Ok(())
}

fn part_of_file(name: ServiceName, version: Version, settings: DeploySettings, path: &Path) -> Result<Part, Failure> {
    let bytes = read_component(path)?;
    let digest = Digest::of(&bytes);
    let signature = signature_file::beside(path, &digest)?;
    Ok(Part { name, version, settings, digest, bytes: Some(bytes), signature })
}

pub(super) fn read_component(path: &Path) -> Result<Bytes, Failure> {
    std::fs::read(path).map(Bytes::from).map_err(|error| {
        let failure = unreadable(path, error);
        match other_target(path).filter(|other| other.exists()) {
            Some(other) => failure.so(format!("name {} instead, which exists", other.display())),
            None => failure.so(format!("build it first, for example with `holm build {}`", folder_of(path).display())),
        }
    })
}

/// `cargo component` builds below `wasm32-wasip1`, plain cargo below `wasm32-wasip2`: the same
/// component as the other of the two would have it.
fn other_target(component: &Path) -> Option<PathBuf> {
    let text = component.to_str()?;
    let (one, two) = ("/wasm32-wasip1/", "/wasm32-wasip2/");
    let other = if text.contains(one) { text.replacen(one, two, 1) } else { text.replacen(two, one, 1) };
    (other != text).then(|| PathBuf::from(other))
}

fn unreadable(path: &Path, error: std::io::Error) -> Failure {
    Failure::new(format!("{} cannot be read", path.display())).because(error)
}

/// Where `holm build` makes it: above `target/`, where cargo is run, or beside a manifest with another tool; `.` when
/// nobody knows.
fn folder_of(component: &Path) -> PathBuf {
    let above = component.ancestors().find(|folder| folder.file_name().is_some_and(|name| name == "target"));
    let buildable = |dir: &&Path| dir.join(MANIFEST).is_file() && Project::without_cargo(dir).is_some();
    let folder = above.and_then(Path::parent).or_else(|| component.ancestors().skip(1).find(buildable));
    folder.filter(|folder| !folder.as_os_str().is_empty()).map_or_else(|| PathBuf::from("."), Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: &str = r#"
        [app]
        name = "shop"
        [service.users]
        component = "users.wasm"
        version = "1.0.0"
        [service.catalog]
        component = "users.wasm"
        version = "2.0.0"
        [[gateway.route]]
        path = "/users/{*rest}"
        service = "users"
        [[gateway.route]]
        path = "/products/{*rest}"
        service = "catalog"
    "#;

    fn shop(dir: &Path) -> Manifest {
        Manifest::parse("holm.toml", SHOP, dir, &|_| None).unwrap()
    }

    fn paths(manifest: &Manifest) -> Vec<String> {
        manifest.routes.iter().map(|route| route.path.to_string()).collect()
    }

    #[test]
    fn two_services_of_one_component_upload_it_twice() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("users.wasm"), b"\0asm").unwrap();
        let (plan, components) = from_parsed(shop(dir.path())).unwrap().into_upload();
        assert_eq!((plan.app.as_deref(), plan.services.len(), plan.routes.len()), (Some("shop"), 2, 2));
        assert_eq!(components.into_keys().collect::<Vec<_>>(), [Digest::of(b"\0asm")]);
    }

    #[test]
    fn deploying_one_service_takes_the_routes_of_the_others_away() {
        let (users, catalog) = ("users".parse().unwrap(), "catalog".parse().unwrap());
        let first = only(shop(Path::new("")), &users, &[]).unwrap();
        assert_eq!(paths(&first), ["/users/{*rest}"]);
        let later = only(shop(Path::new("")), &users, &[catalog]).unwrap();
        assert_eq!(paths(&later), ["/users/{*rest}", "/products/{*rest}"]);
        assert_eq!(later.services.len(), 1);
    }

    #[test]
    fn a_component_that_is_not_built_yet_is_an_unexplained_failure() {
        let error = from_parsed(shop(Path::new("/nowhere/target/wasm32-wasip2/release"))).unwrap_err();
        let text = super::super::failure::render(&error, false);
        assert!(text.contains("users.wasm cannot be read"), "{text}");
        assert!(text.contains("`holm build /nowhere`"), "{text}");
    }

    #[test]
    fn a_component_built_the_other_way_is_not_found() {
        let dir = tempfile::tempdir().unwrap();
        let [one, two] = ["wasm32-wasip1", "wasm32-wasip2"].map(|target| dir.path().join("target").join(target));
        std::fs::create_dir_all(&one).unwrap();
        std::fs::write(one.join("users.wasm"), b"").unwrap();
        let text = super::super::failure::render(&from_parsed(shop(&two)).unwrap_err(), false);
        assert!(text.contains(&format!("name {}/users.wasm instead", one.display())), "{text}");
    }
}
