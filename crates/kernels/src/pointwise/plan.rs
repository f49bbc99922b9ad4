//! From a program and the strides of its inputs to steps over tile registers.

use super::chain::{self, ChainFn, Link, MAX_LINKS};
use super::layout::{MAX_PERIOD, Mapping};
use super::program::Instr;
use super::{Op, Program, TileFn, Value, cast, f32_ops, scalar_ops};
use crate::element::Element;
use crate::isa::Isa;
use cornet_error::{Code, Error, Result};

/// Inputs, constants, outputs and registers of a plan together.
pub(super) const MAX_SLOTS: usize = 128;

/// Bytes of tiles that a task keeps in the first-level cache.
const CACHE_BYTES: usize = 32 << 10;
/// Bytes of arrays that the nearer caches may hold from one run to the next.
const NEAR_BYTES: usize = 4 << 20;
const MAX_TILE: usize = 1024;
const MIN_TILE: usize = 128;
/// Spreads buffers over cache sets, so that equal positions of two tiles do not collide.
const STAGGER: usize = 320;

/// A program bound to a shape, to strides and to an instruction set; made by [`Program::plan`].
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) len: usize,
    pub(super) tile: usize,
    pub(super) chunk: usize,
    pub(super) inputs: Vec<InputPlan>,
    pub(super) constants: Vec<ConstantPlan>,
    pub(super) outputs: Vec<Element>,
    /// Byte offsets of the registers in the scratch memory; their slots follow the outputs'.
    pub(super) registers: Vec<usize>,
    pub(super) steps: Vec<Step>,
    /// The operations of chains, and the slots of their operands; steps name ranges of it.
    pub(super) links: Vec<(Link, [u8; 2])>,
    pub(super) scratch_bytes: usize,
    /// Whether the arrays are too large for the nearer caches, so that each tile is asked for ahead of its turn.
    pub(super) far: bool,
}

#[derive(Clone, Debug)]
pub(super) struct InputPlan {
    pub(super) element: Element,
    pub(super) mapping: Mapping,
    /// Byte offset of its tile in the scratch memory, where it is not read in place.
    pub(super) buffer: Option<usize>,
}

#[derive(Clone, Debug)]
pub(super) struct ConstantPlan {
    pub(super) bits: u64,
    pub(super) size: usize,
    /// Byte offset of its tile, where a kernel wants it spread.
    pub(super) buffer: Option<usize>,
}

/// One kernel call: its function, and slots of destination and sources.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) kernel: Kernel,
    pub(super) slots: [u8; 4],
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Kernel {
    /// One operation.
    Tile(TileFn),
    /// The operations `links[first..end]` one after the other.
    Chain { kernel: ChainFn, first: usize, end: usize },
}

#[derive(Clone, Copy)]
enum Source {
    Input(usize),
    Constant(u64),
    /// With its operation where that may be a link of a chain.
    Step {
        kernel: TileFn,
        op: Option<Op>,
        operands: [usize; 3],
        scalar: [bool; 3],
        weight: usize,
    },
}

struct Node {
    element: Element,
    source: Source,
}

/// The program as kernel calls on nodes, 16-bit floats spelled out as conversions.
struct Lowering<'a> {
    program: &'a Program,
    mappings: &'a [Mapping],
    isa: Isa,
    nodes: Vec<Node>,
    /// The node of each value, and its node in `f32` where it is a 16-bit float.
    of_value: Vec<Option<usize>>,
    wide: Vec<Option<usize>>,
}

