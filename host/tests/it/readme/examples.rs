//! What is done beside hosts that are started by themselves. They are what the tests were built with, so nothing is
//! built for it.

use super::read;
use super::steps::{DEMO, visits};
use super::terminals::Up;

/// The READMEs that have some started.
pub(super) const READMES: [&str; 6] = [
    "examples/clinic/README.md",
    "examples/grpc/README.md",
    "examples/guests/README.md",
    "examples/kubernetes/README.md",
    "examples/registry/README.md",
    "examples/shop/README.md",
];

#[test]
fn a_command_of_an_example_does_not_do_what_it_shows() {
    for readme in READMES {
        let visits: Vec<_> = visits(&read(readme)).into_iter().filter(|visit| visit.start != DEMO).collect();
        assert!(!visits.is_empty(), "{readme} has nothing to type");
        for visit in visits {
            let up = Up::host(&visit.start);
            up.walk(&visit.steps);
            up.stop();
        }
    }
}
