//! Protocol buffers, read where they lie and written.
//!
//! There is no schema and no generated code: a format walks the [`Fields`] of a [`Message`] and takes the numbers it
//! knows. Nothing is decoded before it is asked for, so a message of gigabytes of weights costs no more memory than
//! what is taken of it: bytes, texts and nested messages are [`Message`]s, which are places in the source.
//!
//! ```
//! use cornet_error::Limits;
//! use cornet_proto::{Encoder, Message, Value};
//!
//! let bytes = Encoder::new().text(1, "relu").message(2, Encoder::new().int(1, 7)).finish();
//! for field in Message::of(bytes, &Limits::default()).fields() {
//!     match field? {
//!         (1, Value::Bytes(name)) => assert_eq!(name.text()?, "relu"),
//!         (2, Value::Bytes(nested)) => assert!(matches!(nested.fields().next(), Some(Ok((1, Value::Varint(7)))))),
//!         _ => {}
//!     }
//! }
//! # Ok::<(), cornet_error::Error>(())
//! ```
//!
//! Source: <https://protobuf.dev/programming-guides/encoding/>.

mod encoder;
mod message;
mod packed;

pub use encoder::Encoder;
pub use message::{Fields, Message, Value};
