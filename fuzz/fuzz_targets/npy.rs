//! Arrays of NumPy, one and several.
#![no_main]

use cornet_error::Limits;
use cornet_tensor::Array;
use libfuzzer_sys::fuzz_target;

/// Little enough that taking it all is no crash, and enough for what a reader does.
fn limits() -> Limits {
    Limits { object_bytes: 64 << 20, total_bytes: 256 << 20, ..Limits::default() }
}

fuzz_target!(|bytes: &[u8]| {
    let _ = Array::from_npy_bytes(bytes, &limits());
    let _ = Array::from_npz_bytes(bytes, &limits());
});
