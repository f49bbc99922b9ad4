//! Arithmetic of the element types that have no vector kernels of their own: integers, `f64`, bool.

use crate::special;

/// Numbers of a program.
pub(super) trait Num: Copy + PartialOrd {
    fn neg(self) -> Self;
    fn abs(self) -> Self;
    fn sign(self) -> Self;
    fn relu(self) -> Self;
    fn add(self, b: Self) -> Self;
    fn sub(self, b: Self) -> Self;
    fn mul(self, b: Self) -> Self;
    fn div(self, b: Self) -> Self;
    fn floor_div(self, b: Self) -> Self;
    fn rem(self, b: Self) -> Self;
    fn floor_mod(self, b: Self) -> Self;
    fn max(self, b: Self) -> Self;
    fn min(self, b: Self) -> Self;
    fn pow(self, b: Self) -> Self;
    fn relu_grad(self, b: Self) -> Self;
    fn mul_add(self, b: Self, c: Self) -> Self;
}

/// Types with bitwise operations.
pub(super) trait Bits: Copy {
    fn not(self) -> Self;
    fn and(self, b: Self) -> Self;
    fn or(self, b: Self) -> Self;
    fn xor(self, b: Self) -> Self;
}

/// Integers.
pub(super) trait Int: Num + Bits {
    fn shl(self, b: Self) -> Self;
    fn shr(self, b: Self) -> Self;
}

/// A bool as it is stored: anything but 0 is true.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Bool8(pub u8);

impl Bool8 {
    #[inline(always)]
    fn get(self) -> bool {
        self.0 != 0
    }
}

impl PartialEq for Bool8 {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl PartialOrd for Bool8 {
    #[inline(always)]
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.get().partial_cmp(&other.get())
    }
}

impl Bits for Bool8 {
    #[inline(always)]
    fn not(self) -> Self {
        Bool8(u8::from(!self.get()))
    }
    #[inline(always)]
    fn and(self, b: Self) -> Self {
        Bool8(u8::from(self.get() & b.get()))
    }
    #[inline(always)]
    fn or(self, b: Self) -> Self {
        Bool8(u8::from(self.get() | b.get()))
    }
    #[inline(always)]
    fn xor(self, b: Self) -> Self {
        Bool8(u8::from(self.get() ^ b.get()))
    }
}

