//! Derivatives of functions: gradients, products with Jacobians from either side, Jacobians and Hessians; and of graphs.
//!
//! All of them work on values, inside traces, and inside each other. A function gets fresh tensors as arguments: what it
//! captures from outside counts as constant.

use cornet_error::{Result, err, fail};
use cornet_ops::{Attrs, GradientTape, Graph, Source, Tensor, call1, find, trace};
use cornet_tensor::{Array, DType, Shape};

/// A tensor of the same value with an identity of its own, from which tapes see the way back to `x`.
fn alias(x: &Tensor) -> Result<Tensor> {
    let op = find("reshape").ok_or_else(|| err!(Internal, "there is no reshape"))?;
    let alias = call1(op, &[x], Attrs::default().with("shape", x.shape()?));
    alias.error().map_or(Ok(alias.clone()), |e| Err(e.clone()))
}

/// Starts a tape, watches fresh arguments, and runs `f` on them.
fn record<T>(x: &[Tensor], f: impl FnOnce(&[Tensor]) -> Result<T>) -> Result<(GradientTape, Vec<Tensor>, T)> {
    let arguments = x.iter().map(alias).collect::<Result<Vec<_>>>()?;
    let tape = GradientTape::persistent();
    arguments.iter().for_each(|a| tape.watch(a));
    let result = f(&arguments)?;
    tape.stop();
    Ok((tape, arguments, result))
}

fn references(x: &[Tensor]) -> Vec<&Tensor> {
    x.iter().collect()
}

/// The function that gives f's result, of one element, and its gradients by all arguments.
///
/// # Errors
/// Of that function: what `f` returns; `shape_mismatch` unless the result has one element; `not_differentiable`.
///
/// ```
/// use cornet_ops::Tensor;
/// use cornet_runtime::autodiff::value_and_grad;
/// let f = value_and_grad(|x: &[Tensor]| Ok((&x[0] * &x[1]).sum(&[], false)));
/// let (value, gradients) = f(&[Tensor::of([1.0_f32, 2.0]), Tensor::of([3.0_f32, 4.0])])?;
/// assert_eq!(value.item::<f32>()?, 11.0);
/// assert_eq!(gradients[0].to_vec::<f32>()?, [3.0, 4.0]);
/// # Ok::<(), cornet_error::Error>(())
/// ```
pub fn value_and_grad(f: impl Fn(&[Tensor]) -> Result<Tensor>) -> impl Fn(&[Tensor]) -> Result<(Tensor, Vec<Tensor>)> {
    move |x| {
        let (tape, arguments, value) = record(x, &f)?;
        let shape = value.shape()?;
        if shape.elements() != 1 {
            return Err(err!(ShapeMismatch, "gradient: expected a result of one element, found shape {shape}")
                .help("sum it, or ask for the jacobian"));
        }
        let gradients = tape.gradient(&value, &references(&arguments))?;
        Ok((value, gradients))
    }
}

/// The function that gives the gradients of f's result, of one element, by all arguments.
///
/// # Errors
/// As [`value_and_grad`].
pub fn grad(f: impl Fn(&[Tensor]) -> Result<Tensor>) -> impl Fn(&[Tensor]) -> Result<Vec<Tensor>> {
    let f = value_and_grad(f);
    move |x| Ok(f(x)?.1)
}

/// The pullback of [`vjp`].
pub struct Pullback {
    tape: GradientTape,
    arguments: Vec<Tensor>,
    results: Vec<Tensor>,
}

impl Pullback {
    /// From one cotangent a result to one cotangent an argument. May be called any number of times.
    ///
    /// # Errors
    /// `invalid_argument` for another count; `shape_mismatch` or `dtype_mismatch` where a cotangent is not like its
    /// result; `not_differentiable`.
    pub fn call(&self, cotangents: &[Tensor]) -> Result<Vec<Tensor>> {
        like("cotangent", cotangents, &self.results)?;
        let targets = self.results.iter().zip(cotangents).filter(|(y, _)| y.dtype().is_ok_and(DType::is_inexact));
        let targets: Vec<(&Tensor, Option<Tensor>)> = targets.map(|(y, dy)| (y, Some(dy.clone()))).collect();
        self.tape.gradient_with(&targets, &references(&self.arguments))
    }
}

