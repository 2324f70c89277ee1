//! The engine without a host around it: two components in a store each, and a function of the one
//! that calls the other with the values as they come. No policy, no limits, no unit of work.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use http::{Request, Response};
use tokio::sync::Mutex;
use wasmtime::component::{Component, Func, Instance, Linker, LinkerInstance, ResourceTable, Val};
use wasmtime::{Config, Engine, PoolingAllocationConfig, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

const TALLY: &str = "fixtures:calls/tally@1.0.0";
const LOOPS: &str = "fixtures:calls/loops@1.0.0";

/// The caller, warm.
pub struct Bare {
    store: Store<State>,
    run: Func,
}

/// The one that is called, warm. The lock is never waited for.
struct Callee {
    store: Store<State>,
    function: Func,
}

/// What a store holds: nothing is granted.
struct State {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Closed,
    table: ResourceTable,
}

/// No way out.
struct Closed;

impl WasiHttpHooks for Closed {
    fn send_request(&mut self, _: Request<WasiBody>, _: Option<RequestOptions>, _: Transmission) -> Sending {
        Box::new(std::future::ready(Err(Error::HttpRequestDenied)))
    }
}

type Transmission = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sending = Box<dyn Future<Output = Result<(Response<WasiBody>, Transmission), Error>> + Send>;

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.hooks }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl Bare {
    /// Compiles and starts both.
    pub async fn start(caller: &Path, callee: &Path) -> anyhow::Result<Self> {
        let engine = engine()?;
        let callee = Component::from_file(&engine, callee)?;
        let caller = Component::from_file(&engine, caller)?;
        let mut linker = wasi(&engine)?;
        let mut tally = linker.instance(TALLY)?;
        for function in ["total", "weigh"] {
            bind(&mut tally, function, Callee::start(&callee, function).await?)?;
        }
        let mut store = new_store(&engine);
        let instance = linker.instantiate_async(&mut store, &caller).await?;
        let run = find(&mut store, &instance, LOOPS, "run")?;
        Ok(Self { store, run })
    }

    /// So many calls; the nanoseconds that they took.
    pub async fn run(&mut self, call: &str, times: u32) -> anyhow::Result<u64> {
        let mut results = [Val::Bool(false)];
        self.run.call_async(&mut self.store, &[Val::Enum(call.into()), Val::U32(times)], &mut results).await?;
        match results {
            [Val::U64(nanos)] => Ok(nanos),
            other => bail!("the loop gave {other:?}"),
        }
    }
}

impl Callee {
    async fn start(component: &Component, function: &str) -> anyhow::Result<Self> {
        let linker = wasi(component.engine())?;
        let mut store = new_store(component.engine());
        let instance = linker.instantiate_async(&mut store, component).await?;
        let function = find(&mut store, &instance, TALLY, function)?;
        Ok(Self { store, function })
    }
}

fn bind(instance: &mut LinkerInstance<'_, State>, name: &str, callee: Callee) -> anyhow::Result<()> {
    let callee = Arc::new(Mutex::new(callee));
    instance.func_new_async(name, move |_, _, arguments, results| {
        let callee = callee.clone();
        Box::new(async move {
            let mut callee = callee.lock().await;
            let Callee { store, function } = &mut *callee;
            function.call_async(store, arguments, results).await
        })
    })?;
    Ok(())
}

/// With the pooling allocator, which keeps the stacks that calls run on.
fn engine() -> anyhow::Result<Engine> {
    let mut config = Config::new();
    config.wasm_component_model_async(true);
    config.allocation_strategy(PoolingAllocationConfig::default());
    Ok(Engine::new(&config)?)
}

/// What the two import, so that they link; none of it but the clock is called.
fn wasi(engine: &Engine) -> anyhow::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    linker.instance("wasi:logging/logging@0.1.0-draft")?.func_new("log", |_, _, _, _| Ok(()))?;
    Ok(linker)
}

fn new_store(engine: &Engine) -> Store<State> {
    let (wasi, http) = (WasiCtx::builder().build(), WasiHttpCtx::new());
    Store::new(engine, State { wasi, http, hooks: Closed, table: ResourceTable::new() })
}

fn find(store: &mut Store<State>, instance: &Instance, interface: &str, function: &str) -> anyhow::Result<Func> {
    let interface = instance.get_export_index(&mut *store, None, interface).context("no such interface")?;
    let index = instance.get_export_index(&mut *store, Some(&interface), function).context("no such function")?;
    instance.get_func(&mut *store, index).context("no function")
}
