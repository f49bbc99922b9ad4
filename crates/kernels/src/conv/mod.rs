//! Convolutions over one to three spatial axes, channels last: the forward pass and both gradients.
//!
//! See [`ConvGeometry`] for the formula and the layouts. Nothing is unrolled into matrices: tiles of the output stay in
//! registers while the filter and the source stream past (the `correlate` module), sums over pixels likewise for the
//! filter's gradient. Kernels allocate nothing; the scratch memory each pass asks for is the caller's, and its content
//! is of no matter before or after. Results are the same, bit for bit, for any number of threads.
#![allow(unsafe_code)]

mod correlate;
pub(crate) mod depthwise;
mod filter;
mod geometry;
mod place;
pub mod reference;

use crate::gemm::{Epilogue, Gemm, gemm_on};
use crate::isa::Isa;
use crate::parallel::parallel_ranges;
use crate::tile::Float;
use correlate::{Axis, Correlation, Filter};

pub use geometry::ConvGeometry;
pub(crate) use place::{Pixels, PlaceFn, Tap, place};

/// Pixels below which packing the filter costs more than it saves.
const PACK_PIXELS: usize = 256;
/// Channels up to which a padded copy of the input is worth its memory: taps in a row then join into one stretch.
const FEW_CHANNELS: usize = 8;
/// Elements in a cache line, at least: scratch memory is used from the first line that begins in it.
const LINE: usize = 16;

/// Elements of scratch memory that [`forward`] wants.
#[must_use]
pub fn forward_scratch_len(g: &ConvGeometry) -> usize {
    if is_product(g) || g.is_depthwise() {
        return 0;
    }
    let padded = if wants_copy(g) { padded(g).input_len().saturating_add(LINE) } else { 0 };
    packed_forward(g).saturating_add(padded)
}

/// Elements of scratch memory that [`input_gradient`] wants.
#[must_use]
pub fn input_gradient_scratch_len(g: &ConvGeometry) -> usize {
    if is_product(g) || g.is_depthwise() {
        return 0;
    }
    Correlation::<f32>::packed_len(g.taps(), g.group_out(), g.group_in(), g.groups).saturating_add(LINE)
}

fn packed_forward(g: &ConvGeometry) -> usize {
    if g.positions() < PACK_PIXELS {
        return 0;
    }
    Correlation::<f32>::packed_len(g.taps(), g.group_in(), g.group_out(), g.groups).saturating_add(LINE)
}

/// One tap that moves nothing: a matrix product over the pixels.
fn is_product(g: &ConvGeometry) -> bool {
    g.kernel == [1; 3] && g.strides == [1; 3] && g.groups == 1 && !g.is_padded() && g.output() == g.input
}

fn wants_copy(g: &ConvGeometry) -> bool {
    g.is_padded() && g.groups == 1 && g.in_channels <= FEW_CHANNELS
}

/// The same sums over an input that holds its padding.
fn padded(g: &ConvGeometry) -> ConvGeometry {
    let input = std::array::from_fn(|axis| g.input[axis] + g.pads[axis][0] + g.pads[axis][1]);
    ConvGeometry { input, pads: [[0; 2]; 3], ..*g }
}

/// Elements to skip so that the rest begins on a cache line.
fn to_line<T>(scratch: &[T]) -> usize {
    scratch.as_ptr().align_offset(64).min(LINE)
}

/// Copies `x` into the middle of zeros.
fn copy_padded<T: Float>(g: &ConvGeometry, x: &[T], to: &mut [T]) {
    let wide = padded(g).input;
    let channels = g.in_channels;
    let plane = wide[1] * wide[2] * channels;
    let shared = crate::gemm::Shared(to.as_mut_ptr());
    parallel_ranges(g.batch * wide[0], (1 << 14) / plane.max(1) + 1, |first, last| {
        for index in first..last {
            let (n, z) = (index / wide[0], index % wide[0]);
            // SAFETY: planes are disjoint and lie inside `to`, whose length is the padded input's.
            let out = unsafe { std::slice::from_raw_parts_mut(shared.get().add(index * plane), plane) };
            out.fill(T::ZERO);
            let Some(z) = z.checked_sub(g.pads[0][0]).filter(|&z| z < g.input[0]) else { continue };
            let row = g.input[2] * channels;
            for y in 0..g.input[1] {
                let from = ((n * g.input[0] + z) * g.input[1] + y) * row;
                let at = ((y + g.pads[1][0]) * wide[2] + g.pads[2][0]) * channels;
                out[at..at + row].copy_from_slice(&x[from..from + row]);
            }
        }
    });
}

/// The forward pass: `y = act(conv(x, w) + bias)`, the epilogue's bias being a value an output channel.
///
/// # Panics
/// When the geometry is unsound (a step of zero, groups that do not divide the channels), a slice is not of the length
/// it says, or `scratch` is shorter than [`forward_scratch_len`].
pub fn forward<T: Float>(
    g: &ConvGeometry,
    x: &[T],
    w: &[T],
    y: &mut [T],
    epilogue: Epilogue<'_, T>,
    scratch: &mut [T],
) {
    forward_on(Isa::detect(), g, x, w, y, epilogue, scratch);
}

