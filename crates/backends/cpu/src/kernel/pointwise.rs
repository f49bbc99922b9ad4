//! Element-wise programs.

use cornet_error::Result;
use cornet_kernels::element::Element;
use cornet_kernels::pointwise::{Op, Plan, Program};
use cornet_ops::Call;
use cornet_tensor::DType;

use super::{Io, Kernel, Layout};

/// The element type of a dtype; complex and strings have none.
pub(crate) fn element(dtype: DType) -> Option<Element> {
    Some(match dtype {
        DType::Bool => Element::Bool,
        DType::I8 => Element::I8,
        DType::I16 => Element::I16,
        DType::I32 => Element::I32,
        DType::I64 => Element::I64,
        DType::U8 => Element::U8,
        DType::U16 => Element::U16,
        DType::U32 => Element::U32,
        DType::U64 => Element::U64,
        DType::F16 => Element::F16,
        DType::BF16 => Element::Bf16,
        DType::F32 => Element::F32,
        DType::F64 => Element::F64,
        DType::C64 | DType::Str => return None,
    })
}

/// Ops and the operations of programs that compute them, operands in the same order.
const OPERATIONS: &[(&str, Op)] = &[
    ("negative", Op::Neg),
    ("absolute", Op::Abs),
    ("sign", Op::Sign),
    ("square", Op::Square),
    ("relu", Op::Relu),
    ("reciprocal", Op::Recip),
    ("sqrt", Op::Sqrt),
    ("rsqrt", Op::Rsqrt),
    ("exp", Op::Exp),
    ("expm1", Op::Expm1),
    ("log", Op::Log),
    ("log2", Op::Log2),
    ("log10", Op::Log10),
    ("log1p", Op::Log1p),
    ("sin", Op::Sin),
    ("cos", Op::Cos),
    ("tan", Op::Tan),
    ("arcsin", Op::Asin),
    ("arccos", Op::Acos),
    ("arctan", Op::Atan),
    ("sinh", Op::Sinh),
    ("cosh", Op::Cosh),
    ("tanh", Op::Tanh),
    ("arcsinh", Op::Asinh),
    ("arccosh", Op::Acosh),
    ("arctanh", Op::Atanh),
    ("erf", Op::Erf),
    ("erfc", Op::Erfc),
    ("erfinv", Op::ErfInv),
    ("lgamma", Op::Lgamma),
    ("digamma", Op::Digamma),
    ("sigmoid", Op::Sigmoid),
    ("softplus", Op::Softplus),
    ("floor", Op::Floor),
    ("ceil", Op::Ceil),
    ("round", Op::Round),
    ("trunc", Op::Trunc),
    ("isnan", Op::IsNan),
    ("isinf", Op::IsInf),
    ("isfinite", Op::IsFinite),
    ("logical_not", Op::Not),
    ("bitwise_not", Op::Not),
    ("add", Op::Add),
    ("subtract", Op::Sub),
    ("multiply", Op::Mul),
    ("divide", Op::Div),
    ("floor_divide", Op::FloorDiv),
    ("mod", Op::FloorMod),
    ("maximum", Op::Max),
    ("minimum", Op::Min),
    ("power", Op::Pow),
    ("arctan2", Op::Atan2),
    ("equal", Op::Eq),
    ("not_equal", Op::Ne),
    ("less", Op::Lt),
    ("less_equal", Op::Le),
    ("greater", Op::Gt),
    ("greater_equal", Op::Ge),
    ("logical_and", Op::And),
    ("logical_or", Op::Or),
    ("logical_xor", Op::Xor),
    ("bitwise_and", Op::And),
    ("bitwise_or", Op::Or),
    ("bitwise_xor", Op::Xor),
    ("left_shift", Op::Shl),
    ("right_shift", Op::Shr),
    ("relu_grad", Op::ReluGrad),
    ("gelu", Op::Gelu),
    ("gelu_tanh", Op::GeluTanh),
    ("silu", Op::Silu),
    ("clip", Op::Clamp),
    ("remainder", Op::FloorMod),
    ("fmod", Op::Rem),
    ("where", Op::Select),
];

/// What a program does for an op on these dtypes, if it can.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Operation {
    Apply(Op),
    Cast(Element),
}

/// The operation of a call, if programs have it for these dtypes.
pub(crate) fn operation(call: &Call<'_>) -> Option<Operation> {
    let elements = call.inputs.iter().map(|t| element(t.dtype)).collect::<Option<Vec<_>>>()?;
    if call.op.name == "cast" {
        return element(call.attrs.dtype("dtype").ok()?).map(Operation::Cast);
    }
    let (_, op) = OPERATIONS.iter().find(|(name, _)| *name == call.op.name)?;
    op.result(&elements)?;
    Some(Operation::Apply(*op))
}

/// A program of one op on dense inputs.
pub(super) fn single(call: &Call<'_>) -> Option<Box<dyn Kernel>> {
    let operation = operation(call)?;
    let shape = call.infer().ok()?.swap_remove(0).shape;
    let mut program = Program::new();
    let inputs: Vec<_> =
        call.inputs.iter().map(|t| element(t.dtype).map(|e| program.input(e))).collect::<Option<_>>()?;
    let result = match operation {
        Operation::Apply(op) => program.push(op, &inputs),
        Operation::Cast(to) => program.cast(inputs[0], to),
    };
    program.output(result.ok()?);
    let layouts: Vec<Layout> = call.inputs.iter().map(|t| Layout::dense(&t.shape)).collect();
    Fused::new(&program, &shape, &layouts, call.op.name.to_string()).ok().map(|k| Box::new(k) as Box<dyn Kernel>)
}

/// A program bound to shapes and strides.
pub(crate) struct Fused {
    plan: Plan,
    /// For each input, whether it is as dense as the outputs, and its element's size.
    dense: Vec<(bool, usize)>,
    output_sizes: Vec<usize>,
    name: String,
}

impl Fused {
    /// Binds `program` to its shape and to the layouts of its inputs, which broadcast to it.
    ///
    /// # Errors
    /// `limit_exceeded` when the program is too large.
    pub fn new(program: &Program, shape: &[usize], layouts: &[Layout], name: String) -> Result<Self> {
        let strides: Vec<Vec<isize>> = layouts.iter().map(|l| l.broadcast_to(shape)).collect();
        let plan = program.plan(shape, &strides.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
        let full = shape.iter().product::<usize>();
        let dense = layouts.iter().zip(program.inputs());
        let dense = dense.map(|(l, e)| (l.is_dense() && l.shape.elements() == full, e.size())).collect();
        let output_sizes = program.outputs()?.iter().map(|e| e.size()).collect();
        Ok(Self { plan, dense, output_sizes, name })
    }
}

impl Kernel for Fused {
    fn run(&self, io: Io<'_, '_>) -> Result<()> {
        self.plan.run(io.inputs, io.outputs)
    }

    fn in_place(&self, input: usize, output: usize) -> bool {
        self.dense[input] == (true, self.output_sizes[output])
    }

    fn describe(&self) -> String {
        format!("fused [{}]", self.name)
    }
}
