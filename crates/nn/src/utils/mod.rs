//! Keras's helpers for data: one-hot classes, padded sequences, windows of time series, splits.
//!
//! Source: Keras 3.15.1, `keras.utils`.

mod arrays;
mod packing;
mod sequences;
mod timeseries;

pub use arrays::{normalize, to_categorical};
pub use packing::{Packed, SplitDataset, pack_x_y_sample_weight, unpack_x_y_sample_weight};
pub use sequences::{PadSequences, Side, pad_sequences};
pub use timeseries::{Timeseries, Windows};