/// [`forward`] with a named instruction set, which the CPU must have.
///
/// # Panics
/// As [`forward`], and when the CPU lacks the instruction set.
pub fn forward_on<T: Float>(
    isa: Isa,
    g: &ConvGeometry,
    x: &[T],
    w: &[T],
    y: &mut [T],
    epilogue: Epilogue<'_, T>,
    scratch: &mut [T],
) {
    assert_lengths(isa, g, x.len(), w.len(), y.len());
    if let Some(bias) = epilogue.bias() {
        assert_eq!(bias.len(), g.out_channels, "bias: one value an output channel");
    }
    assert!(scratch.len() >= forward_scratch_len(g), "scratch: {} elements wanted", forward_scratch_len(g));
    if y.is_empty() {
        return;
    }
    if is_product(g) {
        let product = Gemm::row_major(g.positions(), g.out_channels, g.in_channels);
        return gemm_on(isa, &product, T::ONE, x, w, T::ZERO, y, epilogue);
    }
    if g.is_depthwise() {
        return depthwise::run(isa, g, forward_axes(g), x, w, y, epilogue);
    }
    let (packed, scratch) = scratch.split_at_mut(packed_forward(g));
    if wants_copy(g) {
        let wide = padded(g);
        let start = to_line(scratch);
        let copy = &mut scratch[start..][..wide.input_len()];
        copy_padded(g, x, copy);
        // SAFETY: the lengths were checked above.
        unsafe { correlate_forward(isa, &wide, copy.as_ptr(), w, y, epilogue, packed) };
    } else {
        // SAFETY: the lengths were checked above.
        unsafe { correlate_forward(isa, g, x.as_ptr(), w, y, epilogue, packed) };
    }
}

fn forward_axes(g: &ConvGeometry) -> [Axis; 3] {
    let output = g.output();
    std::array::from_fn(|a| Axis {
        taps: g.kernel[a],
        offset: -(g.pads[a][0] as isize),
        offset_step: g.dilations[a] as isize,
        filter: 0,
        filter_step: 1,
        src: g.input[a],
        src_step: g.strides[a],
        grid: output[a],
        dst: output[a],
        dst_first: 0,
        dst_step: 1,
    })
}

/// # Safety
/// `x` and the slices are of the geometry's lengths.
unsafe fn correlate_forward<T: Float>(
    isa: Isa,
    g: &ConvGeometry,
    x: *const T,
    w: &[T],
    y: &mut [T],
    epilogue: Epilogue<'_, T>,
    packed: &mut [T],
) {
    let axes = forward_axes(g);
    let mut sum = Correlation {
        tiles: T::tiles(isa),
        axes,
        batch: g.batch,
        groups: g.groups,
        src: x,
        src_channels: g.group_in(),
        dst: y.as_mut_ptr(),
        dst_channels: g.group_out(),
        filter: Filter::InPlace(w.as_ptr(), g.out_channels),
        epilogue,
    };
    // SAFETY: the caller's contract; the packed filter fits, since the scratch memory is as long as asked for.
    unsafe {
        if !packed.is_empty() {
            let to = packed.as_mut_ptr().add(to_line(packed));
            sum.pack_rows(w.as_ptr(), to);
            sum.filter = Filter::Packed(to);
        }
        sum.run();
    }
}

/// The gradient with respect to the input, `dx`, of a loss whose gradient with respect to the output is `dy`. It is
/// also the forward pass of a transposed convolution, hence the epilogue (a bias being a value an *input* channel).
///
/// # Panics
/// As [`forward`], `scratch` being that of [`input_gradient_scratch_len`].
pub fn input_gradient<T: Float>(
    g: &ConvGeometry,
    dy: &[T],
    w: &[T],
    dx: &mut [T],
    epilogue: Epilogue<'_, T>,
    scratch: &mut [T],
) {
    input_gradient_on(Isa::detect(), g, dy, w, dx, epilogue, scratch);
}

