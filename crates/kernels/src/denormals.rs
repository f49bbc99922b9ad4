//! Numbers below the least normal one count as zero.
//!
//! Moments of units that no longer learn decay into that range, where each multiply-add takes a hundred times as long.

#![allow(unsafe_code)]

/// Makes this thread's vector unit read and write subnormal numbers as zero (FTZ and DAZ on x86, FZ on Arm), as
/// TensorFlow's and XLA's threads do. Every thread of a pool has to, so that results do not depend on who computed them.
pub fn flush() {
    #[cfg(target_arch = "x86_64")]
    {
        let mut control = 0_u32;
        // SAFETY: reads and writes the control register by way of a live local; only FTZ (bit 15) and DAZ (bit 6) change,
        // which no compiled code here relies on being clear.
        unsafe {
            std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut control, options(nostack));
            control |= 0x8040;
            std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const control, options(nostack));
        }
    }
    #[cfg(target_arch = "aarch64")]
    {
        // SAFETY: sets FZ (bit 24) of the control register, which no compiled code here relies on being clear.
        unsafe {
            let mut control: u64;
            std::arch::asm!("mrs {}, fpcr", out(reg) control, options(nomem, nostack));
            control |= 1 << 24;
            std::arch::asm!("msr fpcr, {}", in(reg) control, options(nomem, nostack));
        }
    }
}
