//! One door for model files, whatever their format.
//!
//! * [`detect`] tells a file's format from its content; its name does not count.
//! * [`open`] opens a model of any format as a [`Program`](cornet_program::Program): named functions from arrays to
//!   arrays.
//! * [`run`] runs one on arrays as they come: numbers of another dtype, one batch or many.
//! * [`inspect`] says what a file holds; [`convert`] writes it in another format; [`read_weights`] and [`write_weights`] take
//!   weights alone, by name, and a [`NameMap`] gives them other names.
//!
//! Pickles and other formats that are programs are refused, as is everything that needs unpacking first, with what to do
//! instead.

mod convert;
mod detect;
mod names;
mod open;
mod report;
mod run;
pub mod text;
mod weights;

pub use convert::{ConvertOptions, Converted, convert, format_of_name};
pub use detect::{Format, detect};
pub use names::NameMap;
pub use open::{OpenOptions, open};
pub use report::{Report, inspect};
pub use run::run;
pub use weights::{NamedArrays, read_weights, write_weights};
