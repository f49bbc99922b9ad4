//! Where the rows of a tile read: one pixel a row, one tap of the filter at a time.

use crate::tile::{PITCH, Segment};

/// The source positions of the pixels of a tile, before a tap moves them. Unused lanes repeat the last pixel.
pub(crate) struct Pixels<E> {
    /// Address of the position, which may lie outside of the source.
    pub base: [*const E; PITCH],
    /// Depth, height and width.
    pub at: [[i32; PITCH]; 3],
}

/// A stretch of channels under one tap of the filter.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tap {
    /// How far it moves a pixel.
    pub move_by: [i32; 3],
    /// The same in elements, plus the first channel.
    pub a_off: isize,
    /// Its rows of the filter.
    pub b_off: isize,
    /// Channels.
    pub len: usize,
}

/// See [`place`].
pub(crate) type PlaceFn<E> =
    unsafe fn(&Pixels<E>, [i32; 3], &[Tap], *const E, &mut [*const E], &mut [Segment]) -> usize;

/// Writes, for each tap that falls inside the source (`sizes`) for some pixel, a row of pointers and a segment; a pixel
/// whose tap falls outside reads `zeros`. Returns how many.
#[inline(always)]
pub(crate) fn place<E>(
    pixels: &Pixels<E>,
    sizes: [i32; 3],
    taps: &[Tap],
    zeros: *const E,
    pointers: &mut [*const E],
    segments: &mut [Segment],
) -> usize {
    let sizes = sizes.map(|size| size as u32);
    let mut count = 0;
    for tap in taps {
        let row: &mut [*const E; PITCH] = match pointers[count * PITCH..].first_chunk_mut() {
            Some(row) => row,
            None => break,
        };
        let mut any = 0u32;
        for (lane, pointer) in row.iter_mut().enumerate() {
            // A negative position is a large unsigned one.
            let inside = |axis: usize| u32::from(((pixels.at[axis][lane] + tap.move_by[axis]) as u32) < sizes[axis]);
            let inside = inside(0) & inside(1) & inside(2);
            *pointer = if inside != 0 { pixels.base[lane].wrapping_offset(tap.a_off) } else { zeros };
            any |= inside;
        }
        if any != 0 {
            segments[count] = Segment { a_off: 0, b_off: tap.b_off, len: tap.len };
            count += 1;
        }
    }
    count
}
