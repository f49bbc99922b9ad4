use super::*;

/// The known answers of the paper's distribution (`kat_vectors`, threefry2x32 with 20 rounds).
#[test]
fn known_answers() {
    assert_eq!(threefry2x32([0, 0], [0, 0]), [0x6b20_0159, 0x99ba_4efe]);
    assert_eq!(threefry2x32([u32::MAX; 2], [u32::MAX; 2]), [0x1cb9_96fc, 0xbb00_2be7]);
    assert_eq!(threefry2x32([0x1319_8a2e, 0x0370_7344], [0x243f_6a88, 0x85a3_08d3]), [0xc492_3a9c, 0x483d_f7a0]);
}

/// Values of JAX 0.10.2: `jax.random.key(3755744309)` and `bits`, `uniform`, `split`, `fold_in`.
#[test]
fn streams_are_those_of_jax() {
    let key = Key::new(3_755_744_309);
    let mut words = [0u32; 5];
    fill_bits(key, 0, &mut words);
    assert_eq!(words, [0xaf99_d218, 0x18cd_192a, 0x4d73_9fa2, 0xfc17_1723, 0x44ad_5971]);
    let mut x = [0f32; 5];
    fill_uniform(key, 0, 0.0, 1.0, &mut x);
    let mantissas = [0x15_f33a4, 0x18_cd180, 0x13_5ce78, 0x1f_82e2c, 0x11_2b560];
    let scales = [-1, -4, -2, -1, -2];
    for i in 0..5 {
        assert_eq!(
            f64::from(x[i]),
            f64::from(mantissas[i]) / f64::from(0x100_0000) * 2f64.powi(scales[i]),
            "element {i}"
        );
    }
    fill_uniform(key, 0, -2.0, 3.0, &mut x[..3]);
    let want = [
        f64::from(0x16_e011a) / 16_777_216.0,
        -f64::from(0x18_3fe88) / 16_777_216.0,
        -f64::from(0x1f_2f7a8) / 67_108_864.0,
    ];
    for i in 0..3 {
        assert_eq!(f64::from(x[i]), want[i], "element {i}");
    }
    let split: Vec<Key> = (0..3).map(|i| key.split(i)).collect();
    let want =
        [Key([359_316_114, 3_136_514_186]), Key([533_016_561, 117_978_843]), Key([3_655_281_722, 2_494_346_136])];
    assert_eq!(split, want);
    assert_eq!(key.fold_in(7), Key([3_592_699_581, 3_920_853_832]));
}

fn all(key: Key, start: u64, n: usize, isa: Isa) -> Vec<Vec<u32>> {
    let mut words = vec![0u32; n];
    fill_bits_with(isa, key, start, &mut words);
    let float = |f: &dyn Fn(&mut [f32])| {
        let mut x = vec![0f32; n];
        f(&mut x);
        x.into_iter().map(f32::to_bits).collect::<Vec<u32>>()
    };
    let ones = vec![1f32; n];
    vec![
        words,
        float(&|x| fill(isa, Uniform { low: -1.0, high: 2.0 }, key, start, x)),
        float(&|x| fill(isa, Normal { mean: 1.0, stddev: 2.0, truncated: false }, key, start, x)),
        float(&|x| fill(isa, Normal { mean: 0.0, stddev: 1.0, truncated: true }, key, start, x)),
        float(&|x| dropout_with(isa, key, start, 0.3, Some(&ones), x)),
    ]
}

#[test]
fn any_range_gives_the_same_elements_on_any_instruction_set() {
    let key = Key([3, 5]);
    // Around a carry of the counter's lower word.
    let base = (1u64 << 32) - 20_000;
    let whole = all(key, base, 40_000, Isa::Portable);
    for isa in Isa::all_available() {
        for (start, n) in [(0, 40_000), (1, 37), (19_980, 50), (39_999, 1), (7, 0)] {
            let part = all(key, base + start as u64, n, isa);
            for (whole, part) in whole.iter().zip(&part) {
                assert_eq!(whole[start..start + n], part[..], "{isa}, {start}, {n}");
            }
        }
    }
    let i = 30_000u64;
    let [a, b] = threefry2x32(key.0, [((base + i) >> 32) as u32, (base + i) as u32]);
    assert_eq!(whole[0][i as usize], a ^ b);
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("pool");
        pool.install(|| all(Key::new(9), 5, 100_003, Isa::detect()))
    };
    let one = run(1);
    assert!([2, 3].into_iter().all(|threads| run(threads) == one));
}

