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
            let (query, key) = (self.cast(dtype), key.cast(dtype));
            let heads = Heads::of(&query.shape()?, &key.shape()?)?;
            let value = heads.shared(&value.cast(dtype))?;
            let scores = heads.scores(&query, &key, options)?;
            let weights = heads.grouped(&scores.softmax(-1).cast(dtype))?;
            heads.joined(&weights.matmul_with(&value, false, false))
        })
    }
}

/// How queries and keys lie. Heads go to the front by transposes, which backends read through; where several heads of
/// queries share one of keys, an axis of size 1 lets the products broadcast, so that keys are not repeated.
struct Heads {
    /// Heads of keys.
    shared: usize,
    /// Heads of queries for each.
    group: usize,
    /// Size of a head of keys.
    size: usize,
}

impl Heads {
    fn of(query: &Shape, key: &Shape) -> Result<Self> {
        let (heads, shared) = (query[2], key[2]);
        if shared == 0 || heads % shared != 0 {
            fail!(DimMismatch, "heads: expected a multiple of {shared} (keys), found {heads}");
        }
        if query[3] != key[3] {
            fail!(DimMismatch, "head size: expected {} (queries), found {} (keys)", query[3], key[3]);
        }
        Ok(Self { shared, group: heads / shared, size: key[3] })
    }

    /// Queries as `[batch, shared, group, queries, size]`, without the axis of groups if they have one head each.
    fn split(&self, query: &Tensor) -> Result<Tensor> {
        if self.group == 1 {
            return Ok(query.transpose(&[0, 2, 1, 3]));
        }
        let shape = query.shape()?;
        let split = query.reshape([shape[0], shape[1], self.shared, self.group, shape[3]]);
        Ok(split.transpose(&[0, 2, 3, 1, 4]))
    }

    /// Keys or values as `[batch, shared, 1, keys, size]`, likewise.
    fn shared(&self, key: &Tensor) -> Result<Tensor> {
        if key.shape()?[2] != self.shared {
            fail!(DimMismatch, "heads: expected {} (keys), found {}", self.shared, key.shape()?[2]);
        }
        let front = key.transpose(&[0, 2, 1, 3]);
        Ok(if self.group == 1 { front } else { front.expand_dims(&[2]) })
    }

    /// `[batch, heads, queries, keys]` with the axis of groups.
    fn grouped(&self, scores: &Tensor) -> Result<Tensor> {
        let shape = scores.shape()?;
        Ok(match self.group {
            1 => scores.clone(),
            group => scores.reshape([shape[0], self.shared, group, shape[2], shape[3]]),
        })
    }

    /// `[batch, queries, heads, size]` from what [`Heads::split`] gives.
    fn joined(&self, y: &Tensor) -> Result<Tensor> {
        if self.group == 1 {
            return Ok(y.transpose(&[0, 2, 1, 3]));
        }
        let shape = y.shape()?;
        let back = y.transpose(&[0, 3, 1, 2, 4]);
        Ok(back.reshape([shape[0], shape[3], self.shared * self.group, shape[4]]))
    }

    /// Scaled, biased and masked scores `[batch, heads, queries, keys]`.
    fn scores(&self, query: &Tensor, key: &Tensor, options: &AttentionOptions) -> Result<Tensor> {
        let wide = if query.dtype()? == DType::F64 { DType::F64 } else { DType::F32 };
        let scale = options.scale.unwrap_or(1.0 / (self.size as f64).sqrt());
        // The scale on queries is one on scores, of which there are more. In half precision it would round.
        let is_wide = query.dtype()? == wide;
        let query = if is_wide { query * scale } else { query.clone() };
        let scores = self.split(&query)?.matmul_with(&self.shared(key)?, false, true);
        let shape = query.shape()?;
        let scores =
            if self.group == 1 { scores } else { scores.reshape([shape[0], shape[2], shape[1], key.shape()?[1]]) };
        let mut scores = if is_wide { scores } else { scores.cast(wide) * scale };
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
}
