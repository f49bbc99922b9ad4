//! Conversions between elements, and copies.

#![allow(unsafe_code)]

use super::TileFn;
use super::scalar_ops::{Fast, Map, Plain, Speed};
use super::scalar_types::Bool8;
use crate::element::Element;
use crate::isa::Isa;
use half::{bf16, f16};

/// Conversion of one value.
trait To<R> {
    fn to(self) -> R;
}

struct Convert;

impl<A: To<R>, R> Map<A, A, R> for Convert {
    #[inline(always)]
    fn eval(a: A, _: A, _: A) -> R {
        a.to()
    }
}

struct Copy;

impl<A> Map<A, A, A> for Copy {
    #[inline(always)]
    fn eval(a: A, _: A, _: A) -> A {
        a
    }
}

macro_rules! plain {
    ($($a:ident)+) => { $( plain!(@from $a: i8 i16 i32 i64 u8 u16 u32 u64 f32 f64); )+ };
    (@from $a:ident: $($r:ident)+) => {
        $(
            impl To<$r> for $a {
                #[inline(always)]
                fn to(self) -> $r { self as $r }
            }
        )+
        impl To<Bool8> for $a {
            #[inline(always)]
            fn to(self) -> Bool8 { Bool8(u8::from(self != 0 as $a)) }
        }
        impl To<$a> for Bool8 {
            #[inline(always)]
            fn to(self) -> $a { u8::from(self.0 != 0) as $a }
        }
    };
}

plain! { i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 }

/// To 16-bit floats by way of `f64`, which holds every other element's value well enough to round once.
macro_rules! halves {
    ($h:ident: $($t:ident)+) => {
        $(
            impl To<$h> for $t {
                #[inline(always)]
                fn to(self) -> $h { $h::from_f64(self as f64) }
            }
            impl To<$t> for $h {
                #[inline(always)]
                fn to(self) -> $t { self.to_f32() as $t }
            }
        )+
        impl To<Bool8> for $h {
            #[inline(always)]
            fn to(self) -> Bool8 { Bool8(u8::from(self.to_f32() != 0.0)) }
        }
        impl To<$h> for Bool8 {
            #[inline(always)]
            fn to(self) -> $h { if self.0 != 0 { $h::ONE } else { $h::ZERO } }
        }
    };
}

halves! { f16: i8 i16 i32 i64 u8 u16 u32 u64 f64 }
halves! { bf16: i8 i16 i32 i64 u8 u16 u32 u64 f64 }

impl To<f32> for f16 {
    #[inline(always)]
    fn to(self) -> f32 {
        self.to_f32()
    }
}

impl To<f16> for f32 {
    #[inline(always)]
    fn to(self) -> f16 {
        f16::from_f32(self)
    }
}

impl To<f32> for bf16 {
    #[inline(always)]
    fn to(self) -> f32 {
        f32::from_bits(u32::from(self.to_bits()) << 16)
    }
}

impl To<bf16> for f32 {
    /// Rounds to nearest, ties to even; a NaN stays one.
    #[inline(always)]
    fn to(self) -> bf16 {
        let bits = self.to_bits();
        let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
        bf16::from_bits(if self.is_nan() { (bits >> 16 | 0x40) as u16 } else { rounded as u16 })
    }
}

impl To<bf16> for f16 {
    #[inline(always)]
    fn to(self) -> bf16 {
        self.to_f32().to()
    }
}

impl To<f16> for bf16 {
    #[inline(always)]
    fn to(self) -> f16 {
        f16::from_f32(self.to_f32())
    }
}

/// The conversion kernel; equal elements copy.
pub(crate) fn kernel(from: Element, to: Element, isa: Isa) -> TileFn {
    macro_rules! to {
        ($a:ident, [$($element:ident $r:ident)+]) => {
            match to { $(Element::$element => to!(@one $a $r),)+ }
        };
        (@one $a:ident $r:ident) => { Plain::instance::<$a, $a, $r, Convert>(isa) };
    }
    macro_rules! from {
        ($($element:ident $a:ident)+) => {
            match from {
                $(Element::$element => to!($a, [Bool Bool8 I8 i8 I16 i16 I32 i32 I64 i64 U8 u8 U16 u16 U32 u32 U64 u64
                    F16 f16 Bf16 bf16 F32 f32 F64 f64]),)+
            }
        };
    }
    match (from, to) {
        _ if from == to => copy(from.size(), isa),
        (Element::Bf16, Element::F32) => Fast::instance::<bf16, bf16, f32, Convert>(isa),
        (Element::F32, Element::Bf16) => Fast::instance::<f32, f32, bf16, Convert>(isa),
        (Element::Bool, Element::F32) => Fast::instance::<Bool8, Bool8, f32, Convert>(isa),
        (Element::U8, Element::F32) => Fast::instance::<u8, u8, f32, Convert>(isa),
        (Element::I32, Element::F32) => Fast::instance::<i32, i32, f32, Convert>(isa),
        (Element::F64, Element::F32) => Fast::instance::<f64, f64, f32, Convert>(isa),
        (Element::F32, Element::F64) => Fast::instance::<f32, f32, f64, Convert>(isa),
        _ => from!(Bool Bool8 I8 i8 I16 i16 I32 i32 I64 i64 U8 u8 U16 u16 U32 u32 U64 u64 F16 f16 Bf16 bf16 F32 f32
            F64 f64),
    }
}

impl To<Bool8> for Bool8 {
    #[inline(always)]
    fn to(self) -> Bool8 {
        self
    }
}

impl To<f16> for f16 {
    #[inline(always)]
    fn to(self) -> f16 {
        self
    }
}

impl To<bf16> for bf16 {
    #[inline(always)]
    fn to(self) -> bf16 {
        self
    }
}

/// A copy of elements of `size` bytes.
pub(super) fn copy(size: usize, isa: Isa) -> TileFn {
    match size {
        1 => Fast::instance::<u8, u8, u8, Copy>(isa),
        2 => Fast::instance::<u16, u16, u16, Copy>(isa),
        4 => Fast::instance::<u32, u32, u32, Copy>(isa),
        _ => Fast::instance::<u64, u64, u64, Copy>(isa),
    }
}

/// The stored bits of a number in an element, in the low bytes.
pub(crate) fn bits_of_f64(element: Element, x: f64) -> u64 {
    match element {
        Element::Bool => u64::from(x != 0.0),
        Element::I8 => u64::from(x as i8 as u8),
        Element::I16 => u64::from(x as i16 as u16),
        Element::I32 => u64::from(x as i32 as u32),
        Element::I64 => x as i64 as u64,
        Element::U8 => u64::from(x as u8),
        Element::U16 => u64::from(x as u16),
        Element::U32 => u64::from(x as u32),
        Element::U64 => x as u64,
        Element::F16 => u64::from(f16::from_f64(x).to_bits()),
        Element::Bf16 => u64::from(bf16::from_f64(x).to_bits()),
        Element::F32 => u64::from((x as f32).to_bits()),
        Element::F64 => x.to_bits(),
    }
}

/// The stored bits of a 16-bit float, as `f32` bits.
pub(super) fn half_to_f32_bits(element: Element, bits: u64) -> u64 {
    let x = if element == Element::F16 {
        f16::from_bits(bits as u16).to_f32()
    } else {
        bf16::from_bits(bits as u16).to_f32()
    };
    u64::from(x.to_bits())
}
