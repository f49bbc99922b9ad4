//! The folds: `f32` in vectors; every other element is converted, sixteen at a time, to `i64`, `u64` or `f64`.

use super::walk::{Fold, Folder, walk};
use super::{Extents, Reduction};
use crate::element::Element;
use crate::isa::Isa;
use crate::lanes::{LANES, Lanes, first, fold_lanes};
use crate::pointwise::{TileFn, bits_of_f64, convert, max_nan, min_nan};
use std::marker::PhantomData;

/// A reduction of `f32`.
trait F32Op: Copy + Sync {
    const IDENTITY: f32;
    #[inline(always)]
    fn map<S: Lanes>(_: S, x: S::F) -> S::F {
        x
    }
    fn combine<S: Lanes>(s: S, a: S::F, b: S::F) -> S::F;
    fn one(a: f32, b: f32) -> f32;
    #[inline(always)]
    fn fold<S: Lanes>(s: S, x: S::F) -> f32 {
        fold_lanes(s.to_array(x), Self::one)
    }
    #[inline(always)]
    fn finish(x: f32, _: usize) -> f32 {
        x
    }
}

#[derive(Clone, Copy)]
struct F32<O>(PhantomData<O>);

#[derive(Clone, Copy)]
struct F32On<S, O>(S, PhantomData<O>);

impl<O: F32Op> Folder for F32<O> {
    type Acc = f32;
    type On<S: Lanes> = F32On<S, O>;
    #[inline(always)]
    fn on<S: Lanes>(self, s: S) -> F32On<S, O> {
        F32On(s, PhantomData)
    }
    fn size(self) -> usize {
        4
    }
}

impl<S: Lanes, O: F32Op> Fold for F32On<S, O> {
    type Acc = f32;
    type V = S::F;
    #[inline(always)]
    fn size(self) -> usize {
        4
    }
    #[inline(always)]
    fn identity(self) -> f32 {
        O::IDENTITY
    }
    #[inline(always)]
    fn splat(self, x: f32) -> S::F {
        self.0.splat(x)
    }
    #[inline(always)]
    unsafe fn load(self, p: *const u8, n: usize) -> S::F {
        // SAFETY: by contract.
        O::map(self.0, unsafe { self.load_acc(p.cast(), n) })
    }
    #[inline(always)]
    unsafe fn load_acc(self, p: *const f32, n: usize) -> S::F {
        // SAFETY: by contract.
        unsafe {
            if n == LANES {
                return self.0.load(p);
            }
            let lanes = self.0.load_n(p, n);
            if O::IDENTITY == 0.0 { lanes } else { self.0.select(first(self.0, n), lanes, self.0.splat(O::IDENTITY)) }
        }
    }
    #[inline(always)]
    unsafe fn store_acc(self, p: *mut f32, x: S::F, n: usize) {
        // SAFETY: by contract.
        unsafe {
            if n == LANES {
                self.0.store(p, x);
            } else {
                self.0.store_n(p, x, n);
            }
        }
    }
    #[inline(always)]
    fn combine(self, a: S::F, b: S::F) -> S::F {
        O::combine(self.0, a, b)
    }
    #[inline(always)]
    fn combine_one(self, a: f32, b: f32) -> f32 {
        O::one(a, b)
    }
    #[inline(always)]
    fn fold(self, x: S::F) -> f32 {
        O::fold(self.0, x)
    }
    #[inline(always)]
    unsafe fn finish(self, y: *mut u8, x: f32, count: usize) {
        // SAFETY: by contract.
        unsafe { y.cast::<f32>().write_unaligned(O::finish(x, count)) }
    }
}

macro_rules! sums {
    ($($name:ident $map:expr, $finish:expr;)+) => { $(
        #[derive(Clone, Copy)]
        struct $name;
        impl F32Op for $name {
            const IDENTITY: f32 = 0.0;
            #[inline(always)]
            fn map<S: Lanes>(s: S, x: S::F) -> S::F {
                if $map { s.mul(x, x) } else { x }
            }
            #[inline(always)]
            fn combine<S: Lanes>(s: S, a: S::F, b: S::F) -> S::F {
                s.add(a, b)
            }
            #[inline(always)]
            fn one(a: f32, b: f32) -> f32 {
                a + b
            }
            #[inline(always)]
            fn fold<S: Lanes>(s: S, x: S::F) -> f32 {
                s.hsum(x)
            }
            #[inline(always)]
            fn finish(x: f32, count: usize) -> f32 {
                if $finish { x / count as f32 } else { x }
            }
        }
    )+ };
}

