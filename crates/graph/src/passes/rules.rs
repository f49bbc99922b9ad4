//! The rules of `simplify`. Types are checked where rules are applied: a rewrite of another type is dropped there.

use cornet_ops::{Attrs, Call, Node, ValueId};
use cornet_tensor::{Array, DType};

use super::simplify::{Operand, Rewrite, Rule, View, on};

pub(super) static RULES: &[Rule] = &[
    identity_move,
    neutral_operand,
    sign_of_operand,
    power_of_two,
    involution,
    idempotent,
    same_operands,
    nested_move,
    moved_ones,
    stopped,
    cast_chain,
    implied_broadcast,
];

fn value(v: ValueId) -> Operand {
    Operand::Value(v)
}

/// Moves and casts that change nothing; one array joined to none.
fn identity_move(view: &View<'_>, node: &Node) -> Option<Rewrite> {
    let &[x] = node.inputs.as_slice() else { return None };
    let unchanged = match node.op.name {
        "reshape" | "broadcast_to" | "cast" | "concat" => true,
        "transpose" => node.attrs.sizes("axes").ok()?.iter().copied().eq(0..view.type_of(x).shape.rank()),
        _ => false,
    };
    unchanged.then_some(Rewrite::Value(x))
}

/// `x + -0`, `x - 0`, `x · 1`, `x / 1`, `x ^ 1`; for integers also `x + 0`.
fn neutral_operand(view: &View<'_>, node: &Node) -> Option<Rewrite> {
    let &[a, b] = node.inputs.as_slice() else { return None };
    let float = view.type_of(a).dtype.is_float();
    let neutral = match node.op.name {
        "add" if float => -0.0,
        "add" | "subtract" => 0.0,
        "multiply" | "divide" | "power" => 1.0,
        _ => return None,
    };
    let commutes = matches!(node.op.name, "add" | "multiply");
    let same = |v: ValueId| view.type_of(v) == view.type_of(node.outputs[0]);
    match () {
        () if same(a) && view.is(b, neutral) => Some(Rewrite::Value(a)),
        () if commutes && same(b) && view.is(a, neutral) => Some(Rewrite::Value(b)),
        () => None,
    }
}

/// `x · -1` is `-x`; `a + -b` is `a - b`; `a - -b` is `a + b`.
fn sign_of_operand(view: &View<'_>, node: &Node) -> Option<Rewrite> {
    let &[a, b] = node.inputs.as_slice() else { return None };
    let negated = |v: ValueId| view.definition(v).filter(|n| n.op.name == "negative").map(|n| n.inputs[0]);
    match node.op.name {
        "multiply" if view.is(b, -1.0) => on("negative", [value(a)]),
        "multiply" if view.is(a, -1.0) => on("negative", [value(b)]),
        "add" => match (negated(a), negated(b)) {
            (_, Some(b)) => on("subtract", [value(a), value(b)]),
            (Some(a), _) => on("subtract", [value(b), value(a)]),
            _ => None,
        },
        "subtract" => on("add", [value(a), value(negated(b)?)]),
        _ => None,
    }
}

/// `x / c` is `x · (1 / c)` where c is a power of two whose inverse the dtype holds; `x ^ 2` is the square.
fn power_of_two(view: &View<'_>, node: &Node) -> Option<Rewrite> {
    let &[a, b] = node.inputs.as_slice() else { return None };
    let dtype = view.type_of(a).dtype;
    if node.op.name == "power" && view.is(b, 2.0) {
        return on("square", [value(a)]);
    }
    if node.op.name != "divide" || !dtype.is_float() {
        return None;
    }
    let c = view.number(b)?;
    let inverse = 1.0 / c;
    let exact = c.is_normal() && c.to_bits() << 12 == 0 && inverse.is_normal();
    let held =
        Array::full(dtype, [], inverse).ok()?.to_f64().ok()? == [inverse] && inverse.abs() >= least_normal(dtype);
    (exact && held && c != 1.0).then(|| on("multiply", [value(a), Operand::Number(inverse)]))?
}

/// The least number that the dtype holds at full precision.
fn least_normal(dtype: DType) -> f64 {
    match dtype {
        DType::F16 => 2.0_f64.powi(-14),
        DType::F64 => f64::MIN_POSITIVE,
        _ => f64::from(f32::MIN_POSITIVE),
    }
}

/// What undoes itself: `-(-x)`, `not not x`.
fn involution(view: &View<'_>, node: &Node) -> Option<Rewrite> {
    let inner = view.definition(*node.inputs.first()?)?;
    let undoes = matches!(node.op.name, "negative" | "logical_not" | "bitwise_not" | "conj") && node.op == inner.op;
    undoes.then(|| Rewrite::Value(inner.inputs[0]))
}

