//! Products, searches, and what stands alone.

use cornet_error::{Result, err, fail};
use cornet_ops::Tensor;
use cornet_tensor::DType;

use super::{Family, many, one};
use crate::attr::Attr;
use crate::interpret::Call;
use crate::value::Value;

pub(super) static OPS: Family = &[
    ("Assert", assert),
    ("BatchMatMul", batch_matmul),
    ("BatchMatMulV2", batch_matmul),
    ("BatchMatMulV3", batch_matmul),
    ("Bucketize", bucketize),
    ("Case", crate::control::case),
    ("Cross", |c| one(c.x(0)?.cross(c.x(1)?, -1))),
    ("Einsum", |c| {
        let operands = c.all(0)?;
        one(Tensor::einsum(&c.attr_text("equation", ""), &operands.iter().collect::<Vec<_>>()))
    }),
    ("If", crate::control::branch),
    ("InTopK", |c| one(Tensor::in_top_k(&c.x(1)?, &c.x(0)?, c.attr_int("k", 1).max(0) as usize))),
    ("InTopKV2", |c| one(Tensor::in_top_k(&c.x(1)?, &c.x(0)?, c.int(2)?.max(0) as usize))),
    ("LowerBound", |c| search(c, false)),
    ("MatMul", matmul),
    ("NoOp", |_| Ok(Vec::new())),
    ("ControlTrigger", |_| Ok(Vec::new())),
    ("Print", |c| Ok(vec![c.inputs.swap_remove(0)])),
    ("PrintV2", |_| Ok(Vec::new())),
    ("StatelessCase", crate::control::case),
    ("StatelessIf", crate::control::branch),
    ("StatelessWhile", crate::control::repeat),
    ("TensorDot", |c| one(c.x(0)?.tensordot(&c.x(1)?, 1))),
    ("UpperBound", |c| search(c, true)),
    ("While", crate::control::repeat),
    ("XlaSharding", |c| one(c.x(0)?)),
    ("_FusedMatMul", fused_matmul),
];

/// Checks what is known; in a traced graph nothing can stop a run.
fn assert(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let condition = call.x(0)?;
    if !condition.is_traced() && !condition.cast(DType::Bool).array()?.to_vec::<bool>()?.iter().all(|&b| b) {
        let parts = (1..call.inputs.len()).map(|i| Ok(call.x(i)?.to_string()));
        let parts = parts.collect::<Result<Vec<_>>>().unwrap_or_default();
        fail!(InvalidArgument, "an assertion of the graph failed: {}", parts.join(" "));
    }
    Ok(Vec::new())
}

fn matmul(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (a, b) = (call.x(0)?, call.x(1)?);
    one(a.matmul_with(&b, call.attr_bool("transpose_a", false), call.attr_bool("transpose_b", false)))
}

fn batch_matmul(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (mut a, mut b) = (call.x(0)?, call.x(1)?);
    let (adj_a, adj_b) = (call.attr_bool("adj_x", false), call.attr_bool("adj_y", false));
    if a.dtype()?.is_complex() {
        a = if adj_a { a.conj() } else { a };
        b = if adj_b { b.conj() } else { b };
    }
    if let Attr::Type(_) = call.attr("Tout") {
        let to = call.attr_dtype("Tout")?;
        (a, b) = (a.cast(to), b.cast(to));
    }
    one(a.matmul_with(&b, adj_a, adj_b))
}

fn fused_matmul(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (a, b) = (call.x(0)?, call.x(1)?);
    let y = a.matmul_with(&b, call.attr_bool("transpose_a", false), call.attr_bool("transpose_b", false));
    one(super::nn::fused(call, y, 2, true)?)
}

fn bucketize(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let Attr::List(list) = call.attr("boundaries") else { fail!(Corrupt, "expected boundaries, found none") };
    let bounds = Tensor::from_slice(&list.floats, [list.floats.len()]);
    let x = call.x(0)?;
    let x = if x.dtype()?.is_int() { x.cast(DType::F64) } else { x };
    one(bounds.cast(x.dtype()?).searchsorted(&x, true).cast(DType::I32))
}

/// Where values belong in sorted rows.
fn search(call: &mut Call<'_, '_>, right: bool) -> Result<Vec<Value>> {
    let (sorted, values) = (call.x(0)?, call.x(1)?);
    let dtype = call.attr_dtype_or("out_type", DType::I32)?;
    if sorted.rank()? != 2 || values.rank()? != 2 {
        fail!(RankMismatch, "expected 2 axes, found {} and {}", sorted.rank()?, values.rank()?);
    }
    let rows = sorted.unstack(0)?.into_iter().zip(values.unstack(0)?);
    let found: Vec<Tensor> = rows.map(|(row, values)| row.searchsorted(&values, right).cast(dtype)).collect();
    if found.is_empty() {
        return Err(err!(EmptyData, "expected rows to search, found none"));
    }
    many([Tensor::stack(&found.iter().collect::<Vec<_>>(), 0)])
}
