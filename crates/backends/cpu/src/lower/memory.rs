//! Which buffer a value lies in.

/// Hands out buffers: those of values that are no longer needed are used again.
#[derive(Default)]
pub(super) struct Slots {
    /// Bytes of each buffer.
    pub sizes: Vec<usize>,
    free: Vec<usize>,
}

impl Slots {
    /// A buffer of at least `bytes`: the tightest free one, or the largest free one made larger, or a new one.
    pub fn take(&mut self, bytes: usize) -> usize {
        let fits = self.free.iter().copied().filter(|&s| self.sizes[s] >= bytes).min_by_key(|&s| self.sizes[s]);
        // A buffer far larger than needed is kept for a value of its size.
        let fits = fits.filter(|&s| self.sizes[s] <= bytes.saturating_mul(4).max(4096));
        let largest = || self.free.iter().copied().filter(|&s| self.sizes[s] < bytes).max_by_key(|&s| self.sizes[s]);
        match fits.or_else(largest) {
            Some(slot) => {
                self.free.retain(|&s| s != slot);
                self.sizes[slot] = self.sizes[slot].max(bytes);
                slot
            }
            None => {
                self.sizes.push(bytes);
                self.sizes.len() - 1
            }
        }
    }

    /// Takes a buffer back.
    pub fn give(&mut self, slot: usize) {
        debug_assert!(!self.free.contains(&slot), "slot {slot} was given back twice");
        self.free.push(slot);
    }
}
