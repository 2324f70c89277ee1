//! The objects that a cluster needs for one host with a manifest.
//!
//! | object | what for |
//! | --- | --- |
//! | ConfigMap `APP` | the manifest |
//! | Secret `APP-env` | values of its `${NAME}`s, to be filled in |
//! | PersistentVolumeClaim `APP` | state and events |
//! | Deployment `APP` | the host; the old one ends before the new one begins, since the state has one owner |
//! | Service `APP` | the gateway, for other pods and an ingress |

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::pod;
use super::portable::Portable;

/// The gateway's, in the pod.
pub(super) const GATEWAY_PORT: u16 = 8080;

/// What the user has said.
pub(super) struct Wanted {
    /// With `holm` and the components.
    pub(super) image: String,
    /// How many hosts.
    pub(super) replicas: u16,
    /// Of the volume, as Kubernetes writes quantities.
    pub(super) storage: String,
}

/// In the order in which they refer to each other.
pub(super) fn objects(portable: &Portable, wanted: &Wanted) -> Vec<Value> {
    let app = portable.manifest.app.as_str();
    let mut objects = vec![object("v1", "ConfigMap", app, app, json!({ "data": { "holm.toml": portable.text } }))];
    if !portable.variables.is_empty() {
        let values: BTreeMap<_, _> = portable.variables.iter().map(|name| (name, "")).collect();
        let secret = json!({ "type": "Opaque", "stringData": values });
        objects.push(object("v1", "Secret", &format!("{app}-env"), app, secret));
    }
    objects.push(object("v1", "PersistentVolumeClaim", app, app, claim(wanted)));
    objects.push(object("apps/v1", "Deployment", app, app, deployment(app, portable, wanted)));
    objects.push(object("v1", "Service", app, app, service(app)));
    objects
}

fn object(version: &str, kind: &str, name: &str, app: &str, rest: Value) -> Value {
    let labels = json!({ "app.kubernetes.io/name": app, "app.kubernetes.io/managed-by": "holm" });
    let mut object = json!({ "apiVersion": version, "kind": kind, "metadata": { "name": name, "labels": labels } });
    if let (Value::Object(fields), Value::Object(rest)) = (&mut object, rest) {
        fields.extend(rest);
    }
    object
}

fn claim(wanted: &Wanted) -> Value {
    let requests = json!({ "requests": { "storage": wanted.storage } });
    json!({ "spec": { "accessModes": ["ReadWriteOnce"], "resources": requests } })
}

fn deployment(app: &str, portable: &Portable, wanted: &Wanted) -> Value {
    let label = json!({ "app.kubernetes.io/name": app });
    json!({ "spec": {
        "replicas": wanted.replicas,
        "strategy": { "type": "Recreate" },
        "selector": { "matchLabels": label },
        "template": { "metadata": { "labels": label }, "spec": pod::spec(app, portable, wanted) },
    } })
}

fn service(app: &str) -> Value {
    let port = json!({ "name": "http", "port": 80, "targetPort": "http" });
    json!({ "spec": { "selector": { "app.kubernetes.io/name": app }, "ports": [port] } })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const MANIFEST: &str = r#"
        [app]
        name = "shop"
        [service.users]
        component = "users.wasm"
        version = "1.0.0"
        instances = { max = 2 }
        limits = { memory = "32MiB" }
        grants = { secrets = { KEY = "${KEY}" } }
        [service.orders]
        component = "orders.wasm"
        version = "1.0.0"
        limits = { memory = "64MiB" }
    "#;

    fn exported() -> Vec<Value> {
        let portable = Portable::parse("holm.toml", MANIFEST, Path::new("")).unwrap();
        objects(&portable, &Wanted { image: "shop:1".to_owned(), replicas: 1, storage: "1Gi".to_owned() })
    }

    fn kinds(objects: &[Value]) -> Vec<&str> {
        objects.iter().filter_map(|object| object["kind"].as_str()).collect()
    }

    #[test]
    fn a_pod_gets_less_memory_than_its_services_may_take() {
        let objects = exported();
        assert_eq!(kinds(&objects), ["ConfigMap", "Secret", "PersistentVolumeClaim", "Deployment", "Service"]);
        let container = objects[3].pointer("/spec/template/spec/containers/0").unwrap();
        let resources = json!({
            "requests": { "cpu": "200m", "memory": "224Mi" }, "limits": { "memory": format!("{}Mi", 128 + 64 + 256) },
        });
        assert_eq!(container["resources"], resources);
        assert_eq!(container.pointer("/livenessProbe/httpGet/path"), Some(&json!("/healthz")));
        assert_eq!(container.pointer("/readinessProbe/httpGet/path"), Some(&json!("/readyz")));
    }

    #[test]
    fn a_secret_value_leaves_the_machine() {
        let objects = exported();
        assert_eq!(objects[1]["stringData"], json!({ "KEY": "" }));
        let container = objects[3].pointer("/spec/template/spec/containers/0").unwrap();
        assert_eq!(
            container.pointer("/env/0/valueFrom/secretKeyRef"),
            Some(&json!({ "name": "shop-env", "key": "KEY" }))
        );
        assert!(objects[0].pointer("/data/holm.toml").and_then(Value::as_str).unwrap().contains("${KEY}"));
    }
}
