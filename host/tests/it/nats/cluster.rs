//! What if servers of a cluster are killed: streams that an operator gave three copies go on, and so do hosts.

use std::net::TcpListener;
use std::time::Duration;

use serde_json::{Value, json};

use super::outages::Load;
use super::rig::{Stranger, until};
use super::server::{NatsServer, Release};

/// Three servers that know each other.
fn cluster(release: Release) -> Vec<NatsServer> {
    let free = |_| TcpListener::bind("127.0.0.1:0").unwrap();
    let listeners: Vec<TcpListener> = (0..3).map(free).collect();
    let ports: Vec<u16> = listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
    drop(listeners);
    let routes: Vec<String> = ports.iter().map(|port| format!("\"nats://127.0.0.1:{port}\"")).collect();
    let config = |port: &u16| {
        format!(
            "server_name: n{port}\njetstream {{ store_dir: \"DIR/js\" }}\n\
             cluster {{ name: test, listen: \"127.0.0.1:{port}\", routes: [{}] }}",
            routes.join(", ")
        )
    };
    ports.iter().map(|port| NatsServer::with(release, &config(port))).collect()
}

/// Makes a stream with three copies, as soon as there are three servers for it.
async fn make(stranger: &Stranger, name: &str, subject: &str) {
    let config = json!({
        "name": name, "subjects": [subject], "retention": "limits", "storage": "file", "num_replicas": 3,
        "max_msgs_per_subject": -1,
    });
    until(&format!("the cluster takes {name}"), || async {
        let body = config.to_string().into();
        let asked = stranger.client.request(format!("$JS.API.STREAM.CREATE.{name}"), body).await;
        let answer: Option<Value> = asked.ok().and_then(|answer| serde_json::from_slice(&answer.payload).ok());
        answer.is_some_and(|answer| answer["error"].is_null())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_lost_or_handled_twice_when_servers_of_a_cluster_are_killed() {
    for release in Release::BOTH {
        let mut servers = cluster(release);
        let urls = servers.iter().map(NatsServer::url).collect::<Vec<_>>().join(",");
        let stranger = Stranger::at(&servers[0].url()).await;
        make(&stranger, "HOLM_EVENTS", "_holm.events").await;
        make(&stranger, "HOLM_DEAD", "_holm.dead.>").await;
        let mut load = Load::on(&urls).await;
        assert_eq!(stranger.stream("HOLM_EVENTS").await["num_replicas"], 3, "Holm took copies away");
        for server in &mut servers {
            load.publish(60).await;
            server.kill();
            load.publish(60).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            server.start_again();
            // the next one may only go when this one is back: two of three are needed
            load.is_complete("a server of three was killed").await;
        }
    }
}
