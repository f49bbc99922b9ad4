//! Type promotion as Keras's ops promote: the least upper bound in a lattice, Python scalars being weak.

use crate::{DType, Result, err};

/// What takes part in a promotion: an array's dtype, or a scalar that yields to arrays of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// An array.
    Typed(DType),
    /// A bare integer scalar.
    WeakInt,
    /// A bare float scalar.
    WeakFloat,
}

impl From<DType> for Operand {
    fn from(dtype: DType) -> Self {
        Operand::Typed(dtype)
    }
}

// Nodes of the lattice: the dtypes in `DType::ALL`'s order without string, then weak int and weak float.
const WEAK_INT: usize = 14;
const WEAK_FLOAT: usize = 15;
const NODES: usize = 16;

/// For each node, its immediate upper bounds.
const ABOVE: [&[usize]; NODES] = {
    use DType::*;
    let mut above: [&[usize]; NODES] = [&[]; NODES];
    above[Bool as usize] = &[WEAK_INT];
    above[WEAK_INT] = &[U8 as usize, I8 as usize];
    above[U8 as usize] = &[I16 as usize, U16 as usize];
    above[U16 as usize] = &[I32 as usize, U32 as usize];
    above[U32 as usize] = &[I64 as usize, U64 as usize];
    above[U64 as usize] = &[WEAK_FLOAT];
    above[I8 as usize] = &[I16 as usize];
    above[I16 as usize] = &[I32 as usize];
    above[I32 as usize] = &[I64 as usize];
    above[I64 as usize] = &[WEAK_FLOAT];
    above[WEAK_FLOAT] = &[BF16 as usize, F16 as usize];
    above[BF16 as usize] = &[F32 as usize];
    above[F16 as usize] = &[F32 as usize];
    above[F32 as usize] = &[F64 as usize];
    above[F64 as usize] = &[C64 as usize];
    above
};

/// All nodes at or above `node`, as a bit set.
fn upper(node: usize) -> u32 {
    ABOVE[node].iter().fold(1 << node, |set, &n| set | upper(n))
}

/// The dtype in which operands meet: float32 for weak floats alone, int32 for weak integers alone.
///
/// # Errors
/// `dtype_mismatch` where strings meet numbers.
///
/// # Source
/// Keras 3 `keras.backend.result_type`; complex64 above every float, since it is the only complex dtype.
///
/// ```
/// use cornet_tensor::{DType, Operand, result_type};
/// assert_eq!(result_type([DType::I64.into(), DType::F32.into()])?, DType::F32);
/// assert_eq!(result_type([DType::U8.into(), DType::I8.into()])?, DType::I16);
/// assert_eq!(result_type([DType::BF16.into(), Operand::WeakFloat])?, DType::BF16);
/// assert_eq!(result_type([DType::I32.into(), Operand::WeakFloat])?, DType::F32);
/// # Ok::<(), cornet_tensor::Error>(())
/// ```
pub fn result_type(operands: impl IntoIterator<Item = Operand>) -> Result<DType> {
    let (mut common, mut strings, mut numbers) = (u32::MAX, false, false);
    for operand in operands {
        let node = match operand {
            Operand::Typed(DType::Str) => {
                strings = true;
                continue;
            }
            Operand::Typed(dtype) => dtype as usize,
            Operand::WeakInt => WEAK_INT,
            Operand::WeakFloat => WEAK_FLOAT,
        };
        numbers = true;
        common &= upper(node);
    }
    match (strings, numbers) {
        (true, false) => return Ok(DType::Str),
        (true, true) => return Err(err!(DtypeMismatch, "strings and numbers have no common dtype")),
        _ => {}
    }
    let found = (0..NODES).filter(|&n| common & (1 << n) != 0).max_by_key(|&n| upper(n).count_ones());
    match found {
        Some(WEAK_INT) => Ok(DType::I32),
        Some(WEAK_FLOAT) => Ok(DType::F32),
        Some(n) if numbers => Ok(DType::ALL[n]),
        _ => Err(err!(InvalidArgument, "result_type: expected at least one operand, found none")),
    }
}
