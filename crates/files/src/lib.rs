//! One door for model files, whatever their format.
//!
//! * [`detect`] tells a file's format from its content; its name does not count.
//! * [`open`] opens a model of any format as a [`Program`](cornet_program::Program): named functions from arrays to
//!   arrays.
//! * [`run`] runs one on arrays as they come: numbers of another dtype, one batch or many.
//!
//! Pickles and other formats that are programs are refused, as is everything that needs unpacking first, with what to do
//! instead.

mod detect;
mod open;
mod run;
pub mod text;

pub use detect::{Format, detect};
pub use open::{OpenOptions, open};
pub use run::run;
