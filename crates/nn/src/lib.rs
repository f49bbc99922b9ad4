//! Layers, losses, metrics, optimizers, models and training, as Keras has them.

/// Models.
pub mod models {
    pub mod summary_table;
}

/// The training loop.
pub mod training {
    pub mod progress;
}
