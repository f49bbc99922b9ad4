//! The way back through a scan.
//!
//! The scan in the other direction carries the cotangents of the carries alone. What belongs to constants, such as the
//! gradient of a weight, is not summed step by step where it is a product: its factors are kept for every step, and
//! multiplied once, over all steps, after the loop. What constants alone determine is computed once, before it.

use std::collections::HashMap;
use std::sync::Arc;

use super::body::{argument_types, checked, inexact, result_types, trace_body};
use super::partial::{needed, reached, split};
use super::scan::{Counts, OP, apply};
use crate::core::graph::{Graph, Node, ValueId};
use crate::core::prelude::*;
use crate::core::tape::without_tapes;

/// How deep a gradient of a constant is looked into.
const DEPTH_MAX: usize = 32;

/// The sum over all steps of a value that a step computes.
enum Term {
    /// Summed by the loop.
    Carried(ValueId),
    /// A product of two matrices, some of them transposed.
    Product { a: ValueId, b: ValueId, transposed: [bool; 2] },
    /// A convolution's gradient by its kernel: the node, which sums over the batch.
    Kernel { x: ValueId, dy: ValueId, node: usize },
    /// A sum over axes: the node.
    Reduced { x: ValueId, node: usize },
    /// The sum of two.
    Sum(Box<Term>, Box<Term>),
    /// Elements of one, moved or negated by the node.
    Moved { inner: Box<Term>, node: usize },
}

/// The backward body, and which of its values change from step to step.
struct Way<'g> {
    graph: &'g Graph,
    definitions: Vec<Option<u32>>,
    /// Depends on a cotangent, a slice or a kept value.
    varies: Vec<bool>,
    /// Depends on a constant of the scan.
    fixed: Vec<bool>,
}

impl<'g> Way<'g> {
    fn new(graph: &'g Graph, constants: usize) -> Self {
        let (changing, fixed) = graph.inputs.split_at(graph.inputs.len().saturating_sub(constants));
        Self {
            graph,
            definitions: graph.definitions(),
            varies: reached(graph, changing.iter().map(|i| i.value)),
            fixed: reached(graph, fixed.iter().map(|i| i.value)),
        }
    }

    fn node(&self, value: ValueId) -> Option<(usize, &'g Node)> {
        self.definitions[value.index()].map(|i| (i as usize, &self.graph.nodes[i as usize]))
    }

    fn varies(&self, value: ValueId) -> bool {
        self.varies[value.index()]
    }

    fn shape(&self, value: ValueId) -> &'g Shape {
        &self.graph.type_of(value).shape
    }

    /// How a value is summed over the steps.
    fn term(&self, value: ValueId, depth: usize) -> Term {
        let carried = Term::Carried(value);
        let Some((node, at)) = self.node(value).filter(|_| self.varies(value) && depth < DEPTH_MAX) else {
            return carried;
        };
        match (at.op.name, at.inputs.as_slice()) {
            ("matmul", &[a, b]) if self.varies(a) && self.varies(b) => {
                match (at.attrs.bool("transpose_a"), at.attrs.bool("transpose_b")) {
                    (Ok(ta), Ok(tb)) if self.shape(a).rank() == 2 && self.shape(b).rank() == 2 => {
                        Term::Product { a, b, transposed: [ta, tb] }
                    }
                    _ => carried,
                }
            }
            ("conv_kernel_gradient", &[x, dy]) if self.varies(x) && self.varies(dy) => Term::Kernel { x, dy, node },
            ("sum", &[x]) => Term::Reduced { x, node },
            ("add", &[a, b]) if self.shape(a) == self.shape(value) && self.shape(b) == self.shape(value) => {
                Term::Sum(Box::new(self.term(a, depth + 1)), Box::new(self.term(b, depth + 1)))
            }
            ("reshape" | "transpose" | "slice" | "negative" | "flip" | "pad", &[x]) => {
                let zeros = at.op.name != "pad" || at.attrs.float("value").is_ok_and(|v| v == 0.0);
                match self.term(x, depth + 1) {
                    Term::Carried(_) => carried,
                    _ if !zeros => carried,
                    inner => Term::Moved { inner: Box::new(inner), node },
                }
            }
            _ => carried,
        }
    }
}

