//! Attention: values weighted by how well keys answer a query.

use crate::arithmetic::common_dtype;
use crate::core::prelude::*;

/// Arguments of [`Tensor::dot_product_attention`].
#[derive(Clone, Debug, Default)]
pub struct AttentionOptions {
    /// Added to the scaled scores; broadcasts to `[batch, heads, queries, keys]`.
    pub bias: Option<Tensor>,
    /// True where a query may look; broadcasts to `[batch, heads, queries, keys]`.
    pub mask: Option<Tensor>,
    /// What scores are multiplied by; 1 / √(head size) if not given.
    pub scale: Option<f64>,
    /// Whether a query sees only keys at its own position and before.
    pub is_causal: bool,
    /// Scores go through `cap · tanh(score / cap)` before the mask.
    pub soft_cap: Option<f64>,
}

/// What Keras puts in place of a masked score: far below any other, yet finite.
fn far_below(dtype: DType) -> f64 {
    -0.7 * if dtype == DType::F16 { 65500.0 } else { 3.38953e38 }
}

impl Tensor {
    /// softmax(query · keyᵀ · scale + bias) · value, for each head. Scores and softmax are at least float32.
    ///
    /// # Shapes
    /// `self` (the query) `[batch, queries, heads, size]`, `key` and `value` `[batch, keys, key heads, size]`, where heads
    /// is a multiple of key heads; the result `[batch, queries, heads, size]`.
    ///
    /// # Errors
    /// `rank_mismatch` unless all have 4 axes; `dim_mismatch` where sizes differ or heads do not divide.
    ///
    /// # Source
    /// Keras 3 `keras.ops.dot_product_attention`.
    #[track_caller]
    pub fn dot_product_attention(&self, key: &Tensor, value: &Tensor, options: &AttentionOptions) -> Tensor {
        Tensor::lift(|| {
            for (name, t) in [("query", self), ("key", key), ("value", value)] {
                if t.rank()? != 4 {
                    return Err(err!(RankMismatch, "{name}: expected 4 axes, found {}", t.rank()?)
                        .operand(name, t.ty()?)
                        .help("axes are batch, positions, heads, head size"));
                }
            }
            let dtype = match common_dtype(&[self.into(), key.into(), value.into()])? {
                d if d.is_float() => d,
                DType::C64 => fail!(DtypeMismatch, "dtype: expected a float, found {}", DType::C64),
                _ => DType::F32,
            };
            let (heads, key_heads) = (self.shape()?[2], key.shape()?[2]);
            if key_heads == 0 || heads % key_heads != 0 {
                fail!(DimMismatch, "heads: expected a multiple of {key_heads} (keys), found {heads}");
            }
            let spread = |t: &Tensor| {
                let t = t.cast(dtype);
                if heads == key_heads { t } else { t.repeat(heads / key_heads, Some(2)) }
            };
            let (query, key, value) = (self.cast(dtype), spread(key), spread(value));
            let scores = scores(&query, &key, options)?;
            Ok(Tensor::einsum("bnts,bsnh->btnh", &[&scores.softmax(-1).cast(dtype), &value]))
        })
    }
}

/// Scaled, biased and masked scores `[batch, heads, queries, keys]`.
fn scores(query: &Tensor, key: &Tensor, options: &AttentionOptions) -> Result<Tensor> {
    let scores = Tensor::einsum("btnh,bsnh->bnts", &[query, key]);
    let wide = if scores.dtype()? == DType::F64 { DType::F64 } else { DType::F32 };
    let size = key.shape()?[3];
    let mut scores = scores.cast(wide) * options.scale.unwrap_or(1.0 / (size as f64).sqrt());
    if let Some(bias) = &options.bias {
        scores = scores + bias.cast(wide);
    }
    if let Some(cap) = options.soft_cap {
        scores = (scores / cap).tanh() * cap;
    }
    let shape = scores.shape()?;
    let mut mask = options.mask.as_ref().map(|m| m.cast(DType::Bool));
    if options.is_causal {
        let causal = Tensor::tri(shape[2], shape[3], 0, DType::Bool);
        mask = Some(mask.map_or(causal.clone(), |m| m.logical_and(&causal)));
    }
    Ok(match mask {
        Some(mask) => mask.where_(&scores, far_below(wide)),
        None => scores,
    })
}
