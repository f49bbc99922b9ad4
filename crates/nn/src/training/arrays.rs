//! What samples are given as.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use cornet_error::{Result, err};
use cornet_ops::Tensor;
use cornet_tensor::{Array, DType};
use smallvec::SmallVec;

use crate::dtype_policy::floatx;

/// What `fit`, `evaluate` and `predict` take: an array or a tensor; several for several inputs or outputs, in their
/// order or by their names, `[("age", &ages), ("words", &words)]` or a map; `()` for none.
pub trait IntoArrays: Send + Sync {
    /// The arrays; they share memory with what they come from.
    ///
    /// # Errors
    /// The failure that a tensor carries.
    fn arrays(&self) -> Result<Vec<Array>>;

    /// The name of each array, if they have names.
    fn names(&self) -> Option<Vec<String>> {
        None
    }
}

impl IntoArrays for Array {
    fn arrays(&self) -> Result<Vec<Array>> {
        Ok(vec![self.clone()])
    }
}

impl IntoArrays for Tensor {
    fn arrays(&self) -> Result<Vec<Array>> {
        Ok(vec![self.array()?])
    }
}

/// None, as for a model whose layers add their own losses.
impl IntoArrays for () {
    fn arrays(&self) -> Result<Vec<Array>> {
        Ok(Vec::new())
    }
}

impl<T: IntoArrays> IntoArrays for Vec<T> {
    fn arrays(&self) -> Result<Vec<Array>> {
        self.as_slice().arrays()
    }

    fn names(&self) -> Option<Vec<String>> {
        self.as_slice().names()
    }
}

impl<T: IntoArrays, const N: usize> IntoArrays for [T; N] {
    fn arrays(&self) -> Result<Vec<Array>> {
        self.as_slice().arrays()
    }

    fn names(&self) -> Option<Vec<String>> {
        self.as_slice().names()
    }
}

impl<T: IntoArrays> IntoArrays for [T] {
    fn arrays(&self) -> Result<Vec<Array>> {
        Ok(self.iter().map(IntoArrays::arrays).collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    }

    fn names(&self) -> Option<Vec<String>> {
        let all = self.iter().map(IntoArrays::names).collect::<Option<Vec<_>>>()?;
        (!all.is_empty()).then(|| all.into_iter().flatten().collect())
    }
}

impl<T: IntoArrays + ?Sized> IntoArrays for &T {
    fn arrays(&self) -> Result<Vec<Array>> {
        (**self).arrays()
    }

    fn names(&self) -> Option<Vec<String>> {
        (**self).names()
    }
}

/// An array under the name of the input or output that it belongs to.
impl<T: IntoArrays> IntoArrays for (&str, T) {
    fn arrays(&self) -> Result<Vec<Array>> {
        one(self.0, self.1.arrays()?)
    }

    fn names(&self) -> Option<Vec<String>> {
        Some(vec![self.0.to_owned()])
    }
}

/// An array under the name of the input or output that it belongs to.
impl<T: IntoArrays> IntoArrays for (String, T) {
    fn arrays(&self) -> Result<Vec<Array>> {
        one(&self.0, self.1.arrays()?)
    }

    fn names(&self) -> Option<Vec<String>> {
        Some(vec![self.0.clone()])
    }
}

impl<T: IntoArrays> IntoArrays for BTreeMap<String, T> {
    fn arrays(&self) -> Result<Vec<Array>> {
        self.iter().map(|(name, value)| Ok(one(name, value.arrays()?)?.remove(0))).collect()
    }

    fn names(&self) -> Option<Vec<String>> {
        Some(self.keys().cloned().collect())
    }
}

impl<T: IntoArrays> IntoArrays for HashMap<String, T> {
    fn arrays(&self) -> Result<Vec<Array>> {
        self.iter().map(|(name, value)| Ok(one(name, value.arrays()?)?.remove(0))).collect()
    }