impl Term {
    /// The values of every step that the sum needs, and those that the loop sums.
    fn collect(&self, each: &mut Vec<ValueId>, summed: &mut Vec<ValueId>) {
        let add = |list: &mut Vec<ValueId>, value: ValueId| {
            if !list.contains(&value) {
                list.push(value);
            }
        };
        match self {
            Self::Carried(value) => add(summed, *value),
            Self::Product { a, b, .. } => [a, b].into_iter().for_each(|v| add(each, *v)),
            Self::Kernel { x, dy, .. } => [x, dy].into_iter().for_each(|v| add(each, *v)),
            Self::Reduced { x, .. } => add(each, *x),
            Self::Sum(a, b) => {
                a.collect(each, summed);
                b.collect(each, summed);
            }
            Self::Moved { inner, .. } => inner.collect(each, summed),
        }
    }

    /// The sum, from the values of all steps and the sums of the loop.
    fn total(
        &self,
        way: &Way<'_>,
        each: &HashMap<ValueId, Tensor>,
        summed: &HashMap<ValueId, Tensor>,
    ) -> Result<Tensor> {
        let of = |map: &HashMap<ValueId, Tensor>, value: &ValueId| {
            map.get(value).cloned().ok_or_else(|| err!(Internal, "scan: value {} is not kept", value.0))
        };
        Ok(match self {
            Self::Carried(value) => of(summed, value)?,
            Self::Product { a, b, transposed: [ta, tb] } => {
                // The steps join the axis that the product sums over.
                let (a, b) = (of(each, a)?, of(each, b)?);
                let a = if *ta { rows(&a)? } else { columns(&a)? };
                let b = if *tb { columns(&b)? } else { rows(&b)? };
                a.matmul_with(&b, *ta, *tb)
            }
            Self::Kernel { x, dy, node } => {
                let at = &way.graph.nodes[*node];
                call1(at.op, &[&rows(&of(each, x)?)?, &rows(&of(each, dy)?)?], at.attrs.clone())
            }
            Self::Reduced { x, node } => {
                let at = &way.graph.nodes[*node];
                let axes = at.attrs.sizes("axes")?;
                let axes: Vec<isize> = std::iter::once(0).chain(axes.iter().map(|&a| a as isize + 1)).collect();
                of(each, x)?.sum(&axes, false).reshape(way.shape(at.outputs[0]).clone())
            }
            Self::Sum(a, b) => a.total(way, each, summed)? + b.total(way, each, summed)?,
            Self::Moved { inner, node } => {
                let at = &way.graph.nodes[*node];
                call1(at.op, &[&inner.total(way, each, summed)?], at.attrs.clone())
            }
        })
    }
}

/// `[time, n, …]` as `[time · n, …]`.
fn rows(x: &Tensor) -> Result<Tensor> {
    let shape = x.shape()?;
    let [time, n, rest @ ..] = shape.as_slice() else { return Err(err!(Internal, "scan: a factor without axes")) };
    Ok(x.reshape([&[time * n], rest].concat()))
}

/// `[time, m, k]` as `[m, time · k]`.
fn columns(x: &Tensor) -> Result<Tensor> {
    let shape = x.shape()?;
    let &[time, m, k] = shape.as_slice() else { return Err(err!(Internal, "scan: a factor that is no matrix")) };
    Ok(x.transpose(&[1, 0, 2]).reshape([m, time * k]))
}

/// What the forward scan left: the backward body, the kept values, how many results are the body's own.
struct Left {
    backward: Arc<Graph>,
    saved: Vec<Tensor>,
    own: usize,
}

/// Kept values as they were saved; where there are none, or they have cotangents of their own, by another run.
fn left(g: &crate::Grad<'_>, counts: Counts, body: &Arc<Graph>) -> Result<Left> {
    if let (Ok(backward), Ok(own)) = (g.attrs.graph("backward"), g.attrs.size("results")) {
        let at = counts.carries + own;
        if let (Some(saved), true) = (g.outputs.get(at..), g.cotangents.iter().skip(at).all(Option::is_none)) {
            return Ok(Left { backward: backward.clone(), saved: saved.to_vec(), own });
        }
    }
    let own = result_types(body).len() - counts.carries;
    let parts = split(body, counts.carries, counts.sequences)?;
    let attrs = counts.attrs(parts.forward).with("backward", parts.backward.clone()).with("results", own);
    let mut again = checked(call(&OP, &g.inputs.iter().collect::<Vec<_>>(), attrs))?;
    Ok(Left { backward: parts.backward, saved: again.split_off(counts.carries + own), own })
}

