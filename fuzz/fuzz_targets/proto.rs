//! Protocol buffers, taken for messages of messages.
#![no_main]

use cornet_error::{Limits, Result};
use cornet_proto::{Message, Value};
use libfuzzer_sys::fuzz_target;

/// Little enough that taking it all is no crash, and enough for what a reader does.
fn limits() -> Limits {
    Limits { object_bytes: 64 << 20, total_bytes: 256 << 20, ..Limits::default() }
}

fn walk(message: &Message) -> Result<()> {
    for field in message.fields() {
        let (_, value) = field?;
        let _ = (value.ints(&mut Vec::new()), value.floats(&mut Vec::new()), value.doubles(&mut Vec::new()));
        if let Value::Bytes(nested) = &value {
            let _ = (nested.text(), nested.bytes(), walk(nested));
        }
    }
    Ok(())
}

fuzz_target!(|bytes: &[u8]| {
    let _ = walk(&Message::of(bytes.to_vec(), &limits()));
});