sums! { Sum false, false; Mean false, true; SumSquares true, false; }

#[derive(Clone, Copy)]
struct Prod;

impl F32Op for Prod {
    const IDENTITY: f32 = 1.0;
    #[inline(always)]
    fn combine<S: Lanes>(s: S, a: S::F, b: S::F) -> S::F {
        s.mul(a, b)
    }
    #[inline(always)]
    fn one(a: f32, b: f32) -> f32 {
        a * b
    }
}

#[derive(Clone, Copy)]
struct Max;

impl F32Op for Max {
    const IDENTITY: f32 = f32::NEG_INFINITY;
    #[inline(always)]
    fn combine<S: Lanes>(s: S, a: S::F, b: S::F) -> S::F {
        max_nan(s, a, b)
    }
    #[inline(always)]
    fn one(a: f32, b: f32) -> f32 {
        if a > b || a.is_nan() { a } else { b }
    }
}

#[derive(Clone, Copy)]
struct Min;

impl F32Op for Min {
    const IDENTITY: f32 = f32::INFINITY;
    #[inline(always)]
    fn combine<S: Lanes>(s: S, a: S::F, b: S::F) -> S::F {
        min_nan(s, a, b)
    }
    #[inline(always)]
    fn one(a: f32, b: f32) -> f32 {
        if a < b || a.is_nan() { a } else { b }
    }
}

/// A reduction of numbers that other elements are converted to.
trait WideOp<T>: Copy + Sync {
    const IDENTITY: T;
    fn map(x: T) -> T;
    fn combine(a: T, b: T) -> T;
    fn finish(x: T, count: usize) -> T;
}

/// Elements of `size` bytes that `to` converts to `T` and `from` converts back.
#[derive(Clone, Copy)]
struct Wide<T, O> {
    size: usize,
    to: TileFn,
    from: TileFn,
    op: PhantomData<fn(T, O)>,
}

impl<T: Copy + Send + 'static, O: WideOp<T>> Folder for Wide<T, O> {
    type Acc = T;
    type On<S: Lanes> = Self;
    #[inline(always)]
    fn on<S: Lanes>(self, _: S) -> Self {
        self
    }
    fn isa(self, _: Isa) -> Isa {
        Isa::Portable
    }
    fn size(self) -> usize {
        self.size
    }
}

impl<T: Copy, O: WideOp<T>> Fold for Wide<T, O> {
    type Acc = T;
    type V = [T; LANES];
    fn size(self) -> usize {
        self.size
    }
    fn identity(self) -> T {
        O::IDENTITY
    }
    fn splat(self, x: T) -> [T; LANES] {
        [x; LANES]
    }
    unsafe fn load(self, p: *const u8, n: usize) -> [T; LANES] {
        let mut lanes = [O::IDENTITY; LANES];
        // SAFETY: n <= 16 elements are readable at p; the conversion runs on every CPU.
        unsafe { (self.to)(lanes.as_mut_ptr().cast(), p, p, p, n) };
        for lane in &mut lanes[..n] {
            *lane = O::map(*lane);
        }
        lanes
    }
    unsafe fn load_acc(self, p: *const T, n: usize) -> [T; LANES] {
        let mut lanes = [O::IDENTITY; LANES];
        // SAFETY: by contract.
        unsafe { std::ptr::copy_nonoverlapping(p, lanes.as_mut_ptr(), n) };
        lanes
    }
    unsafe fn store_acc(self, p: *mut T, x: [T; LANES], n: usize) {
        // SAFETY: by contract.
        unsafe { std::ptr::copy_nonoverlapping(x.as_ptr(), p, n) };
    }
    fn combine(self, a: [T; LANES], b: [T; LANES]) -> [T; LANES] {
        std::array::from_fn(|i| O::combine(a[i], b[i]))
    }
    fn combine_one(self, a: T, b: T) -> T {
        O::combine(a, b)
    }
    fn fold(self, x: [T; LANES]) -> T {
        fold_lanes(x, O::combine)
    }
    unsafe fn finish(self, y: *mut u8, x: T, count: usize) {
        let x = O::finish(x, count);
        let x = std::ptr::from_ref(&x).cast::<u8>();
        // SAFETY: by contract; the conversion runs on every CPU.
        unsafe { (self.from)(y, x, x, x, 1) }
    }
}

