//! What Holm knows about services, without Wasm and without a network.
//!
//! | module | holds |
//! | --- | --- |
//! | [`name`], [`wit`], [`digest`], [`units`], [`host`] | values parsed once at the border and trusted behind it |
//! | [`path`] | request paths, read the cautious way |
//! | [`grant`], [`address`] | what a service may reach outside its island, and what is not outside |
//! | [`subject`] | names of events, and patterns of them |
//! | [`event`] | events: what they say, and their form in the store |
//! | [`signature`] | who vouches for a component: keys and signatures as text |
//! | [`settings`] | everything that a revision was deployed with; every default, with its reason |
//! | [`route`] | gateway rules as data: patterns, targets, rewrites, which of two is more specific |
//! | [`gateway`] | what stands between a rule and its target: authentication, limits, edits |
//! | [`compose`] | one answer made of several services' answers: its plan, and how far it is (pure) |
//! | [`manifest`] | `holm.toml`: what the user wrote, checked, with diagnostics that point at it |
//! | [`template`] | JSON with references: what stands in for an answer, and what is made of several |
//! | [`artifact`] | component bytes by digest, verified on every read |
//! | [`catalog`] | services and their revisions, kept in the store, with history |
//! | [`discovery`] | outside services: instances, checks, balancing, ejection (pure) |
//! | [`table`] | the snapshot that every door reads to pick a revision |
//! | [`data_dir`] | the folder that Holm owns: its lock, its layout number, its paths |
//! | [`store`] | the one database, its opening recipe and the one committer |
//! | [`nearest`] | "did you mean …?" |
//!
//! `text` (values in JSON as their text) and `hex` are helpers inside the crate.

pub mod address;
pub mod artifact;
pub mod catalog;
pub mod compose;
pub mod data_dir;
pub mod digest;
pub mod discovery;
mod disk;
pub mod event;
pub mod gateway;
pub mod grant;
mod hex;
pub mod host;
pub mod manifest;
pub mod name;
pub mod nearest;
pub mod path;
pub mod route;
pub mod settings;
pub mod signature;
pub mod store;
pub mod subject;
pub mod table;
pub mod template;
mod text;
pub mod units;
pub mod wit;

pub use digest::Digest;
pub use name::ServiceName;
