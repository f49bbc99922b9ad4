//! `pad`: a constant around, and between, the elements.

use crate::core::prelude::*;

/// The op.
pub static OP: Op = Op {
    name: "pad",
    doc: "x with `low` copies of the attribute `value` before, `high` after, and `interior` between neighbours, along \
          each axis.",
    source: "StableHLO pad; Keras 3 keras.ops.pad",
    attrs: &["low", "high", "interior", "value"],
    dtypes: DTypes::Plain,
    infer,
    reference: Reference::Whole(reference),
    gradient: Gradient::Rule(gradient),
    cases: Cases::Of(|| {
        let with = |low: &[usize], high: &[usize], interior: &[usize], value: f64| {
            attrs! { low: low, high: high, interior: interior, value: value }
        };
        vec![
            Case::new([any(&[2, 3])], with(&[1, 0], &[2, 1], &[0, 0], 0.0)),
            Case::new([any(&[3, 2])], with(&[0, 1], &[0, 2], &[1, 2], 1.0)),
            Case::new([any(&[1, 1])], with(&[0, 0], &[1, 0], &[3, 0], 0.0)),
            Case::new([any(&[])], with(&[], &[], &[], 0.0)),
            Case::new([any(&[0, 2])], with(&[1, 1], &[2, 0], &[1, 0], 1.0)).without_gradient(),
        ]
    }),
    ..Op::BASE
};

fn infer(call: &Call<'_>) -> Result<Types> {
    let (shape, at) = (call.shape(0), |name| call.attrs.sizes(name));
    let (low, high, interior) = (at("low")?, at("high")?, at("interior")?);
    call.attrs.float("value")?;
    if [low.len(), high.len(), interior.len()] != [shape.rank(); 3] {
        fail!(RankMismatch, "expected widths for {} axes, found {}", shape.rank(), low.len());
    }
    let mut to = Dims::new();
    for a in 0..shape.rank() {
        let between = shape[a].saturating_sub(1).checked_mul(interior[a]);
        let size = between.and_then(|b| shape[a].checked_add(b)?.checked_add(low[a])?.checked_add(high[a]));
        to.push(size.ok_or_else(|| err!(LimitExceeded, "axis {a}: the padded size overflows"))?);
    }
    Ok(smallvec![Type::new(call.dtype(0), Shape::checked(&to, call.dtype(0).size())?)])
}

fn reference(call: &Call<'_>, x: &[Array]) -> Result<Vec<Array>> {
    let (low, interior) = (call.attrs.sizes("low")?, call.attrs.sizes("interior")?);
    let to = call.infer()?.remove(0).shape;
    let mut out = Array::full(x[0].dtype(), &to, call.attrs.float("value")?)?;
    let (size, strides, source, mut from) = (x[0].dtype().size(), to.strides(), x[0].bytes(), 0);
    let target = out.bytes_mut();
    for_each_index(x[0].shape(), |index| {
        let at: usize = (0..index.len()).map(|a| (low[a] + index[a] * (interior[a] + 1)) * strides[a]).sum();
        target[at * size..][..size].copy_from_slice(&source[from..from + size]);
        from += size;
    });
    Ok(vec![out])
}

fn gradient(g: &crate::Grad<'_>) -> crate::Cotangents {
    g.lift(|| {
        let low: Vec<i64> = g.attrs.ints("low")?.to_vec();
        let step: Vec<i64> = g.attrs.ints("interior")?.iter().map(|i| i + 1).collect();
        Ok(grads![g.dy().slice_with(&low, &g.shape(0), &step)])
    })
}

/// What [`Tensor::pad_mode`] puts beyond the edges.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PadMode {
    /// This number.
    Constant(f64),
    /// The mirror image without the edge itself: `c b | a b c | b a`.
    Reflect,
    /// The mirror image with the edge: `b a | a b c | c b`.
    Symmetric,
    /// The outermost element: `a a | a b c | c c`.
    Edge,
    /// The other end: `b c | a b c | a b`.
    Wrap,
}

