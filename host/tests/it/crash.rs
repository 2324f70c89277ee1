//! SIGKILL at any moment loses nothing that was acknowledged.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Method, StatusCode};
use tokio::task::JoinSet;

use crate::client::Client;
use crate::process::{Host, component};

const ROUNDS: u64 = 8;
const WRITERS: usize = 4;

/// What was acknowledged before a kill.
#[derive(Default)]
struct Acknowledged {
    /// Ids of users whose creation was answered with 201.
    users: Vec<String>,
    /// Revision and version of deployments that were reported done.
    deployed: Vec<(u64, String)>,
}

/// Creates users until the host is gone.
fn write(tasks: &mut JoinSet<()>, address: &str, acknowledged: &Arc<Mutex<Acknowledged>>) {
    let (client, acknowledged) = (Client::new(address), Arc::clone(acknowledged));
    tasks.spawn(async move {
        let body = r#"{"name":"Ada","email":"ada@example.com"}"#;
        while let Ok(answer) = client.try_send(Method::POST, "/users/users", body).await {
            assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
            let id = answer.json()["id"].as_str().unwrap().to_owned();
            acknowledged.lock().unwrap().users.push(id);
        }
    });
}

/// Deploys one version after the other until the host is gone.
fn deploy(tasks: &mut JoinSet<()>, host: &Arc<Host>, acknowledged: &Arc<Mutex<Acknowledged>>) {
    let (host, acknowledged) = (Arc::clone(host), Arc::clone(acknowledged));
    tasks.spawn_blocking(move || {
        for next in (0_u64..).map(|turn| turn % 2 == 0) {
            let (version, file) = if next { ("1.1.0", "users_next") } else { ("1.0.0", "users") };
            let path = component(file);
            let told =
                host.cli(&["deploy", path.to_str().unwrap(), "--service", "users", "--version", version, "--json"]);
            if !told.status.success() {
                break;
            }
            let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
            let revision = told.as_array().map_or(&told, |all| &all[0])["revision"].as_u64().unwrap();
            acknowledged.lock().unwrap().deployed.push((revision, version.to_owned()));
        }
    });
}

fn live(host: &Host) -> (u64, String) {
    let services: serde_json::Value = serde_json::from_str(&host.done(&["services", "--json"])).unwrap();
    let users = services.as_array().unwrap().iter().find(|line| line["service"] == "users").unwrap();
    assert_eq!(users["state"], "live", "{users}");
    (users["revision"].as_u64().unwrap(), users["version"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_kill_loses_an_acknowledged_write_or_deployment() {
    let mut host = Host::start();
    host.deploy("users", "1.0.0", &component("users"), &["--isolation", "reuse"]);
    let mut users = Vec::new();
    for round in 0..ROUNDS {
        let running = Arc::new(host);
        let acknowledged = Arc::new(Mutex::new(Acknowledged::default()));
        let mut tasks = JoinSet::new();
        for _ in 0..WRITERS {
            write(&mut tasks, &running.gateway, &acknowledged);
        }
        deploy(&mut tasks, &running, &acknowledged);
        // a moment that differs from round to round: that is the point of the test, not a wait
        tokio::time::sleep(Duration::from_millis(150 + 137 * round)).await;
        crate::process::signal(running.pid(), "KILL");
        tasks.join_all().await;
        let Ok(dead) = Arc::try_unwrap(running) else { panic!("the host is still shared") };
        host = Host::start_in(dead.kill(), &[]);

        let acknowledged = std::mem::take(&mut *acknowledged.lock().unwrap());
        users.extend(acknowledged.users);
        let now = live(&host);
        if let Some((revision, version)) = acknowledged.deployed.last() {
            // the deployment that the kill interrupted may have been committed, unreported
            let allowed = now.0 == *revision && now.1 == *version || now.0 == revision + 1;
            assert!(allowed, "round {round}: {version} was live as revision {revision}, and now {now:?}");
        }
        let client = Client::new(&host.gateway);
        for id in &users {
            let answer = client.get(&format!("/users/users/{id}")).await;
            assert_eq!(answer.status, 200, "round {round}: user {id} is lost");
        }
    }
    assert!(users.len() > 100, "only {} writes were acknowledged", users.len());
}