/// Values of a graph, computed as they are needed.
struct Values<'g>(&'g Graph, Vec<Option<Tensor>>);

impl Values<'_> {
    fn get(&self, value: ValueId) -> Result<Tensor> {
        self.1[value.index()].clone().ok_or_else(|| err!(Internal, "scan: value {} is not computed", value.0))
    }

    /// Computes what the values need; products with a transposed matrix of `turned` take that one.
    fn compute(
        &mut self,
        definitions: &[Option<u32>],
        values: impl Iterator<Item = ValueId>,
        turned: &HashMap<ValueId, Tensor>,
    ) -> Result<()> {
        let live = needed(self.0, definitions, values, |v| self.1[v.index()].is_some() || turned.contains_key(&v));
        for (node, _) in self.0.nodes.iter().zip(live).filter(|(_, live)| *live) {
            if let Some(second) = turned_side(node).and_then(|b| turned.get(&b)) {
                let product = self.get(node.inputs[0])?.matmul_with(second, node.attrs.bool("transpose_a")?, false);
                self.1[node.outputs[0].index()] = Some(product);
                continue;
            }
            let inputs = node.inputs.iter().map(|&v| self.get(v)).collect::<Result<Vec<_>>>()?;
            let found = checked(call(node.op, &inputs.iter().collect::<Vec<_>>(), node.attrs.clone()))?;
            node.outputs.iter().zip(found).for_each(|(o, tensor)| self.1[o.index()] = Some(tensor));
        }
        Ok(())
    }
}

/// The second factor of a product that takes it transposed.
fn turned_side(node: &Node) -> Option<ValueId> {
    let turned = node.op.name == "matmul" && node.attrs.bool("transpose_b").is_ok_and(|t| t);
    turned.then(|| node.inputs[1])
}

/// What the loop takes that does not change: values, and matrices turned once.
struct Fixed {
    plain: Vec<(ValueId, Tensor)>,
    turned: Vec<(ValueId, Tensor)>,
}

impl Fixed {
    fn of(way: &Way<'_>, ends: &[ValueId], constants: &[Tensor]) -> Result<Self> {
        let graph = way.graph;
        let is_outer = |v: ValueId| !way.varies(v) && way.fixed[v.index()];
        let live = needed(graph, &way.definitions, ends.iter().copied(), is_outer);
        let (mut plain, mut turned): (Vec<ValueId>, Vec<ValueId>) = (Vec::new(), Vec::new());
        let add = |list: &mut Vec<ValueId>, v: ValueId| {
            if is_outer(v) && !list.contains(&v) {
                list.push(v);
            }
        };
        ends.iter().for_each(|&v| add(&mut plain, v));
        for (node, _) in graph.nodes.iter().zip(live).filter(|(_, live)| *live) {
            let second = turned_side(node).filter(|&b| is_outer(b) && way.shape(b).rank() == 2);
            second.into_iter().for_each(|b| add(&mut turned, b));
            let others = if second.is_some() { &node.inputs[..1] } else { &node.inputs[..] };
            others.iter().for_each(|&v| add(&mut plain, v));
        }
        let mut values = Values(graph, vec![None; graph.types.len()]);
        let inputs = &graph.inputs[graph.inputs.len() - constants.len()..];
        inputs.iter().zip(constants).for_each(|(i, t)| values.1[i.value.index()] = Some(t.clone()));
        values.compute(&way.definitions, plain.iter().chain(&turned).copied(), &HashMap::new())?;
        let plain = plain.into_iter().map(|v| Ok((v, values.get(v)?))).collect::<Result<_>>()?;
        let turned = turned.into_iter().map(|v| Ok((v, values.get(v)?.transpose(&[1, 0])))).collect::<Result<_>>()?;
        Ok(Self { plain, turned })
    }
}

