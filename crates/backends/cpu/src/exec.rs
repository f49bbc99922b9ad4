//! Runs a lowered graph.

use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

use cornet_error::{Result, err};
use cornet_kernels::pointwise::Input;
use cornet_ops::{Call, Executable, Type, run_reference};
use cornet_tensor::{Array, Buffer, DType};
use smallvec::SmallVec;

use crate::kernel::Io;
use crate::lower::{Lowered, Place, Source, Step, Work};
use crate::{bytes_of, pool};

/// A lowered graph with the memory of its runs.
pub(crate) struct Plan {
    lowered: Lowered,
    /// Memory of runs that have ended; concurrent runs have one each.
    idle: Mutex<Vec<Memory>>,
}

/// Results from this size on are exchanged rather than copied.
const EXCHANGED_BYTES: usize = 64 << 10;

/// What a run is given.
#[derive(Clone, Copy)]
pub(crate) enum Arguments<'a> {
    /// Arrays.
    Arrays(&'a [&'a Array]),
    /// Their bytes.
    Bytes(&'a [&'a [u8]]),
}

impl<'a> Arguments<'a> {
    fn bytes(self, i: usize) -> Option<&'a [u8]> {
        match self {
            Self::Arrays(arrays) => arrays.get(i).map(|array| array.bytes()),
            Self::Bytes(bytes) => bytes.get(i).copied(),
        }
    }
}

/// The buffers of one run, made once.
pub(crate) struct Memory {
    slots: Vec<Buffer>,
    texts: Vec<Array>,
    scratch: Buffer,
    /// The variables' values while the run has them.
    variables: Vec<Option<Array>>,
}

/// What a step writes, taken out of the memory while the step runs.
enum Taken {
    Slot(usize, Buffer),
    Variable(usize, Array),
}

impl Plan {
    pub fn new(lowered: Lowered) -> Self {
        Self { lowered, idle: Mutex::default() }
    }

    fn new_memory(&self) -> Result<Memory> {
        let name = &self.lowered.name;
        let zeroed = |bytes| {
            Buffer::try_zeroed(bytes)
                .ok_or_else(|| err!(LimitExceeded, "{name}: no memory for a result of {bytes} bytes"))
        };
        Ok(Memory {
            slots: self.lowered.slots.iter().map(|&bytes| zeroed(bytes)).collect::<Result<_>>()?,
            texts: vec![Array::zeros(DType::Str, [0]); self.lowered.texts],
            scratch: zeroed(self.lowered.scratch)?,
            variables: Vec::with_capacity(self.lowered.variables.len()),
        })
    }

    /// Memory for runs of steps: of a run that has ended, or new.
    pub fn take_memory(&self) -> Result<Memory> {
        let found = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        found.map_or_else(|| self.new_memory(), Ok)
    }

