//! Keras's loss functions: the losses of the samples, with default arguments. For other arguments take the class's
//! [`LossFunction::values`].
//!
//! ```
//! use cornet_nn::losses::functions::mean_absolute_error;
//! use cornet_ops::Tensor;
//! let values = mean_absolute_error(&Tensor::of([[1.0_f32, 2.0], [3.0, 4.0]]), &Tensor::of([[1.0_f32, 4.0], [3.0, 4.0]]))?;
//! assert_eq!(values.to_vec::<f32>()?, [1.0, 0.0]);
//! # Ok::<(), cornet_error::Error>(())
//! ```

use cornet_error::Result;
use cornet_ops::Tensor;

use super::*;

macro_rules! functions {
    ($($function:ident $class:ident)+) => { $(
        #[doc = concat!("The values of [`", stringify!($class), "`] with its default arguments.")]
        ///
        /// # Errors
        /// What does not fit.
        pub fn $function(y_true: &Tensor, y_pred: &Tensor) -> Result<Tensor> {
            $class::default().values(y_true, y_pred)
        }
    )+ };
}

functions! {
    binary_crossentropy BinaryCrossentropy
    binary_focal_crossentropy BinaryFocalCrossentropy
    categorical_crossentropy CategoricalCrossentropy
    categorical_focal_crossentropy CategoricalFocalCrossentropy
    categorical_generalized_cross_entropy CategoricalGeneralizedCrossEntropy
    categorical_hinge CategoricalHinge
    circle Circle
    cosine_similarity CosineSimilarity
    ctc CTC
    dice Dice
    hinge Hinge
    huber Huber
    kl_divergence KLDivergence
    log_cosh LogCosh
    mean_absolute_error MeanAbsoluteError
    mean_absolute_percentage_error MeanAbsolutePercentageError
    mean_squared_error MeanSquaredError
    mean_squared_logarithmic_error MeanSquaredLogarithmicError
    poisson Poisson
    sparse_categorical_crossentropy SparseCategoricalCrossentropy
    squared_hinge SquaredHinge
    tversky Tversky
}