/// The backward pass.
pub(super) fn gradient(g: &crate::Grad<'_>) -> crate::Cotangents {
    g.lift(|| {
        let (counts, body) = (Counts::of(g.attrs)?, g.attrs.graph("body")?);
        let Left { backward, saved, own } = left(g, counts, body)?;
        let (c, s) = (counts.carries, counts.sequences);
        let (takes, gives) = (argument_types(body), result_types(body));
        let given: Vec<usize> = inexact(&gives).into_iter().filter(|&i| i < c + own).collect();
        let wanted = inexact(&takes);
        if backward.outputs.len() != wanted.len()
            || backward.inputs.len() != given.len() + s + saved.len() + takes.len() - c - s
        {
            fail!(Internal, "scan: the backward body of {} does not fit", body.name);
        }
        let way = Way::new(&backward, takes.len() - c - s);
        let states = given.iter().filter(|&&i| i < c).count();

        // What the loop gives for every step, and what it sums.
        let (mut each, mut summed, mut terms) = (Vec::new(), Vec::new(), HashMap::new());
        for (&i, output) in wanted.iter().zip(&backward.outputs) {
            if i >= c + s && g.wanted[i] {
                let term = way.term(output.value, 0);
                term.collect(&mut each, &mut summed);
                terms.insert(i, term);
            } else if i >= c && g.wanted[i] && !each.contains(&output.value) {
                each.push(output.value);
            }
        }
        // Sequences of the loop: cotangents of results, slices, kept values. What is one of them is known of every step.
        let cotangents: Vec<Tensor> = given.iter().map(|&i| g.dy_of(i)).collect();
        let sequences: Vec<Tensor> =
            cotangents[states..].iter().chain(&g.inputs[c..c + s]).chain(&saved).cloned().collect();
        let along = &backward.inputs[states..states + sequences.len()];
        let mut all: HashMap<ValueId, Tensor> = along.iter().map(|i| i.value).zip(sequences.iter().cloned()).collect();
        each.retain(|v| !all.contains_key(v));

        let ends: Vec<ValueId> =
            backward.outputs[..states].iter().map(|o| o.value).chain(summed.iter().chain(&each).copied()).collect();
        let fixed = Fixed::of(&way, &ends, &g.inputs[c + s..])?;
        let zeros = |&v: &ValueId| {
            let ty = backward.type_of(v);
            Tensor::zeros(ty.shape.clone(), ty.dtype)
        };
        let mut operands: Vec<Tensor> = cotangents[..states].to_vec();
        operands.extend(summed.iter().map(zeros));
        operands.extend(sequences);
        operands.extend(fixed.plain.iter().chain(&fixed.turned).map(|(_, t)| t.clone()));
        let back = Counts {
            carries: states + summed.len(),
            sequences: along.len(),
            length: counts.length,
            reverse: !counts.reverse,
        };
        let types = operands.iter().map(Tensor::ty).collect::<Result<Vec<_>>>()?;
        let types = back.slices(&types)?;
        let traced = without_tapes(|| {
            trace_body(&backward.name, &types, |x| {
                let mut values = Values(&backward, vec![None; backward.types.len()]);
                let (carried, rest) = x.split_at(states + summed.len());
                let (now, rest) = rest.split_at(along.len());
                let (plain, turned) = rest.split_at(fixed.plain.len());
                let inputs = backward.inputs.iter().map(|i| i.value);
                let known = inputs.zip(carried[..states].iter().chain(now));
                let known = known.chain(fixed.plain.iter().map(|(v, _)| *v).zip(plain));
                known.for_each(|(v, t)| values.1[v.index()] = Some(t.clone()));
                let turned = fixed.turned.iter().map(|(v, _)| *v).zip(turned.iter().cloned()).collect();
                values.compute(&way.definitions, ends.iter().copied(), &turned)?;
                let mut found = ends.iter().map(|&v| values.get(v)).collect::<Result<Vec<_>>>()?;
                for (new, sum) in found[states..].iter_mut().zip(&carried[states..]) {
                    *new = sum + &*new;
                }
                Ok(found)
            })
        })?;
        let mut found = apply(&Arc::new(traced.graph), back, &operands.iter().collect::<Vec<_>>())?.into_iter();
        let first: Vec<Tensor> = found.by_ref().take(states).collect();
        let sums: HashMap<ValueId, Tensor> = summed.iter().copied().zip(found.by_ref()).collect();
        all.extend(each.iter().copied().zip(found));
        let mut result = vec![None; g.inputs.len()];
        for ((place, &i), output) in wanted.iter().enumerate().zip(&backward.outputs) {
            result[i] = match terms.get(&i) {
                _ if !g.wanted[i] => None,
                Some(term) => Some(term.total(&way, &all, &sums)?),
                None if i < c => first.get(place).cloned(),
                None => all.get(&output.value).cloned(),
            };
        }
        Ok(result)
    })
}
