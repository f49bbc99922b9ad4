//! Kernels, places and sources of the ordered units.

use std::collections::HashMap;

use cornet_error::{Result, err};
use cornet_kernels::pointwise::{Program, Value};
use cornet_ops::{Call, Graph, ValueId};
use cornet_tensor::{Array, DType};

use super::memory::Slots;
use super::units::{Kind, Unit, Units, types_of};
use super::{Bound, Lowered, Place, Source, Step, Work};
use crate::bytes_of;
use crate::kernel::Operation;
use crate::kernel::{Activation, Fused, Layout, MatMul, Side, element, operation, select, strided_copy};

struct Builder<'g> {
    graph: &'g Graph,
    units: Units,
    place: HashMap<ValueId, Place>,
    lowered: Lowered,
    slots: Slots,
    /// The last step that reads each root; results are read after all.
    last_use: HashMap<ValueId, usize>,
    /// The variable in whose memory a root is computed.
    in_variable: HashMap<ValueId, usize>,
    /// The value that each buffer holds at this point of the plan.
    holds: HashMap<usize, ValueId>,
}

/// A unit's work before its values have places.
struct Draft {
    work: Work,
    inputs: Vec<(ValueId, usize)>,
    outputs: Vec<ValueId>,
}

/// Builds the steps.
pub(super) fn build(graph: &Graph, units: Units, order: &[usize]) -> Result<Lowered> {
    let lowered = Lowered {
        name: graph.name.clone(),
        variables: bound_variables(graph),
        constants: Vec::new(),
        slots: Vec::new(),
        texts: 0,
        scratch: 0,
        steps: Vec::new(),
        outputs: Vec::new(),
    };
    let mut b = Builder {
        graph,
        units,
        place: HashMap::new(),
        lowered,
        slots: Slots::default(),
        last_use: HashMap::new(),
        in_variable: HashMap::new(),
        holds: HashMap::new(),
    };
    b.place_inputs();
    let drafts = order.iter().map(|&u| b.draft(u)).collect::<Result<Vec<_>>>()?;
    b.find_last_uses(&drafts);
    b.choose_variables(&drafts);
    for (step, (draft, &unit)) in drafts.into_iter().zip(order).enumerate() {
        b.emit(step, draft, unit)?;
    }
    b.finish()
}

fn bound_variables(graph: &Graph) -> Vec<Bound> {
    let mut bound: Vec<Bound> = Vec::new();
    for variable in graph.inputs.iter().filter_map(|i| i.variable.clone()) {
        bound.push(Bound { variable, updated: false, read: true });
    }
    for update in &graph.updates {
        match bound.iter_mut().find(|b| b.variable == update.variable) {
            Some(b) => b.updated = true,
            None => bound.push(Bound { variable: update.variable.clone(), updated: true, read: false }),
        }
    }
    bound.sort_by_key(|b| b.variable.id());
    bound
}