impl Lowering<'_> {
    fn add(&mut self, element: Element, source: Source) -> usize {
        self.nodes.push(Node { element, source });
        self.nodes.len() - 1
    }

    fn step(&mut self, element: Element, kernel: TileFn, operands: [usize; 3], weight: usize) -> usize {
        self.add(element, Source::Step { kernel, op: None, operands, scalar: [false; 3], weight })
    }

    fn convert(&mut self, node: usize, to: Element) -> usize {
        let from = self.nodes[node].element;
        let weight = if from == Element::F16 || to == Element::F16 { 8 } else { 1 };
        self.step(to, cast::kernel(from, to, self.isa), [node; 3], weight)
    }

    /// The node of a value in `f32`.
    fn widened(&mut self, value: Value) -> Result<usize> {
        let index = value.0 as usize;
        let node = self.node(value)?;
        if !self.nodes[node].element.is_half() {
            return Ok(node);
        }
        if let Some(wide) = self.wide[index] {
            return Ok(wide);
        }
        let element = self.nodes[node].element;
        let wide = match self.nodes[node].source {
            Source::Constant(bits) => self.add(Element::F32, Source::Constant(cast::half_to_f32_bits(element, bits))),
            _ => self.convert(node, Element::F32),
        };
        self.wide[index] = Some(wide);
        Ok(wide)
    }

    fn node(&self, value: Value) -> Result<usize> {
        let found = self.of_value.get(value.0 as usize).copied().flatten();
        found.ok_or_else(|| {
            Error::new(Code::InvalidArgument, "a value that this program does not define before its use")
        })
    }

    fn is_scalar(&self, node: usize) -> bool {
        match self.nodes[node].source {
            Source::Constant(_) => true,
            Source::Input(i) => self.mappings[i] == Mapping::Splat,
            Source::Step { .. } => false,
        }
    }

    fn lower(&mut self, value: Value) -> Result<()> {
        let (element, instr) = self.program.values[value.0 as usize];
        let node = match instr {
            Instr::Input(i) => self.add(element, Source::Input(i)),
            Instr::Constant(bits) => self.add(element, Source::Constant(bits)),
            Instr::Cast(from) => {
                let node = self.node(from)?;
                self.convert(node, element)
            }
            Instr::Apply(op, operands) => self.apply(op, element, &operands[..op.arity()])?,
        };
        self.of_value[value.0 as usize] = Some(node);
        Ok(())
    }

    fn apply(&mut self, op: Op, result: Element, values: &[Value]) -> Result<usize> {
        let element = self.program.element(values[values.len() - 1])?;
        let narrow = element.is_half() && op != Op::Select;
        let mut nodes = [0; 3];
        for (node, &value) in nodes.iter_mut().zip(values) {
            *node = if narrow { self.widened(value)? } else { self.node(value)? };
        }
        let first = nodes[0];
        nodes[values.len()..].fill(first);
        let weight = weight(op);
        if !narrow && element != Element::F32 {
            let kernel = if op == Op::Select {
                Some(scalar_ops::select(element.size(), self.isa))
            } else {
                scalar_ops::kernel(op, element, self.isa)
            };
            return Ok(self.step(result, kernel.ok_or_else(|| missing(op, element))?, nodes, weight));
        }
        let mut scalar = [false; 3];
        (0..values.len()).for_each(|i| scalar[i] = self.is_scalar(nodes[i]));
        let scalar = f32_ops::takes_scalar(op, scalar);
        let kernel = f32_ops::kernel(op, self.isa, scalar).ok_or_else(|| missing(op, element))?;
        let computed = if result.is_half() { Element::F32 } else { result };
        let node = self.add(computed, Source::Step { kernel, op: Some(op), operands: nodes, scalar, weight });
        Ok(if result.is_half() { self.convert(node, result) } else { node })
    }
}

fn missing(op: Op, element: Element) -> Error {
    Error::new(Code::Internal, format!("{}: no kernel for {element}", op.name()))
}

/// Rough cycles per sixteen elements, relative to an addition.
fn weight(op: Op) -> usize {
    match op {
        Op::Asin | Op::Acos | Op::Atan | Op::Sinh | Op::Cosh | Op::Asinh | Op::Acosh | Op::Atanh | Op::Atan2 => 300,
        Op::Erfc | Op::ErfInv | Op::Lgamma | Op::Digamma | Op::Rem | Op::FloorMod => 300,
        Op::Pow => 60,
        Op::Exp | Op::Expm1 | Op::Log | Op::Log2 | Op::Log10 | Op::Log1p | Op::Sin | Op::Cos | Op::Tan => 15,
        Op::Tanh | Op::Sigmoid | Op::Silu | Op::Softplus | Op::Erf | Op::Gelu | Op::GeluTanh => 25,
        Op::Div | Op::Sqrt | Op::Rsqrt | Op::Recip | Op::FloorDiv => 10,
        _ => 1,
    }
}

/// The values that an output needs.
fn live(program: &Program) -> Result<Vec<bool>> {
    let mut live = vec![false; program.values.len()];
    for &output in &program.outputs {
        program.element(output)?;
        live[output.0 as usize] = true;
    }
    for i in (0..live.len()).rev().filter(|&i| i < program.values.len()) {
        if live[i] {
            match program.values[i].1 {
                Instr::Apply(op, operands) => operands[..op.arity()].iter().for_each(|v| live[v.0 as usize] = true),
                Instr::Cast(from) => live[from.0 as usize] = true,
                Instr::Input(_) | Instr::Constant(_) => {}
            }
        }
    }
    Ok(live)
}

