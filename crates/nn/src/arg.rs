//! Arguments that are given by name or as an object, as Keras admits both.

use cornet_error::Result;

/// What can be chosen by its name in Keras, such as `relu` or `glorot_uniform`.
pub trait Choice: Sized {
    /// The choice of that name.
    ///
    /// # Errors
    /// `invalid_argument`, with the names there are.
    fn parse(name: &str) -> Result<Self>;
}

/// An argument of a builder: an object, or its name. A name that there is not stays an error until the object that is
/// being built is used, so that builders chain without `?`.
///
/// ```
/// use cornet_nn::layers::Dense;
/// use cornet_nn::{activations::Activation, layers::Layer};
/// let by_name = Dense::new(3).activation("relu");
/// let by_object = Dense::new(3).activation(Activation::Relu);
/// assert_eq!(by_name.arguments(), by_object.arguments());
/// ```
pub struct Arg<T>(pub(crate) Result<T>);

impl<T: Choice> From<&str> for Arg<T> {
    fn from(name: &str) -> Self {
        Self(T::parse(name))
    }
}

impl<T: Choice> From<T> for Arg<T> {
    fn from(object: T) -> Self {
        Self(Ok(object))
    }
}

/// The error of a name that is none of `known`.
pub(crate) fn unknown(what: &str, found: &str, known: &[&str]) -> cornet_error::Error {
    cornet_error::err!(InvalidArgument, "{what}: expected one of {}, found '{found}'", known.join(", "))
}
