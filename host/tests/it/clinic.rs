//! The clinic as its manifest deploys it.

use std::time::Instant;

use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::client::{Answer, Client};
use crate::door::PATIENCE;
use crate::process::Host;

const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/clinic/holm.toml");
const SLOT: &str = "2026-12-01T09:30";

/// A running clinic.
struct Clinic {
    host: Host,
    client: Client,
}

impl Clinic {
    fn open() -> Self {
        let host = Host::start();
        let deployed = host.cli(&["deploy", MANIFEST]);
        let built = "run scripts/build-components --examples";
        assert!(deployed.status.success(), "{built}? {}", String::from_utf8_lossy(&deployed.stderr));
        let client = Client::new(&host.gateway);
        Self { host, client }
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.client.send(Method::POST, path, &body.to_string()).await
    }

    /// Registers somebody: the id.
    async fn patient(&self, name: &str) -> Value {
        let registered = self.post("/api/patients", &json!({"name": name, "born": "1815-12-10"})).await;
        assert_eq!(registered.status, 201, "{registered:?}");
        registered.json()["id"].clone()
    }

    /// Books an appointment, which must be possible: the id.
    async fn book(&self, patient: &Value, doctor: &str, slot: &str) -> Value {
        let booked = self.post("/api/appointments", &wish(patient, doctor, slot)).await;
        assert_eq!(booked.status, 201, "{booked:?}");
        booked.json()["id"].clone()
    }

    /// Says what has become of an appointment, or a bill.
    async fn settle(&self, what: &str, id: &Value, how: &str) -> Answer {
        self.post(&format!("/api/{what}/{}/{how}", id.as_str().unwrap()), &json!(null)).await
    }

    /// Polls until everything that was published is handled, by somebody who could.
    async fn until_idle(&self) {
        let end = Instant::now() + PATIENCE;
        loop {
            let consumers: Value = serde_json::from_str(&self.host.done(&["events", "consumers", "--json"])).unwrap();
            let is_idle = |consumer: &Value| consumer["lag"] == 0 && consumer["in_flight"] == 0;
            if consumers.as_array().unwrap().iter().all(is_idle) {
                break;
            }
            assert!(Instant::now() < end, "{consumers}");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        assert_eq!(
            self.host.done(&["events", "dlq", "ls", "--json"]).trim(),
            "[]",
            "nobody knew what to do with these"
        );
    }

    async fn report(&self, what: &str) -> Value {
        self.client.get(&format!("/api/reports/{what}")).await.json()
    }
}

fn wish(patient: &Value, doctor: &str, slot: &str) -> Value {
    json!({"patient_id": patient, "doctor": doctor, "slot": slot})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_half_hour_is_given_to_two_patients_or_to_none() {
    const PATIENTS: usize = 32;
    let clinic = Clinic::open();
    let patient = clinic.patient("Ada").await;
    // of all rounds the first is the hardest: no instance is warm yet
    for round in 0..4 {
        let (mut racing, slot) = (JoinSet::new(), format!("2026-12-0{}T09:30", round + 1));
        for _ in 0..PATIENTS {
            let (client, body) = (clinic.client.clone(), wish(&patient, "hopper", &slot).to_string());
            racing.spawn(async move { client.send(Method::POST, "/api/appointments", &body).await });
        }
        let answers = racing.join_all().await;
        let with = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
        assert_eq!((with(201), with(409)), (1, PATIENTS - 1), "{answers:?}");
        let path = format!("/api/appointments?doctor=hopper&day={}", &slot[..10]);
        assert_eq!(clinic.client.get(&path).await.json().as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_patient_is_in_two_rooms_at_once_or_nobody_at_all() {
    let clinic = Clinic::open();
    let ada = clinic.patient("Ada").await;
    let free = "/api/doctors/hopper/free?day=2026-12-01";
    let before = clinic.client.get(free).await.json();
    let id = clinic.book(&ada, "hopper", SLOT).await;
    assert_eq!(clinic.client.get(free).await.json().as_array().unwrap().len(), before.as_array().unwrap().len() - 1);
    let elsewhere = clinic.post("/api/appointments", &wish(&ada, "lovelace", SLOT)).await;
    assert_eq!(
        (elsewhere.status.as_u16(), &elsewhere.json()["error"]),
        (409, &json!("The patient sees somebody else then"))
    );
    let nobody = clinic.post("/api/appointments", &wish(&json!("nobody"), "hopper", "2026-12-01T10:00")).await;
    assert_eq!((nobody.status.as_u16(), &nobody.json()["errors"][0]["pointer"]), (422, &json!("#/patient_id")));
    // cancelled, the half hour is free, and what has become of it stays
    assert_eq!(clinic.settle("appointments", &id, "cancel").await.status, 200);
    assert_eq!(clinic.client.get(free).await.json(), before);
    assert_eq!(clinic.settle("appointments", &id, "attend").await.status, 409);
    clinic.book(&ada, "hopper", SLOT).await;
    clinic.until_idle().await;
    let told = clinic.client.get(&format!("/api/messages?recipient={}", ada.as_str().unwrap())).await.json();
    let told: Vec<_> =
        told.as_array().unwrap().iter().map(|message| message["text"].as_str().unwrap().to_owned()).collect();
    let (sees, cancelled) = (
        format!("Ada, hopper sees you at {SLOT}."),
        format!("Ada, your appointment at {SLOT} with hopper is cancelled."),
    );
    assert_eq!(told.iter().filter(|text| **text == sees).count(), 2, "{told:?}");
    assert_eq!(told.iter().filter(|text| **text == cancelled).count(), 1, "{told:?}");
}

#[tokio::test]
async fn a_report_that_is_made_anew_says_something_else() {
    let clinic = Clinic::open();
    let ada = clinic.patient("Ada").await;
    for (slot, how) in [("09:00", "attend"), ("09:30", "attend"), ("10:00", "miss"), ("10:30", "cancel")] {
        let id = clinic.book(&ada, "hopper", &format!("2026-12-01T{slot}")).await;
        // twice said is once said
        for _ in 0..2 {
            assert_eq!(clinic.settle("appointments", &id, how).await.status, 200);
        }
    }
    clinic.until_idle().await;
    let bills = clinic.client.get("/api/bills?owed=true").await.json();
    assert_eq!(bills.as_array().unwrap().len(), 3, "{bills}");
    assert_eq!(clinic.settle("bills", &bills[0]["appointment_id"], "pay").await.status, 200);
    clinic.until_idle().await;
    let (days, doctors) = (clinic.report("days").await, clinic.report("doctors").await);
    let hopper = json!([{"of": "hopper", "booked": 4, "cancelled": 1, "attended": 2, "missed": 1, "billed_cents": 0, "paid_cents": 0}]);
    assert_eq!(doctors, hopper);
    let sum = |what: &str| days.as_array().unwrap().iter().map(|day| day[what].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("booked"), sum("billed_cents"), sum("paid_cents")), (4, 9_500, 4_000), "{days}");

    // the same manifest, in which the reports are made by another service, that has heard nothing yet
    let anew = std::fs::read_to_string(MANIFEST).unwrap();
    let anew = anew.replace("service.reporting", "service.reporting-2").replace("\"reporting\"", "\"reporting-2\"");
    let folder = std::path::Path::new(MANIFEST).parent().unwrap();
    let anew = anew.replace("component = \"", &format!("component = \"{}/", folder.display()));
    clinic.host.deploy_manifest(&anew);
    clinic.until_idle().await;
    assert_eq!((clinic.report("days").await, clinic.report("doctors").await), (days, doctors));
}