    /// Gives memory back for the next run.
    pub fn give_memory(&self, memory: Memory) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
    }

    /// The bytes of a result after its steps.
    pub fn result<'a>(&'a self, i: usize, arguments: Arguments<'a>, memory: &'a Memory) -> Result<&'a [u8]> {
        let found =
            self.lowered.outputs.get(i).ok_or_else(|| err!(Internal, "{}: no result {i}", self.lowered.name))?;
        let bytes = self.bytes(found.0, arguments, memory)?;
        bytes.get(..bytes_of(&found.1)).ok_or_else(|| err!(Internal, "a buffer is too small"))
    }

    /// Takes the variables' values: out of those that are updated, shares of the others. By id, so that two runs never
    /// wait for each other.
    fn check_out(&self, memory: &mut Memory) -> Result<()> {
        for bound in &self.lowered.variables {
            let value = match (bound.updated, bound.read || bound.variable.is_initialized()) {
                (true, true) => bound.variable.checkout(),
                (true, false) => Array::try_zeros(bound.variable.dtype(), bound.variable.shape()),
                (false, _) => bound.variable.value(),
            };
            match value {
                Ok(value) => memory.variables.push(Some(value)),
                Err(error) => {
                    self.check_in(memory);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn check_in(&self, memory: &mut Memory) {
        for (bound, value) in self.lowered.variables.iter().zip(memory.variables.drain(..)) {
            if let (true, Some(value)) = (bound.updated, value) {
                bound.variable.checkin(value);
            }
        }
    }

    pub fn run_steps(&self, arguments: Arguments<'_>, memory: &mut Memory) -> Result<()> {
        for step in &self.lowered.steps {
            let done = match &step.work {
                Work::Kernel(_) => self.run_kernel(step, arguments, memory),
                Work::Reference { .. } => self.run_reference(step, arguments, memory),
            };
            done.map_err(|e| match &step.scope {
                Some(scope) => e.within(&**scope),
                None => e,
            })?;
        }
        Ok(())
    }

    fn run_kernel(&self, step: &Step, arguments: Arguments<'_>, memory: &mut Memory) -> Result<()> {
        let Work::Kernel(kernel) = &step.work else { return Ok(()) };
        let mut taken: SmallVec<[Taken; 4]> = SmallVec::new();
        for &(place, _) in &step.outputs {
            taken.push(memory.take(place)?);
        }
        let mut scratch = std::mem::take(&mut memory.scratch);
        let result = {
            let mut inputs: SmallVec<[Input<'_>; 16]> = SmallVec::new();
            for &(source, length) in &step.inputs {
                let Source::At(place, first) = source else {
                    inputs.push(match source {
                        Source::Output(o) => Input::Output(o),
                        Source::At(..) => Input::Bytes(&[]),
                    });
                    continue;
                };
                let bytes = self.bytes(place, arguments, memory)?;
                let bytes = bytes.get(..length).ok_or_else(|| err!(Internal, "a buffer is too small"))?;
                inputs.push(if first == 0 { Input::Bytes(bytes) } else { Input::At(bytes, first) });
            }
            let mut outputs: SmallVec<[&mut [u8]; 4]> = SmallVec::new();
            for (taken, &(_, bytes)) in taken.iter_mut().zip(&step.outputs) {
                outputs
                    .push(taken.bytes_mut().get_mut(..bytes).ok_or_else(|| err!(Internal, "a buffer is too small"))?);
            }
            kernel.run(Io { inputs: &inputs, outputs: &mut outputs, scratch: scratch.bytes_mut() })
        };
        memory.scratch = scratch;
        taken.into_iter().for_each(|t| memory.put(t));
        result
    }

    fn bytes<'a>(&'a self, place: Place, arguments: Arguments<'a>, memory: &'a Memory) -> Result<&'a [u8]> {
        let missing = || err!(Internal, "{}: nothing at {place:?}", self.lowered.name);
        Ok(match place {
            Place::Slot(i) => memory.slots[i].bytes(),
            Place::Argument(i) => arguments.bytes(i).ok_or_else(missing)?,
            Place::Constant(i) => self.lowered.constants[i].bytes(),
            Place::Variable(i) => memory.variables.get(i).and_then(Option::as_ref).ok_or_else(missing)?.bytes(),
            Place::Text(_) => return Err(missing()),
        })
    }

    /// The value at a place as an array of its own.
    fn array(&self, place: Place, ty: &Type, arguments: Arguments<'_>, memory: &Memory) -> Result<Array> {
        let whole = match (place, arguments) {
            (Place::Argument(i), Arguments::Arrays(arrays)) => arrays.get(i).filter(|a| Type::of(a) == *ty),
            _ => None,
        };
        if let Some(&whole) = whole {
            return Ok(whole.clone());
        }
        match place {
            Place::Text(i) => Ok(memory.texts[i].clone()),
            Place::Constant(i) if ty.dtype == DType::Str => self.lowered.constants[i].reshaped(&ty.shape),
            _ => {
                let bytes = self.bytes(place, arguments, memory)?;
                let bytes = bytes.get(..bytes_of(ty)).ok_or_else(|| err!(Internal, "a buffer is too small"))?;
                Array::from_bytes(ty.dtype, &ty.shape, bytes)
            }
        }
    }

    fn run_reference(&self, step: &Step, arguments: Arguments<'_>, memory: &mut Memory) -> Result<()> {
        let Work::Reference { op, attrs, inputs: types } = &step.work else { return Ok(()) };
        let mut inputs = Vec::with_capacity(step.inputs.len());
        for ((source, _), ty) in step.inputs.iter().zip(types) {
            let Source::At(place, _) = *source else { return Err(err!(Internal, "a reference shares no memory")) };
            inputs.push(self.array(place, ty, arguments, memory)?);
        }
        let results = run_reference(&Call { op, inputs: types, attrs }, &inputs).map_err(|e| e.within(op.name))?;
        for (result, &(place, bytes)) in results.into_iter().zip(&step.outputs) {
            match place {
                Place::Text(i) => memory.texts[i] = result,
                _ => {
                    let mut taken = memory.take(place)?;
                    taken.bytes_mut()[..bytes].copy_from_slice(result.bytes());
                    memory.put(taken);
                }
            }
        }
        Ok(())
    }

    /// Hands the results over: large ones in buffers of their own by exchange with the caller's array, others by copy.
    fn write_outputs(&self, arguments: Arguments<'_>, memory: &mut Memory, outputs: &mut Vec<Array>) -> Result<()> {
        outputs.truncate(self.lowered.outputs.len());
        for (i, (place, ty)) in self.lowered.outputs.iter().enumerate() {
            let reusable =
                ty.dtype != DType::Str && outputs.get_mut(i).is_some_and(|a| Type::of(a) == *ty && a.is_unique());
            let alone = || self.lowered.outputs.iter().filter(|(p, _)| p == place).count() == 1;
            if let (true, Place::Slot(slot)) = (reusable && bytes_of(ty) >= EXCHANGED_BYTES && alone(), *place)
                && outputs[i].swap_buffer(&mut memory.slots[slot])
            {
                continue;
            }
            if reusable {
                let bytes = &self.bytes(*place, arguments, memory)?[..bytes_of(ty)];
                outputs[i].bytes_mut().copy_from_slice(bytes);
                continue;
            }
            let array = self.array(*place, ty, arguments, memory)?;
            match outputs.get_mut(i) {
                Some(output) => *output = array,
                None => outputs.push(array),
            }
        }
        Ok(())
    }
}

impl Memory {
    fn take(&mut self, place: Place) -> Result<Taken> {
        match place {
            Place::Slot(i) => Ok(Taken::Slot(i, std::mem::take(&mut self.slots[i]))),
            Place::Variable(i) => {
                let value = self.variables.get_mut(i).and_then(Option::take);
                value
                    .map(|v| Taken::Variable(i, v))
                    .ok_or_else(|| err!(Internal, "a variable is written twice at once"))
            }
            _ => Err(err!(Internal, "{place:?} is not written to")),
        }
    }

    fn put(&mut self, taken: Taken) {
        match taken {
            Taken::Slot(i, buffer) => self.slots[i] = buffer,
            Taken::Variable(i, array) => self.variables[i] = Some(array),
        }
    }
}

impl Taken {
    fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Taken::Slot(_, buffer) => buffer.bytes_mut(),
            Taken::Variable(_, array) => array.bytes_mut(),
        }
    }
}