/// f's results, and the vector-Jacobian product: the function from the results' cotangents to the arguments'.
///
/// # Errors
/// What `f` returns.
///
/// ```
/// use cornet_ops::Tensor;
/// use cornet_runtime::autodiff::vjp;
/// let (y, pullback) = vjp(|x| Ok(vec![x[0].square()]), &[Tensor::of([1.0_f32, 3.0])])?;
/// assert_eq!(y[0].to_vec::<f32>()?, [1.0, 9.0]);
/// assert_eq!(pullback.call(&[Tensor::of([1.0_f32, 10.0])])?[0].to_vec::<f32>()?, [2.0, 60.0]);
/// # Ok::<(), cornet_error::Error>(())
/// ```
pub fn vjp(f: impl FnOnce(&[Tensor]) -> Result<Vec<Tensor>>, x: &[Tensor]) -> Result<(Vec<Tensor>, Pullback)> {
    let (tape, arguments, results) = record(x, f)?;
    Ok((results.clone(), Pullback { tape, arguments, results }))
}

/// f's results, and the Jacobian-vector product: the derivatives of the results along `tangents`, one an argument.
///
/// Taken as the derivative, by the cotangent, of the vector-Jacobian product, which is linear in it: ops whose rule has no
/// derivative itself (`while_loop`) are refused.
///
/// # Errors
/// What `f` returns; `invalid_argument`, `shape_mismatch` or `dtype_mismatch` for tangents unlike the arguments;
/// `not_differentiable`.
///
/// ```
/// use cornet_ops::Tensor;
/// use cornet_runtime::autodiff::jvp;
/// let (_, dy) = jvp(|x| Ok(vec![x[0].exp()]), &[Tensor::of([0.0_f32, 0.0])], &[Tensor::of([1.0_f32, 2.0])])?;
/// assert_eq!(dy[0].to_vec::<f32>()?, [1.0, 2.0]);
/// # Ok::<(), cornet_error::Error>(())
/// ```
pub fn jvp(
    f: impl FnOnce(&[Tensor]) -> Result<Vec<Tensor>>,
    x: &[Tensor],
    tangents: &[Tensor],
) -> Result<(Vec<Tensor>, Vec<Tensor>)> {
    like("tangent", tangents, x)?;
    let (results, pullback) = vjp(f, x)?;
    let zeros: Vec<Tensor> = results.iter().map(Tensor::zeros_like).collect();
    let (tape, cotangents, pulled) = record(&zeros, |u| pullback.call(u))?;
    let targets = pulled.iter().zip(tangents).filter(|(dx, _)| dx.dtype().is_ok_and(DType::is_inexact));
    let targets: Vec<(&Tensor, Option<Tensor>)> = targets.map(|(dx, t)| (dx, Some(t.clone()))).collect();
    let derivatives = tape.gradient_with(&targets, &references(&cotangents))?;
    Ok((results, derivatives))
}

/// All first derivatives of f's result: element `[i…, j…]` is d y[i…] / d x[j…]. Row by row, from behind.
///
/// # Errors
/// What `f` returns; `not_differentiable`.
///
/// ```
/// use cornet_ops::Tensor;
/// use cornet_runtime::autodiff::jacobian;
/// let j = jacobian(|x| Ok(x * x), &Tensor::of([1.0_f32, 2.0]))?;
/// assert_eq!(j.to_vec::<f32>()?, [2.0, 0.0, 0.0, 4.0]);
/// # Ok::<(), cornet_error::Error>(())
/// ```
pub fn jacobian(f: impl FnOnce(&Tensor) -> Result<Tensor>, x: &Tensor) -> Result<Tensor> {
    let (tape, arguments, y) = record(std::slice::from_ref(x), |x| f(&x[0]))?;
    let (from, ty) = (x.ty()?, y.ty()?);
    if !ty.dtype.is_inexact() {
        fail!(NotDifferentiable, "a jacobian of {} values was asked for", ty.dtype);
    }
    let shape: Shape = ty.shape.iter().chain(from.shape.iter()).copied().collect();
    let count = ty.shape.elements();
    if count == 0 {
        return Ok(Tensor::zeros(shape, from.dtype));
    }
    let mut rows = Vec::with_capacity(count);
    for i in 0..count {
        let mut one = vec![0.0; count];
        one[i] = 1.0;
        let cotangent = Tensor::from(Array::from_f64(ty.dtype, &ty.shape, &one)?);
        rows.push(tape.gradient_with(&[(&y, Some(cotangent))], &[&arguments[0]])?.swap_remove(0));
    }
    let jacobian = Tensor::stack(&references(&rows), 0).reshape(shape);
    jacobian.error().map_or(Ok(jacobian.clone()), |e| Err(e.clone()))
}