impl Plan {
    pub(super) fn new(program: &Program, shape: &[usize], strides: &[&[isize]], isa: Isa) -> Result<Plan> {
        let len = check(program, shape, strides)?;
        let mappings = strides.iter().map(|s| Mapping::new(shape, s)).collect::<Result<Vec<_>>>();
        let mappings = if len == 0 { vec![Mapping::Splat; strides.len()] } else { mappings? };
        let isa = if isa.available() { isa } else { Isa::fastest() };
        let values = program.values.len();
        let (nodes, of_value) = (Vec::new(), vec![None; values]);
        let mut lowering =
            Lowering { program, mappings: &mappings, isa, nodes, of_value: of_value.clone(), wide: of_value };
        for (i, live) in live(program)?.into_iter().enumerate() {
            if live {
                lowering.lower(Value(i as u32))?;
            }
        }
        let outputs = program.outputs.iter().map(|&v| lowering.node(v)).collect::<Result<Vec<_>>>()?;
        let nodes = lowering.nodes;
        let plan = Plan {
            len,
            tile: MAX_TILE,
            chunk: 0,
            inputs: program
                .inputs()
                .zip(mappings)
                .map(|(element, mapping)| InputPlan { element, mapping, buffer: None })
                .collect(),
            constants: Vec::new(),
            outputs: program.outputs()?,
            registers: Vec::new(),
            steps: Vec::new(),
            links: Vec::new(),
            scratch_bytes: 0,
            far: false,
        };
        Assembly::new(plan, nodes, &outputs, isa).finish()
    }

    /// Elements of each output.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the outputs have no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Kernel calls per tile, conversions and copies included.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.steps.len()
    }
}

fn check(program: &Program, shape: &[usize], strides: &[&[isize]]) -> Result<usize> {
    if strides.len() != program.inputs.len() {
        let message = format!("plan: expected strides of {} inputs, found {}", program.inputs.len(), strides.len());
        return Err(Error::new(Code::InvalidArgument, message));
    }
    if let Some(wrong) = strides.iter().find(|s| s.len() != shape.len()) {
        let message = format!("plan: expected {} strides for shape {shape:?}, found {wrong:?}", shape.len());
        return Err(Error::new(Code::RankMismatch, message));
    }
    if program.outputs.is_empty() {
        return Err(Error::new(Code::InvalidArgument, "plan: a program without outputs").help("call Program::output"));
    }
    let len = if shape.contains(&0) { Some(0) } else { shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)) };
    len.filter(|&n| n <= (isize::MAX / 16) as usize)
        .ok_or_else(|| Error::new(Code::LimitExceeded, format!("plan: shape {shape:?} has too many elements")))
}

/// A node's place while registers are assigned.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    None,
    Input(usize),
    Constant(usize),
    Output(usize),
    Register(usize),
}

struct Assembly {
    plan: Plan,
    nodes: Vec<Node>,
    places: Vec<Place>,
    /// The last node that reads each node; `usize::MAX` where an output is copied from it in the end.
    last_use: Vec<usize>,
    /// Sizes of the registers, and which are free.
    registers: Vec<(usize, bool)>,
    calls: Vec<CallPlan>,
    weight: usize,
    isa: Isa,
}

/// A kernel call whose operands have their places.
#[derive(Clone, Copy)]
struct CallPlan {
    kernel: TileFn,
    op: Option<Op>,
    scalar: [bool; 3],
    to: Place,
    from: [Place; 3],
    /// Whether the next call is the last to read the result.
    passes: bool,
}

impl CallPlan {
    fn copy(kernel: TileFn, to: Place, from: Place) -> Self {
        Self { kernel, op: None, scalar: [false; 3], to, from: [from; 3], passes: false }
    }

    /// The operation as one that takes operand `at` from the registers.
    fn link(&self, at: usize) -> Option<Link> {
        self.op.and_then(|op| chain::link(op, at, self.scalar))
    }

    /// Which operand is the result of the call before, where it is one alone.
    fn takes(&self, before: &CallPlan) -> Option<usize> {
        let operands = &self.from[..self.op?.arity()];
        let mut found = (0..operands.len()).filter(|&i| operands[i] == before.to);
        let first = found.next();
        first.filter(|_| found.next().is_none())
    }
}

impl Assembly {
    fn new(plan: Plan, nodes: Vec<Node>, outputs: &[usize], isa: Isa) -> Self {
        let places = vec![Place::None; nodes.len()];
        let last_use = vec![0; nodes.len()];
        let mut this = Self { plan, nodes, places, last_use, registers: Vec::new(), calls: Vec::new(), weight: 0, isa };
        this.place_leaves();
        this.find_last_uses();
        let copies = this.place_outputs(outputs, isa);
        this.place_steps();
        for (node, output) in copies {
            let kernel = cast::copy(this.nodes[node].element.size(), isa);
            this.calls.push(CallPlan::copy(kernel, Place::Output(output), this.places[node]));
            this.weight += 1;
            this.spread(this.places[node], false);
        }
        this
    }

