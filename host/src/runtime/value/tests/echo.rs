//! A guest that gives back what it takes, for any type.
//!
//! Seventeen bytes more make the argument and the result too long for registers, so both go through the guest's
//! memory, and the guest gets and gives their address: its function is `x => x`, whatever the type.

use wasm_encoder::{
    CanonicalOption, CodeSection, ComponentExportKind, ConstExpr, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, GlobalType, MemorySection, MemoryType, Module, ModuleArg, TypeSection, ValType,
};
use wasmtime::Store;
use wasmtime::component::{Component, Func, Linker};

use super::component::{ENGINE, Side, Types};
use crate::runtime::value::{Shape, Val};

/// Parameters beyond the sixteen that go in registers (Canonical ABI, `MAX_FLAT_PARAMS`).
pub const PADDING: usize = 17;

/// Pages of the guest's memory: it never frees.
const PAGES: u64 = 64;

/// An instance in a store of its own.
pub struct Echo {
    store: Store<()>,
    func: Func,
}

impl Echo {
    pub fn component(shape: &Shape) -> Component {
        let padded: Vec<_> = std::iter::once(shape.clone()).chain(vec![Shape::U8; PADDING]).collect();
        let mut types = Types::new(Side::Exports);
        let padded = types.define(&Shape::Tuple(padded));
        let builder = &mut types.builder;
        let (ty, mut function) = builder.type_function(None);
        function.params([("x", padded)]).result(Some(padded));
        let module = builder.core_module(None, &module());
        let instance = builder.core_instantiate(None, module, Vec::<(&str, ModuleArg)>::new());
        let memory = builder.core_alias_export(None, instance, "memory", ExportKind::Memory);
        let realloc = builder.core_alias_export(None, instance, "realloc", ExportKind::Func);
        let echo = builder.core_alias_export(None, instance, "echo", ExportKind::Func);
        let options = [CanonicalOption::UTF8, CanonicalOption::Memory(memory), CanonicalOption::Realloc(realloc)];
        let echo = builder.lift_func(None, echo, ty, options);
        builder.export("echo", ComponentExportKind::Func, echo, None);
        Component::new(&ENGINE, types.builder.finish()).unwrap()
    }

    pub fn instance(component: &Component) -> Self {
        let mut store = Store::new(&ENGINE, ());
        let instance = Linker::new(&ENGINE).instantiate(&mut store, component).unwrap();
        let func = instance.get_func(&mut store, "echo").unwrap();
        Self { store, func }
    }

    pub fn call(&mut self, value: Val) -> Val {
        // more than anything here needs
        self.try_call(value, 128 << 20).unwrap()
    }

    /// With so much fuel for what comes back.
    pub fn try_call(&mut self, value: Val, fuel: usize) -> Result<Val, String> {
        self.store.set_hostcall_fuel(fuel);
        let padded = std::iter::once(value).chain(vec![Val::U8(0); PADDING]).collect();
        let mut results = [Val::Bool(false)];
        let called = self.func.call(&mut self.store, &[Val::Tuple(padded)], &mut results);
        called.map_err(|error| format!("{error:#}"))?;
        let [Val::Tuple(echoed)] = results else { panic!("no tuple came back") };
        Ok(echoed.into_iter().next().unwrap())
    }
}

/// The core of the guest: a memory, the identity, and an allocator that only goes on.
fn module() -> Module {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], [ValType::I32]);
    types.ty().function([ValType::I32; 4], [ValType::I32]);
    let mut functions = FunctionSection::new();
    functions.function(0).function(1);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: PAGES, maximum: None, memory64: false, shared: false, page_size_log2: None });
    let mut globals = GlobalSection::new();
    globals.global(GlobalType { val_type: ValType::I32, mutable: true, shared: false }, &ConstExpr::i32_const(16));
    let mut exports = ExportSection::new();
    exports.export("echo", ExportKind::Func, 0).export("realloc", ExportKind::Func, 1);
    exports.export("memory", ExportKind::Memory, 0);
    let mut code = CodeSection::new();
    code.function(&identity()).function(&realloc());
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&memories).section(&globals).section(&exports).section(&code);
    module
}

fn identity() -> Function {
    let mut function = Function::new([]);
    function.instructions().local_get(0).end();
    function
}

/// `(old, old-size, align, size)`: the next address that is a multiple of `align`.
fn realloc() -> Function {
    let mut function = Function::new([]);
    let mut code = function.instructions();
    code.global_get(0).local_get(2).i32_add().i32_const(1).i32_sub();
    code.i32_const(0).local_get(2).i32_sub().i32_and().local_tee(0);
    code.local_get(3).i32_add().global_set(0);
    code.local_get(0).end();
    function
}
