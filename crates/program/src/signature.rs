use std::fmt;

use cornet_error::{Result, err};
use cornet_tensor::{Array, DType};

/// What one array of a signature is.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorSpec {
    /// The name callers use.
    pub name: String,
    /// Its dtype.
    pub dtype: DType,
    /// The size of each axis, `None` where it is open; `None` for any rank.
    pub shape: Option<Vec<Option<usize>>>,
    /// The name of the tensor inside the graph, where the format has one: `dense/BiasAdd:0`.
    pub tensor: String,
}

impl TensorSpec {
    /// A tensor that has no other name inside the graph.
    pub fn new(name: impl Into<String>, dtype: DType, shape: Option<Vec<Option<usize>>>) -> Self {
        let name = name.into();
        Self { tensor: name.clone(), name, dtype, shape }
    }

    /// Whether an array of this shape fits.
    pub fn admits(&self, shape: &[usize]) -> bool {
        self.shape.as_ref().is_none_or(|expected| {
            expected.len() == shape.len() && expected.iter().zip(shape).all(|(e, f)| e.is_none_or(|e| e == *f))
        })
    }
}

impl fmt::Display for TensorSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(shape) = &self.shape else { return write!(f, "{} of any shape", self.dtype) };
        let sizes = shape.iter().map(|s| s.map_or("?".to_owned(), |s| s.to_string())).collect::<Vec<_>>();
        write!(f, "{} [{}]", self.dtype, sizes.join(", "))
    }
}

/// What a function of a model takes and gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Signature {
    /// Its name, such as `serving_default`.
    pub name: String,
    /// TensorFlow's name for what it does, such as `tensorflow/serving/predict`; empty where the format has none.
    pub method: String,
    /// What it takes.
    pub inputs: Vec<TensorSpec>,
    /// What it gives.
    pub outputs: Vec<TensorSpec>,
}

impl Signature {
    /// Puts arrays that came by name into the order of the inputs. A single array may have any name if one is expected.
    ///
    /// # Errors
    /// `invalid_argument` for a missing, doubled or unknown name.
    pub fn arrange(&self, mut given: Vec<(String, Array)>) -> Result<Vec<Array>> {
        if let ([_], [_]) = (self.inputs.as_slice(), given.as_slice()) {
            return Ok(given.into_iter().map(|(_, array)| array).collect());
        }
        let expected = || self.inputs.iter().map(|i| i.name.as_str()).collect::<Vec<_>>().join(", ");
        let names = given.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>().join(", ");
        let wrong = || err!(InvalidArgument, "inputs of '{}': expected {}, found {names}", self.name, expected());
        let take = |spec: &TensorSpec| {
            let at = given.iter().position(|(name, _)| *name == spec.name).ok_or_else(wrong)?;
            Ok(given.swap_remove(at).1)
        };
        let arranged = self.inputs.iter().map(take).collect::<Result<Vec<_>>>()?;
        if given.is_empty() { Ok(arranged) } else { Err(wrong()) }
    }

    /// Checks dtypes and shapes of arrays in the order of the inputs.
    ///
    /// # Errors
    /// `invalid_argument` for another number of arrays; `dtype_mismatch`, `shape_mismatch`.
    pub fn check(&self, inputs: &[Array]) -> Result<()> {
        if inputs.len() != self.inputs.len() {
            let (expected, found) = (self.inputs.len(), inputs.len());
            return Err(err!(InvalidArgument, "inputs of '{}': expected {expected}, found {found}", self.name));
        }
        for (spec, array) in self.inputs.iter().zip(inputs) {
            if array.dtype() != spec.dtype {
                let found = array.dtype();
                return Err(err!(DtypeMismatch, "input '{}': expected {}, found {found}", spec.name, spec.dtype));
            }
            if !spec.admits(array.shape().as_slice()) {
                let found = format!("{} {}", array.dtype(), array.shape());
                return Err(err!(ShapeMismatch, "input '{}': expected {spec}, found {found}", spec.name));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature() -> Signature {
        let spec = |name: &str| TensorSpec::new(name, DType::F32, Some(vec![None, Some(2)]));
        Signature { name: "f".into(), inputs: vec![spec("a"), spec("b")], ..Signature::default() }
    }

    fn array(shape: [usize; 2]) -> Array {
        Array::from_vec(vec![1.0_f32; shape[0] * shape[1]], shape).unwrap()
    }

    #[test]
    fn arrays_are_arranged_by_name() {
        let given = vec![("b".to_owned(), array([1, 2])), ("a".to_owned(), array([3, 2]))];
        let arranged = signature().arrange(given).unwrap();
        assert_eq!(arranged[0].shape().as_slice(), [3, 2]);
        let error = signature().arrange(vec![("c".to_owned(), array([1, 2]))]).unwrap_err();
        assert!(error.to_string().contains("expected a, b, found c"), "{error}");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(signature().check(&[array([5, 2]), array([1, 2])]).is_ok());
        let error = signature().check(&[array([5, 3]), array([1, 2])]).unwrap_err();
        assert!(error.to_string().contains("input 'a': expected float32 [?, 2], found float32 [5, 3]"), "{error}");
        assert!(signature().check(&[array([5, 2])]).is_err());
    }
}