macro_rules! wide_op {
    ($op:ident $t:ident $identity:expr, |$x:ident| $map:expr, |$a:ident, $b:ident| $combine:expr, |$r:ident, $n:ident| $finish:expr) => {
        impl WideOp<$t> for $op {
            const IDENTITY: $t = $identity;
            #[inline(always)]
            fn map($x: $t) -> $t {
                $map
            }
            #[inline(always)]
            fn combine($a: $t, $b: $t) -> $t {
                $combine
            }
            #[inline(always)]
            fn finish($r: $t, $n: usize) -> $t {
                $finish
            }
        }
    };
}

wide_op!(Sum i64 0, |x| x, |a, b| a.wrapping_add(b), |r, _n| r);
wide_op!(SumSquares i64 0, |x| x.wrapping_mul(x), |a, b| a.wrapping_add(b), |r, _n| r);
wide_op!(Prod i64 1, |x| x, |a, b| a.wrapping_mul(b), |r, _n| r);
wide_op!(Max i64 i64::MIN, |x| x, |a, b| a.max(b), |r, _n| r);
wide_op!(Min i64 i64::MAX, |x| x, |a, b| a.min(b), |r, _n| r);
wide_op!(Max u64 0, |x| x, |a, b| a.max(b), |r, _n| r);
wide_op!(Min u64 u64::MAX, |x| x, |a, b| a.min(b), |r, _n| r);
wide_op!(Sum f64 0.0, |x| x, |a, b| a + b, |r, _n| r);
wide_op!(Mean f64 0.0, |x| x, |a, b| a + b, |r, n| r / n as f64);
wide_op!(SumSquares f64 0.0, |x| x * x, |a, b| a + b, |r, _n| r);
wide_op!(Prod f64 1.0, |x| x, |a, b| a * b, |r, _n| r);
wide_op!(Max f64 f64::NEG_INFINITY, |x| x, |a, b| if a > b || a.is_nan() { a } else { b }, |r, _n| r);
wide_op!(Min f64 f64::INFINITY, |x| x, |a, b| if a < b || a.is_nan() { a } else { b }, |r, _n| r);

/// Runs an admitted reduction; the lengths are checked.
pub(super) fn reduce(isa: Isa, op: Reduction, element: Element, extents: Extents, x: &[u8], y: &mut [u8]) {
    if extents.reduced == 0 && matches!(op, Reduction::Max | Reduction::Min | Reduction::Any | Reduction::All) {
        return fill_nothing(op, element, &mut y[..extents.outer * extents.inner * element.size()]);
    }
    macro_rules! float32 {
        ($($op:ident)+) => {
            match op {
                $(Reduction::$op => walk(isa, F32::<$op>(PhantomData), extents, x, y),)+
                Reduction::Any | Reduction::All => {}
            }
        };
    }
    macro_rules! wide {
        ($t:ty, $acc:ident, $($name:ident $op:ident)+) => {{
            let (to, from) = (convert(element, Element::$acc, Isa::Portable), convert(Element::$acc, element, Isa::Portable));
            let size = element.size();
            match op {
                $(Reduction::$name => walk(isa, Wide::<$t, $op> { size, to, from, op: PhantomData }, extents, x, y),)+
                _ => {}
            }
        }};
    }
    match (element, op) {
        (Element::F32, _) => float32!(Sum Mean SumSquares Prod Max Min),
        (Element::F16 | Element::Bf16 | Element::F64, _) => {
            wide!(f64, F64, Sum Sum Mean Mean SumSquares SumSquares Prod Prod Max Max Min Min);
        }
        (Element::U64, Reduction::Max | Reduction::Min) => wide!(u64, U64, Max Max Min Min),
        _ => wide!(i64, I64, Sum Sum SumSquares SumSquares Prod Prod Max Max Min Min Any Max All Min),
    }
}

/// Results of nothing: an extremum is the end of the type's range, infinite for floats; any is false, all is true.
fn fill_nothing(op: Reduction, element: Element, y: &mut [u8]) {
    let x = match op {
        Reduction::Max => f64::NEG_INFINITY,
        Reduction::Min => f64::INFINITY,
        Reduction::Any => 0.0,
        _ => 1.0,
    };
    let bits = bits_of_f64(element, x).to_le_bytes();
    for y in y.chunks_exact_mut(element.size()) {
        y.copy_from_slice(&bits[..element.size()]);
        if cfg!(target_endian = "big") {
            y.reverse();
        }
    }
}