    fn place_leaves(&mut self) {
        for (node, place) in self.nodes.iter().zip(&mut self.places) {
            match node.source {
                Source::Input(i) => *place = Place::Input(i),
                Source::Constant(bits) => {
                    *place = Place::Constant(self.plan.constants.len());
                    self.plan.constants.push(ConstantPlan { bits, size: node.element.size(), buffer: None });
                }
                Source::Step { .. } => {}
            }
        }
    }

    fn find_last_uses(&mut self) {
        for (i, node) in self.nodes.iter().enumerate() {
            if let Source::Step { operands, .. } = node.source {
                operands.iter().for_each(|&o| self.last_use[o] = i);
            }
        }
    }

    /// Lets a step write an output in place where nothing that may share the output's memory is read later; returns
    /// the outputs to copy in the end. An input that is an output while there are others is saved first.
    fn place_outputs(&mut self, outputs: &[usize], isa: Isa) -> Vec<(usize, usize)> {
        let dense =
            |node: &Node| matches!(node.source, Source::Input(i) if self.plan.inputs[i].mapping == Mapping::Dense);
        let last_read = (0..self.nodes.len()).filter(|&i| dense(&self.nodes[i])).map(|i| self.last_use[i]).max();
        let mut copies = Vec::new();
        for (output, &node) in outputs.iter().enumerate() {
            let is_step = matches!(self.nodes[node].source, Source::Step { .. });
            if is_step && self.places[node] == Place::None && last_read.is_none_or(|last| last <= node) {
                self.places[node] = Place::Output(output);
            } else if matches!(self.nodes[node].source, Source::Input(_)) && outputs.len() > 1 {
                let size = self.nodes[node].element.size();
                let register = self.new_register(size);
                self.spread(self.places[node], false);
                self.calls.push(CallPlan::copy(cast::copy(size, isa), Place::Register(register), self.places[node]));
                self.nodes.push(Node { element: self.nodes[node].element, source: Source::Constant(0) });
                self.places.push(Place::Register(register));
                self.last_use.push(usize::MAX);
                copies.push((self.nodes.len() - 1, output));
            } else {
                self.last_use[node] = usize::MAX;
                copies.push((node, output));
            }
        }
        copies
    }

    fn new_register(&mut self, size: usize) -> usize {
        let free = self.registers.iter().position(|&(s, free)| free && s == size);
        let register = free.unwrap_or_else(|| {
            self.registers.push((size, true));
            self.registers.len() - 1
        });
        self.registers[register].1 = false;
        register
    }

    fn release(&mut self, operands: [usize; 3], at: usize) {
        for operand in operands {
            if let (Place::Register(r), true) = (self.places[operand], self.last_use[operand] == at) {
                self.registers[r].1 = true;
            }
        }
    }

    fn place_steps(&mut self) {
        for i in 0..self.nodes.len() {
            let Source::Step { kernel, op, operands, scalar, weight } = self.nodes[i].source else { continue };
            self.weight += weight;
            let size = self.nodes[i].element.size();
            let in_place = operands.iter().all(|&o| self.nodes[o].element.size() == size);
            if in_place {
                self.release(operands, i);
            }
            if self.places[i] == Place::None {
                self.places[i] = Place::Register(self.new_register(size));
            }
            if !in_place {
                self.release(operands, i);
            }
            for (&operand, scalar) in operands.iter().zip(scalar) {
                self.spread(self.places[operand], scalar);
            }
            let (to, from) = (self.places[i], operands.map(|o| self.places[o]));
            let next = (i + 1..self.nodes.len()).find(|&n| matches!(self.nodes[n].source, Source::Step { .. }));
            let passes = matches!(to, Place::Register(_)) && next == Some(self.last_use[i]);
            self.calls.push(CallPlan { kernel, op, scalar, to, from, passes });
        }
    }

    /// Marks a scalar that a kernel reads as a whole tile.
    fn spread(&mut self, place: Place, scalar: bool) {
        match place {
            Place::Constant(c) if !scalar => self.plan.constants[c].buffer = Some(0),
            Place::Input(i) if !scalar && self.plan.inputs[i].mapping == Mapping::Splat => {
                self.plan.inputs[i].buffer = Some(0);
            }
            _ => {}
        }
    }

