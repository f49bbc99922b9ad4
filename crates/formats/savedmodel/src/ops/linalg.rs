//! Linear algebra, diagonals and Fourier transforms.

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_tensor::{Array, DType};

use super::{Family, many, one};
use crate::interpret::{Call, sizes};
use crate::value::Value;

pub(super) static OPS: Family = &[
    ("Cholesky", |c| one(c.x(0)?.cholesky(false))),
    ("Diag", |c| one(c.x(0)?.diagflat(0))),
    ("DiagPart", |c| one(c.x(0)?.diagonal(0, 0, 1))),
    ("FFT", |c| one(c.x(0)?.fft_complex(false))),
    ("FFT2D", |c| fft_2d(c, false)),
    ("IFFT", |c| one(c.x(0)?.fft_complex(true))),
    ("IFFT2D", |c| fft_2d(c, true)),
    ("IRFFT", |c| {
        let (x, length) = (c.x(0)?, sizes(&[c.int(1)?])?[0]);
        one(x.real().irfft(&x.imag(), Some(length)))
    }),
    ("LogMatrixDeterminant", |c| {
        let (sign, log) = c.x(0)?.slogdet();
        many([sign, log])
    }),
    ("Lu", lu),
    ("MatrixBandPart", band_part),
    ("MatrixDeterminant", |c| one(c.x(0)?.det())),
    ("MatrixDiag", |c| one(c.x(0)?.diag_embed(0))),
    ("MatrixDiagPart", |c| one(c.x(0)?.diagonal(0, -2, -1))),
    ("MatrixDiagPartV2", diag_part),
    ("MatrixDiagPartV3", diag_part),
    ("MatrixDiagV2", diag),
    ("MatrixDiagV3", diag),
    ("MatrixInverse", |c| one(adjoint(c, c.x(0)?)?.inv())),
    ("MatrixSetDiag", set_diag),
    ("MatrixSetDiagV2", set_diag),
    ("MatrixSetDiagV3", set_diag),
    ("MatrixSolve", |c| one(adjoint(c, c.x(0)?)?.solve(&c.x(1)?))),
    ("MatrixTriangularSolve", |c| {
        let lower = c.attr_bool("lower", true) != c.attr_bool("adjoint", false);
        one(adjoint(c, c.x(0)?)?.solve_triangular(&c.x(1)?, lower))
    }),
    ("Qr", |c| {
        let (q, r) = c.x(0)?.qr(c.attr_bool("full_matrices", false));
        many([q, r])
    }),
    ("RFFT", |c| {
        let (re, im) = c.x(0)?.rfft(Some(sizes(&[c.int(1)?])?[0]));
        one(re.complex(im))
    }),
    ("SelfAdjointEigV2", |c| {
        let (values, vectors) = c.x(0)?.eigh();
        many([values, vectors])
    }),
    ("Svd", |c| {
        let x = c.x(0)?;
        if !c.attr_bool("compute_uv", true) {
            let none = Tensor::from(Array::try_zeros(x.dtype()?, [0])?);
            return many([x.singular_values(), none.clone(), none]);
        }
        let (u, s, vh) = x.svd(c.attr_bool("full_matrices", false));
        many([s, u, vh.swap_last()])
    }),
];

fn adjoint(call: &Call<'_, '_>, x: Tensor) -> Result<Tensor> {
    Ok(if call.attr_bool("adjoint", false) { x.swap_last() } else { x })
}

fn fft_2d(call: &Call<'_, '_>, inverse: bool) -> Result<Vec<Value>> {
    let rows = call.x(0)?.fft_complex(inverse);
    one(rows.swap_last().fft_complex(inverse).swap_last())
}

