//! Decisions and loops.
//!
//! Outside of a trace the functions run the Rust closures as they are, and tapes see every op inside. In a trace each
//! becomes one op whose attributes hold the closures as graphs; tensors from outside that a closure uses become
//! operands. Variables may be read in a closure but not assigned: return the new value instead.

mod associative;
mod body;
mod loops;
mod partial;
mod scan_grad;
mod switch;

family! {
    cond
    scan
    while_loop
    while_loop_grad
}

pub use associative::associative_scan;
pub use cond::cond;
pub use loops::{fori_loop, map, vectorized_map};
pub use scan::{ScanOptions, scan};
pub use switch::switch;
pub use while_loop::while_loop;