    /// Chooses the tile, lays out the scratch memory and numbers the slots.
    fn finish(mut self) -> Result<Plan> {
        let plan = &mut self.plan;
        let buffered = |i: &InputPlan| match i.mapping {
            Mapping::Strided(_) | Mapping::Periodic(_) => true,
            Mapping::Splat => i.buffer.is_some(),
            Mapping::Dense => false,
        };
        let per_element: usize = self.registers.iter().map(|&(size, _)| size).sum::<usize>()
            + plan.inputs.iter().filter(|i| buffered(i)).map(|i| i.element.size()).sum::<usize>()
            + plan.constants.iter().filter(|c| c.buffer.is_some()).map(|c| c.size).sum::<usize>();
        let fitting = CACHE_BYTES / per_element.max(1);
        plan.tile = (fitting.clamp(MIN_TILE, MAX_TILE) + 1).next_power_of_two() / 2;
        plan.chunk = ((1usize << 18) / self.weight.max(1)).clamp(4096, 1 << 16).next_power_of_two().max(plan.tile);
        let dense = plan.inputs.iter().filter(|i| i.mapping == Mapping::Dense).map(|i| i.element.size());
        let streamed: usize = dense.chain(plan.outputs.iter().map(|o| o.size())).sum();
        let mut end = 0;
        let mut reserve = |elements: usize, size: usize| {
            let start = end;
            end = (start + elements * size).next_multiple_of(64) + STAGGER;
            start
        };
        for input in &mut plan.inputs {
            let extra = match input.mapping {
                Mapping::Periodic(period) if period <= MAX_PERIOD => period,
                _ => 0,
            };
            input.buffer = buffered(input).then(|| reserve(plan.tile + extra, input.element.size()));
        }
        for constant in plan.constants.iter_mut().filter(|c| c.buffer.is_some()) {
            constant.buffer = Some(reserve(plan.tile, constant.size));
        }
        plan.registers = self.registers.iter().map(|&(size, _)| reserve(plan.tile, size)).collect();
        plan.scratch_bytes = end;
        let (inputs, constants, outputs) = (plan.inputs.len(), plan.constants.len(), plan.outputs.len());
        if inputs + constants + outputs + plan.registers.len() > MAX_SLOTS {
            let message = format!("plan: more than {MAX_SLOTS} inputs, constants, outputs and registers");
            return Err(Error::new(Code::LimitExceeded, message).help("split the program in two"));
        }
        let slot = |place: Place| match place {
            Place::Input(i) => i,
            Place::Constant(c) => inputs + c,
            Place::Output(o) => inputs + constants + o,
            Place::Register(r) => inputs + constants + outputs + r,
            Place::None => 0,
        } as u8;
        let mut at = 0;
        while at < self.calls.len() {
            let count = chained(&self.calls[at..]);
            let (head, last) = (&self.calls[at], &self.calls[at + count - 1]);
            let step = if count == 1 {
                let [a, b, c] = head.from.map(slot);
                Step { kernel: Kernel::Tile(head.kernel), slots: [slot(head.to), a, b, c] }
            } else {
                let first = plan.links.len();
                let enter = entry(head).unwrap_or(0);
                for (i, call) in self.calls[at..at + count].iter().enumerate() {
                    let taken = if i == 0 { enter } else { call.takes(&self.calls[at + i - 1]).unwrap_or(0) };
                    let others = [call.from[if taken == 0 { 1 } else { 0 }], call.from[2]].map(slot);
                    plan.links.extend(call.link(taken).map(|link| (link, others)));
                }
                let kernel = Kernel::Chain { kernel: chain::kernel(self.isa), first, end: plan.links.len() };
                Step { kernel, slots: [slot(last.to), slot(head.from[enter]), 0, 0] }
            };
            plan.steps.push(step);
            at += count;
        }
        // One kernel alone waits for memory while it computes; it is between kernels that memory would be idle.
        plan.far = plan.steps.len() > 1 && plan.len.saturating_mul(streamed) > NEAR_BYTES;
        Ok(self.plan)
    }
}

/// The operand with which a chain can begin at this call: the first that is an array.
fn entry(call: &CallPlan) -> Option<usize> {
    let at = call.scalar.iter().position(|&scalar| !scalar)?;
    call.link(at).map(|_| at)
}

/// How many of the calls, from the first on, one pass can do: each takes the result of the one before, and no one else
/// does.
fn chained(calls: &[CallPlan]) -> usize {
    if calls.first().and_then(entry).is_none() {
        return 1;
    }
    let follows = |pair: &[CallPlan]| {
        pair[0].passes && pair[1].takes(&pair[0]).is_some_and(|taken| pair[1].link(taken).is_some())
    };
    1 + calls.windows(2).take(MAX_LINKS - 1).take_while(|pair| follows(pair)).count()
}
