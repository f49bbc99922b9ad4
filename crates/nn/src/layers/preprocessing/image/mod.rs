//! Images: sizes, colours, and random changes that make models robust.

mod adjust;
mod base;
mod factor;
mod histogram;
mod mix;
mod sizes;
mod warp;

pub use adjust::{
    RandomBrightness, RandomColorDegeneration, RandomContrast, RandomGaussianBlur, RandomGrayscale, RandomHue,
    RandomInvert, RandomPosterization, RandomSaturation, RandomSharpness, Solarization,
};
pub use base::{Draw, ImageKind, ImageLayer};
pub use factor::Factor;
pub use histogram::{AutoContrast, ContrastLimitedAdaptiveHistogramEqualization, Equalization};
pub use mix::{AugMix, CutMix, MaxNumBoundingBoxes, MixUp, RandAugment, RandomColorJitter};
pub use sizes::{CenterCrop, RandomCrop, RandomErasing, Resizing};
pub use warp::{
    RandomElasticTransform, RandomFlip, RandomPerspective, RandomRotation, RandomShear, RandomTranslation, RandomZoom,
};
