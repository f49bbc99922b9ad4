//! Threefry-2x32 with 20 rounds, and what the random ops make of its words: the scalar meaning of the kernels.

use std::f64::consts::TAU;

const ROTATIONS: [[u32; 4]; 2] = [[13, 15, 26, 6], [17, 29, 16, 24]];
const PARITY: u32 = 0x1bd1_1bda;

/// One block: two random words from a key and a counter.
pub(crate) fn block(key: [u32; 2], counter: [u32; 2]) -> [u32; 2] {
    let keys = [key[0], key[1], key[0] ^ key[1] ^ PARITY];
    let mut x = [counter[0].wrapping_add(keys[0]), counter[1].wrapping_add(keys[1])];
    for round in 0..5 {
        for rotation in ROTATIONS[round % 2] {
            x[0] = x[0].wrapping_add(x[1]);
            x[1] = x[1].rotate_left(rotation) ^ x[0];
        }
        x[0] = x[0].wrapping_add(keys[(round + 1) % 3]);
        x[1] = x[1].wrapping_add(keys[(round + 2) % 3]).wrapping_add(round as u32 + 1);
    }
    x
}

/// The block of element `i` of a stream; `attempt` numbers what is drawn again.
pub(crate) fn element(key: [u32; 2], i: usize, attempt: u32) -> [u32; 2] {
    let i = i as u64;
    block(key, [(i >> 32) as u32 | attempt << 24, i as u32])
}

/// The random word of element `i`.
pub(crate) fn word(key: [u32; 2], i: usize) -> u32 {
    let [a, b] = element(key, i, 0);
    a ^ b
}

/// Uniform in [0, 1) with 23 bits.
pub(crate) fn unit(key: [u32; 2], i: usize) -> f32 {
    f32::from_bits(word(key, i) >> 9 | 0x3f80_0000) - 1.0
}

/// Standard normal, by Box and Muller's transformation of one block.
pub(crate) fn gauss([a, b]: [u32; 2]) -> f64 {
    // (0, 1] with 24 bits, so that the logarithm is finite, and a turn in [-1/2, 1/2).
    let u = f64::from((a >> 8) + 1) / 16_777_216.0;
    let turn = f64::from(b as i32 >> 8) / 16_777_216.0;
    (-2.0 * u.ln()).sqrt() * (TAU * turn).cos()
}

/// A stream of numbers of its own for one element: for draws that need an unknown count of them.
pub(crate) struct Stream {
    key: [u32; 2],
    at: u32,
}

impl Stream {
    /// The stream of element `i` of a key.
    pub fn new(key: [u32; 2], i: usize) -> Self {
        Self { key: element(key, i, 0), at: 0 }
    }

    fn next(&mut self) -> [u32; 2] {
        self.at = self.at.wrapping_add(1);
        block(self.key, [0, self.at])
    }

    /// Uniform in (0, 1), of 52 bits.
    pub fn uniform(&mut self) -> f64 {
        let [a, b] = self.next();
        let bits = (u64::from(a) << 32 | u64::from(b)) >> 12;
        (bits as f64 + 0.5) / (1_u64 << 52) as f64
    }

    /// Standard normal.
    pub fn normal(&mut self) -> f64 {
        gauss(self.next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `kat_vectors` of the Random123 distribution: threefry2x32, 20 rounds.
    #[test]
    fn known_answers() {
        assert_eq!(block([0, 0], [0, 0]), [0x6b20_0159, 0x99ba_4efe]);
        assert_eq!(block([u32::MAX; 2], [u32::MAX; 2]), [0x1cb9_96fc, 0xbb00_2be7]);
        assert_eq!(block([0x1319_8a2e, 0x0370_7344], [0x243f_6a88, 0x85a3_08d3]), [0xc492_3a9c, 0x483d_f7a0]);
    }
}