impl Executable for Plan {
    fn run(&self, arguments: &[&Array], outputs: &mut Vec<Array>) -> Result<()> {
        let mut memory = self.take_memory()?;
        self.check_out(&mut memory)?;
        let arguments = Arguments::Arrays(arguments);
        let result = pool::install(|| self.run_steps(arguments, &mut memory))
            .and_then(|()| self.write_outputs(arguments, &mut memory, outputs));
        self.check_in(&mut memory);
        self.give_memory(memory);
        result
    }

    fn describe(&self) -> String {
        let mut text = format!("plan {}: {} steps", self.lowered.name, self.lowered.steps.len());
        let bytes: usize = self.lowered.slots.iter().sum();
        let _ = writeln!(text, ", {} buffers of {} KiB together", self.lowered.slots.len(), bytes.div_ceil(1024));
        for (i, step) in self.lowered.steps.iter().enumerate() {
            let work = match &step.work {
                Work::Kernel(kernel) => kernel.describe(),
                Work::Reference { op, .. } => format!("reference {}", op.name),
            };
            let places = |p: &Place| match p {
                Place::Variable(v) => format!("variable '{}'", self.lowered.variables[*v].variable.name()),
                other => format!("{other:?}"),
            };
            let inputs: Vec<String> = step
                .inputs
                .iter()
                .map(|(s, _)| match s {
                    Source::At(p, _) => places(p),
                    Source::Output(o) => format!("in place of output {o}"),
                })
                .collect();
            let outputs: Vec<String> = step.outputs.iter().map(|(p, _)| places(p)).collect();
            let _ = writeln!(text, "{i:4} {work}: {} -> {}", inputs.join(", "), outputs.join(", "));
        }
        text
    }
}
