//! Components that are small to send and large to compile.

use std::fs;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::{Target, artifact};
use crate::process::{component, fixture};

/// Half a minute of compiling, from 7 kB.
const DEPTH: u32 = 800;
/// More memory of the host itself than a refused upload may leave behind.
const ROOM: u64 = 64 << 20;

#[tokio::test]
async fn a_component_that_compiles_for_ever_stops_the_host() {
    let target = Target::start(&["--compile-cpu", "2s"]);
    let bomb = artifact::loops(DEPTH);
    assert!(bomb.len() < 16 << 10, "{} bytes", bomb.len());
    let before = target.resident();
    let mut deploying = JoinSet::new();
    let (this, bytes) = (target.clone(), bomb.clone());
    deploying.spawn(async move { this.deploy("kept", "2.0.0", bytes).await });
    target.compiler().await;

    // what was compiled before is live before the bomb is refused
    target.deploy("same", "1.0.0", fs::read(fixture("counter")).unwrap()).await;
    assert!(deploying.try_join_next().is_none(), "the bomb was over too soon to tell");
    // what was not waits for its turn, and gets it
    let (this, users) = (target.clone(), fs::read(component("users")).unwrap());
    let mut waiting = JoinSet::new();
    waiting.spawn(async move { this.deploy("users", "1.0.0", users).await });

    let mut answered = 0;
    let refused = loop {
        target.serves().await;
        answered += 1;
        if let Some(refused) = deploying.try_join_next() {
            break refused.unwrap();
        }
    };
    assert_eq!(refused.status, 422, "{}", refused.body);
    assert!(refused.body.contains("took more than 2s of CPU time"), "{}", refused.body);
    assert!(answered > 20, "only {answered} answers while the bomb was compiled");
    let after = waiting.join_next().await.unwrap().unwrap();
    assert_eq!(after.status, 200, "{}", after.body);

    let metrics = target.admin.get("/metrics").await.body;
    assert!(metrics.contains(r#"holm_compile_refused_total{reason="cpu"} 1"#), "{metrics}");
    assert!(metrics.contains("holm_compile_seconds_count 1"), "{metrics}");
    assert!(target.compilers().is_empty(), "{:?}", target.compilers());
    assert!(target.resident() < before + ROOM, "{} MiB, before {before}", target.resident() >> 20);
}

#[tokio::test]
async fn a_component_that_compiles_into_all_memory_takes_the_host_along() {
    let target = Target::start(&["--compile-memory", "512MiB"]);
    let before = target.resident();
    let bomb = artifact::long_function(1_000_000);
    target.refuses(bomb, "took more than 512MiB of memory").await;
    let metrics = target.admin.get("/metrics").await.body;
    assert!(metrics.contains(r#"holm_compile_refused_total{reason="memory"} 1"#), "{metrics}");
    assert!(target.resident() < before + ROOM, "{} MiB, before {before}", target.resident() >> 20);
}

#[tokio::test]
async fn a_component_that_compiles_slowly_is_waited_for_without_end() {
    let target = Target::start(&["--compile-timeout", "700ms"]);
    let began = Instant::now();
    target.refuses(artifact::loops(DEPTH), "took longer than 700ms").await;
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert!(target.compilers().is_empty(), "{:?}", target.compilers());
}

#[tokio::test]
async fn a_component_that_is_large_in_one_respect_breaks_the_host() {
    let target = Target::start(&["--compile-cpu", "10s", "--compile-memory", "1GiB"]);
    let before = target.resident();
    let nothing_to_enter = "exports neither wasi:http/incoming-handler";
    // large, and harmless: what is wrong with them is only that nothing could reach them
    target.refuses(artifact::functions(20_000), nothing_to_enter).await;
    target.refuses(artifact::nested_blocks(100_000), nothing_to_enter).await;
    target.refuses(artifact::variables(50_000), nothing_to_enter).await;
    target.refuses(artifact::data(24), nothing_to_enter).await;
    target.refuses(artifact::types(10_000), nothing_to_enter).await;
    target.refuses(artifact::nested_components(5_000), nothing_to_enter).await;
    // over what the validator takes
    target.refuses(artifact::variables(50_001), "not valid").await;
    target.refuses(artifact::functions(1_000_001), "not valid").await;
    target.refuses(artifact::doubled_types(40), "not valid").await;
    assert!(target.resident() < before + 2 * ROOM, "{} MiB, before {before}", target.resident() >> 20);
}
