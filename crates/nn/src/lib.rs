//! Layers, losses, metrics, optimizers, models and training, as Keras has them.
