//! Hashes whose values are fixed for good: models on disk depend on them.

const K0: u64 = 0xc3a5_c85c_97cb_3127;
const K1: u64 = 0xb492_b66f_be98_f273;
const K2: u64 = 0x9ae1_6a3b_2f90_404f;

/// The eight bytes at `at`, little-endian.
fn word(s: &[u8], at: usize) -> u64 {
    s[at..at + 8].iter().rev().fold(0, |w, &b| w << 8 | u64::from(b))
}

/// The four bytes at `at`, little-endian.
fn half(s: &[u8], at: usize) -> u64 {
    s[at..at + 4].iter().rev().fold(0, |w, &b| w << 8 | u64::from(b))
}

fn fold(x: u64) -> u64 {
    x ^ x >> 47
}

fn mix(u: u64, v: u64, by: u64) -> u64 {
    let a = fold((u ^ v).wrapping_mul(by));
    fold((v ^ a).wrapping_mul(by)).wrapping_mul(by)
}

/// Sums that wrap, as everything here does.
fn sum<const N: usize>(terms: [u64; N]) -> u64 {
    terms.into_iter().fold(0, u64::wrapping_add)
}

/// FarmHash's Fingerprint64 (`farmhashna::Hash64`), the hash behind TensorFlow's `to_hash_bucket_fast`.
///
/// ```
/// assert_eq!(cornet_ops::string::fingerprint64(b""), 0x9ae1_6a3b_2f90_404f);
/// ```
pub fn fingerprint64(s: &[u8]) -> u64 {
    let n = s.len();
    let by = K2.wrapping_add(2 * n as u64);
    match n {
        0 => K2,
        1..=3 => {
            let y = u64::from(s[0]) + (u64::from(s[n / 2]) << 8);
            let z = n as u64 + (u64::from(s[n - 1]) << 2);
            fold(y.wrapping_mul(K2) ^ z.wrapping_mul(K0)).wrapping_mul(K2)
        }
        4..=7 => mix(n as u64 + (half(s, 0) << 3), half(s, n - 4), by),
        8..=16 => {
            let (a, b) = (word(s, 0).wrapping_add(K2), word(s, n - 8));
            let c = b.rotate_right(37).wrapping_mul(by).wrapping_add(a);
            let d = a.rotate_right(25).wrapping_add(b).wrapping_mul(by);
            mix(c, d, by)
        }
        17..=32 => {
            let (a, b) = (word(s, 0).wrapping_mul(K1), word(s, 8));
            let (c, d) = (word(s, n - 8).wrapping_mul(by), word(s, n - 16).wrapping_mul(K2));
            ends(a, b, c, d, by).1
        }
        33..=64 => {
            let (a, b) = (word(s, 0).wrapping_mul(K2), word(s, 8));
            let (c, d) = (word(s, n - 8).wrapping_mul(by), word(s, n - 16).wrapping_mul(K2));
            let (y, z) = ends(a, b, c, d, by);
            let (e, f) = (word(s, 16).wrapping_mul(by), word(s, 24));
            let g = y.wrapping_add(word(s, n - 32)).wrapping_mul(by);
            let h = z.wrapping_add(word(s, n - 24)).wrapping_mul(by);
            let u = sum([e.wrapping_add(f).rotate_right(43), g.rotate_right(30), h]);
            mix(u, sum([e, f.wrapping_add(a).rotate_right(18), g]), by)
        }
        _ => long(s),
    }
}

/// Both ends of a string of middle length, mixed: the first half of the mixture, and the mixture.
fn ends(a: u64, b: u64, c: u64, d: u64, by: u64) -> (u64, u64) {
    let y = sum([a.wrapping_add(b).rotate_right(43), c.rotate_right(30), d]);
    (y, mix(y, sum([a, b.wrapping_add(K2).rotate_right(18), c]), by))
}

/// 56 bytes of state over blocks of 64 bytes.
struct State {
    x: u64,
    y: u64,
    z: u64,
    v: (u64, u64),
    w: (u64, u64),
}