impl PadMode {
    /// The mode of a name as Keras and NumPy spell it; `constant` is zero.
    ///
    /// # Errors
    /// `invalid_argument`.
    pub fn named(name: &str) -> Result<Self> {
        Ok(match name {
            "constant" => PadMode::Constant(0.0),
            "reflect" => PadMode::Reflect,
            "symmetric" => PadMode::Symmetric,
            "edge" => PadMode::Edge,
            "wrap" => PadMode::Wrap,
            _ => {
                fail!(InvalidArgument, "pad mode: expected constant, reflect, symmetric, edge or wrap, found {name:?}")
            }
        })
    }

    /// Which element of an axis of `n` stands at position `i`, which may lie outside.
    fn source(self, i: i64, n: i64) -> i64 {
        match self {
            PadMode::Constant(_) | PadMode::Edge => i.clamp(0, n - 1),
            PadMode::Wrap => i.rem_euclid(n),
            PadMode::Symmetric => {
                let at = i.rem_euclid(2 * n);
                at.min(2 * n - 1 - at)
            }
            PadMode::Reflect if n == 1 => 0,
            PadMode::Reflect => {
                let at = i.rem_euclid(2 * n - 2);
                at.min(2 * n - 2 - at)
            }
        }
    }
}

impl Tensor {
    /// Zeros around: `widths[a]` is how many go before and after axis `a`; one pair stands for all axes.
    ///
    /// ```
    /// use cornet_ops::Tensor;
    /// assert_eq!(Tensor::of([1, 2]).pad(&[(1, 2)]).to_vec::<i32>()?, [0, 1, 2, 0, 0]);
    /// # Ok::<(), cornet_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// `rank_mismatch` unless there is one pair, or one an axis.
    #[track_caller]
    pub fn pad(&self, widths: &[(usize, usize)]) -> Tensor {
        self.pad_mode(widths, PadMode::Constant(0.0))
    }

    /// The same with another constant, or with what the tensor itself holds. Reflections and repetitions go on as far
    /// as the widths ask.
    ///
    /// # Errors
    /// `rank_mismatch`; `shape_mismatch` where an axis without elements would have to be repeated.
    #[track_caller]
    pub fn pad_mode(&self, widths: &[(usize, usize)], mode: PadMode) -> Tensor {
        Tensor::lift(|| {
            let shape = self.shape()?;
            let widths = match *widths {
                [one] => vec![one; shape.rank()],
                _ => widths.to_vec(),
            };
            if let PadMode::Constant(value) = mode {
                let widths: Vec<_> = widths.iter().map(|&(low, high)| (low, high, 0)).collect();
                return Ok(self.pad_interior(&widths, value));
            }
            if widths.len() != shape.rank() {
                fail!(RankMismatch, "pad: expected widths for {} axes, found {}", shape.rank(), widths.len());
            }
            let mut y = self.clone();
            for (a, &(low, high)) in widths.iter().enumerate().filter(|(_, w)| **w != (0, 0)) {
                let n = shape[a] as i64;
                if n == 0 {
                    fail!(ShapeMismatch, "pad: axis {a} of {shape} has no element to repeat");
                }
                let index: Vec<i32> = (-(low as i64)..n + high as i64).map(|i| mode.source(i, n) as i32).collect();
                y = y.take(&Tensor::from_slice(&index, [index.len()]), a as isize);
            }
            Ok(y)
        })
    }

    /// A constant around and between: `(before, after, between neighbours)` for each axis.
    ///
    /// # Errors
    /// `rank_mismatch`.
    #[track_caller]
    pub fn pad_interior(&self, widths: &[(usize, usize, usize)], value: f64) -> Tensor {
        if widths.iter().all(|w| *w == (0, 0, 0)) && self.type_ref().is_ok_and(|t| t.shape.rank() == widths.len()) {
            return self.clone();
        }
        let low: Vec<usize> = widths.iter().map(|w| w.0).collect();
        let high: Vec<usize> = widths.iter().map(|w| w.1).collect();
        let interior: Vec<usize> = widths.iter().map(|w| w.2).collect();
        call1(&OP, &[self], attrs! { low: low, high: high, interior: interior, value: value })
    }
}
