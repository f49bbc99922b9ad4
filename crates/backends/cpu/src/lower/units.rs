//! Units of work: fused element-wise programs, products with what follows them, single ops, copies.

use std::collections::{HashMap, HashSet};

use cornet_error::Result;
use cornet_ops::{Call, Graph, Node, Type, ValueId};
use cornet_tensor::{DType, Shape};
use smallvec::SmallVec;

use super::views::view;
use crate::kernel::{Activation, Layout, operation};

/// The graph cut into units.
pub(super) struct Units {
    pub units: Vec<Unit>,
    /// For each value, the root whose memory it lies in, and how.
    pub places: Vec<(ValueId, Layout)>,
    /// The types of all values: the graph's, and those of copies made here.
    pub types: Vec<Type>,
    /// For each value, the unit that computes it.
    pub producer: Vec<Option<usize>>,
    /// The roots of the results and of the variables' new values.
    pub outputs: Vec<ValueId>,
    pub updates: Vec<ValueId>,
}

/// A piece of work.
#[derive(Clone, Debug, Default)]
pub(super) struct Unit {
    pub kind: Kind,
    /// Indices of the graph's nodes, ascending. Empty once joined to another unit.
    pub nodes: Vec<usize>,
    /// The shape a fused program runs over.
    pub shape: Shape,
    /// For a copy: what it reads and what it defines.
    pub copy: Option<(ValueId, Layout, ValueId)>,
    /// Units that must run before, beyond those whose values it reads.
    pub after: Vec<usize>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// Element-wise nodes of one shape.
    Fused,
    /// A product or convolution (the first node) and what joined it.
    Product(Activation),
    /// One op.
    #[default]
    Single,
    /// A copy of a view.
    Copy,
}

/// Most nodes and inputs of a fused program: few enough for its tiles to stay in the first-level cache.
const MAX_NODES: usize = 40;
const MAX_INPUTS: usize = 12;

struct Former<'g> {
    graph: &'g Graph,
    result: Units,
    /// Nodes that something needs.
    live: Vec<bool>,
    /// For each root, the nodes that read it or a view of it.
    readers: HashMap<ValueId, Vec<usize>>,
    /// Roots that are results or new values of variables.
    kept: HashSet<ValueId>,
    unit_of: HashMap<usize, usize>,
}

/// Cuts the graph into units.
pub(super) fn form(graph: &Graph) -> Result<Units> {
    let places = graph.types.iter().enumerate().map(|(i, ty)| (ValueId(i as u32), Layout::dense(&ty.shape))).collect();
    let result = Units {
        units: Vec::new(),
        places,
        types: graph.types.clone(),
        producer: vec![None; graph.types.len()],
        outputs: Vec::new(),
        updates: Vec::new(),
    };
    let live = liveness(graph);
    let mut former =
        Former { graph, result, live, readers: HashMap::new(), kept: HashSet::new(), unit_of: HashMap::new() };
    former.find_views();
    former.find_readers();
    former.form_products();
    former.form_rest();
    former.add_copies();
    Ok(former.result)
}

fn liveness(graph: &Graph) -> Vec<bool> {
    let mut needed = vec![false; graph.types.len()];
    let ends = graph.outputs.iter().map(|o| o.value).chain(graph.updates.iter().map(|u| u.value));
    ends.for_each(|v| needed[v.index()] = true);
    let mut live = vec![false; graph.nodes.len()];
    for (i, node) in graph.nodes.iter().enumerate().rev() {
        if node.outputs.iter().any(|o| needed[o.index()]) {
            live[i] = true;
            node.inputs.iter().for_each(|v| needed[v.index()] = true);
        }
    }
    live
}

pub(super) fn types_of(graph: &Graph, node: &Node) -> SmallVec<[Type; 3]> {
    node.inputs.iter().map(|&v| graph.type_of(v).clone()).collect()
}

