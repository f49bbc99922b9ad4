//! Datasets: the embedded digits, MNIST and Fashion-MNIST, the cache and its downloads.
//!
//! ```
//! use cornet_data::{LoadOptions, load};
//! let digits = load("digits", &LoadOptions::default())?;
//! let (x, y) = &digits.train;
//! assert_eq!(x.shape().as_slice(), [1437, 8, 8]);
//! assert_eq!(y.shape().as_slice(), [1437]);
//! # Ok::<(), cornet_data::Error>(())
//! ```
//!
//! [`list`] and [`info`] describe the datasets, [`fetch`] downloads one into the cache, [`locate`] finds its files and
//! [`load`] reads them. Contents are checked against their SHA-256 before they are believed, wherever they lie.
//!
//! [`idx`] parses the IDX format by itself; [`split_stratified`] divides examples by class; [`render`] draws small
//! images and confusion matrices as text.

mod cache;
mod confusion;
mod digits;
mod fetch;
mod gzip;
#[cfg(feature = "download")]
mod http;
pub mod idx;
mod load;
mod registry;
pub mod render;
mod split;
mod transfer_line;
mod verify;

pub use cache::{Location, home, is_cached, locate};
pub use confusion::ConfusionMatrix;
pub use cornet_error::{Code, Error, Limits, Result};
pub use digits::digits;
pub use fetch::{FetchOptions, Transfer, fetch, fetch_dataset};
pub use gzip::{gunzip, is_gzip};
pub use load::{LoadOptions, Splits, load, load_dataset, scaled};
pub use registry::{DataFile, Dataset, info, list};
pub use split::{Division, permutation, split_stratified, take};
pub use transfer_line::TransferLine;
