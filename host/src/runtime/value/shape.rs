//! A type as a tree of our own, and which types cannot leave their island.

use wasmtime::component::Type;
use wasmtime::component::types::{Record, Variant};

use super::path::{Path, Step};

/// How deep types may be nested. A level of a type is at most two levels of JSON, whose reader stops at 128. The
/// validator of components allows 100. So whoever walks a value by recursion, along its shape, is safe.
pub const MAX_DEPTH: usize = 60;

/// How many parts a function's types may have together: types and names, of which long ones count as several. A
/// component of a few hundred bytes can name types that refer to each other twice at every level, whose tree has a
/// million parts.
pub const MAX_PARTS: usize = 10_000;

/// So many bytes of a name count as one part: names may have 100,000, and one may stand in the tree many times.
const NAME_PART: usize = 64;

/// The type of a value that may cross from island to island.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are WIT's own words")]
pub enum Shape {
    Bool,
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
    F32,
    F64,
    Char,
    String,
    List(Box<Shape>),
    /// `list<T, N>`.
    FixedList(Box<Shape>, u32),
    /// Keys and values.
    Map(Box<(Shape, Shape)>),
    /// Fields in the order of their declaration, as everywhere below.
    Record(Vec<(String, Shape)>),
    Tuple(Vec<Shape>),
    Variant(Vec<(String, Option<Shape>)>),
    Enum(Vec<String>),
    Option(Box<Shape>),
    Result {
        ok: Option<Box<Shape>>,
        err: Option<Box<Shape>>,
    },
    /// At most 32 names.
    Flags(Vec<String>),
}

/// Why values of a type cannot cross, and the place in the type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}{}{obstacle}", if .path.is_root() { "" } else { ": " })]
pub struct Refusal {
    /// From the function, or the type, inwards.
    pub path: Path,
    /// What stands there.
    pub obstacle: Obstacle,
}

/// What keeps a type on its island.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    /// It means something only within one store.
    #[error("{0} cannot leave its island; pass values: records, lists, strings, …")]
    Handle(&'static str),
    /// Deeper than [`MAX_DEPTH`].
    #[error("types are nested deeper than {MAX_DEPTH} levels; flatten them, or pass a list")]
    TooDeep,
    /// More parts than [`MAX_PARTS`].
    #[error("the function's types have more than {MAX_PARTS} parts; split the function, or pass a list")]
    TooLarge,
}

impl Refusal {
    pub(super) fn under(self, step: Step) -> Self {
        Self { path: self.path.under(step), ..self }
    }
}

impl From<Obstacle> for Refusal {
    fn from(obstacle: Obstacle) -> Self {
        Self { path: Path::default(), obstacle }
    }
}

impl Shape {
    /// The shape of one type.
    ///
    /// # Errors
    /// When its values cannot cross.
    pub fn of(ty: &Type) -> Result<Self, Refusal> {
        ShapeReader::default().read(ty)
    }
}

/// Reads types, and counts their parts.
pub(super) struct ShapeReader {
    parts_left: usize,
    depth: usize,
}

impl Default for ShapeReader {
    fn default() -> Self {
        Self { parts_left: MAX_PARTS, depth: 0 }
    }
}

impl ShapeReader {
    pub(super) fn read(&mut self, ty: &Type) -> Result<Shape, Refusal> {
        self.count(1)?;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Obstacle::TooDeep.into());
        }
        let shape = self.shape(ty)?;
        self.depth -= 1;
        Ok(shape)
    }

    fn count(&mut self, parts: usize) -> Result<(), Refusal> {
        self.parts_left = self.parts_left.checked_sub(parts).ok_or(Obstacle::TooLarge)?;
        Ok(())
    }

    fn shape(&mut self, ty: &Type) -> Result<Shape, Refusal> {
        Ok(match ty {
            Type::Bool => Shape::Bool,
            Type::S8 => Shape::S8,
            Type::U8 => Shape::U8,
            Type::S16 => Shape::S16,
            Type::U16 => Shape::U16,
            Type::S32 => Shape::S32,
            Type::U32 => Shape::U32,
            Type::S64 => Shape::S64,
            Type::U64 => Shape::U64,
            Type::Float32 => Shape::F32,
            Type::Float64 => Shape::F64,
            Type::Char => Shape::Char,
            Type::String => Shape::String,
            Type::List(list) => Shape::List(self.inner(&list.ty(), Step::Item)?),
            Type::FixedLengthList(list) => Shape::FixedList(self.inner(&list.ty(), Step::Item)?, list.len()),
            Type::Map(map) => {
                let key = self.inner(&map.key(), Step::Key)?;
                Shape::Map(Box::new((*key, *self.inner(&map.value(), Step::Value)?)))
            }
            Type::Record(record) => Shape::Record(self.fields(record)?),
            Type::Tuple(tuple) => {
                let elements = tuple.types().enumerate();
                Shape::Tuple(elements.map(|(at, ty)| self.step(&ty, Step::Element(at + 1))).collect::<Result<_, _>>()?)
            }
            Type::Variant(variant) => Shape::Variant(self.cases(variant)?),
            Type::Enum(names) => Shape::Enum(self.names(names.names())?),
            Type::Option(option) => Shape::Option(self.inner(&option.ty(), Step::Some)?),
            Type::Result(result) => Shape::Result {
                ok: result.ok().map(|ty| self.inner(&ty, Step::Ok)).transpose()?,
                err: result.err().map(|ty| self.inner(&ty, Step::Err)).transpose()?,
            },
            Type::Flags(flags) => Shape::Flags(self.names(flags.names())?),
            Type::Own(_) => return Err(Obstacle::Handle("a resource").into()),
            Type::Borrow(_) => return Err(Obstacle::Handle("a borrowed resource").into()),
            Type::Future(_) => return Err(Obstacle::Handle("a future").into()),
            Type::Stream(_) => return Err(Obstacle::Handle("a stream").into()),
            Type::ErrorContext => return Err(Obstacle::Handle("an error-context").into()),
        })
    }

    fn step(&mut self, ty: &Type, step: Step) -> Result<Shape, Refusal> {
        self.read(ty).map_err(|refusal| refusal.under(step))
    }

    fn inner(&mut self, ty: &Type, step: Step) -> Result<Box<Shape>, Refusal> {
        self.step(ty, step).map(Box::new)
    }

    fn name(&mut self, name: &str) -> Result<String, Refusal> {
        self.count(1 + name.len() / NAME_PART)?;
        Ok(name.to_owned())
    }

    fn names<'a>(&mut self, names: impl Iterator<Item = &'a str>) -> Result<Vec<String>, Refusal> {
        names.map(|name| self.name(name)).collect()
    }

    fn fields(&mut self, record: &Record) -> Result<Vec<(String, Shape)>, Refusal> {
        let mut fields = Vec::with_capacity(record.fields().len());
        for field in record.fields() {
            let name = self.name(field.name)?;
            let shape = self.step(&field.ty, Step::Field(name.clone()))?;
            fields.push((name, shape));
        }
        Ok(fields)
    }

    fn cases(&mut self, variant: &Variant) -> Result<Vec<(String, Option<Shape>)>, Refusal> {
        let mut cases = Vec::with_capacity(variant.cases().len());
        for case in variant.cases() {
            let name = self.name(case.name)?;
            let payload = case.ty.map(|ty| self.step(&ty, Step::Case(name.clone()))).transpose()?;
            cases.push((name, payload));
        }
        Ok(cases)
    }
}
