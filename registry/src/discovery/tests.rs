//! The directory under random changes, against what must always hold.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::check::{CheckSpec, How, Status, Thresholds};
use super::directory::Directory;
use super::external::External;
use super::instance::Owner;
use super::owned::OwnService;
use super::registration::{InstanceId, Registration, Weights};

const NAMES: [&str; 3] = ["users", "orders", "billing"];

#[derive(Clone, Debug)]
enum Step {
    Register { id: u8, name: usize, port: u16 },
    Deregister(u8),
    Report(u8, Status),
    Own(Vec<usize>),
    External(Vec<usize>),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let names = || proptest::collection::btree_set(0..NAMES.len(), 0..3).prop_map(|set| set.into_iter().collect());
    let status = prop_oneof![Just(Status::Passing), Just(Status::Warning), Just(Status::Critical)];
    prop_oneof![
        4 => (0u8..5, 0..NAMES.len(), 1u16..3).prop_map(|(id, name, port)| Step::Register { id, name, port }),
        2 => (0u8..5).prop_map(Step::Deregister),
        4 => (0u8..5, status).prop_map(|(id, status)| Step::Report(id, status)),
        1 => names().prop_map(Step::Own),
        1 => names().prop_map(Step::External),
        2 => (1u64..40).prop_map(Step::Wait),
    ]
}

fn registration(id: u8, name: usize, port: u16) -> Registration {
    let check = CheckSpec {
        id: format!("service:{id}"),
        name: String::new(),
        notes: String::new(),
        how: How::Ttl(Duration::from_secs(20)),
        deregister_after: Some(Duration::from_secs(60)),
        thresholds: Thresholds::default(),
        initial: Status::Critical,
    };
    Registration {
        id: InstanceId::new(id.to_string()),
        name: NAMES[name].to_owned(),
        address: "127.0.0.1".to_owned(),
        port,
        tags: Vec::new(),
        meta: BTreeMap::new(),
        weights: Weights::default(),
        checks: vec![check],
        url: None,
    }
}

fn own(name: usize) -> OwnService {
    let name = NAMES[name].parse().unwrap();
    OwnService { name, address: "127.0.0.1".to_owned(), port: 8080, meta: BTreeMap::new(), trouble: None }
}

fn external(name: usize) -> (String, External) {
    let name = NAMES[name].parse().unwrap();
    ("shop".to_owned(), External { name, url: "http://127.0.0.1:1".parse().unwrap(), health: None })
}

/// What must not go unnoticed: whoever is shown under a name, where, and how they are.
fn seen(directory: &Directory, name: &str) -> Vec<(String, u16, Status)> {
    let one = |instance: &super::instance::Instance| {
        let registration = instance.registration();
        (registration.id.to_string(), registration.port, instance.status())
    };
    directory.named(name).map(one).collect()
}

fn apply(directory: &mut Directory, step: Step, now: &mut Instant) {
    match step {
        Step::Register { id, name, port } => {
            let _refused = directory.register(registration(id, name, port), *now);
        }
        Step::Deregister(id) => {
            let _unknown = directory.deregister(&id.to_string());
        }
        Step::Report(id, status) => {
            let _unknown = directory.report(&format!("service:{id}"), status, String::new(), *now);
        }
        Step::Own(names) => directory.show_own(names.into_iter().map(own).collect(), *now),
        Step::External(names) => {
            directory.set_externals(&names.into_iter().map(external).collect::<Vec<_>>(), *now);
        }
        Step::Wait(seconds) => *now += Duration::from_secs(seconds),
    }
    directory.due(*now);
}

proptest! {
    #[test]
    fn a_change_goes_unnoticed_or_a_name_leads_to_two_owners(steps in proptest::collection::vec(step(), 1..60)) {
        let mut directory = Directory::new(7);
        let mut now = Instant::now();
        for step in steps {
            let before: Vec<_> = NAMES.iter().map(|name| (seen(&directory, name), directory.index_of(name))).collect();
            let index = directory.index();
            apply(&mut directory, step, &mut now);
            for (name, (was, index_was)) in NAMES.iter().zip(before) {
                let index_is = directory.index_of(name);
                prop_assert!(index_is >= index_was && index_is <= directory.index(), "{}: {} after {}", name, index_is, index_was);
                prop_assert!(seen(&directory, name) == was || index_is > index_was, "{} changed at {}", name, index_is);
                let owners: Vec<&Owner> = directory.named(name).map(|instance| instance.owner()).collect();
                prop_assert!(owners.windows(2).all(|pair| pair[0] == pair[1]), "{}: {:?}", name, owners);
            }
            prop_assert!(directory.index() >= index);
            prop_assert!(directory.next().is_none_or(|next| next > now), "something is due and was not done");
            let checks: usize = directory.instances.values().map(|instance| instance.checks.len()).sum();
            prop_assert_eq!(directory.checks.len(), checks);
            for (check, id) in &directory.checks {
                let holder = directory.with_check(check).expect("the check of nobody");
                prop_assert!(holder.registration().id == *id);
            }
        }
    }
}