impl Former<'_> {
    fn place(&self, value: ValueId) -> &(ValueId, Layout) {
        &self.result.places[value.index()]
    }

    fn find_views(&mut self) {
        for (i, node) in self.graph.nodes.iter().enumerate() {
            let [input] = node.inputs.as_slice() else { continue };
            if !self.live[i] || self.graph.type_of(*input).dtype == DType::Str {
                continue;
            }
            let types = types_of(self.graph, node);
            let (root, layout) = self.place(*input).clone();
            let found = view(&Call { op: node.op, inputs: &types, attrs: &node.attrs }, &layout);
            if let Some(found) = found {
                self.result.places[node.outputs[0].index()] = (root, found);
                self.live[i] = false;
            }
        }
    }

    fn find_readers(&mut self) {
        for (i, node) in self.graph.nodes.iter().enumerate().filter(|(i, _)| self.live[*i]) {
            for &input in &node.inputs {
                let root = self.place(input).0;
                self.readers.entry(root).or_default().push(i);
            }
        }
        let ends = self.graph.outputs.iter().map(|o| o.value).chain(self.graph.updates.iter().map(|u| u.value));
        self.kept = ends.map(|v| self.place(v).0).collect();
    }

    fn add_unit(&mut self, unit: Unit) -> usize {
        let index = self.result.units.len();
        for &n in &unit.nodes {
            self.unit_of.insert(n, index);
            self.graph.nodes[n].outputs.iter().for_each(|o| self.result.producer[o.index()] = Some(index));
        }
        self.result.units.push(unit);
        index
    }

    /// The one node that reads `value`, if nothing else does, in whatever view.
    fn only_reader(&self, value: ValueId) -> Option<usize> {
        match self.readers.get(&value).map(Vec::as_slice) {
            Some(&[reader]) if !self.kept.contains(&value) => Some(reader),
            _ => None,
        }
    }

    /// Joins a bias and an activation to the product or convolution before them.
    fn form_products(&mut self) {
        for (i, node) in self.graph.nodes.iter().enumerate() {
            let out = match node.outputs.as_slice() {
                [out] if self.live[i] && matches!(node.op.name, "matmul" | "conv") => *out,
                _ => continue,
            };
            let mut unit = Unit { nodes: vec![i], ..Unit::default() };
            let mut activation = Activation::default();
            let mut last = out;
            if self.graph.type_of(out).dtype == DType::F32 {
                if let Some(next) = self.only_reader(last).filter(|&n| self.adds_bias(n, last)) {
                    unit.nodes.push(next);
                    activation.bias = true;
                    last = self.graph.nodes[next].outputs[0];
                }
                let relu = |&n: &usize| self.graph.nodes[n].op.name == "relu" && self.reads_whole(n, 0, last);
                if let Some(next) = self.only_reader(last).filter(relu) {
                    unit.nodes.push(next);
                    activation.relu = true;
                }
            }
            unit.kind = Kind::Product(activation);
            self.add_unit(unit);
        }
    }

    /// Whether input `i` of a node is `value` itself, dense and of its own shape.
    fn reads_whole(&self, node: usize, i: usize, value: ValueId) -> bool {
        let (root, layout) = self.place(self.graph.nodes[node].inputs[i]);
        *root == value && layout.is_dense() && layout.shape == self.graph.type_of(value).shape
    }

    /// Whether the node adds to `value` one number for each index of its last axis, which may be split into several.
    fn adds_bias(&self, node: usize, value: ValueId) -> bool {
        let n = &self.graph.nodes[node];
        let (of, layout) = self.place(n.inputs[0]);
        let type_of = &self.graph.type_of(value).shape;
        if n.op.name != "add" || *of != value || !layout.is_dense() || layout.shape.elements() != type_of.elements() {
            return false;
        }
        let (Some(&columns), shape) = (type_of.last(), &layout.shape) else { return false };
        if *shape != self.graph.type_of(n.outputs[0]).shape {
            return false;
        }
        let (root, bias) = self.place(n.inputs[1]);
        let root_elements = self.result.types[root.index()].shape.elements();
        let mut step = 1;
        let fits = bias.broadcast_to(shape).iter().zip(shape.iter()).rev().all(|(&stride, &size)| {
            let expected = if step < columns { step as isize } else { 0 };
            if step < columns {
                step *= size;
            }
            stride == expected || size == 1
        });
        fits && step == columns && bias.offset == 0 && root_elements == columns && columns > 1
    }

    fn form_rest(&mut self) {
        for i in 0..self.graph.nodes.len() {
            if !self.live[i] || self.unit_of.contains_key(&i) {
                continue;
            }
            let node = &self.graph.nodes[i];
            if node.op.name == "constant" {
                continue;
            }
            let types = types_of(self.graph, node);
            if operation(&Call { op: node.op, inputs: &types, attrs: &node.attrs }).is_none() {
                self.add_unit(Unit { nodes: vec![i], ..Unit::default() });
                continue;
            }
            let shape = self.graph.type_of(node.outputs[0]).shape.clone();
            let own = self.add_unit(Unit { kind: Kind::Fused, nodes: vec![i], shape, ..Unit::default() });
            for value in node.inputs.clone() {
                let root = self.place(value).0;
                if let Some(before) = self.result.producer[root.index()] {
                    self.try_join(before, own);
                }
            }
        }
    }

    /// Moves `unit`'s nodes to the fused unit `into` if one program can compute both.
    fn try_join(&mut self, into: usize, unit: usize) {
        // `unit` may have been joined already, to another producer: then that one is joined.
        let unit = self.current(unit);
        let (a, b) = (&self.result.units[into], &self.result.units[unit]);
        if into == unit || a.kind != Kind::Fused || a.shape != b.shape || a.nodes.len() + b.nodes.len() > MAX_NODES {
            return;
        }
        if self.blocked(into, unit) || self.blocked(unit, into) || self.inputs_of(&[into, unit]) > MAX_INPUTS {
            return;
        }
        let nodes = std::mem::take(&mut self.result.units[unit].nodes);
        for &n in &nodes {
            self.unit_of.insert(n, into);
            self.graph.nodes[n].outputs.iter().for_each(|o| self.result.producer[o.index()] = Some(into));
        }
        let joined = &mut self.result.units[into].nodes;
        joined.extend(nodes);
        joined.sort_unstable();
        self.result.units[unit].after = vec![into];
    }

    /// Where a joined unit's nodes are now: joined units name their new one in `after`.
    fn current(&self, mut unit: usize) -> usize {
        while self.result.units[unit].nodes.is_empty() {
            unit = self.result.units[unit].after[0];
        }
        unit
    }

    /// Whether `b` reads something of `a` that is not the same element, or depends on `a` through a third unit.
    fn blocked(&self, a: usize, b: usize) -> bool {
        for &n in &self.result.units[b].nodes {
            for &value in &self.graph.nodes[n].inputs {
                let (root, layout) = self.place(value);
                let Some(producer) = self.result.producer[root.index()] else { continue };
                let whole = layout.is_dense() && layout.shape == self.result.types[root.index()].shape;
                if producer == a && !whole || producer != a && producer != b && self.depends(producer, a) {
                    return true;
                }
            }
        }
        false
    }

    /// Whether unit `from` needs something that unit `on` computes.
    fn depends(&self, from: usize, on: usize) -> bool {
        let (mut stack, mut seen) = (vec![from], HashSet::from([from]));
        while let Some(unit) = stack.pop() {
            if unit == on {
                return true;
            }
            for &n in &self.result.units[unit].nodes {
                for &value in &self.graph.nodes[n].inputs {
                    let producer = self.result.producer[self.place(value).0.index()];
                    stack.extend(producer.filter(|&p| seen.insert(p)));
                }
            }
        }
        false
    }

    fn inputs_of(&self, units: &[usize]) -> usize {
        let mut roots = HashSet::new();
        for &unit in units {
            for &n in &self.result.units[unit].nodes {
                for &value in &self.graph.nodes[n].inputs {
                    let root = self.place(value).0;
                    if self.result.producer[root.index()].is_none_or(|p| !units.contains(&p)) {
                        roots.insert(root);
                    }
                }
            }
        }
        roots.len()
    }

    /// Copies of views: for ops that read dense memory, and for results.
    fn add_copies(&mut self) {
        let mut made: HashMap<ValueId, ValueId> = HashMap::new();
        for i in 0..self.graph.nodes.len() {
            let Some(&unit) = self.unit_of.get(&i) else { continue };
            let needs_dense = match self.result.units[unit].kind {
                Kind::Single => true,
                // Other dtypes than these have no kernel that reads strides.
                Kind::Product(_) => {
                    let node = &self.graph.nodes[i];
                    let dtype = self.graph.type_of(node.outputs[0]).dtype;
                    node.op.name == "conv" || !matches!(dtype, DType::F32 | DType::F64)
                }
                _ => false,
            };
            if needs_dense {
                for value in self.graph.nodes[i].inputs.clone() {
                    self.materialise(value, &mut made);
                }
            } else if matches!(self.result.units[unit].kind, Kind::Product(_)) {
                // Products read matrices forwards.
                for value in self.graph.nodes[i].inputs.clone() {
                    if self.place(value).1.strides.iter().any(|&s| s < 0) {
                        self.materialise(value, &mut made);
                    }
                }
            }
        }
        let outputs: Vec<ValueId> = self.graph.outputs.iter().map(|o| o.value).collect();
        self.result.outputs = outputs.into_iter().map(|v| self.end(v, &mut made)).collect();
        let updates: Vec<ValueId> = self.graph.updates.iter().map(|u| u.value).collect();
        self.result.updates = updates
            .into_iter()
            .map(|v| {
                let root = self.end(v, &mut made);
                let from_variable = self.graph.inputs.iter().any(|i| i.value == root && i.variable.is_some());
                // A variable that takes another's old value needs it saved before that one changes.
                if from_variable { self.copy_of(root, Layout::dense(&self.type_shape(root))) } else { root }
            })
            .collect();
    }

    fn type_shape(&self, value: ValueId) -> Shape {
        self.result.types[value.index()].shape.clone()
    }

    /// The value, copied if it is not dense in its root from the start.
    fn materialise(&mut self, value: ValueId, made: &mut HashMap<ValueId, ValueId>) -> ValueId {
        let (root, layout) = self.place(value).clone();
        if layout.is_dense() && layout.shape.elements() == self.type_shape(root).elements() {
            return root;
        }
        if let Some(&copy) = made.get(&value) {
            return copy;
        }
        let copy = self.copy_of(root, layout);
        made.insert(value, copy);
        self.result.places[value.index()] = (copy, Layout::dense(&self.type_shape(copy)));
        copy
    }

    fn end(&mut self, value: ValueId, made: &mut HashMap<ValueId, ValueId>) -> ValueId {
        self.materialise(value, made)
    }

    fn copy_of(&mut self, root: ValueId, layout: Layout) -> ValueId {
        let copy = ValueId(self.result.types.len() as u32);
        let ty = Type::new(self.result.types[root.index()].dtype, layout.shape.clone());
        self.result.places.push((copy, Layout::dense(&ty.shape)));
        self.result.types.push(ty);
        self.result.producer.push(Some(self.result.units.len()));
        let unit = Unit { kind: Kind::Copy, copy: Some((root, layout, copy)), ..Unit::default() };
        self.result.units.push(unit);
        copy
    }
}

impl Units {
    /// The roots that a unit reads, each with its layout; inside values of a fused program left out.
    pub fn reads(&self, graph: &Graph, unit: usize) -> Vec<(ValueId, Layout)> {
        let u = &self.units[unit];
        if let Some((root, layout, _)) = &u.copy {
            return vec![(*root, layout.clone())];
        }
        let mut reads = Vec::new();
        for &n in &u.nodes {
            for &value in &graph.nodes[n].inputs {
                let (root, layout) = &self.places[value.index()];
                if self.producer[root.index()] != Some(unit) {
                    reads.push((*root, layout.clone()));
                }
            }
        }
        reads
    }

    /// Whether a unit does anything: joined ones do not.
    pub fn is_real(&self, unit: usize) -> bool {
        !self.units[unit].nodes.is_empty() || self.units[unit].copy.is_some()
    }
}
