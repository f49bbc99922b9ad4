//! Threefry-2x32 on the host, and random orders.
//!
//! Source: Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).

/// The state that a stream of numbers is a function of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key([u32; 2]);

impl Key {
    /// The key of a seed: its high and low words.
    pub const fn new(seed: u64) -> Self {
        Self([(seed >> 32) as u32, seed as u32])
    }

    /// The key of these words.
    pub const fn from_words(words: [u32; 2]) -> Self {
        Self(words)
    }

    /// Its words.
    pub const fn words(self) -> [u32; 2] {
        self.0
    }

    /// A key derived from this one and a number.
    #[must_use]
    pub fn fold_in(self, number: u64) -> Self {
        Self(self.block(number))
    }

    /// Two random words at a place of the stream: Threefry-2x32 with 20 rounds.
    pub fn block(self, place: u64) -> [u32; 2] {
        let keys = [self.0[0], self.0[1], self.0[0] ^ self.0[1] ^ 0x1bd1_1bda];
        let mut x = [((place >> 32) as u32).wrapping_add(keys[0]), (place as u32).wrapping_add(keys[1])];
        for round in 0..5 {
            for rotation in [[13, 15, 26, 6], [17, 29, 16, 24]][round % 2] {
                x[0] = x[0].wrapping_add(x[1]);
                x[1] = x[1].rotate_left(rotation) ^ x[0];
            }
            x[0] = x[0].wrapping_add(keys[(round + 1) % 3]);
            x[1] = x[1].wrapping_add(keys[(round + 2) % 3]).wrapping_add(round as u32 + 1);
        }
        x
    }
}

/// The numbers below `n` in a random order, written to `out`.
pub fn permutation(key: Key, n: usize, out: &mut Vec<u32>) {
    out.clear();
    out.extend(0..n as u32);
    for i in (1..n).rev() {
        let [high, low] = key.block(i as u64);
        // A multiple of 64 random bits, shifted down: no bias that could be seen.
        let wide = u128::from(u64::from(high) << 32 | u64::from(low)) * (i as u128 + 1);
        out.swap(i, (wide >> 64) as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_threefry() {
        // Vectors of the Random123 distribution.
        assert_eq!(Key([0, 0]).block(0), [0x6b20_0159, 0x99ba_4efe]);
        assert_eq!(Key([u32::MAX, u32::MAX]).block(u64::MAX), [0x1cb9_96fc, 0xbb00_2be7]);
        assert_eq!(Key([0x1319_8a2e, 0x0370_7344]).block(0x243f_6a88_85a3_08d3), [0xc492_3a9c, 0x483d_f7a0]);
    }

    #[test]
    fn a_permutation_has_every_number_once() {
        let (mut a, mut b) = (Vec::new(), Vec::new());
        permutation(Key::new(1), 1000, &mut a);
        permutation(Key::new(1).fold_in(1), 1000, &mut b);
        assert_ne!(a, b);
        b.sort_unstable();
        assert_eq!(b, (0..1000).collect::<Vec<u32>>());
        permutation(Key::new(1), 0, &mut a);
        assert!(a.is_empty());
    }
}
