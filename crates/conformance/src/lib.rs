//! Tests of Cornet against the programs it follows.

pub mod exchange;
pub mod ops;
