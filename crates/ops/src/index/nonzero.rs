//! `nonzero`: where elements are not zero.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "nonzero",
    doc: "The places of the first `size` elements that are not zero, in row-major order: one row an axis, int32; what \
          the elements do not fill is the attribute `fill`.",
    source: "Keras 3 keras.ops.nonzero",
    attrs: &["size", "fill"],
    dtypes: DTypes::Plain,
    infer,
    reference: Reference::Whole(reference),
    gradient: Gradient::Zero,
    cases: Cases::Of(|| {
        vec![
            Case::new([any(&[3, 4])], attrs! { size: 12, fill: 0 }),
            Case::new([any(&[5])], attrs! { size: 2, fill: 0 }),
            Case::new([any(&[2])], attrs! { size: 3, fill: -1 }),
            Case::new([any(&[])], attrs! { size: 1, fill: 0 }),
            Case::new([any(&[0, 2])], attrs! { size: 1, fill: 0 }),
        ]
    }),
    ..Op::BASE
};

fn infer(call: &Call<'_>) -> Result<Types> {
    call.attrs.int("fill")?;
    Ok(smallvec![Type::new(DType::I32, [call.shape(0).rank(), call.attrs.size("size")?])])
}

/// For each element, whether it is not zero.
pub(super) fn flags(x: &Array) -> Result<Vec<bool>> {
    Ok(match x.dtype() {
        d if d.is_float() => x.to_f64()?.into_iter().map(|v| v != 0.0).collect(),
        d if d.is_complex() => x.to_c128()?.into_iter().map(|v| v.re != 0.0 || v.im != 0.0).collect(),
        _ => x.to_i64()?.into_iter().map(|v| v != 0).collect(),
    })
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let (size, rank) = (call.attrs.size("size")?, x[0].shape().rank());
    let (flags, mut out) = (flags(&x[0])?, vec![call.attrs.int("fill")?; rank * size]);
    let (mut at, mut found) = (0, 0);
    for_each_index(x[0].shape(), |index| {
        if flags[at] && found < size {
            index.iter().enumerate().for_each(|(a, &i)| out[a * size + found] = i as i64);
            found += 1;
        }
        at += 1;
    });
    Ok(vec![Array::from_i64(DType::I32, [rank, size], &out)?])
}

/// The error of asking for a shape that values decide while a graph is built.
pub(crate) fn data_dependent(what: &str, instead: &str) -> cornet_tensor::Error {
    err!(DataDependentShape, "{what}: the shape of the result depends on values, which a traced tensor does not have")
        .help(instead.to_string())
}

impl Tensor {
    /// Where elements are not zero: one int32 vector of places an axis.
    ///
    /// # Errors
    /// `data_dependent_shape` for a traced tensor, which can only say [`Tensor::nonzero_sized`].
    ///
    /// ```
    /// use cornet_ops::Tensor;
    /// let at = Tensor::of([[0, 5], [6, 0]]).nonzero()?;
    /// assert_eq!(at[1].to_vec::<i32>()?, [1, 0]);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    #[track_caller]
    pub fn nonzero(&self) -> Result<Vec<Tensor>> {
        self.places()?.unstack(0)
    }

    /// The places of the first `size` elements that are not zero; what the elements do not fill is `fill`.
    ///
    /// # Errors
    /// The failure that the tensor carries.
    #[track_caller]
    pub fn nonzero_sized(&self, size: usize, fill: i64) -> Result<Vec<Tensor>> {
        call1(&OP, &[self], attrs! { size: size, fill: fill }).unstack(0)
    }

    /// The places of elements that are not zero, one a row: [`Tensor::nonzero`] transposed.
    ///
    /// # Errors
    /// As [`Tensor::nonzero`].
    #[track_caller]
    pub fn argwhere(&self) -> Tensor {
        Tensor::lift(|| Ok(self.places()?.swap_last()))
    }

    /// `[axes, places]`, of the size that the values ask for.
    #[track_caller]
    fn places(&self) -> Result<Tensor> {
        if self.is_traced() {
            return Err(data_dependent("nonzero", "give a size with nonzero_sized, or use where and masks"));
        }
        let size = flags(&self.array()?)?.into_iter().filter(|&f| f).count();
        Ok(call1(&OP, &[self], attrs! { size: size, fill: 0 }))
    }
}