/// What does nothing the second time.
fn idempotent(view: &View<'_>, node: &Node) -> Option<Rewrite> {
    let &[x] = node.inputs.as_slice() else { return None };
    let inner = view.definition(x)?;
    let again = matches!(node.op.name, "absolute" | "floor" | "ceil" | "trunc" | "round" | "relu" | "sign");
    (again && node.op == inner.op && node.attrs == inner.attrs).then_some(Rewrite::Value(x))
}

/// An operand against itself: `max(x, x)`, `x and x`, `where(c, x, x)`.
fn same_operands(_: &View<'_>, node: &Node) -> Option<Rewrite> {
    let same = match (node.op.name, node.inputs.as_slice()) {
        ("maximum" | "minimum" | "logical_and" | "logical_or" | "bitwise_and" | "bitwise_or", &[a, b]) if a == b => a,
        ("where", &[_, a, b]) if a == b => a,
        _ => return None,
    };
    Some(Rewrite::Value(same))
}

/// A transpose of a transpose, a reshape of a reshape, a broadcast of a broadcast.
fn nested_move(view: &View<'_>, node: &Node) -> Option<Rewrite> {
    let inner = view.definition(*node.inputs.first()?)?;
    if node.op != inner.op {
        return None;
    }
    let x = inner.inputs.first().copied()?;
    match node.op.name {
        "reshape" | "broadcast_to" => Some(Rewrite::Op(node.op, Box::new(node.attrs.clone()), vec![value(x)])),
        "transpose" => {
            let (outer, inner) = (node.attrs.sizes("axes").ok()?, inner.attrs.sizes("axes").ok()?);
            let axes = outer.iter().map(|&a| inner.get(a).copied()).collect::<Option<Vec<usize>>>()?;
            Some(Rewrite::Op(node.op, Box::new(Attrs::default().with("axes", axes)), vec![value(x)]))
        }
        _ => None,
    }
}

/// A transpose that moves only axes of size 1 is a reshape, which may join with others.
fn moved_ones(view: &View<'_>, node: &Node) -> Option<Rewrite> {
    if node.op.name != "transpose" {
        return None;
    }
    let from = &view.type_of(node.inputs[0]).shape;
    let axes = node.attrs.sizes("axes").ok()?;
    let moved: Vec<usize> = axes.iter().copied().filter(|&a| from.get(a) != Some(&1)).collect();
    let shape = view.type_of(node.outputs[0]).shape.clone();
    let attrs = Box::new(Attrs::default().with("shape", shape));
    moved.is_sorted().then(|| Some(Rewrite::Op(cornet_ops::find("reshape")?, attrs, vec![value(node.inputs[0])])))?
}

/// `stop_gradient` has done its work once the gradient is taken.
fn stopped(_: &View<'_>, node: &Node) -> Option<Rewrite> {
    (node.op.name == "stop_gradient").then(|| Rewrite::Value(node.inputs[0]))
}

/// A cast of a cast that lost nothing.
fn cast_chain(view: &View<'_>, node: &Node) -> Option<Rewrite> {
    let inner = view.definition(*node.inputs.first()?)?;
    if node.op.name != "cast" || inner.op.name != "cast" {
        return None;
    }
    let (from, middle) = (view.type_of(inner.inputs[0]).dtype, view.type_of(node.inputs[0]).dtype);
    let lossless = match (from, middle) {
        (DType::Bool, _) => true,
        (DType::F16 | DType::BF16, DType::F32 | DType::F64) | (DType::F32, DType::F64) => true,
        (a, b) if a.is_signed_int() && b.is_signed_int() => a.size() <= b.size(),
        (a, b) if a.is_unsigned_int() && b.is_int() => a.size() < b.size() || a == b,
        _ => false,
    };
    lossless.then(|| Rewrite::Op(node.op, Box::new(node.attrs.clone()), vec![value(inner.inputs[0])]))
}

/// A broadcast that the element-wise op reading it does by itself.
fn implied_broadcast(view: &View<'_>, node: &Node) -> Option<Rewrite> {
    if !node.op.is_pointwise() || node.inputs.len() < 2 {
        return None;
    }
    let source = |v: ValueId| view.definition(v).filter(|n| n.op.name == "broadcast_to").map(|n| n.inputs[0]);
    let types: Vec<_> = node.inputs.iter().map(|&v| view.type_of(v).clone()).collect();
    for (i, &input) in node.inputs.iter().enumerate() {
        let Some(x) = source(input) else { continue };
        let mut without = types.clone();
        without[i] = view.type_of(x).clone();
        let inferred = Call { op: node.op, inputs: &without, attrs: &node.attrs }.infer();
        if inferred.is_ok_and(|t| t.len() == 1 && t[0] == *view.type_of(node.outputs[0])) {
            let operands = node.inputs.iter().enumerate().map(|(j, &v)| value(if i == j { x } else { v })).collect();
            return Some(Rewrite::Op(node.op, Box::new(node.attrs.clone()), operands));
        }
    }
    None
}
