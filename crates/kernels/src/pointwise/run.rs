//! Running a plan: tiles in order within a task, tasks in parallel.

#![allow(unsafe_code)]

use super::chain::{Beside, Bound, Link, MAX_LINKS};
use super::layout::{MAX_PERIOD, Mapping, fill, gather};
use super::plan::{Kernel, MAX_SLOTS};
use super::{Op, Plan};
use crate::shared::for_each_task;
use cornet_error::{Code, Error, Result};
use std::cell::Cell;

/// Where the elements of an input are.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// The element with index zero along every axis comes first.
    Bytes(&'a [u8]),
    /// The element with index zero along every axis comes after so many others (negative strides).
    At(&'a [u8], usize),
    /// The elements are those of an output, before it is written: for inputs with the output's dense layout and an
    /// element of the same size.
    Output(usize),
}

/// Bytes of a cache line.
const LINE_BYTES: usize = 64;

#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line(#[expect(dead_code, reason = "only its address is used")] [u8; 64]);

thread_local! {
    /// Tiles of the plan that this thread runs; kept from one run to the next.
    static SCRATCH: Cell<Vec<Line>> = const { Cell::new(Vec::new()) };
}

/// Pointers that tasks share: each task touches its own range of every output.
struct Pointers<'a> {
    inputs: &'a [*const u8],
    outputs: &'a [*mut u8],
}

// SAFETY: tasks read the inputs and write disjoint ranges of the outputs.
unsafe impl Sync for Pointers<'_> {}

/// Pointer lists up to this long stay on the stack.
const INLINE: usize = 32;

