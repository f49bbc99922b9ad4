//! Activations as layers.

mod activation;
mod elu;
mod leaky_relu;
mod prelu;
mod relu;
mod softmax;
#[cfg(test)]
mod tests;

pub use activation::Activation;
pub use elu::ELU;
pub use leaky_relu::LeakyReLU;
pub use prelu::PReLU;
pub use relu::ReLU;
pub use softmax::Softmax;

/// A layer without weights whose one output has the shape of its input, which keeps masks.
macro_rules! function_layer {
    ($class:literal) => {
        fn class_name(&self) -> &str {
            $class
        }

        fn base(&self) -> &crate::layers::LayerBase {
            &self.base
        }

        fn supports_masking(&self) -> bool {
            true
        }

        fn compute_output_shape(
            &self,
            inputs: &[crate::shape::PartialShape],
        ) -> cornet_error::Result<Vec<crate::shape::PartialShape>> {
            Ok(inputs.to_vec())
        }
    };
}
use function_layer;
