//! The commands, one a file.

pub mod bench;
pub mod datasets;
pub mod env;
pub mod inspect;