impl Plan {
    /// Runs the plan. Outputs are dense, `len()` elements each.
    ///
    /// # Errors
    /// `invalid_argument` for a wrong number of inputs or outputs or a wrong alias; `out_of_range` when an input or
    /// output is too short for the plan.
    pub fn run(&self, inputs: &[Input<'_>], outputs: &mut [&mut [u8]]) -> Result<()> {
        if inputs.len() != self.inputs.len() || outputs.len() != self.outputs.len() {
            let (want, found) = ((self.inputs.len(), self.outputs.len()), (inputs.len(), outputs.len()));
            let message = format!("run: expected (inputs, outputs) {want:?}, found {found:?}");
            return Err(Error::new(Code::InvalidArgument, message));
        }
        for (i, (output, element)) in outputs.iter().zip(&self.outputs).enumerate() {
            check_length("output", i, output.len(), self.len as i128 * element.size() as i128)?;
        }
        let mut input_buffer = [std::ptr::null(); INLINE];
        let mut output_buffer = [std::ptr::null_mut(); INLINE];
        let (mut long_inputs, mut long_outputs) = (Vec::new(), Vec::new());
        let output_pointers = pointer_list(&mut output_buffer, &mut long_outputs, outputs.len());
        for (pointer, output) in output_pointers.iter_mut().zip(outputs.iter_mut()) {
            *pointer = output.as_mut_ptr();
        }
        let input_pointers = pointer_list(&mut input_buffer, &mut long_inputs, inputs.len());
        for (i, input) in inputs.iter().enumerate() {
            input_pointers[i] = self.locate(i, input, output_pointers)?;
        }
        // SAFETY: lengths and aliases are checked above; byte slices do not overlap unless by `Input::Output`.
        unsafe { self.run_raw(input_pointers, output_pointers) };
        Ok(())
    }

    /// Checks an input against its slice and returns where its first element is.
    fn locate(&self, i: usize, input: &Input<'_>, outputs: &[*mut u8]) -> Result<*const u8> {
        let plan = &self.inputs[i];
        let size = plan.element.size();
        let (bytes, start) = match *input {
            Input::Bytes(bytes) => (bytes, 0),
            Input::At(bytes, start) => (bytes, start),
            Input::Output(o) => {
                let same = self.outputs.get(o).is_some_and(|e| e.size() == size);
                if !same || !(plan.mapping == Mapping::Dense || self.len <= 1) {
                    let message = format!("run: input {i} cannot share the memory of output {o}");
                    let help = "only a dense input with elements of the output's size can";
                    return Err(Error::new(Code::InvalidArgument, message).help(help));
                }
                return Ok(outputs[o]);
            }
        };
        if self.len > 0 {
            let (low, high) = plan.mapping.extent(self.len);
            if start as i128 + (low as i128) < 0 {
                let message =
                    format!("run: input {i} reaches {} elements before its first", -(start as i128 + low as i128));
                return Err(Error::new(Code::OutOfRange, message));
            }
            check_length("input", i, bytes.len(), (start as i128 + high as i128 + 1) * size as i128)?;
        }
        Ok(bytes.as_ptr().wrapping_add(start.wrapping_mul(size)))
    }

    /// Elements of input `i` that the plan reads before and from its first element on: the slice it needs.
    #[must_use]
    pub fn input_extent(&self, i: usize) -> (usize, usize) {
        let extent = |input: &super::plan::InputPlan| {
            let (low, high) = input.mapping.extent(self.len);
            (low.unsigned_abs(), high as usize + 1)
        };
        self.inputs.get(i).filter(|_| self.len > 0).map_or((0, 0), extent)
    }

    /// Runs the plan on raw pointers, each to the element with index zero along every axis.
    ///
    /// # Safety
    /// There are as many pointers as the program has inputs and outputs. Each input is readable over
    /// [`input_extent`](Plan::input_extent), each output writable for [`len`](Plan::len) elements; no alignment is
    /// needed. Outputs do not overlap each other. An input may overlap an output only where both start at the same
    /// address, the input is dense and their elements have the same size.
    pub unsafe fn run_raw(&self, inputs: &[*const u8], outputs: &[*mut u8]) {
        let pointers = Pointers { inputs, outputs };
        // SAFETY: by contract; tasks cover disjoint ranges.
        for_each_task(self.len.div_ceil(self.chunk), &|task| unsafe {
            let start = task * self.chunk;
            self.run_range(&pointers, start, (start + self.chunk).min(self.len));
        });
    }

    /// Elements `start..end` on this thread.
    unsafe fn run_range(&self, pointers: &Pointers<'_>, start: usize, end: usize) {
        let mut scratch = SCRATCH.take();
        let lines = self.scratch_bytes.div_ceil(64);
        if scratch.len() < lines {
            // Room for any plan's tiles: a thread that meets a larger plan late takes no more then.
            scratch.resize(lines.max((128 << 10) / 64), Line([0; 64]));
        }
        let base = scratch.as_mut_ptr().cast::<u8>();
        let mut slots = [std::ptr::null_mut::<u8>(); MAX_SLOTS];
        // SAFETY: the scratch memory has room for every buffer of the plan, and pointers are valid by contract.
        unsafe {
            self.prepare(pointers, base, &mut slots, end - start);
            let first_output = self.inputs.len() + self.constants.len();
            let none = Link { op: Op::Neg, beside: Beside::Nothing };
            let mut bounds = [Bound { link: none, operands: [std::ptr::null(); 2] }; MAX_LINKS];
            let mut at = start;
            while at < end {
                let n = (end - at).min(self.tile);
                self.point_inputs(pointers, base, &mut slots, at, n);
                for (o, element) in self.outputs.iter().enumerate() {
                    slots[first_output + o] = pointers.outputs[o].add(at * element.size());
                }
                for (i, step) in self.steps.iter().enumerate() {
                    let [d, a, b, c] = step.slots.map(|slot| slots[slot as usize]);
                    match step.kernel {
                        Kernel::Tile(kernel) => kernel(d, a, b, c, n),
                        Kernel::Chain { kernel, first, end } => {
                            let links = &self.links[first..end];
                            for (bound, &(link, others)) in bounds.iter_mut().zip(links) {
                                let operands = others.map(|slot| slots[slot as usize].cast_const());
                                *bound = Bound { link, operands };
                            }
                            kernel(d, a, &bounds[..links.len()], n);
                        }
                    }
                    if self.far {
                        self.fetch_next(pointers, at + n, i);
                    }
                }
                at += n;
            }
        }
        SCRATCH.set(scratch);
    }

    /// Asks for a part of the tile at `at`, to be there when its turn comes: step `step`'s share of each array's lines.
    /// The processor's own prefetching ends at each page, which is a tile of `f32`.
    fn fetch_next(&self, pointers: &Pointers<'_>, at: usize, step: usize) {
        let inputs = self.inputs.iter().zip(pointers.inputs).filter(|(input, _)| input.mapping == Mapping::Dense);
        let inputs = inputs.map(|(input, &from)| (input.element.size(), from));
        let outputs = self.outputs.iter().zip(pointers.outputs).map(|(element, &to)| (element.size(), to.cast_const()));
        for (size, from) in inputs.chain(outputs) {
            let lines = (self.tile * size).div_ceil(LINE_BYTES);
            let share = lines.div_ceil(self.steps.len());
            let from = from.wrapping_add(at * size);
            for line in step * share..((step + 1) * share).min(lines) {
                prefetch(from.wrapping_add(line * LINE_BYTES));
            }
        }
    }

    /// Fills what stays the same for a whole task: registers' addresses, constants, scalars and periods.
    unsafe fn prepare(&self, pointers: &Pointers<'_>, base: *mut u8, slots: &mut [*mut u8; MAX_SLOTS], len: usize) {
        let n = len.min(self.tile);
        // SAFETY: buffers lie in the scratch memory; inputs are readable by contract.
        unsafe {
            for (i, input) in self.inputs.iter().enumerate() {
                let (size, from) = (input.element.size(), pointers.inputs[i]);
                slots[i] = from.cast_mut();
                match (&input.mapping, input.buffer) {
                    (Mapping::Splat, Some(buffer)) => {
                        slots[i] = base.add(buffer);
                        fill(size, slots[i], from, n);
                    }
                    (&Mapping::Periodic(period), Some(buffer)) if period <= MAX_PERIOD => {
                        repeat(base.add(buffer), from, period * size, (n + period) * size);
                    }
                    _ => {}
                }
            }
            for (c, constant) in self.constants.iter().enumerate() {
                let from = std::ptr::from_ref(&constant.bits).cast::<u8>();
                let from = if cfg!(target_endian = "big") { from.add(8 - constant.size) } else { from };
                slots[self.inputs.len() + c] = match constant.buffer {
                    Some(buffer) => {
                        fill(constant.size, base.add(buffer), from, n);
                        base.add(buffer)
                    }
                    None => from.cast_mut(),
                };
            }
            let first_register = self.inputs.len() + self.constants.len() + self.outputs.len();
            for (r, &offset) in self.registers.iter().enumerate() {
                slots[first_register + r] = base.add(offset);
            }
        }
    }

    /// Points the inputs' slots at the tile `at..at + n`, reading those that are not dense.
    unsafe fn point_inputs(
        &self,
        pointers: &Pointers<'_>,
        base: *mut u8,
        slots: &mut [*mut u8; MAX_SLOTS],
        at: usize,
        n: usize,
    ) {
        for (i, input) in self.inputs.iter().enumerate() {
            let (size, from) = (input.element.size(), pointers.inputs[i]);
            // SAFETY: offsets stay within the input's extent, buffers within the scratch memory.
            unsafe {
                match (&input.mapping, input.buffer) {
                    (Mapping::Dense, _) => slots[i] = from.add(at * size).cast_mut(),
                    (&Mapping::Periodic(period), Some(buffer)) => {
                        let phase = at % period;
                        slots[i] = if period <= MAX_PERIOD {
                            base.add(buffer + phase * size)
                        } else if phase + n <= period {
                            from.add(phase * size).cast_mut()
                        } else {
                            let tile = base.add(buffer);
                            let head = period - phase;
                            std::ptr::copy_nonoverlapping(from.add(phase * size), tile, head * size);
                            std::ptr::copy_nonoverlapping(from, tile.add(head * size), (n - head) * size);
                            tile
                        };
                    }
                    (Mapping::Strided(axes), Some(buffer)) => {
                        slots[i] = base.add(buffer);
                        gather(size, slots[i], from, axes, at, n);
                    }
                    _ => {}
                }
            }
        }
    }
}

/// Asks for a cache line, wherever it may be.
#[inline(always)]
fn prefetch(p: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch never faults.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(p.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = p;
}

/// Fills `bytes` bytes with repetitions of the first `period`, doubling what is there.
unsafe fn repeat(d: *mut u8, from: *const u8, period: usize, bytes: usize) {
    let mut done = period.min(bytes);
    // SAFETY: d is writable for `bytes`, from readable for `period`; each copy reads what is written already.
    unsafe {
        std::ptr::copy_nonoverlapping(from, d, done);
        while done < bytes {
            let n = done.min(bytes - done);
            std::ptr::copy_nonoverlapping(d, d.add(done), n);
            done += n;
        }
    }
}

fn pointer_list<'a, T: Copy>(inline: &'a mut [T; INLINE], long: &'a mut Vec<T>, n: usize) -> &'a mut [T] {
    if n <= INLINE {
        &mut inline[..n]
    } else {
        long.resize(n, inline[0]);
        long
    }
}

fn check_length(what: &str, i: usize, found: usize, need: i128) -> Result<()> {
    if (found as i128) < need {
        let message = format!("run: {what} {i}: expected at least {need} bytes, found {found}");
        return Err(Error::new(Code::OutOfRange, message));
    }
    Ok(())
}

/// The bytes of a slice of numbers, for [`Plan::run`].
macro_rules! bytes_of {
    ($($t:ty)+) => { $( impl Bytes for $t {} )+ };
}

/// Element types whose slices can be seen as bytes and back.
pub trait Bytes: Copy + 'static {}

bytes_of! { i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 half::f16 half::bf16 }

/// A slice of numbers as bytes.
#[must_use]
pub fn bytes<T: Bytes>(x: &[T]) -> &[u8] {
    // SAFETY: the types of `Bytes` have no padding.
    unsafe { std::slice::from_raw_parts(x.as_ptr().cast(), size_of_val(x)) }
}

/// A slice of numbers as writable bytes.
#[must_use]
pub fn bytes_mut<T: Bytes>(x: &mut [T]) -> &mut [u8] {
    // SAFETY: the types of `Bytes` have no padding and admit every bit pattern.
    unsafe { std::slice::from_raw_parts_mut(x.as_mut_ptr().cast(), size_of_val(x)) }
}

impl Input<'_> {
    /// The element type's name is not checked: bytes are bytes. An input's element is the program's.
    #[must_use]
    pub fn of<T: Bytes>(x: &[T]) -> Input<'_> {
        Input::Bytes(bytes(x))
    }
}
