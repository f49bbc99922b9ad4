//! Replaces nodes by simpler ones. A rule looks at one node and the definitions of its inputs, and answers with a
//! value to use instead, or with an op to put in its place.
//!
//! Every rule is exact: the replacement gives the same bits for every input, NaN, infinities and zeros of both signs
//! included (which NaN it is may differ). So `x · 0` stays, and `x + 0` too, which is 0 where x is -0; `x + -0` goes.

use cornet_error::Result;
use cornet_ops::{Attrs, Call, Graph, Node, Op, Type, ValueId, find};
use cornet_tensor::{Array, DType};

/// What a rule answers.
pub(super) enum Rewrite {
    /// Use this value instead.
    Value(ValueId),
    /// Put this op in its place, with these attributes, on these inputs.
    Op(&'static Op, Box<Attrs>, Vec<Operand>),
}

/// An input of a replacement.
pub(super) enum Operand {
    /// A value of the graph.
    Value(ValueId),
    /// A constant of the result's dtype.
    Number(f64),
}

pub(super) type Rule = fn(&View<'_>, &Node) -> Option<Rewrite>;

/// Constants above this size count as of many numbers.
const MAX_SCANNED_BYTES: usize = 1 << 16;

/// Most rewrites of one node before the next is looked at.
const MAX_REWRITES: usize = 16;

/// The graph as rules see it: the nodes before the one in question.
pub(super) struct View<'g> {
    graph: &'g Graph,
    definitions: &'g [Option<u32>],
}

impl<'g> View<'g> {
    pub fn definition(&self, value: ValueId) -> Option<&'g Node> {
        self.definitions.get(value.index()).copied().flatten().map(|i| &self.graph.nodes[i as usize])
    }

    pub fn type_of(&self, value: ValueId) -> &'g Type {
        self.graph.type_of(value)
    }

    /// The number a value consists of, if it is a constant of one number throughout.
    pub fn number(&self, mut value: ValueId) -> Option<f64> {
        let mut node = self.definition(value)?;
        while node.op.name == "broadcast_to" {
            value = node.inputs[0];
            node = self.definition(value)?;
        }
        let array: &Array = self.graph.constant(self.definitions, value)?;
        let (dtype, bytes) = (array.dtype(), array.bytes());
        if dtype == DType::Str || dtype.is_complex() || bytes.len() > MAX_SCANNED_BYTES {
            return None;
        }
        let first = bytes.get(..dtype.size())?;
        let uniform = bytes.chunks_exact(dtype.size()).all(|x| x == first);
        uniform.then(|| Array::from_bytes(dtype, [], first).ok()?.to_f64().ok()?.first().copied())?
    }

    /// Whether a value consists of this number, and of a zero of the same sign.
    pub fn is(&self, value: ValueId, number: f64) -> bool {
        self.number(value).is_some_and(|x| x.to_bits() == number.to_bits())
    }
}

pub(super) fn run(graph: &mut Graph) -> Result<bool> {
    let mut to: Vec<Option<ValueId>> = vec![None; graph.types.len()];
    let mut definitions: Vec<Option<u32>> = vec![None; graph.types.len()];
    let mut changed = false;
    let old = std::mem::take(&mut graph.nodes);
    graph.nodes.reserve(old.len());
    'nodes: for mut node in old {
        // Replacements are made of values that stay, so that one step leads to the end.
        node.inputs.iter_mut().for_each(|v| *v = to[v.index()].unwrap_or(*v));
        for _ in 0..MAX_REWRITES {
            let view = View { graph, definitions: &definitions };
            match super::rules::RULES.iter().find_map(|rule| checked(&view, &node, rule(&view, &node)?)) {
                None => break,
                Some(Rewrite::Value(value)) => {
                    to[node.outputs[0].index()] = Some(value);
                    changed = true;
                    continue 'nodes;
                }
                Some(Rewrite::Op(op, attrs, operands)) => {
                    let dtype = graph.type_of(node.outputs[0]).dtype;
                    let mut inputs = Vec::with_capacity(operands.len());
                    for operand in operands {
                        inputs.push(match operand {
                            Operand::Value(value) => value,
                            Operand::Number(x) => {
                                definitions.push(Some(graph.nodes.len() as u32));
                                to.push(None);
                                graph.add_constant(Array::full(dtype, [], x)?)
                            }
                        });
                    }
                    node = Node { op, attrs: *attrs, inputs: inputs.into(), ..node };
                    changed = true;
                }
            }
        }
        node.outputs.iter().for_each(|o| definitions[o.index()] = Some(graph.nodes.len() as u32));
        graph.nodes.push(node);
    }
    super::substitute(graph, &to);
    Ok(changed)
}

/// The rewrite, unless the result would have another type.
fn checked(view: &View<'_>, node: &Node, rewrite: Rewrite) -> Option<Rewrite> {
    let [result] = node.outputs.as_slice() else { return None };
    let expected = view.type_of(*result);
    let fits = match &rewrite {
        Rewrite::Value(value) => view.type_of(*value) == expected,
        Rewrite::Op(op, attrs, operands) => {
            let scalar = Type::new(expected.dtype, []);
            let inputs: Vec<Type> = operands
                .iter()
                .map(|o| if let Operand::Value(v) = o { view.type_of(*v).clone() } else { scalar.clone() })
                .collect();
            let inferred = Call { op, inputs: &inputs, attrs }.infer();
            inferred.is_ok_and(|types| types.len() == 1 && types[0] == *expected)
        }
    };
    fits.then_some(rewrite)
}

/// The op of that name on values, without attributes.
pub(super) fn on(name: &str, inputs: impl IntoIterator<Item = Operand>) -> Option<Rewrite> {
    Some(Rewrite::Op(find(name)?, Box::default(), inputs.into_iter().collect()))
}
