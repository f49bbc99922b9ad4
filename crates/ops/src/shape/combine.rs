//! Tensors put together: composites of `concat`.

use super::concat::promoted;
use crate::core::prelude::*;

impl Tensor {
    /// Tensors of one shape side by side along a new axis, which stands at `axis` of the result.
    ///
    /// # Errors
    /// `shape_mismatch`, `out_of_range`; `invalid_argument` without tensors.
    #[track_caller]
    pub fn stack(tensors: &[&Tensor], axis: isize) -> Tensor {
        Tensor::lift(|| {
            let tensors = promoted(tensors)?;
            let shape = tensors[0].shape()?;
            for (i, t) in tensors.iter().enumerate() {
                let found = t.shape()?;
                if found != shape {
                    fail!(ShapeMismatch, "stack: tensor {i}: expected {shape}, found {found}");
                }
            }
            let raised: Vec<Tensor> = tensors.iter().map(|t| t.expand_dims(&[axis])).collect();
            Ok(Tensor::concat(&raised.iter().collect::<Vec<_>>(), axis))
        })
    }

    /// Tensors joined along axis 1, or along axis 0 if they are vectors or scalars.
    ///
    /// # Errors
    /// As [`Tensor::concat`].
    #[track_caller]
    pub fn hstack(tensors: &[&Tensor]) -> Tensor {
        Tensor::lift(|| {
            let raised: Vec<Tensor> = tensors.iter().map(|t| t.at_least_rank(1)).collect();
            let flat = raised.first().is_some_and(|t| t.rank().is_ok_and(|r| r == 1));
            Ok(Tensor::concat(&raised.iter().collect::<Vec<_>>(), if flat { 0 } else { 1 }))
        })
    }

    /// Tensors joined along axis 0; vectors count as rows.
    ///
    /// # Errors
    /// As [`Tensor::concat`].
    #[track_caller]
    pub fn vstack(tensors: &[&Tensor]) -> Tensor {
        let raised: Vec<Tensor> = tensors.iter().map(|t| t.at_least_rank(2)).collect();
        Tensor::concat(&raised.iter().collect::<Vec<_>>(), 0)
    }

    /// Tensors joined along axis 2; vectors count as `[1, n, 1]` and matrices as `[m, n, 1]`.
    ///
    /// # Errors
    /// As [`Tensor::concat`].
    #[track_caller]
    pub fn dstack(tensors: &[&Tensor]) -> Tensor {
        Tensor::lift(|| {
            let raised = tensors
                .iter()
                .map(|t| {
                    Ok(match t.rank()? {
                        0 => t.reshape([1, 1, 1]),
                        1 => t.expand_dims(&[0, 2]),
                        2 => t.expand_dims(&[2]),
                        _ => (*t).clone(),
                    })
                })
                .collect::<Result<Vec<Tensor>>>()?;
            Ok(Tensor::concat(&raised.iter().collect::<Vec<_>>(), 2))
        })
    }

    /// `values` after this tensor along an axis; without one, both flattened.
    ///
    /// # Errors
    /// As [`Tensor::concat`].
    #[track_caller]
    pub fn append(&self, values: &Tensor, axis: Option<isize>) -> Tensor {
        match axis {
            Some(axis) => Tensor::concat(&[self, values], axis),
            None => Tensor::concat(&[&self.ravel(), &values.ravel()], 0),
        }
    }

    /// Coordinate grids of vectors: as many tensors, each of the shape of all lengths, varying along one axis. Under
    /// `xy` indexing, as for images, the first two axes are exchanged.
    ///
    /// # Errors
    /// `invalid_argument` for an indexing other than `xy` and `ij`; the failure of an operand.
    #[track_caller]
    pub fn meshgrid(vectors: &[&Tensor], indexing: &str) -> Result<Vec<Tensor>> {
        if indexing != "xy" && indexing != "ij" {
            fail!(InvalidArgument, "meshgrid: indexing: expected xy or ij, found {indexing:?}");
        }
        let flat: Vec<Tensor> = vectors.iter().map(|v| v.ravel()).collect();
        let lengths = flat.iter().map(|v| Ok(v.shape()?.elements())).collect::<Result<Vec<_>>>()?;
        let place = |i: usize| if indexing == "xy" && flat.len() > 1 && i < 2 { 1 - i } else { i };
        let shape: Shape = (0..flat.len()).map(|a| lengths[place(a)]).collect();
        Ok(flat
            .iter()
            .enumerate()
            .map(|(i, v)| {
                let column: Shape = (0..flat.len()).map(|a| if a == place(i) { lengths[i] } else { 1 }).collect();
                v.reshape(column).broadcast_to(&shape)
            })
            .collect())
    }
}