fn moments(x: &[f32]) -> [f64; 4] {
    let n = x.len() as f64;
    let mean = x.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
    let central = |p: i32| x.iter().map(|&x| (f64::from(x) - mean).powi(p)).sum::<f64>() / n;
    [mean, central(2), central(3), central(4)]
}

#[test]
fn distributions_have_their_moments() {
    let n = 400_000;
    let close = |got: [f64; 4], want: [f64; 4], what: &str| {
        for i in 0..4 {
            assert!((got[i] - want[i]).abs() < 0.02, "{what}: moment {}: {}, expected {}", i + 1, got[i], want[i]);
        }
    };
    let mut x = vec![0f32; n];
    fill_uniform(Key::new(1), 0, 0.0, 1.0, &mut x);
    assert!(x.iter().all(|x| (0.0..1.0).contains(x)));
    close(moments(&x), [0.5, 1.0 / 12.0, 0.0, 1.0 / 80.0], "uniform");
    fill_normal(Key::new(2), 0, 0.0, 1.0, &mut x);
    close(moments(&x), [0.0, 1.0, 0.0, 3.0], "normal");
    // Fraction within one standard deviation, and independence of neighbours.
    let inside = x.iter().filter(|x| x.abs() < 1.0).count() as f64 / n as f64;
    assert!((inside - 0.682_689).abs() < 0.004, "{inside}");
    let lag = x.windows(2).map(|w| f64::from(w[0] * w[1])).sum::<f64>() / n as f64;
    assert!(lag.abs() < 0.006, "{lag}");
    fill_truncated_normal(Key::new(3), 0, 0.0, 1.0, &mut x);
    assert!(x.iter().all(|x| x.abs() <= 2.0));
    close(moments(&x), [0.0, 0.773_741, 0.0, 1.396_0], "truncated normal");
}

#[test]
fn dropout_keeps_its_share_and_scales_it() {
    let n = 100_000;
    let x: Vec<f32> = (0..n).map(|i| i as f32 + 1.0).collect();
    let (mut y, mut mask) = (vec![0f32; n], vec![0u8; n]);
    dropout(Key::new(4), 10, 0.25, Some(&x), &mut y);
    dropout_mask(Key::new(4), 10, 0.25, &mut mask);
    for i in 0..n {
        assert_eq!(y[i], if mask[i] == 1 { x[i] * (1.0 / 0.75) } else { 0.0 }, "element {i}");
    }
    let kept = mask.iter().map(|&m| f64::from(m)).sum::<f64>() / n as f64;
    assert!((kept - 0.75).abs() < 0.005, "{kept}");
    let mut uniform = vec![0f32; n];
    fill_uniform(Key::new(4), 10, 0.0, 1.0, &mut uniform);
    assert!(uniform.iter().zip(&mask).all(|(&u, &m)| (u < 0.75) == (m == 1)));
    let mut in_place = x.clone();
    dropout(Key::new(4), 10, 0.25, None, &mut in_place);
    assert_eq!(in_place, y);
    dropout(Key::new(4), 0, 1.0, Some(&x), &mut y);
    assert!(y.iter().all(|&y| y == 0.0));
    dropout(Key::new(4), 0, 0.0, Some(&x), &mut y);
    assert_eq!(y, x);
}

#[test]
fn integers_cover_their_range_evenly() {
    let mut x = vec![0i64; 60_000];
    fill_integers(Key::new(5), 0, -2, 4, &mut x);
    for value in -2..4 {
        let count = x.iter().filter(|&&x| x == value).count();
        assert!((count as i64 - 10_000).abs() < 500, "{value}: {count}");
    }
    fill_integers(Key::new(5), 0, i64::MIN, i64::MAX, &mut x);
    assert!(x.iter().any(|&x| x < 0) && x.iter().any(|&x| x > 0));
    fill_integers(Key::new(5), 0, 7, 7, &mut x);
    assert!(x.iter().all(|&x| x == 7));
}
