//! x

pub mod write;
