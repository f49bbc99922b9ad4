//! The commands, one a file.

pub mod bench;
pub mod convert;
pub mod datasets;
pub mod env;
pub mod evaluate;
pub mod inspect;
pub mod predict;
pub mod quickstart;
pub mod summary;
pub mod train;