/// All second derivatives of f's result, of one element: element `[i…, j…]` is d² y / d x[i…] d x[j…].
///
/// # Errors
/// As [`value_and_grad`].
pub fn hessian(f: impl Fn(&Tensor) -> Result<Tensor>, x: &Tensor) -> Result<Tensor> {
    let gradient = grad(move |x| f(&x[0]));
    jacobian(|x| Ok(gradient(std::slice::from_ref(x))?.swap_remove(0)), x)
}

/// The Hessian of f's result, of one element, times `vector`, without the Hessian.
///
/// # Errors
/// As [`value_and_grad`]; `shape_mismatch` or `dtype_mismatch` for a vector unlike `x`.
///
/// ```
/// use cornet_ops::Tensor;
/// use cornet_runtime::autodiff::hessian_vector_product;
/// let f = |x: &Tensor| Ok((x * x * x).sum(&[], false));
/// let product = hessian_vector_product(f, &Tensor::of([1.0_f32, 2.0]), &Tensor::of([1.0_f32, 1.0]))?;
/// assert_eq!(product.to_vec::<f32>()?, [6.0, 12.0]);
/// # Ok::<(), cornet_error::Error>(())
/// ```
pub fn hessian_vector_product(f: impl Fn(&Tensor) -> Result<Tensor>, x: &Tensor, vector: &Tensor) -> Result<Tensor> {
    like("vector", std::slice::from_ref(vector), std::slice::from_ref(x))?;
    let gradient = grad(move |x| f(&x[0]));
    let (_, pullback) = vjp(&gradient, std::slice::from_ref(x))?;
    Ok(pullback.call(std::slice::from_ref(vector))?.swap_remove(0))
}

/// The graph of the gradients of a graph: same arguments, and for each name the gradient of the sum of the first result
/// by that argument or variable. Updates of variables are left out. To be taken before [`cornet_graph::optimize`].
///
/// # Errors
/// `not_found` for a name that no input has; `invalid_argument` without results; `not_differentiable`.
///
/// ```
/// use cornet_ops::{Tensor, Type, trace};
/// use cornet_runtime::autodiff::gradients;
/// let ty = Type::new(cornet_tensor::DType::F32, [2]);
/// let graph = trace("cube", &[("x", ty)], |x| Ok(vec![&x[0] * &x[0] * &x[0]]))?.graph;
/// let derived = gradients(&graph, &["x"])?;
/// assert_eq!(derived.replay(&[Tensor::of([1.0_f32, 2.0])])?[0].to_vec::<f32>()?, [3.0, 12.0]);
/// # Ok::<(), cornet_error::Error>(())
/// ```
pub fn gradients(graph: &Graph, by: &[&str]) -> Result<Graph> {
    let mut body = graph.clone();
    body.updates.clear();
    let arguments: Vec<_> = body.arguments().map(|i| (i.name.as_str(), body.type_of(i.value).clone())).collect();
    let name = format!("{}_gradients", graph.name);
    let traced = trace(&name, &arguments, |x| {
        let tape = GradientTape::new();
        let mut sources: Vec<Source<'_>> = Vec::new();
        for name in by {
            let argument = arguments.iter().position(|(n, _)| n == name).map(|i| &x[i]);
            let variable = body.inputs.iter().find(|i| i.name == *name).and_then(|i| i.variable.as_ref());
            sources.push(match (argument, variable) {
                (Some(argument), _) => {
                    tape.watch(argument);
                    Source::Tensor(argument)
                }
                (None, Some(variable)) => Source::Variable(variable),
                (None, None) => fail!(NotFound, "graph {}: there is no input '{name}'", body.name),
            });
        }
        let results = body.replay(x)?;
        let first = results.first().ok_or_else(|| err!(InvalidArgument, "graph {} has no results", body.name))?;
        tape.gradient(first, &sources)
    })?;
    let mut derived = traced.graph;
    derived.outputs.iter_mut().zip(by).for_each(|(output, name)| output.name = format!("d_{name}"));
    Ok(derived)
}

/// Fails unless `found` has the types of `expected`, one for one.
fn like(what: &str, found: &[Tensor], expected: &[Tensor]) -> Result<()> {
    if found.len() != expected.len() {
        fail!(InvalidArgument, "{what}s: expected {}, found {}", expected.len(), found.len());
    }
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        let (f, e) = (f.ty()?, e.ty()?);
        if f.shape != e.shape {
            fail!(ShapeMismatch, "{what} {i}: expected {e}, found {f}");
        }
        if f.dtype != e.dtype {
            fail!(DtypeMismatch, "{what} {i}: expected {e}, found {f}");
        }
    }
    Ok(())
}
