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
    let error = cornet_error::err!(InvalidArgument, "{what}: expected one of {}, found '{found}'", known.join(", "));
    match closest(found, known) {
        Some(near) => error.help(format!("did you mean '{near}'?")),
        None => error,
    }
}

/// The name that was most likely meant: one that differs by few letters, if there is one.
pub(crate) fn closest<'a>(found: &str, known: &[&'a str]) -> Option<&'a str> {
    let lower = found.to_lowercase();
    let far = |name: &str| (name.len().max(found.len()) / 3 + 1).min(3);
    let near = known.iter().map(|name| (distance(&lower, &name.to_lowercase()), distance(found, name), *name));
    near.filter(|(d, _, name)| *d <= far(name)).min_by_key(|(d, exact, _)| (*d, *exact)).map(|(.., name)| name)
}

/// How many letters have to be put in, taken out or changed to get from one word to the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn a_misspelt_name_is_found_again() {
        let known = ["accuracy", "mae", "mse", "mean_squared_error"];
        assert_eq!(closest("acuracy", &known), Some("accuracy"));
        assert_eq!(closest("MSE", &["MeanSquaredError", "mse"]), Some("mse"));
        assert_eq!(closest("acuracy", &["Accuracy", "accuracy"]), Some("accuracy"));
        assert_eq!(closest("mean_squared_eror", &known), Some("mean_squared_error"));
        assert_eq!(closest("perplexity", &known), None);
    }
}
