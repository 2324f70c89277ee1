//! Who answers under which name besides Holm's own services, and who of them is well.
//!
//! Pure: no network, no clock, no store. Time comes in as an argument, what is to be asked goes
//! out as data, so that every machine here is tested without waiting.
//!
//! | module | question it answers |
//! | --- | --- |
//! | [`settings`], [`ranges`], [`go_duration`] | how is discovery configured; which addresses may the host itself reach? |
//! | [`registration`], [`check`], [`url`] | what does somebody register, and within which limits? |
//! | [`external`] | what does a manifest's `[[external]]` say? |
//! | [`watched`] | how does a check go from passing to critical and back? |
//! | [`directory`], [`instance`], [`owned`] | which instances are there, and since which index? |
//! | [`due`] | what is to be asked now, and what has run out? |
//! | [`balance`], [`ejection`], [`pool`] | which instance is the next request for? |
//! | [`record`] | what is kept over a restart? |

pub mod balance;
pub mod check;
pub mod directory;
pub mod due;
pub mod ejection;
pub mod external;
pub mod go_duration;
pub mod instance;
pub mod owned;
pub mod pool;
pub mod ranges;
pub mod record;
pub mod registration;
pub mod settings;
#[cfg(test)]
mod tests;
pub mod url;
pub mod watched;
