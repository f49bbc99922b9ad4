//! TensorBoard's event files: scalars, histograms, images, graphs and models, in TFRecord frames.
//!
//! ```
//! use cornet_events::EventWriter;
//! # let folder = std::env::temp_dir().join(format!("cornet-events-doc-{}", std::process::id()));
//! let mut writer = EventWriter::create(&folder)?;
//! for step in 0..10 {
//!     writer.scalar("epoch_loss", 1.0 / (step + 1) as f32, step)?;
//! }
//! writer.histogram("dense/kernel/histogram", &[0.5, -0.25, 0.0], 9)?;
//! writer.flush()?;
//! let bytes = std::fs::read(writer.path()).unwrap();
//! assert_eq!(cornet_events::records(&bytes).count(), 12);
//! # std::fs::remove_dir_all(&folder).unwrap();
//! # Ok::<(), cornet_error::Error>(())
//! ```
//!
//! # Source
//! TensorFlow's `record_writer.cc`, `event.proto`, `summary.proto`, `graph.proto`, `tensor.proto`; TensorBoard 2.21's
//! plugins `scalars`, `histograms`, `images`, `graphs`.

mod graph;
mod histogram;
mod record;
mod writer;

pub use graph::GraphNode;
pub use histogram::{BUCKETS, buckets};
pub use record::records;
pub use writer::EventWriter;
