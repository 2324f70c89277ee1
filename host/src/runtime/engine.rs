//! The one engine: how code is compiled and where instances live.

use std::thread;
use std::time::Duration;

use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, RegallocAlgorithm};

/// How often the engine's epoch moves on. A guest that computes is looked at this often: it
/// yields to the others on its thread, and its CPU limit is enforced to within one tick.
pub const TICK: Duration = Duration::from_millis(2);

/// What the pooling allocator holds, for as many places as the host is started with.
pub mod pool {
    /// Core instances for each place: a component of cargo-component has three (itself and two
    /// shims), one of componentize-py about ten.
    pub const CORE_INSTANCES: u32 = 6;
    /// Tables for each place: a component has one of functions, and one more for its shims.
    pub const TABLES: u32 = 3;
    /// Address space of one memory: with 4 GiB the compiled code needs no bounds checks.
    pub const MEMORY_RESERVATION: u64 = 4 << 30;
    /// What one component may have; more is refused when it is deployed.
    pub const CORE_INSTANCES_PER_COMPONENT: u32 = 64;
    /// See [`CORE_INSTANCES_PER_COMPONENT`].
    pub const MEMORIES_PER_COMPONENT: u32 = 16;
    /// See [`CORE_INSTANCES_PER_COMPONENT`].
    pub const TABLES_PER_COMPONENT: u32 = 32;
    /// Functions that may be called indirectly. The JavaScript engines need about 20,000.
    pub const TABLE_ELEMENTS: usize = 65_536;
    /// Pages of a memory that stay mapped when its instance goes, and are cleared by hand: for
    /// small guests that is cheaper than giving them back and faulting them in again.
    pub const KEEP_RESIDENT: usize = 256 << 10;
    /// Stack of one guest call; what a deep recursion meets.
    pub const WASM_STACK: usize = 512 << 10;
    /// Stack of the fiber that a guest call runs on: the guest's, and room for host calls.
    pub const FIBER_STACK: usize = 1 << 20;
}

/// Builds the engine, with places for this many instances, and starts its ticker.
pub fn build(places: u32) -> wasmtime::Result<Engine> {
    let mut config = tunables();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(allocator(places)));
    let engine = Engine::new(&config)?;
    start_ticker(&engine)?;
    Ok(engine)
}

/// An engine that compiles for the one of [`build`] and runs nothing: it reserves no address
/// space, so it fits under the memory limit of a process that compiles.
pub fn build_for_compiling() -> wasmtime::Result<Engine> {
    Engine::new(tunables().allocation_strategy(InstanceAllocationStrategy::OnDemand))
}

/// Everything that compiled code depends on.
fn tunables() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .wasm_component_model_async(true)
        .epoch_interruption(true)
        .memory_init_cow(true)
        .memory_reservation(pool::MEMORY_RESERVATION)
        .max_wasm_stack(pool::WASM_STACK)
        .async_stack_size(pool::FIBER_STACK)
        .cranelift_regalloc_algorithm(RegallocAlgorithm::Backtracking)
        .wasm_memory64(false);
    config
}

fn allocator(places: u32) -> PoolingAllocationConfig {
    let mut allocator = PoolingAllocationConfig::default();
    allocator
        .total_component_instances(places)
        .total_core_instances(places * pool::CORE_INSTANCES)
        // nearly every component has one memory; the few with more take several places
        .total_memories(places + places / 4)
        .total_tables(places * pool::TABLES)
        .total_stacks(places)
        .max_core_instances_per_component(pool::CORE_INSTANCES_PER_COMPONENT)
        .max_memories_per_component(pool::MEMORIES_PER_COMPONENT)
        .max_tables_per_component(pool::TABLES_PER_COMPONENT)
        .max_component_instance_size(4 << 20)
        .max_core_instance_size(4 << 20)
        .table_elements(pool::TABLE_ELEMENTS)
        .linear_memory_keep_resident(pool::KEEP_RESIDENT)
        // where the kernel can tell which pages were written (Linux 6.7), only those are cleared:
        // giving a whole memory back interrupts every processor, for each instance
        .pagemap_scan(Enabled::Auto)
        .table_keep_resident(16 << 10);
    allocator
}

/// One thread moves the epoch for all services: a thread a request costs two orders of
/// magnitude more. It holds the engine weakly, so it ends with it.
fn start_ticker(engine: &Engine) -> wasmtime::Result<()> {
    let weak = engine.weak();
    thread::Builder::new().name("holm-ticker".into()).spawn(move || {
        loop {
            thread::sleep(TICK);
            match weak.upgrade() {
                Some(engine) => engine.increment_epoch(),
                None => break,
            }
        }
    })?;
    Ok(())
}