impl Builder<'_> {
    fn variable_index(&self, variable: &cornet_ops::Variable) -> Option<usize> {
        self.lowered.variables.iter().position(|b| b.variable == *variable)
    }

    fn place_inputs(&mut self) {
        let mut arguments = 0;
        for input in &self.graph.inputs {
            let place = match input.variable.as_ref().and_then(|v| self.variable_index(v)) {
                Some(index) => Place::Variable(index),
                None => {
                    arguments += 1;
                    Place::Argument(arguments - 1)
                }
            };
            self.place.insert(input.value, place);
        }
        for node in self.graph.nodes.iter().filter(|n| n.op.name == "constant") {
            if let Ok(array) = node.attrs.array("value") {
                self.lowered.constants.push(array.clone());
                self.place.insert(node.outputs[0], Place::Constant(self.lowered.constants.len() - 1));
            }
        }
    }

    fn draft(&self, unit: usize) -> Result<Draft> {
        let u = &self.units.units[unit];
        match u.kind {
            Kind::Copy => self.draft_copy(u),
            Kind::Fused => self.draft_fused(unit),
            Kind::Product(activation) => self.draft_product(u, activation),
            Kind::Single => Ok(self.draft_single(u.nodes[0])),
        }
    }

    fn draft_copy(&self, unit: &Unit) -> Result<Draft> {
        let Some((root, layout, copy)) = &unit.copy else { return Err(err!(Internal, "a copy of nothing")) };
        let dtype = self.units.types[root.index()].dtype;
        let kernel = strided_copy(layout, dtype.size())?;
        Ok(Draft { work: Work::Kernel(kernel), inputs: vec![(*root, 0)], outputs: vec![*copy] })
    }

    fn draft_single(&self, n: usize) -> Draft {
        let node = &self.graph.nodes[n];
        let types = types_of(self.graph, node);
        let call = Call { op: node.op, inputs: &types, attrs: &node.attrs };
        let inputs = node.inputs.iter().map(|v| (self.units.places[v.index()].0, 0)).collect();
        let work = match crate::scan::scan(&call).or_else(|| select(&call)) {
            Some(kernel) => Work::Kernel(kernel),
            None => Work::Reference { op: node.op, attrs: Box::new(node.attrs.clone()), inputs: types.to_vec() },
        };
        Draft { work, inputs, outputs: node.outputs.to_vec() }
    }

    fn draft_product(&self, unit: &Unit, activation: Activation) -> Result<Draft> {
        let node = &self.graph.nodes[unit.nodes[0]];
        let last = &self.graph.nodes[unit.nodes[unit.nodes.len() - 1]];
        let types = types_of(self.graph, node);
        let call = Call { op: node.op, inputs: &types, attrs: &node.attrs };
        let places: Vec<&(ValueId, Layout)> = node.inputs.iter().map(|v| &self.units.places[v.index()]).collect();
        let mut inputs: Vec<(ValueId, usize)> = places.iter().map(|(root, l)| (*root, l.offset)).collect();
        if activation.bias {
            let bias = self.graph.nodes[unit.nodes[1]].inputs[1];
            inputs.push((self.units.places[bias.index()].0, 0));
        }
        let kernel: Option<Box<dyn crate::kernel::Kernel>> = if node.op.name == "conv" {
            crate::kernel::conv(&call, activation)
        } else {
            let (ta, tb) = (node.attrs.bool("transpose_a")?, node.attrs.bool("transpose_b")?);
            let a = Side { layout: &places[0].1, transposed: ta };
            let b = Side { layout: &places[1].1, transposed: tb };
            MatMul::new(&a, &b, types[0].dtype, activation).map(|k| Box::new(k) as _)
        };
        match kernel {
            Some(kernel) => Ok(Draft { work: Work::Kernel(kernel), inputs, outputs: last.outputs.to_vec() }),
            // Only float32 products have an activation, and those always have a kernel on forward strides.
            None if activation == Activation::default() && places.iter().all(|(_, l)| l.is_dense()) => {
                Ok(self.draft_single(unit.nodes[0]))
            }
            None => Err(err!(Unsupported, "{}: no kernel for {:?}", node.op.name, types)),
        }
    }

    fn draft_fused(&self, unit: usize) -> Result<Draft> {
        let u = &self.units.units[unit];
        let mut fuser =
            Fuser { builder: self, unit, program: Program::new(), known: HashMap::new(), inputs: Vec::new() };
        let mut names = Vec::new();
        for &n in &u.nodes {
            let node = &self.graph.nodes[n];
            let types = types_of(self.graph, node);
            let call = Call { op: node.op, inputs: &types, attrs: &node.attrs };
            let operands = node.inputs.iter().map(|&v| fuser.operand(v)).collect::<Result<Vec<_>>>()?;
            let result = match operation(&call) {
                Some(Operation::Apply(op)) => fuser.program.push(op, &operands)?,
                Some(Operation::Cast(to)) => fuser.program.cast(operands[0], to)?,
                None => return Err(err!(Internal, "{} is not element-wise", node.op.name)),
            };
            fuser.known.insert((node.outputs[0], None), result);
            names.push(node.op.name);
        }
        let outputs: Vec<ValueId> = u.nodes.iter().map(|&n| self.graph.nodes[n].outputs[0]).collect();
        let outputs: Vec<ValueId> = outputs.into_iter().filter(|&v| self.leaves(unit, v)).collect();
        for output in &outputs {
            let value = fuser.known[&(*output, None)];
            fuser.program.output(value);
        }
        let layouts: Vec<Layout> = fuser.inputs.iter().map(|(_, l)| l.clone()).collect();
        let inputs = fuser.inputs.iter().map(|(root, l)| (*root, l.offset)).collect();
        let kernel = Fused::new(&fuser.program, &u.shape, &layouts, names.join(" "))?;
        Ok(Draft { work: Work::Kernel(Box::new(kernel)), inputs, outputs })
    }

    /// Whether a value of a fused program is needed outside of it.
    fn leaves(&self, unit: usize, value: ValueId) -> bool {
        if self.units.outputs.contains(&value) || self.units.updates.contains(&value) {
            return true;
        }
        let copied = |u: &Unit| u.copy.as_ref().is_some_and(|(root, ..)| *root == value);
        let read_by = |(i, u): (usize, &Unit)| {
            let reads = |&n: &usize| self.graph.nodes[n].inputs.iter().any(|v| self.units.places[v.index()].0 == value);
            i != unit && (copied(u) || u.nodes.iter().any(reads))
        };
        self.units.units.iter().enumerate().any(read_by)
    }

    fn find_last_uses(&mut self, drafts: &[Draft]) {
        for (step, draft) in drafts.iter().enumerate() {
            draft.inputs.iter().for_each(|(root, _)| {
                self.last_use.insert(*root, step);
            });
        }
        for root in self.units.outputs.iter().chain(&self.units.updates) {
            self.last_use.insert(*root, usize::MAX);
        }
    }

    /// Decides which new values are computed in the variables' own memory.
    fn choose_variables(&mut self, drafts: &[Draft]) {
        for (update, &root) in self.graph.updates.iter().zip(&self.units.updates) {
            let Some(index) = self.variable_index(&update.variable) else { continue };
            let Some(writer) = drafts.iter().position(|d| d.outputs.contains(&root)) else { continue };
            if self.in_variable.contains_key(&root) || update.variable.dtype() == DType::Str {
                continue;
            }
            let old = self.graph.inputs.iter().find(|i| i.variable.as_ref() == Some(&update.variable));
            let last_read = old.and_then(|o| self.last_use.get(&o.value).copied());
            let own: Vec<usize> = match old {
                Some(old) => positions(&drafts[writer].inputs, old.value),
                None => Vec::new(),
            };
            let Work::Kernel(kernel) = &drafts[writer].work else { continue };
            let out = drafts[writer].outputs.iter().position(|&o| o == root).unwrap_or(0);
            let fits = last_read.is_none_or(|last| last <= writer) && own.iter().all(|&i| kernel.in_place(i, out));
            if fits {
                self.in_variable.insert(root, index);
            }
        }
    }

    fn emit(&mut self, step: usize, draft: Draft, unit: usize) -> Result<()> {
        let scope = self.units.units[unit].nodes.first().and_then(|&n| self.graph.nodes[n].scope.clone());
        self.check_alive(draft.inputs.iter().map(|(root, _)| *root))?;
        let mut shared: Vec<Option<usize>> = vec![None; draft.inputs.len()];
        let mut outputs = Vec::new();
        for (o, &value) in draft.outputs.iter().enumerate() {
            let bytes = bytes_of(&self.units.types[value.index()]);
            let place = self.output_place(step, &draft, o, &mut shared);
            self.place.insert(value, place);
            if let Place::Slot(slot) = place {
                self.holds.insert(slot, value);
            }
            outputs.push((place, bytes));
        }
        let inputs = draft.inputs.iter().zip(&shared).map(|(&(root, offset), shared)| {
            let bytes = bytes_of(&self.units.types[root.index()]);
            match shared {
                Some(output) => (Source::Output(*output), bytes),
                None => (Source::At(self.place[&root], offset), bytes),
            }
        });
        let inputs = inputs.collect();
        if let Work::Kernel(kernel) = &draft.work {
            self.lowered.scratch = self.lowered.scratch.max(kernel.scratch());
        }
        self.release(step, &draft, &shared);
        self.lowered.steps.push(Step { work: draft.work, inputs, outputs, scope });
        Ok(())
    }

    /// Fails if a value to be read is no longer in its buffer: the check that no two live values share one.
    fn check_alive(&self, roots: impl Iterator<Item = ValueId>) -> Result<()> {
        for root in roots {
            match self.place.get(&root) {
                None => {
                    return Err(err!(
                        Internal,
                        "plan {}: value {} is read before it is computed",
                        self.graph.name,
                        root.0
                    ));
                }
                Some(Place::Slot(slot)) if self.holds.get(slot) != Some(&root) => {
                    return Err(err!(
                        Internal,
                        "plan {}: value {} was overwritten in slot {slot}",
                        self.graph.name,
                        root.0
                    ));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Where output `o` goes: a variable, the memory of an input that is needed no more, or a buffer.
    fn output_place(&mut self, step: usize, draft: &Draft, o: usize, shared: &mut [Option<usize>]) -> Place {
        let value = draft.outputs[o];
        let ty = &self.units.types[value.index()];
        if ty.dtype == DType::Str {
            self.lowered.texts += 1;
            return Place::Text(self.lowered.texts - 1);
        }
        if let Some(&index) = self.in_variable.get(&value) {
            let own = (0..draft.inputs.len())
                .filter(|&i| self.place.get(&draft.inputs[i].0) == Some(&Place::Variable(index)));
            own.for_each(|i| shared[i] = Some(o));
            return Place::Variable(index);
        }
        let bytes = bytes_of(ty);
        if let Work::Kernel(kernel) = &draft.work {
            for i in 0..draft.inputs.len() {
                let root = draft.inputs[i].0;
                let Some(&Place::Slot(slot)) = self.place.get(&root) else { continue };
                let alone = positions(&draft.inputs, root).len() == 1;
                let done = self.last_use.get(&root) == Some(&step);
                if alone && done && shared[i].is_none() && kernel.in_place(i, o) && self.slots.sizes[slot] >= bytes {
                    shared[i] = Some(o);
                    return Place::Slot(slot);
                }
            }
        }
        Place::Slot(self.slots.take(bytes))
    }

    /// Gives back the buffers of values that this step read last, and of results that nobody reads.
    fn release(&mut self, step: usize, draft: &Draft, shared: &[Option<usize>]) {
        let mut done: Vec<ValueId> = Vec::new();
        for ((root, _), shared) in draft.inputs.iter().zip(shared) {
            if shared.is_none() && self.last_use.get(root) == Some(&step) && !done.contains(root) {
                done.push(*root);
            }
        }
        done.extend(draft.outputs.iter().filter(|o| !self.last_use.contains_key(o)));
        for root in done {
            if let Some(&Place::Slot(slot)) = self.place.get(&root) {
                self.slots.give(slot);
            }
        }
    }

    fn finish(mut self) -> Result<Lowered> {
        self.check_alive(self.units.outputs.iter().chain(&self.units.updates).copied())?;
        for (update, &root) in self.graph.updates.iter().zip(&self.units.updates) {
            let (Some(index), Some(&from)) = (self.variable_index(&update.variable), self.place.get(&root)) else {
                return Err(err!(Internal, "variable '{}' has no new value", update.variable.name()));
            };
            if self.in_variable.get(&root) == Some(&index) {
                continue;
            }
            let bytes = bytes_of(&self.units.types[root.index()]);
            let ty = update.variable.ty();
            let kernel = strided_copy(&Layout::dense(&ty.shape), ty.dtype.size())?;
            self.lowered.steps.push(Step {
                work: Work::Kernel(kernel),
                inputs: vec![(Source::At(from, 0), bytes)],
                outputs: vec![(Place::Variable(index), bytes)],
                scope: None,
            });
        }
        for (&root, output) in self.units.outputs.iter().zip(&self.graph.outputs) {
            let place = self.place.get(&root).copied();
            let place = place.ok_or_else(|| err!(Internal, "result '{}' is never computed", output.name))?;
            self.lowered.outputs.push((place, self.graph.type_of(output.value).clone()));
        }
        self.lowered.slots = self.slots.sizes;
        Ok(self.lowered)
    }
}

fn positions(inputs: &[(ValueId, usize)], root: ValueId) -> Vec<usize> {
    inputs.iter().enumerate().filter(|(_, (r, _))| *r == root).map(|(i, _)| i).collect()
}

/// Writes one fused unit as a program.
struct Fuser<'a, 'g> {
    builder: &'a Builder<'g>,
    unit: usize,
    program: Program,
    /// Values already in the program, by root and, for inputs, by the number of the layout.
    known: HashMap<(ValueId, Option<usize>), Value>,
    inputs: Vec<(ValueId, Layout)>,
}

impl Fuser<'_, '_> {
    fn operand(&mut self, value: ValueId) -> Result<Value> {
        let (root, layout) = &self.builder.units.places[value.index()];
        if self.builder.units.producer[root.index()] == Some(self.unit) {
            return self.known.get(&(*root, None)).copied().ok_or_else(|| err!(Internal, "fused value out of order"));
        }
        let dtype = self.builder.graph.type_of(value).dtype;
        let element = element(dtype).ok_or_else(|| err!(Internal, "no element for {dtype}"))?;
        if let Some(bits) = self.constant(*root, layout) {
            return Ok(self.program.constant_bits(element, bits));
        }
        let shape = &self.builder.units.units[self.unit].shape;
        let strides = layout.broadcast_to(shape);
        let same =
            |(r, l): &(ValueId, Layout)| r == root && l.offset == layout.offset && l.broadcast_to(shape) == strides;
        let index = match self.inputs.iter().position(same) {
            Some(index) => index,
            None => {
                self.inputs.push((*root, layout.clone()));
                let value = self.program.input(element);
                self.known.insert((*root, Some(self.inputs.len() - 1)), value);
                self.inputs.len() - 1
            }
        };
        Ok(self.known[&(*root, Some(index))])
    }

    /// The bits of a constant that is the same for every element.
    fn constant(&self, root: ValueId, layout: &Layout) -> Option<u64> {
        let Place::Constant(index) = *self.builder.place.get(&root)? else { return None };
        let array: &Array = &self.builder.lowered.constants[index];
        let single = array.elements() == 1 || layout.shape.iter().zip(&layout.strides).all(|(&d, &s)| d == 1 || s == 0);
        let size = array.dtype().size();
        let bytes = array.bytes().get(layout.offset * size..(layout.offset + 1) * size)?;
        let mut bits = [0; 8];
        bits[..size].copy_from_slice(bytes);
        single.then(|| u64::from_le_bytes(bits))
    }
}