impl State {
    /// Takes in a block. The last block differs from the others by its factor and by multiples of two terms.
    fn block(&mut self, s: &[u8], factor: u64, times: u64) {
        let Self { x, y, z, v, w } = self;
        *x = sum([*x, *y, v.0, word(s, 8)]).rotate_right(37).wrapping_mul(factor);
        *y = sum([*y, v.1, word(s, 48)]).rotate_right(42).wrapping_mul(factor);
        *x ^= w.1.wrapping_mul(times);
        *y = sum([*y, v.0.wrapping_mul(times), word(s, 40)]);
        *z = z.wrapping_add(w.0).rotate_right(33).wrapping_mul(factor);
        *v = weak(s, v.1.wrapping_mul(factor), x.wrapping_add(w.0));
        *w = weak(&s[32..], z.wrapping_add(w.1), y.wrapping_add(word(s, 16)));
        std::mem::swap(z, x);
    }
}

/// 32 bytes under two seeds.
fn weak(s: &[u8], a: u64, b: u64) -> (u64, u64) {
    let a = a.wrapping_add(word(s, 0));
    let b = sum([b, a, word(s, 24)]).rotate_right(21);
    let far = sum([a, word(s, 8), word(s, 16)]);
    (far.wrapping_add(word(s, 24)), sum([b, far.rotate_right(44), a]))
}

/// More than 64 bytes.
fn long(s: &[u8]) -> u64 {
    let seed: u64 = 81;
    let y = seed.wrapping_mul(K1).wrapping_add(113);
    let mut state = State {
        x: seed.wrapping_mul(K2).wrapping_add(word(s, 0)),
        y,
        z: fold(y.wrapping_mul(K2).wrapping_add(113)).wrapping_mul(K2),
        v: (0, 0),
        w: (0, 0),
    };
    let blocks = (s.len() - 1) / 64;
    for i in 0..blocks {
        state.block(&s[i * 64..], K1, 1);
    }
    let factor = K1.wrapping_add((state.z & 0xff) << 1);
    state.w.0 = state.w.0.wrapping_add((s.len() as u64 - 1) & 63);
    state.v.0 = state.v.0.wrapping_add(state.w.0);
    state.w.0 = state.w.0.wrapping_add(state.v.0);
    // The last 64 bytes, which may overlap the block before.
    state.block(&s[s.len() - 64..], factor, 9);
    let State { x, y, z, v, w } = state;
    let first = sum([mix(v.0, w.0, factor), fold(y).wrapping_mul(K0), z]);
    mix(first, mix(v.1, w.1, factor).wrapping_add(x), factor)
}

/// SipHash-2-4 under a key, the hash behind TensorFlow's `to_hash_bucket_strong`.
pub fn siphash24(s: &[u8], key: [u64; 2]) -> u64 {
    let mut v = [
        key[0] ^ 0x736f_6d65_7073_6575,
        key[1] ^ 0x646f_7261_6e64_6f6d,
        key[0] ^ 0x6c79_6765_6e65_7261,
        key[1] ^ 0x7465_6462_7974_6573,
    ];
    let mut take = |m: u64| {
        v[3] ^= m;
        rounds(&mut v, 2);
        v[0] ^= m;
    };
    let chunks = s.chunks_exact(8);
    let rest = chunks.remainder();
    chunks.for_each(|c| take(word(c, 0)));
    let tail = rest.iter().rev().fold(0, |w, &b| w << 8 | u64::from(b));
    take((s.len() as u64) << 56 | tail);
    v[2] ^= 0xff;
    rounds(&mut v, 4);
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

fn rounds(v: &mut [u64; 4], count: usize) {
    for _ in 0..count {
        v[0] = v[0].wrapping_add(v[1]);
        v[2] = v[2].wrapping_add(v[3]);
        v[1] = v[1].rotate_left(13) ^ v[0];
        v[3] = v[3].rotate_left(16) ^ v[2];
        v[0] = v[0].rotate_left(32);
        v[2] = v[2].wrapping_add(v[1]);
        v[0] = v[0].wrapping_add(v[3]);
        v[1] = v[1].rotate_left(17) ^ v[2];
        v[3] = v[3].rotate_left(21) ^ v[0];
        v[2] = v[2].rotate_left(32);
    }
}
