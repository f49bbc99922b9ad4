//! Layers that turn raw numbers, categories and texts into what models take.

mod category_encoding;
mod discretization;
mod encode;
mod hashed_crossing;
mod hashing;
pub mod image;
mod index_lookup;
mod integer_lookup;
mod mel_spectrogram;
mod normalization;
mod pipeline;
mod rescaling;
mod stft_spectrogram;
mod string_lookup;
mod text_vectorization;

pub use category_encoding::CategoryEncoding;
pub use discretization::Discretization;
pub use encode::OutputMode;
pub use hashed_crossing::HashedCrossing;
pub use hashing::{Hashing, Salt};
pub use integer_lookup::IntegerLookup;
pub use mel_spectrogram::MelSpectrogram;
pub use normalization::Normalization;
pub use pipeline::Pipeline;
pub use rescaling::Rescaling;
pub use stft_spectrogram::STFTSpectrogram;
pub use string_lookup::StringLookup;
pub use text_vectorization::{Split, Standardize, TextVectorization};