macro_rules! integers {
    ($($t:ident $signed:literal;)+) => { $(
        impl Num for $t {
            #[inline(always)]
            fn neg(self) -> Self { self.wrapping_neg() }
            #[inline(always)]
            #[allow(unused_comparisons)]
            fn abs(self) -> Self { if self < 0 { self.wrapping_neg() } else { self } }
            #[inline(always)]
            #[allow(unused_comparisons)]
            fn sign(self) -> Self { if self < 0 { (0 as $t).wrapping_sub(1) } else { (self != 0) as $t } }
            #[inline(always)]
            fn relu(self) -> Self { Ord::max(self, 0) }
            #[inline(always)]
            fn add(self, b: Self) -> Self { self.wrapping_add(b) }
            #[inline(always)]
            fn sub(self, b: Self) -> Self { self.wrapping_sub(b) }
            #[inline(always)]
            fn mul(self, b: Self) -> Self { self.wrapping_mul(b) }
            #[inline(always)]
            fn div(self, b: Self) -> Self { if b == 0 { 0 } else { self.wrapping_div(b) } }
            #[inline(always)]
            #[allow(unused_comparisons)]
            fn floor_div(self, b: Self) -> Self {
                if b == 0 { return 0; }
                let (q, r) = (self.wrapping_div(b), self.wrapping_rem(b));
                if r != 0 && (r < 0) != (b < 0) { q.wrapping_sub(1) } else { q }
            }
            #[inline(always)]
            fn rem(self, b: Self) -> Self { if b == 0 { 0 } else { self.wrapping_rem(b) } }
            #[inline(always)]
            #[allow(unused_comparisons)]
            fn floor_mod(self, b: Self) -> Self {
                let r = Num::rem(self, b);
                if r != 0 && (r < 0) != (b < 0) { r.wrapping_add(b) } else { r }
            }
            #[inline(always)]
            fn max(self, b: Self) -> Self { Ord::max(self, b) }
            #[inline(always)]
            fn min(self, b: Self) -> Self { Ord::min(self, b) }
            #[inline(always)]
            #[allow(unused_comparisons)]
            fn pow(self, b: Self) -> Self {
                if b < 0 {
                    let odd = b & 1 != 0;
                    return if self == 1 { 1 } else if $signed && self == !0 { if odd { self } else { 1 } } else { 0 };
                }
                let (mut base, mut left, mut result) = (self, b, 1 as $t);
                while left > 0 {
                    if left & 1 != 0 { result = result.wrapping_mul(base); }
                    base = base.wrapping_mul(base);
                    left >>= 1;
                }
                result
            }
            #[inline(always)]
            fn relu_grad(self, b: Self) -> Self { if b > 0 { self } else { 0 } }
            #[inline(always)]
            fn mul_add(self, b: Self, c: Self) -> Self { self.wrapping_mul(b).wrapping_add(c) }
        }

        impl Bits for $t {
            #[inline(always)]
            fn not(self) -> Self { !self }
            #[inline(always)]
            fn and(self, b: Self) -> Self { self & b }
            #[inline(always)]
            fn or(self, b: Self) -> Self { self | b }
            #[inline(always)]
            fn xor(self, b: Self) -> Self { self ^ b }
        }

        impl Int for $t {
            #[inline(always)]
            #[allow(unused_comparisons)]
            fn shl(self, b: Self) -> Self { if b < 0 || b as u64 >= $t::BITS as u64 { 0 } else { self << b } }
            #[inline(always)]
            #[allow(unused_comparisons)]
            fn shr(self, b: Self) -> Self {
                let outside = b < 0 || b as u64 >= $t::BITS as u64;
                if outside { if self < 0 { !0 } else { 0 } } else { self >> b }
            }
        }
    )+ };
}

integers! { i8 true; i16 true; i32 true; i64 true; u8 false; u16 false; u32 false; u64 false; }

impl Num for f64 {
    #[inline(always)]
    fn neg(self) -> Self {
        -self
    }
    #[inline(always)]
    fn abs(self) -> Self {
        f64::abs(self)
    }
    #[inline(always)]
    fn sign(self) -> Self {
        if self > 0.0 {
            1.0
        } else if self < 0.0 {
            -1.0
        } else {
            self
        }
    }
    #[inline(always)]
    fn relu(self) -> Self {
        if self < 0.0 { 0.0 } else { self }
    }
    #[inline(always)]
    fn add(self, b: Self) -> Self {
        self + b
    }
    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        self - b
    }
    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        self * b
    }
    #[inline(always)]
    fn div(self, b: Self) -> Self {
        self / b
    }
    #[inline(always)]
    fn floor_div(self, b: Self) -> Self {
        libm::floor(self / b)
    }
    #[inline(always)]
    fn rem(self, b: Self) -> Self {
        libm::fmod(self, b)
    }
    #[inline(always)]
    fn floor_mod(self, b: Self) -> Self {
        special::floor_mod_f64(self, b)
    }
    #[inline(always)]
    fn max(self, b: Self) -> Self {
        if self > b || self.is_nan() { self } else { b }
    }
    #[inline(always)]
    fn min(self, b: Self) -> Self {
        if self < b || self.is_nan() { self } else { b }
    }
    #[inline(always)]
    fn pow(self, b: Self) -> Self {
        libm::pow(self, b)
    }
    #[inline(always)]
    fn relu_grad(self, b: Self) -> Self {
        if b > 0.0 { self } else { 0.0 }
    }
    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        f64::mul_add(self, b, c)
    }
}
