//! Conversions from and to the `ndarray` crate's arrays (feature `ndarray`).

use ndarray::{ArrayBase, ArrayD, ArrayViewD, ArrayViewMutD, Data, Dimension, IxDyn};

use crate::{Array, Element, Item, Result, Shape, err};

impl Array {
    /// A copy of an `ndarray` array or view, of any order and strides.
    ///
    /// # Errors
    /// Those of [`Item::pack`], which the count, being right, does not give.
    ///
    /// ```
    /// use cornet_tensor::Array;
    /// let a = ndarray::arr2(&[[1, 2, 3], [4, 5, 6]]);
    /// let transposed = Array::from_ndarray(&a.t())?;
    /// assert_eq!(transposed, Array::from_literal([[1, 4], [2, 5], [3, 6]])?);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    pub fn from_ndarray<T: Item, S: Data<Elem = T>, D: Dimension>(array: &ArrayBase<S, D>) -> Result<Self> {
        T::pack(array.iter().cloned().collect(), Shape::new(array.shape()))
    }

    /// A copy as an `ndarray` array, row-major.
    ///
    /// # Errors
    /// `dtype_mismatch` when `T` is not the array's type.
    pub fn to_ndarray<T: Item>(&self) -> Result<ArrayD<T>> {
        ArrayD::from_shape_vec(IxDyn(self.shape()), self.to_vec()?).map_err(refused)
    }

    /// The elements where they lie, as an `ndarray` view.
    ///
    /// # Errors
    /// `dtype_mismatch` when `T` is not the array's type.
    pub fn as_ndarray<T: Element>(&self) -> Result<ArrayViewD<'_, T>> {
        ArrayViewD::from_shape(IxDyn(self.shape()), self.as_slice()?).map_err(refused)
    }

    /// The elements where they lie, as an `ndarray` view to write; copied first if shared.
    ///
    /// # Errors
    /// `dtype_mismatch` when `T` is not the array's type.
    pub fn as_ndarray_mut<T: Element>(&mut self) -> Result<ArrayViewMutD<'_, T>> {
        let shape = IxDyn(self.shape());
        ArrayViewMutD::from_shape(shape, self.as_mut_slice()?).map_err(refused)
    }
}

fn refused(cause: ndarray::ShapeError) -> crate::Error {
    err!(ShapeMismatch, "ndarray refuses the shape: {cause}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Code, DType};

    #[test]
    fn arrays_go_both_ways() {
        for shape in [vec![], vec![0], vec![3], vec![2, 0, 3], vec![2, 3, 4], vec![1; 9]] {
            let n: usize = shape.iter().product();
            let array = Array::from_vec((0..n as i32).collect(), shape.clone()).unwrap();
            let found = array.to_ndarray::<i32>().unwrap();
            assert_eq!(found.shape(), shape);
            assert_eq!(found, array.as_ndarray::<i32>().unwrap());
            assert_eq!(Array::from_ndarray(&found).unwrap(), array);
        }
        let bools = Array::from_literal([true, false]).unwrap();
        assert_eq!(Array::from_ndarray(&bools.to_ndarray::<bool>().unwrap()).unwrap(), bools);
        let texts = Array::from_literal([["a", "b"]]).unwrap();
        assert_eq!(texts.to_ndarray::<String>().unwrap()[[0, 1]], "b");
    }

    #[test]
    fn strided_views_are_copied_in_order() {
        let all = ndarray::Array3::from_shape_fn((2, 3, 4), |(i, j, k)| (100 * i + 10 * j + k) as f32);
        let view = all.slice(ndarray::s![.., ..;2, ..;-1]);
        let found = Array::from_ndarray(&view).unwrap();
        assert_eq!(found.shape().as_slice(), [2, 2, 4]);
        assert_eq!(found.to_vec::<f32>().unwrap()[..5], [3.0, 2.0, 1.0, 0.0, 23.0]);
    }

    #[test]
    fn writing_through_a_view_leaves_sharers_alone() {
        let mut array = Array::zeros(DType::F32, [2, 2]);
        let shared = array.clone();
        array.as_ndarray_mut::<f32>().unwrap()[[1, 0]] = 5.0;
        assert_eq!(array.to_vec::<f32>().unwrap(), [0.0, 0.0, 5.0, 0.0]);
        assert_eq!(shared, Array::zeros(DType::F32, [2, 2]));
        assert_eq!(array.as_ndarray::<i32>().unwrap_err().code(), Code::DtypeMismatch);
    }
}
