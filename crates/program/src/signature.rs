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

    /// The array as this tensor takes it, where nothing is lost by that: numbers become numbers of its dtype, and axes of
    /// size 1 are added or left out. A flat row an example is folded into its axes.
    ///
    /// # Errors
    /// `dtype_mismatch` for strings instead of numbers and the other way round; `out_of_range` for numbers that its dtype
    /// does not have; `shape_mismatch`.
    pub fn adapt(&self, array: &Array) -> Result<Array> {
        let array = reshaped(array, self.shape.as_deref())?;
        if !self.admits(array.shape().as_slice()) {
            let found = format!("{} {}", array.dtype(), array.shape());
            return Err(err!(ShapeMismatch, "input '{}': expected {self}, found {found}", self.name)
                .help("check the size of what you feed; the first axis usually counts the examples"));
        }
        converted(&array, self.dtype).map_err(|e| e.within(format!("input '{}'", self.name)))
    }
}

/// The array with another dtype, if that changes no value but for the precision of floats.
fn converted(array: &Array, dtype: DType) -> Result<Array> {
    let from = array.dtype();
    if from == dtype {
        return Ok(array.clone());
    }
    let word = |dtype: DType| match dtype {
        DType::Str => "strings",
        dtype if dtype.is_complex() => "complex numbers",
        _ => "numbers",
    };
    if word(from) != word(dtype) && !dtype.is_complex() || (from == DType::Str) != (dtype == DType::Str) {
        return Err(err!(DtypeMismatch, "expected {}, found {}", word(dtype), word(from)));
    }
    let to = array.cast(dtype)?;
    if !dtype.is_inexact() {
        let (before, after) = (array.to_f64()?, to.to_f64()?);
        if let Some(at) = before.iter().zip(&after).position(|(a, b)| a != b) {
            return Err(err!(OutOfRange, "expected numbers of {dtype}, found {}", before[at])
                .help("round or scale the numbers before they are fed to the model"));
        }
    }
    Ok(to)
}

/// The array with the axes that are expected, where it differs from them by axes of size 1 alone or has a flat row for
/// each example; as it is otherwise.
fn reshaped(array: &Array, expected: Option<&[Option<usize>]>) -> Result<Array> {
    let found = array.shape().as_slice();
    let (Some(expected), Some((&count, own))) = (expected, found.split_first()) else { return Ok(array.clone()) };
    let fits = expected.len() == found.len() && expected.iter().zip(found).all(|(e, f)| e.is_none_or(|e| e == *f));
    let Some((first, rest)) = expected.split_first().filter(|_| !fits) else { return Ok(array.clone()) };
    let sizes = rest.iter().copied().collect::<Option<Vec<usize>>>();
    let without_ones = |axes: &[usize]| axes.iter().copied().filter(|&n| n != 1).collect::<Vec<_>>();
    let examples = |sizes: &[usize]| {
        let size = sizes.iter().try_fold(1_usize, |n, &s| n.checked_mul(s))?;
        let is_flat = own.len() == 1 && own[0] == size;
        (is_flat || without_ones(own) == without_ones(sizes)).then(|| [&[count], sizes].concat())
    };
    // A single example without an axis that counts examples.
    let alone = |sizes: &[usize]| (found == sizes && first.is_none_or(|n| n == 1)).then(|| [&[1], sizes].concat());
    match sizes.as_deref().and_then(|sizes| alone(sizes).or_else(|| examples(sizes))) {
        Some(shape) => array.reshaped(shape.as_slice()),
        None => Ok(array.clone()),
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
    fn arrays_are_adapted_where_nothing_is_lost() {
        let spec = |dtype, shape: &[Option<usize>]| TensorSpec::new("x", dtype, Some(shape.to_vec()));
        let shape = |spec: &TensorSpec, from: &[usize]| {
            let array = Array::zeros(DType::F64, from);
            spec.adapt(&array).map(|a| (a.dtype(), a.shape().as_slice().to_vec())).map_err(|e| e.code())
        };
        let image = spec(DType::F32, &[None, Some(8), Some(8), Some(1)]);
        for from in [&[3, 8, 8][..], &[3, 64], &[3, 8, 8, 1]] {
            assert_eq!(shape(&image, from), Ok((DType::F32, vec![3, 8, 8, 1])), "{from:?}");
        }
        assert_eq!(shape(&image, &[8, 8, 1]), Ok((DType::F32, vec![1, 8, 8, 1])));
        assert!(shape(&image, &[3, 4, 16]).is_err() && shape(&image, &[3, 9, 9]).is_err());
        assert_eq!(shape(&spec(DType::I32, &[None]), &[3, 1]), Ok((DType::I32, vec![3])));
        assert_eq!(shape(&TensorSpec::new("x", DType::F32, None), &[3, 1]), Ok((DType::F32, vec![3, 1])));

        let whole = spec(DType::U8, &[None]);
        let numbers = |values: &[f64]| Array::from_f64(DType::F32, [values.len()], values).unwrap();
        assert_eq!(whole.adapt(&numbers(&[0.0, 255.0])).unwrap().to_vec::<u8>().unwrap(), [0, 255]);
        assert!(
            whole.adapt(&numbers(&[256.0])).unwrap_err().to_string().contains("expected numbers of uint8, found 256")
        );
        assert!(whole.adapt(&numbers(&[0.5])).is_err());
        let texts = Array::from_strings(vec![b"a".to_vec()], [1]).unwrap();
        assert!(whole.adapt(&texts).unwrap_err().to_string().contains("expected numbers, found strings"));
        assert!(spec(DType::Str, &[None]).adapt(&numbers(&[1.0])).is_err());
        assert_eq!(spec(DType::Str, &[None, Some(1)]).adapt(&texts).unwrap().shape().as_slice(), [1, 1]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(signature().check(&[array([5, 2]), array([1, 2])]).is_ok());
        let error = signature().check(&[array([5, 3]), array([1, 2])]).unwrap_err();
        assert!(error.to_string().contains("input 'a': expected float32 [?, 2], found float32 [5, 3]"), "{error}");
        assert!(signature().check(&[array([5, 2])]).is_err());
    }
}
