//! Components that are hostile on purpose, made of nothing but a few numbers.
//!
//! None of them does anything when it is run: what they are after is whoever reads, validates and
//! compiles them.

use wasm_encoder::{
    BlockType, CodeSection, Component, ComponentTypeSection, ComponentValType, ConstExpr, DataSection, ExportKind,
    ExportSection, Function, FunctionSection, InstructionSink, MemorySection, MemoryType, Module, ModuleSection,
    NestedComponentSection, PrimitiveValType, TypeSection, ValType,
};

/// Loops in loops, each of which changes a variable of its own: the compiler has to follow every
/// variable through every loop. 800 of them make 7 kB and half a minute.
pub(crate) fn loops(depth: u32) -> Vec<u8> {
    with_function(depth, |code| {
        for variable in 0..depth {
            code.loop_(BlockType::Empty).local_get(variable).i32_const(1).i32_add().local_set(variable);
        }
        for variable in 0..depth {
            code.local_get(variable).br_if(0).end();
        }
    })
}

/// One long sum: the compiler keeps all of a function in memory, some hundred bytes for each of
/// its six.
pub(crate) fn long_function(terms: u32) -> Vec<u8> {
    with_function(1, |code| {
        for _ in 0..terms {
            code.local_get(0).i32_const(3).i32_mul().local_set(0);
        }
    })
}

/// Blocks in blocks: whoever descends by calling itself runs out of stack.
pub(crate) fn nested_blocks(depth: u32) -> Vec<u8> {
    with_function(0, |code| {
        for _ in 0..depth {
            code.block(BlockType::Empty);
        }
        for _ in 0..depth {
            code.end();
        }
    })
}

/// Components in components.
pub(crate) fn nested_components(depth: u32) -> Vec<u8> {
    let mut innermost = Component::new();
    for _ in 0..depth {
        let mut around = Component::new();
        around.section(&NestedComponentSection(&innermost));
        innermost = around;
    }
    innermost.finish()
}

/// So many functions, each exported.
pub(crate) fn functions(count: u32) -> Vec<u8> {
    let (mut functions, mut exports, mut codes) = (FunctionSection::new(), ExportSection::new(), CodeSection::new());
    for index in 0..count {
        functions.function(0);
        exports.export(&format!("function-{index}"), ExportKind::Func, index);
        let mut function = Function::new([]);
        function.instructions().end();
        codes.function(&function);
    }
    let mut module = Module::new();
    module.section(&nothing_to_nothing()).section(&functions).section(&exports).section(&codes);
    component(&module)
}

/// More variables than a function can use.
pub(crate) fn variables(count: u32) -> Vec<u8> {
    with_function(count, |_| {})
}

/// A memory with data of so many mebibytes.
pub(crate) fn data(mebibytes: u32) -> Vec<u8> {
    let (mut memories, mut data) = (MemorySection::new(), DataSection::new());
    let pages = u64::from(mebibytes) * 16;
    memories.memory(MemoryType { minimum: pages, maximum: None, memory64: false, shared: false, page_size_log2: None });
    data.active(0, &ConstExpr::i32_const(0), vec![7; (mebibytes as usize) << 20]);
    let mut module = Module::new();
    module.section(&memories).section(&data);
    component(&module)
}

/// Pairs of pairs of pairs: a few bytes for each doubling of the type's size.
pub(crate) fn doubled_types(times: u32) -> Vec<u8> {
    let mut types = ComponentTypeSection::new();
    types.defined_type().primitive(PrimitiveValType::U8);
    for last in 0..times {
        types.defined_type().tuple([ComponentValType::Type(last), ComponentValType::Type(last)]);
    }
    let mut component = Component::new();
    component.section(&types);
    component.finish()
}

/// So many types of the component.
pub(crate) fn types(count: u32) -> Vec<u8> {
    let mut types = ComponentTypeSection::new();
    for _ in 0..count {
        types.defined_type().list(PrimitiveValType::U8);
    }
    let mut component = Component::new();
    component.section(&types);
    component.finish()
}

fn with_function(variables: u32, fill: impl FnOnce(&mut InstructionSink<'_>)) -> Vec<u8> {
    let (mut functions, mut codes) = (FunctionSection::new(), CodeSection::new());
    functions.function(0);
    let mut function = Function::new([(variables, ValType::I32)]);
    let mut code = function.instructions();
    fill(&mut code);
    code.end();
    codes.function(&function);
    let mut module = Module::new();
    module.section(&nothing_to_nothing()).section(&functions).section(&codes);
    component(&module)
}

fn nothing_to_nothing() -> TypeSection {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    types
}

fn component(module: &Module) -> Vec<u8> {
    let mut component = Component::new();
    component.section(&ModuleSection(module));
    component.finish()
}
