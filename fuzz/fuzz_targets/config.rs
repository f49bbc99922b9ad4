//! Configs of models, as JSON: grammar, layers, shapes.
#![no_main]

use cornet_cpu as _;
use cornet_error::Limits;
use libfuzzer_sys::fuzz_target;

/// Little enough that taking it all is no crash, and enough for what a reader does.
fn limits() -> Limits {
    Limits { object_bytes: 64 << 20, total_bytes: 256 << 20, ..Limits::default() }
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(config) = cornet_format_keras::parse_config(text.as_bytes(), &limits()) else { return };
    if cornet_format_keras::check_config(&config, &limits()).is_ok() {
        let _ = cornet_nn::saving::model_from_json(&config, true);
    }
});
