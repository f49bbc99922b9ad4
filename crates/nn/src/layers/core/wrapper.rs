use std::sync::Arc;

use crate::layers::{Bidirectional, Layer, TimeDistributed};

/// A layer around another one, which is its part `layer`: `SpectralNormalization`, `TimeDistributed`, `Bidirectional`.
///
/// A wrapper of the program itself is a struct with a field `layer` and `#[derive(Layer)]`.
///
/// # Source
/// Keras 3 `keras.layers.Wrapper`.
pub trait Wrapper: Layer {
    /// The layer inside.
    fn layer(&self) -> &Arc<dyn Layer>;
}

impl Wrapper for TimeDistributed {
    fn layer(&self) -> &Arc<dyn Layer> {
        Self::layer(self)
    }
}

impl Wrapper for Bidirectional {
    fn layer(&self) -> &Arc<dyn Layer> {
        self.forward()
    }
}
