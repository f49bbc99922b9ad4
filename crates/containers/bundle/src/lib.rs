//! Tensor bundles: the files in which TensorFlow keeps the variables of checkpoints and SavedModels.
//!
//! A bundle is an index, `prefix.index`, and shards of data, `prefix.data-00000-of-00001` and so on. [`Bundle`] reads
//! one, checksums verified; [`BundleWriter`] writes one. Older checkpoints of a single file are [`OldCheckpoint`]s.
//! Tensors are bytes here, in TensorFlow's order: row-major, little-endian.
//!
//! ```
//! use cornet_bundle::{Bundle, BundleWriter};
//! use cornet_error::Limits;
//! # let dir = std::env::temp_dir().join(format!("cornet-bundle-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&dir).unwrap();
//! let prefix = dir.join("variables");
//! let mut writer = BundleWriter::new();
//! writer.add("w", cornet_bundle::data_type::FLOAT, &[2], 1.0_f32.to_le_bytes().repeat(2));
//! writer.write(&prefix)?;
//! let bundle = Bundle::open(&prefix, &Limits::default())?;
//! assert_eq!(bundle.read("w")?, [0, 0, 0x80, 0x3f, 0, 0, 0x80, 0x3f]);
//! # std::fs::remove_dir_all(&dir).unwrap();
//! # Ok::<(), cornet_error::Error>(())
//! ```
//!
//! # Source
//! TensorFlow's `tensor_bundle.proto`, `tensor_bundle.cc`, `saved_tensor_slice.proto`; LevelDB's `table_format.md`.

mod block;
mod bundle;
mod old;
mod ordered;
mod slices;
mod snappy;
mod table;
mod writer;

/// Numbers of TensorFlow's `DataType`, and what an element takes.
pub mod data_type;

pub use bundle::{Bundle, Entry};
pub use old::OldCheckpoint;
pub use slices::{Slice, parse_spec};
pub use table::Table;
pub use writer::BundleWriter;