    fn names(&self) -> Option<Vec<String>> {
        Some(self.keys().cloned().collect())
    }
}

/// The one array of a name.
fn one(name: &str, arrays: Vec<Array>) -> Result<Vec<Array>> {
    match arrays.len() {
        1 => Ok(arrays),
        found => Err(err!(InvalidArgument, "'{name}': expected one array, found {found}")),
    }
}

/// Arrays for the inputs or outputs of a model, in their order or by their names.
#[derive(Clone, Default)]
pub struct Fields {
    /// The arrays.
    pub arrays: SmallVec<[Array; 4]>,
    /// As many names; in order if there are none.
    pub names: Option<Arc<[String]>>,
}

impl Fields {
    /// The arrays of anything that has some.
    ///
    /// # Errors
    /// The failure that a tensor carries.
    pub fn of(arrays: &(impl IntoArrays + ?Sized)) -> Result<Self> {
        let names = arrays.names().map(Arc::from);
        Ok(Self { arrays: arrays.arrays()?.into(), names })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.arrays.is_empty()
    }

    /// Fails unless each array has so many samples.
    pub(crate) fn check_samples(&self, what: &str, samples: usize, x: &Array) -> Result<()> {
        for array in &self.arrays {
            let found = array.shape().first().copied();
            if found != Some(samples) {
                let found = found.map_or("a scalar".into(), |n| format!("{n}"));
                return Err(err!(ShapeMismatch, "samples of {what}: expected {samples}, as x has, found {found}")
                    .operand("x", x.shape())
                    .operand(what, array.shape())
                    .help("x, y and sample_weight need one row a sample, in the same order"));
            }
        }
        Ok(())
    }
}

/// What an array of a batch is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Input,
    Target,
    Weight,
}

/// An array as steps take it: floats as [`floatx`]; class numbers as int32 where they fit, and bools of targets, as
/// well as weights of any kind, as floats.
pub(crate) fn ready(array: &Array, part: Part) -> Result<Array> {
    let (float, dtype) = (floatx(), array.dtype());
    match dtype {
        _ if dtype == float || dtype == DType::I32 && part != Part::Weight => Ok(array.clone()),
        DType::F16 | DType::BF16 | DType::F32 | DType::F64 => array.cast(float),
        DType::Str if part == Part::Input => Ok(array.clone()),
        DType::Str => Err(err!(DtypeMismatch, "data: expected numbers, found strings")
            .help("turn texts into numbers before they are fed to the model")),
        DType::Bool if part != Part::Input => array.cast(float),
        dtype if dtype.is_int() && part == Part::Weight => array.cast(float),
        dtype if dtype.is_int() && part == Part::Target => {
            let narrow = array.cast(DType::I32)?;
            let wide = if dtype.size() < 4 { None } else { Some(array.to_i64()? == narrow.to_i64()?) };
            if wide == Some(false) { array.cast(DType::I64) } else { Ok(narrow) }
        }
        _ => Ok(array.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_become_int32_where_they_fit() {
        let wide = Array::from_vec(vec![1_i64, 1 << 40], [2]).unwrap();
        assert_eq!(ready(&wide, Part::Target).unwrap().dtype(), DType::I64);
        let small = Array::from_vec(vec![1_i64, 2], [2]).unwrap();
        assert_eq!(ready(&small, Part::Target).unwrap().dtype(), DType::I32);
        let bytes = Array::from_vec(vec![1_u8, 2], [2]).unwrap();
        assert_eq!(ready(&bytes, Part::Target).unwrap().dtype(), DType::I32);
        assert_eq!(ready(&bytes, Part::Input).unwrap().dtype(), DType::U8);
        assert_eq!(ready(&bytes, Part::Weight).unwrap().dtype(), DType::F32);
    }

    #[test]
    fn arrays_come_in_order_or_by_name() {
        let (a, b) = (Array::scalar(1.0_f32), Array::scalar(2.0_f32));
        assert_eq!([&a, &b].arrays().unwrap().len(), 2);
        assert_eq!([&a, &b].names(), None);
        let named = [("a", &a), ("b", &b)];
        assert_eq!(named.names(), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(named.arrays().unwrap()[1].item::<f32>().unwrap(), 2.0);
        assert!(("a", [&a, &b]).arrays().is_err());
        assert!(().arrays().unwrap().is_empty());
        let map = BTreeMap::from([("b".to_owned(), b), ("a".to_owned(), a)]);
        assert_eq!(map.arrays().unwrap()[0].item::<f32>().unwrap(), 1.0);
    }
}
