//! The life of served models. Knows no protocol: HTTP and gRPC stand above it.
//!
//! A [`Source`] watches a place for versions; a [`VersionPolicy`] says which are wanted; the [`Manager`] has a [`Loader`]
//! bring them in on threads of its own, the new version before the old one goes; a [`Handle`] keeps a version alive for
//! as long as a request uses it. Requests of several callers are run together where a model has
//! [`BatchingParameters`](config::BatchingParameters).
//!
//! Terms, states and messages are TensorFlow Serving's.

mod batching;
pub mod config;

mod loader;
mod manager;
mod servable;
mod source;
mod status;
mod version;

pub use batching::{Cancel, Reply};
pub use loader::{Loader, on_disk_bytes};
pub use manager::{Event, Manager, Options, Select};
pub use servable::{Handle, Request, Servable};
pub use source::{Found, Source, model_in};
pub use status::{State, Status, StatusCode, VersionStatus};
pub use version::{Action, Snapshot, VersionPolicy, next_action};