/// [`input_gradient`] with a named instruction set, which the CPU must have.
///
/// # Panics
/// As [`input_gradient`], and when the CPU lacks the instruction set.
pub fn input_gradient_on<T: Float>(
    isa: Isa,
    g: &ConvGeometry,
    dy: &[T],
    w: &[T],
    dx: &mut [T],
    epilogue: Epilogue<'_, T>,
    scratch: &mut [T],
) {
    assert_lengths(isa, g, dx.len(), w.len(), dy.len());
    if let Some(bias) = epilogue.bias() {
        assert_eq!(bias.len(), g.in_channels, "bias: one value an input channel");
    }
    let wanted = input_gradient_scratch_len(g);
    assert!(scratch.len() >= wanted, "scratch: {wanted} elements wanted");
    if dx.is_empty() {
        return;
    }
    if is_product(g) {
        let product = Gemm::transposed_b(g.positions(), g.in_channels, g.out_channels);
        return gemm_on(isa, &product, T::ONE, dy, w, T::ZERO, dx, epilogue);
    }
    if g.is_depthwise() {
        return phases(g).for_each(|axes| depthwise::run(isa, g, axes, dy, w, dx, epilogue));
    }
    let start = to_line(scratch);
    let mut to = scratch[start..].as_mut_ptr();
    for axes in phases(g) {
        let mut sum = Correlation {
            tiles: T::tiles(isa),
            axes,
            batch: g.batch,
            groups: g.groups,
            src: dy.as_ptr(),
            src_channels: g.group_out(),
            dst: dx.as_mut_ptr(),
            dst_channels: g.group_in(),
            filter: Filter::Packed(to),
            epilogue,
        };
        // SAFETY: the lengths were checked above; each tap belongs to one phase, so that all fit the scratch memory.
        unsafe {
            sum.pack_transposed(w.as_ptr(), g.kernel, to);
            sum.filter = Filter::Packed(to);
            sum.run();
            let taps = axes.iter().map(|axis| axis.taps).product();
            to = to.add(Correlation::<T>::packed_len(taps, g.group_out(), g.group_in(), g.groups));
        }
    }
}

/// Elements of scratch memory that [`filter_gradient`] wants.
#[must_use]
pub fn filter_gradient_scratch_len(g: &ConvGeometry) -> usize {
    if g.is_depthwise() { depthwise::filter_scratch_len(g) } else { filter::scratch_len(g) }
}

/// The gradient with respect to the filter, `dw`, of a loss whose gradient with respect to the output is `dy`.
///
/// # Panics
/// As [`forward`], `scratch` being that of [`filter_gradient_scratch_len`].
pub fn filter_gradient<T: Float>(g: &ConvGeometry, x: &[T], dy: &[T], dw: &mut [T], scratch: &mut [T]) {
    filter_gradient_on(Isa::detect(), g, x, dy, dw, scratch);
}

/// [`filter_gradient`] with a named instruction set, which the CPU must have.
///
/// # Panics
/// As [`filter_gradient`], and when the CPU lacks the instruction set.
pub fn filter_gradient_on<T: Float>(isa: Isa, g: &ConvGeometry, x: &[T], dy: &[T], dw: &mut [T], scratch: &mut [T]) {
    assert_lengths(isa, g, x.len(), dw.len(), dy.len());
    let wanted = filter_gradient_scratch_len(g);
    assert!(scratch.len() >= wanted, "scratch: {wanted} elements wanted");
    if g.is_depthwise() {
        depthwise::filter_gradient(isa, g, x, dy, dw, scratch);
    } else {
        filter::run(isa, g, x, dy, dw, scratch);
    }
}

/// The input gradient's sums, one for each residue of the input position modulo the strides.
fn phases(g: &ConvGeometry) -> impl Iterator<Item = [Axis; 3]> {
    let [depth, height, width] = g.strides;
    (0..depth * height * width).map(move |phase| {
        let phase = [phase / (height * width), phase / width % height, phase % width];
        std::array::from_fn(|a| gradient_axis(g, a, phase[a]))
    })
}

/// The taps that reach input positions `phase` modulo the stride: `p + pad − k · dilation` is a multiple of it.
fn gradient_axis(g: &ConvGeometry, a: usize, phase: usize) -> Axis {
    let (stride, dilation) = (g.strides[a], g.dilations[a]);
    let reaches = |k: &usize| (phase + g.pads[a][0]).abs_diff(k * dilation).is_multiple_of(stride);
    let mut fitting = (0..g.kernel[a]).filter(reaches);
    let (first, second) = (fitting.next(), fitting.next());
    let every = second.zip(first).map_or(g.kernel[a].max(1), |(second, first)| second - first);
    let taps = first.map_or(0, |first| (g.kernel[a] - 1 - first) / every + 1);
    let last = first.map_or(0, |first| first + (taps - 1) * every);
    Axis {
        taps,
        offset: ((phase + g.pads[a][0]) as isize - (last * dilation) as isize) / stride as isize,
        offset_step: (every * dilation / stride).max(1) as isize,
        filter: last as isize,
        filter_step: -(every as isize),
        src: g.output()[a],
        src_step: 1,
        grid: g.input[a].saturating_sub(phase).div_ceil(stride),
        dst: g.input[a],
        dst_first: phase,
        dst_step: stride,
    }
}

fn assert_lengths(isa: Isa, g: &ConvGeometry, x: usize, w: usize, y: usize) {
    assert!(isa.available(), "this CPU does not run {isa}");
    g.assert_sound();
    assert_eq!(x, g.input_len(), "the input's length does not fit {g:?}");
    assert_eq!(w, g.filter_len(), "the filter's length does not fit {g:?}");
    assert_eq!(y, g.output_len(), "the output's length does not fit {g:?}");
}
