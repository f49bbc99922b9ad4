//! Matrix products, with bias and activation on the way out.

use cornet_error::Result;
use cornet_kernels::Float;
use cornet_kernels::gemm::{Epilogue, Gemm, gemm, gemm_batch};
use cornet_ops::Call;
use cornet_tensor::{DType, Element, Shape};

use super::{Io, Kernel, Layout};

/// What follows the product in the same pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Activation {
    /// The last input is a bias, one value a column.
    pub bias: bool,
    /// `max(y, 0)` at the end.
    pub relu: bool,
}

/// One side of a product as it lies in memory.
pub(crate) struct Side<'a> {
    pub layout: &'a Layout,
    pub transposed: bool,
}

/// A batch of products of one shape.
pub(crate) struct MatMul {
    gemm: Gemm,
    dtype: DType,
    /// Offsets of A, B and C of each product.
    offsets: Vec<[usize; 3]>,
    activation: Activation,
}

impl MatMul {
    /// The product of two sides, or `None` where strides run backwards or the dtype has no kernel.
    pub fn new(a: &Side<'_>, b: &Side<'_>, dtype: DType, activation: Activation) -> Option<Self> {
        if !matches!(dtype, DType::F32 | DType::F64) {
            return None;
        }
        let (m, k, a_strides) = a.matrix()?;
        let (_, n, b_strides) = b.matrix()?;
        let lead = a.lead().broadcast(&b.lead()).ok()?;
        let (a_lead, b_lead) = (a.lead_strides(&lead)?, b.lead_strides(&lead)?);
        let mut offsets = Vec::with_capacity(lead.elements());
        let at = |index: &[usize], strides: &[usize]| index.iter().zip(strides).map(|(i, s)| i * s).sum::<usize>();
        let mut index = vec![0; lead.rank()];
        for i in 0..lead.elements() {
            offsets.push([at(&index, &a_lead), at(&index, &b_lead), i * m * n]);
            for axis in (0..lead.rank()).rev() {
                index[axis] += 1;
                if index[axis] < lead[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
        let gemm = Gemm { m, n, k, a: a_strides, b: b_strides, c: [n, 1] };
        let mut product = Self { gemm, dtype, offsets, activation };
        product.merge_rows();
        Some(product)
    }

    /// A batch whose A matrices follow each other and whose B is one and the same is one taller product.
    fn merge_rows(&mut self) {
        let (g, batch) = (self.gemm, self.offsets.len());
        let follows = |(i, o): (usize, &[usize; 3])| o[0] == i * g.m * g.a[0] && o[1] == 0;
        if batch > 1 && self.offsets.iter().enumerate().all(follows) {
            self.gemm.m *= batch;
            self.offsets = vec![[0, 0, 0]];
        }
    }

    fn run_as<T: Element + Float>(&self, io: Io<'_, '_>) {
        let (a, b) = (io.input::<T>(0), io.input::<T>(1));
        let epilogue = match (self.activation.bias, self.activation.relu) {
            (false, false) => Epilogue::None,
            (true, false) => Epilogue::Bias(&io.input::<T>(2)[..self.gemm.n]),
            (false, true) => Epilogue::Relu,
            (true, true) => Epilogue::BiasRelu(&io.input::<T>(2)[..self.gemm.n]),
        };
        let c: &mut [T] = bytemuck::cast_slice_mut(io.outputs[0]);
        let (one, zero) = (T::ONE, T::ZERO);
        match self.offsets.as_slice() {
            [[a_at, b_at, _]] => gemm(&self.gemm, one, &a[*a_at..], &b[*b_at..], zero, c, epilogue),
            offsets => gemm_batch(offsets.len(), &self.gemm, one, a, b, zero, c, epilogue, |i| offsets[i]),
        }
    }
}

impl Side<'_> {
    /// Rows, columns and their strides after transposition.
    fn matrix(&self) -> Option<(usize, usize, [usize; 2])> {
        let rank = self.layout.shape.rank();
        let axis = |i: usize| Some((self.layout.shape[i], usize::try_from(self.layout.strides[i]).ok()?));
        let (rows, columns) = (axis(rank.checked_sub(2)?)?, axis(rank - 1)?);
        let (rows, columns) = if self.transposed { (columns, rows) } else { (rows, columns) };
        Some((rows.0, columns.0, [rows.1, columns.1]))
    }

    fn lead(&self) -> Shape {
        Shape::new(&self.layout.shape[..self.layout.shape.rank() - 2])
    }

    fn lead_strides(&self, lead: &Shape) -> Option<Vec<usize>> {
        let own = self.lead();
        let strides = self.layout.strides[..own.rank()].to_vec();
        let layout = Layout { shape: own, strides, offset: 0 };
        layout.broadcast_to(lead).into_iter().map(|s| usize::try_from(s).ok()).collect()
    }
}

impl Kernel for MatMul {
    fn run(&self, io: Io<'_, '_>) -> Result<()> {
        match self.dtype {
            DType::F64 => self.run_as::<f64>(io),
            _ => self.run_as::<f32>(io),
        }
        Ok(())
    }

    fn describe(&self) -> String {
        let Gemm { m, n, k, .. } = self.gemm;
        let Activation { bias, relu } = self.activation;
        let batch = self.offsets.len();
        let suffix = format!("{}{}", if bias { " +bias" } else { "" }, if relu { " +relu" } else { "" });
        format!("matmul {batch} x {m}x{k}x{n} {}{suffix}", self.dtype)
    }
}

/// The op on dense inputs.
pub(super) fn single(call: &Call<'_>) -> Option<Box<dyn Kernel>> {
    let layouts = [Layout::dense(call.shape(0)), Layout::dense(call.shape(1))];
    let side = |i: usize, name: &str| Some(Side { layout: &layouts[i], transposed: call.attrs.bool(name).ok()? });
    let (a, b) = (side(0, "transpose_a")?, side(1, "transpose_b")?);
    MatMul::new(&a, &b, call.dtype(0), Activation::default()).map(|k| Box::new(k) as Box<dyn Kernel>)
}
