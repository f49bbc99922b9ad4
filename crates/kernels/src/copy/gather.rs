//! Rows picked from a table by index, and sums into them.

use crate::shared::{Shared, for_each_task};
use cornet_error::{Code, Error, Result};

/// Bytes that a task copies.
const TASK_BYTES: usize = 1 << 17;
/// Parts of the table that sums are made into at once.
const PARTS: usize = 16;

/// Row numbers.
#[derive(Clone, Copy, Debug)]
pub enum Indices<'a> {
    /// 32-bit numbers.
    I32(&'a [i32]),
    /// 64-bit numbers.
    I64(&'a [i64]),
}

impl Indices<'_> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Indices::I32(x) => x.len(),
            Indices::I64(x) => x.len(),
        }
    }
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    #[inline(always)]
    fn get(&self, i: usize) -> i64 {
        match self {
            Indices::I32(x) => i64::from(x[i]),
            Indices::I64(x) => x[i],
        }
    }

    fn check(&self, what: &str, rows: usize) -> Result<()> {
        let wrong = (0..self.len()).find(|&i| u64::try_from(self.get(i)).map_or(true, |x| x >= rows as u64));
        wrong.map_or(Ok(()), |i| {
            let message = format!("{what}: index {i}: expected 0 to {}, found {}", rows as i64 - 1, self.get(i));
            Err(Error::new(Code::OutOfRange, message).help("check the size of the table against the largest index"))
        })
    }
}

/// `out[i] = table[indices[i]]`, rows of `row_bytes` bytes.
///
/// # Errors
/// `shape_mismatch` when a length does not fit; `out_of_range` for an index outside the table.
pub fn gather_rows(table: &[u8], row_bytes: usize, indices: Indices<'_>, out: &mut [u8]) -> Result<()> {
    let what = "gather_rows";
    if row_bytes == 0
        || !table.len().is_multiple_of(row_bytes)
        || indices.len().checked_mul(row_bytes) != Some(out.len())
    {
        let message = format!(
            "{what}: rows of {row_bytes} bytes, table of {}, {} indices and {} bytes of output do not fit",
            table.len(),
            indices.len(),
            out.len()
        );
        return if out.is_empty() && row_bytes == 0 { Ok(()) } else { Err(Error::new(Code::ShapeMismatch, message)) };
    }
    indices.check(what, table.len() / row_bytes)?;
    let each = (TASK_BYTES / row_bytes).max(1);
    let shared = Shared::new(out);
    for_each_task(indices.len().div_ceil(each), &|task| {
        for i in task * each..((task + 1) * each).min(indices.len()) {
            let from = indices.get(i) as usize * row_bytes;
            // SAFETY: rows of the output are disjoint.
            unsafe { shared.part(i * row_bytes, (i + 1) * row_bytes) }.copy_from_slice(&table[from..from + row_bytes]);
        }
    });
    Ok(())
}

/// `table[indices[i]] += rows[i]`, rows of `n` elements, in the order of `i` for every row of the table.
///
/// # Errors
/// `shape_mismatch` when a length does not fit; `out_of_range` for an index outside the table.
pub fn scatter_add_rows(table: &mut [f32], n: usize, indices: Indices<'_>, rows: &[f32]) -> Result<()> {
    let what = "scatter_add_rows";
    if n == 0 || !table.len().is_multiple_of(n) || indices.len().checked_mul(n) != Some(rows.len()) {
        let message = format!(
            "{what}: rows of {n}, table of {} elements, {} indices and {} elements to add do not fit",
            table.len(),
            indices.len(),
            rows.len()
        );
        return if rows.is_empty() && n == 0 { Ok(()) } else { Err(Error::new(Code::ShapeMismatch, message)) };
    }
    let count = table.len() / n;
    indices.check(what, count)?;
    // Every task owns a range of the table and goes through all indices, so the order of sums is that of the indices.
    let parts = if rows.len() < TASK_BYTES { 1 } else { PARTS.min(count).max(1) };
    let each = count.div_ceil(parts).max(1);
    let shared = Shared::new(table);
    for_each_task(count.div_ceil(each), &|part| {
        let (start, end) = (part * each, ((part + 1) * each).min(count));
        // SAFETY: ranges of the table are disjoint.
        let table = unsafe { shared.part(start * n, end * n) };
        for i in 0..indices.len() {
            let row = indices.get(i) as usize;
            if (start..end).contains(&row) {
                let to = &mut table[(row - start) * n..][..n];
                to.iter_mut().zip(&rows[i * n..]).for_each(|(to, from)| *to += from);
            }
        }
    });
    Ok(())
}