fn lu(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (lu, swaps) = call.x(0)?.lu_factor();
    if swaps.rank()? != 1 {
        fail!(Unsupported, "factors of several matrices at once");
    }
    let swaps = swaps.array()?.to_i64()?;
    let mut order: Vec<i64> = (0..swaps.len() as i64).collect();
    for (i, &with) in swaps.iter().enumerate() {
        let with = usize::try_from(with).ok().filter(|&w| w < order.len());
        order.swap(i, with.ok_or_else(|| err!(Internal, "a row out of range"))?);
    }
    let order = Array::from_i64(call.attr_dtype_or("output_idx_type", DType::I32)?, [order.len()], &order)?;
    many([lu, order.into()])
}

/// Where `column - row` of the last two axes lies within bounds, as a known mask.
fn band(rows: usize, columns: usize, low: i64, high: i64) -> Result<Tensor> {
    let inside = |k: usize| (low..=high).contains(&((k % columns) as i64 - (k / columns) as i64));
    Ok(Array::from_vec((0..rows * columns).map(inside).collect::<Vec<bool>>(), [rows, columns])?.into())
}

fn matrix(x: &Tensor) -> Result<(usize, usize)> {
    match *x.shape()?.as_slice() {
        [.., rows, columns] => Ok((rows, columns)),
        _ => Err(err!(RankMismatch, "expected at least 2 axes, found {}", x.rank()?)),
    }
}

fn band_part(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (x, low, high) = (call.x(0)?, call.int(1)?, call.int(2)?);
    let (rows, columns) = matrix(&x)?;
    let open = |v: i64, all: usize| if v < 0 { all as i64 } else { v };
    let mask = band(rows, columns, -open(low, rows), open(high, columns))?;
    one(mask.where_(&x, 0).cast_like(&x))
}

/// The one diagonal that is meant.
fn offset(call: &Call<'_, '_>, i: usize) -> Result<i64> {
    match call.ints(i)?.as_slice() {
        [k] => Ok(*k),
        [low, high] if low == high => Ok(*low),
        many => Err(err!(Unsupported, "several diagonals at once: {many:?}")),
    }
}

fn diag_part(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (x, k) = (call.x(0)?, offset(call, 1)?);
    one(x.diagonal(k, -2, -1))
}

fn diag(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (x, k) = (call.x(0)?, offset(call, 1)?);
    let (rows, columns) = (call.int(2)?, call.int(3)?);
    let n = x.shape()?.last().copied().unwrap_or(0) as i64;
    let square = n + k.abs();
    if rows == -1 && columns == -1 && call.float(4)? == 0.0 {
        return one(x.diag_embed(k));
    }
    let (rows, columns) = (if rows < 0 { square } else { rows }, if columns < 0 { square } else { columns });
    let wide = sizes(&[rows, columns])?;
    let whole = x.diag_embed(k);
    let own = whole.shape()?;
    let rank = own.rank();
    let mut widths = vec![(0, 0); rank];
    let mut y = whole;
    for (axis, &to) in [(rank - 2, &wide[0]), (rank - 1, &wide[1])] {
        if own[axis] > to {
            y = y.slice_axis(axis as isize, 0, to);
        } else {
            widths[axis].1 = to - own[axis];
        }
    }
    let y = y.pad(&widths);
    let mask = band(wide[0], wide[1], k, k)?;
    one(mask.where_(&y, call.x(4)?))
}

fn set_diag(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (x, values) = (call.x(0)?, call.x(1)?);
    let k = if call.inputs.len() > 2 { offset(call, 2)? } else { 0 };
    let (rows, columns) = matrix(&x)?;
    let whole = values.diag_embed(k);
    let own = whole.shape()?;
    let rank = own.rank();
    let mut widths = vec![(0, 0); rank];
    let mut y = whole;
    for (axis, to) in [(rank - 2, rows), (rank - 1, columns)] {
        if own[axis] > to {
            y = y.slice_axis(axis as isize, 0, to);
        } else {
            widths[axis].1 = to - own[axis];
        }
    }
    one(band(rows, columns, k, k)?.where_(y.pad(&widths), x))
}
