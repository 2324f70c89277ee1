//! The pod: one container with a host, its probes, and what it takes.

use holm_registry::manifest::Manifest;
use serde_json::{Value, json};

use super::kubernetes::{GATEWAY_PORT, Wanted};
use super::portable::Portable;

/// The admin API, and by that the probes. Not part of the Service.
const ADMIN_PORT: u16 = 7070;
/// MiB of a host without services, with room for compiling and for connections.
const HOST: u64 = 128;
/// Instances of each service at their full memory that the limit has room for. More of them are busy at once only
/// under load, and hardly any takes all that it may.
const INSTANCES: u64 = 4;
/// The user of the container: nobody in particular, and not root.
const USER: u32 = 65_532;
/// Seconds that a host has to drain, with some to close its store.
const DRAIN: u32 = 40;

/// Runs the manifest that the ConfigMap holds.
pub(super) fn spec(app: &str, portable: &Portable, wanted: &Wanted) -> Value {
    let variables = portable.variables.iter().map(
        |name| json!({ "name": name, "valueFrom": { "secretKeyRef": { "name": format!("{app}-env"), "key": name } } }),
    );
    json!({
        "terminationGracePeriodSeconds": DRAIN,
        "automountServiceAccountToken": false,
        "securityContext": {
            "runAsNonRoot": true, "runAsUser": USER, "fsGroup": USER, "seccompProfile": { "type": "RuntimeDefault" },
        },
        "containers": [{
            "name": "holm",
            "image": wanted.image,
            "args": [
                "up", "--manifest", "/etc/holm/holm.toml", "--data", "/var/lib/holm",
                "--listen", format!("0.0.0.0:{GATEWAY_PORT}"), "--admin", format!("0.0.0.0:{ADMIN_PORT}"),
                "--log-format", "json",
            ],
            "env": variables.collect::<Vec<_>>(),
            "ports": [
                { "name": "http", "containerPort": GATEWAY_PORT }, { "name": "admin", "containerPort": ADMIN_PORT },
            ],
            "startupProbe": probe("/readyz", 2, 60),
            "readinessProbe": probe("/readyz", 5, 2),
            "livenessProbe": probe("/healthz", 10, 3),
            "resources": resources(&portable.manifest),
            "securityContext": {
                "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": { "drop": ["ALL"] },
            },
            "volumeMounts": [
                { "name": "manifest", "mountPath": "/etc/holm", "readOnly": true },
                { "name": "data", "mountPath": "/var/lib/holm" },
                { "name": "tmp", "mountPath": "/tmp" },
            ],
        }],
        "volumes": [
            { "name": "manifest", "configMap": { "name": app } },
            { "name": "data", "persistentVolumeClaim": { "claimName": app } },
            { "name": "tmp", "emptyDir": {} },
        ],
    })
}

/// `period` in seconds.
fn probe(path: &str, period: u32, failures: u32) -> Value {
    json!({
        "httpGet": { "path": path, "port": "admin" }, "periodSeconds": period, "timeoutSeconds": 2,
        "failureThreshold": failures,
    })
}

/// One instance of each service at its limit is asked for; the limit has room for some more. Processor time has no
/// limit: Holm counts it for each request.
fn resources(manifest: &Manifest) -> Value {
    let all = || manifest.services.values().map(|spec| &spec.settings);
    let memory = |settings: &holm_registry::settings::Settings| settings.limits.memory.as_u64().div_ceil(1 << 20);
    let one = |settings| memory(settings);
    let some = |settings: &holm_registry::settings::Settings| {
        memory(settings) * u64::from(settings.instances.max).min(INSTANCES)
    };
    let (request, limit) = (all().map(one).sum::<u64>() + HOST, all().map(some).sum::<u64>() + HOST);
    let cpu = (100 * manifest.services.len()).clamp(100, 1000);
    json!({
        "requests": { "cpu": format!("{cpu}m"), "memory": format!("{request}Mi") },
        "limits": { "memory": format!("{limit}Mi") },
    })
}
