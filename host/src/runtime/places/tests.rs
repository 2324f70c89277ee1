//! Places without instances: who gets one when others have taken what they could.

use std::time::Duration;

use super::*;
use crate::telemetry::metrics::Metrics;

fn places(total: u32) -> Arc<Places> {
    Places::new(total, Metrics::new().places().clone())
}

fn name(text: &str) -> ServiceName {
    text.parse().unwrap()
}

fn lease(places: &Arc<Places>, service: &str) -> Lease {
    places.lease(&name(service), 1, 1).unwrap()
}

/// Takes all that there is.
fn hoard(lease: &Lease) -> Vec<Place> {
    std::iter::from_fn(|| lease.take_now()).collect()
}

fn soon() -> Instant {
    Instant::now() + Duration::from_millis(50)
}

#[test]
fn a_service_that_takes_what_it_can_leaves_nothing_for_the_others() {
    let places = places(20);
    let (hostile, quiet, later) = (lease(&places, "hostile"), lease(&places, "quiet"), lease(&places, "later"));
    let held = hoard(&hostile);
    // 18 that are not in reserve, less the claims of the two others
    assert_eq!((held.len(), hostile.usage()), (16, (18, 16)));
    for other in [&quiet, &later] {
        let first = other.take_now();
        assert!(first.is_some());
        assert!(other.take_now().is_none(), "each has one, and no more");
    }
    drop(held);
    assert_eq!(hoard(&quiet).len(), 16);
}

#[test]
fn a_revision_cannot_be_replaced_while_all_places_are_taken() {
    let places = places(20);
    let old = lease(&places, "a");
    let held = hoard(&old);
    let (first, second) = (lease(&places, "a"), lease(&places, "a"));
    let warm = first.take_now();
    assert!(warm.is_some(), "the reserve is for the first instance of a revision");
    assert!(first.take_now().is_none(), "and for no more");
    let other = second.take_now();
    assert!(other.is_some());
    assert!(lease(&places, "a").take_now().is_none(), "a tenth is two");
    drop((warm, held, other));
    assert_eq!(places.reserve.available_permits(), 2);
}

#[test]
fn a_new_service_waits_for_those_that_it_is_to_relieve() {
    let places = places(20);
    let busy = lease(&places, "busy");
    let mut held = hoard(&busy);
    let fresh = lease(&places, "fresh");
    assert!(fresh.take_now().is_some());
    assert_eq!(places.reserve.available_permits(), 1);
    let second = lease(&places, "second");
    assert_eq!(places.lease(&name("third"), 1, 1).err(), Some(NoPlaces::InUse(name("third"))));
    fresh.settle();
    assert_eq!(places.reserve.available_permits(), 0, "nothing to give back yet");
    held.truncate(17);
    fresh.settle();
    second.settle();
    assert_eq!((places.reserve.available_permits(), places.common.available_permits()), (1, 0));
    held.pop();
    second.settle();
    assert_eq!(places.reserve.available_permits(), 2);
}

#[test]
fn more_services_are_deployed_than_can_run() {
    let places = places(20);
    let mut leases: Vec<Lease> = (0..18).map(|number| lease(&places, &format!("s{number}"))).collect();
    let refused = places.lease(&name("one-more"), 1, 1).err().unwrap().to_string();
    assert!(refused.contains("the 18 places for that are taken by 18 services (one-more needs 1 more)"), "{refused}");
    // another revision of one of them needs nothing more, and the place of one that has gone is free
    assert!(places.lease(&name("s3"), 1, 1).is_ok());
    leases.pop();
    assert!(places.lease(&name("one-more"), 1, 1).is_ok());
}

#[test]
fn more_instances_are_promised_than_there_are_places() {
    let places = places(20);
    assert!(places.lease(&name("a"), 2, 9).is_ok());
    let refused = places.lease(&name("a"), 2, 10).err().unwrap().to_string();
    assert!(refused.starts_with("10 instances of a would take 20 places, but this host has 18"), "{refused}");
}

#[test]
fn a_larger_revision_has_room_for_a_part_of_an_instance() {
    let places = places(20);
    let (small, large) = (lease(&places, "a"), places.lease(&name("a"), 3, 1).unwrap());
    let hostile = lease(&places, "hostile");
    let _held = hoard(&hostile);
    let place = large.take_now();
    assert!(place.is_some());
    assert_eq!(small.usage(), (18, 3));
    drop(place);
    drop((small, large));
    assert_eq!(places.common.available_permits(), 3, "what a service had is common again when it has gone");
}

#[tokio::test]
async fn whoever_waits_for_a_place_never_gets_the_one_that_its_service_keeps() {
    let places = places(20);
    let (hostile, quiet) = (lease(&places, "hostile"), lease(&places, "quiet"));
    let mut held = hoard(&hostile);
    let own = quiet.take_now().unwrap();
    assert_eq!(quiet.take(soon()).await.err().unwrap().kind, FaultKind::Overload);
    let (waited, ()) = tokio::join!(quiet.take(soon()), async { drop(own) });
    assert!(!waited.unwrap().is_common());
    let own = quiet.take_now();
    let (waited, ()) = tokio::join!(quiet.take(soon()), async { held.truncate(3) });
    assert!(waited.unwrap().is_common());
    drop(own);
}
