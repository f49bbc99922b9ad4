//! `scan` on the CPU: the body's plan, run once for each step on the memory of the plan around it.
//!
//! Carries alternate between two places; slices are read where they lie, and results go to their slices at once.

use cornet_error::{Result, err};
use cornet_kernels::pointwise::Input;
use cornet_ops::Call;
use cornet_tensor::DType;
use smallvec::SmallVec;

use crate::bytes_of;
use crate::exec::{Arguments, Memory, Plan};
use crate::kernel::{Io, Kernel};
use crate::lower::lower;

/// Places of carries begin at multiples of this many bytes.
const LINE: usize = 64;

/// A loop over slices.
struct Scan {
    plan: Plan,
    length: usize,
    reverse: bool,
    /// Bytes of each carry.
    carries: Vec<usize>,
    /// Bytes of a slice of each sequence.
    slices: Vec<usize>,
    /// Bytes of a slice of each result.
    results: Vec<usize>,
}

/// The kernel of a scan whose body can be lowered and has no strings.
pub(crate) fn scan(call: &Call<'_>) -> Option<Box<dyn Kernel>> {
    if call.op.name != "scan" {
        return None;
    }
    let body = call.attrs.graph("body").ok()?;
    let size = |name| call.attrs.size(name).ok();
    let (carries, sequences) = (size("carries")?, size("sequences")?);
    let plain = body.types.iter().all(|ty| ty.dtype != DType::Str)
        && body.inputs.iter().all(|i| i.variable.is_none())
        && body.updates.is_empty();
    let inputs: Vec<usize> = body.inputs.iter().map(|i| bytes_of(body.type_of(i.value))).collect();
    let outputs: Vec<usize> = body.outputs.iter().map(|o| bytes_of(body.type_of(o.value))).collect();
    if !plain || inputs.len() < carries + sequences || outputs.len() < carries {
        return None;
    }
    Some(Box::new(Scan {
        plan: Plan::new(lower(body).ok()?),
        length: size("length")?,
        reverse: call.attrs.bool("reverse").ok()?,
        carries: inputs[..carries].to_vec(),
        slices: inputs[carries..carries + sequences].to_vec(),
        results: outputs[carries..].to_vec(),
    }))
}

impl Scan {
    /// Bytes of one place for all carries.
    fn carried(&self) -> usize {
        self.carries.iter().map(|n| n.next_multiple_of(LINE)).sum()
    }

    /// The carries that lie in a place.
    fn split<'a>(&'a self, mut place: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.carries.iter().map(move |&n| {
            let (this, rest) = place.split_at(n.next_multiple_of(LINE));
            place = rest;
            &this[..n]
        })
    }
}

impl Scan {
    /// Runs step `i`: from the carries at the first place to those at the second.
    fn step(
        &self,
        i: usize,
        (now, next): (&[u8], &mut [u8]),
        [sequences, constants]: [&[&[u8]]; 2],
        stacks: &mut [&mut [u8]],
        memory: &mut Memory,
    ) -> Result<()> {
        let mut arguments: SmallVec<[&[u8]; 32]> = self.split(now).collect();
        arguments.extend(sequences.iter().zip(&self.slices).map(|(bytes, &n)| &bytes[i * n..][..n]));
        arguments.extend_from_slice(constants);
        let arguments = Arguments::Bytes(&arguments);
        self.plan.run_steps(arguments, memory)?;
        let mut at = 0;
        for (o, &n) in self.carries.iter().enumerate() {
            next[at..at + n].copy_from_slice(self.plan.result(o, arguments, memory)?);
            at += n.next_multiple_of(LINE);
        }
        for (o, (stack, &n)) in stacks.iter_mut().zip(&self.results).enumerate() {
            stack[i * n..][..n].copy_from_slice(self.plan.result(self.carries.len() + o, arguments, memory)?);
        }
        Ok(())
    }
}

impl Kernel for Scan {
    fn run(&self, io: Io<'_, '_>) -> Result<()> {
        let inputs = io.inputs.iter().map(|input| match *input {
            Input::Bytes(bytes) => Ok(bytes),
            Input::At(..) | Input::Output(_) => Err(err!(Internal, "a scan reads dense memory of its own")),
        });
        let inputs = inputs.collect::<Result<SmallVec<[&[u8]; 16]>>>()?;
        let (first, rest) = inputs.split_at(self.carries.len());
        let (sequences, constants) = rest.split_at(self.slices.len());
        let (results, stacks) = io.outputs.split_at_mut(self.carries.len());
        let (mut now, mut next) = io.scratch[..2 * self.carried()].split_at_mut(self.carried());
        let mut at = 0;
        for (bytes, &n) in first.iter().zip(&self.carries) {
            now[at..at + n].copy_from_slice(bytes);
            at += n.next_multiple_of(LINE);
        }
        let mut memory = self.plan.take_memory()?;
        for step in 0..self.length {
            let i = if self.reverse { self.length - 1 - step } else { step };
            self.step(i, (now, next), [sequences, constants], stacks, &mut memory)?;
            std::mem::swap(&mut now, &mut next);
        }
        self.plan.give_memory(memory);
        results.iter_mut().zip(self.split(now)).for_each(|(result, last)| result.copy_from_slice(last));
        Ok(())
    }

    fn scratch(&self) -> usize {
        2 * self.carried()
    }

    fn describe(&self) -> String {
        let plan = cornet_ops::Executable::describe(&self.plan);
        format!("scan of {} steps of [\n{plan}]", self.length)
    }
}
