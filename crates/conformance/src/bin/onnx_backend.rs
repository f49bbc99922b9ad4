//! Runs ONNX models for `python/onnx_backend.py`: requests come over stdin and answers go over stdout, each a length of
//! eight bytes and a protocol buffer.
//!
//! A request has the model in field 1, the folder of its other files in field 2, and the inputs in field 3. A value is a
//! TensorProto in field 1, a list of values in field 2, an optional's value in field 3, or an empty optional in field 4.
//! An answer has an error's code and text in fields 1 and 2, or the outputs in field 3.

use std::io::{self, Read, Write};
use std::path::PathBuf;

use cornet_conformance::exchange::caught;
use cornet_cpu as _;
use cornet_error::{Error, Limits, Result, err, fail};
use cornet_format_onnx::element::Element;
use cornet_format_onnx::proto::{Reader, parse_tensor};
use cornet_format_onnx::{OnnxModel, Value};
use cornet_program::Program;
use cornet_proto::{Encoder, Message};
use cornet_tensor::{Array, DType};

fn parse_value(message: &Message, reader: &Reader) -> Result<Value> {
    let Some(field) = message.fields().next() else { fail!(Corrupt, "request: a value without content") };
    let (number, value) = field?;
    let inner = value.message()?;
    match number {
        1 => {
            let constant = parse_tensor(inner, reader)?;
            let tensor = (&constant.array).into();
            Ok(constant
                .narrow
                .map_or_else(|| Value::Tensor(tensor), |narrow| Value::Narrow(narrow, (&constant.array).into())))
        }
        2 => Ok(Value::Sequence(parse_values(inner, reader)?)),
        3 => Ok(Value::Optional(Some(Box::new(parse_value(inner, reader)?)))),
        _ => Ok(Value::Optional(None)),
    }
}

fn parse_values(message: &Message, reader: &Reader) -> Result<Vec<Value>> {
    message.fields().map(|field| parse_value(field?.1.message()?, reader)).collect()
}

fn encode_tensor(array: &Array, code: i64) -> Result<Encoder> {
    let dims = array.shape().iter().fold(Encoder::new(), |m, &d| m.int(1, d as i64));
    let message = dims.int(2, code);
    if array.dtype() == DType::Str {
        return Ok(array.strings()?.iter().fold(message, |m, s| m.bytes(6, s)));
    }
    Ok(message.bytes(9, array.bytes()))
}

fn encode(value: &Value) -> Result<Encoder> {
    Ok(match value {
        Value::Tensor(tensor) => {
            let array = tensor.array()?;
            Encoder::new().message(1, encode_tensor(&array, Element::code(array.dtype()))?)
        }
        Value::Narrow(narrow, codes) => {
            let array = codes.array()?;
            let bits = narrow.bits() as usize;
            let mut packed = vec![0_u8; (array.elements() * bits).div_ceil(8)];
            for (i, code) in array.bytes().iter().enumerate() {
                (0..bits).for_each(|b| packed[(i * bits + b) / 8] |= (code >> b & 1) << ((i * bits + b) % 8));
            }
            let dims = array.shape().iter().fold(Encoder::new(), |m, &d| m.int(1, d as i64));
            Encoder::new().message(1, dims.int(2, narrow.code()).bytes(9, &packed))
        }
        Value::Sequence(items) => {
            let items = items.iter().map(encode).collect::<Result<Vec<_>>>()?;
            Encoder::new().message(2, Encoder::new().messages(1, items))
        }
        Value::Optional(Some(inner)) => Encoder::new().message(3, encode(inner)?),
        Value::Optional(None) => Encoder::new().bytes(4, &[]),
        Value::Map(_) => fail!(Unsupported, "answer: maps are not compared"),
    })
}

fn answer(request: Vec<u8>) -> Result<Encoder> {
    let limits = Limits::default();
    let reader = Reader::new(None, &limits);
    let (mut model, mut folder, mut inputs) = (Vec::new(), None, Vec::new());
    for field in Message::of(request, &limits).fields() {
        match field? {
            (1, value) => model = value.message()?.bytes()?,
            (2, value) => folder = Some(PathBuf::from(value.text()?)),
            (3, value) => inputs.push(parse_value(value.message()?, &reader)?),
            _ => {}
        }
    }
    let model = match folder {
        Some(folder) => OnnxModel::from_bytes_in(model, &folder, &limits)?,
        None => OnnxModel::from_bytes(model, &limits)?,
    };
    let plain = model.is_plain() && inputs.len() == model.signatures()[0].inputs.len();
    let outputs = if plain {
        let arrays = inputs.iter().map(|v| v.tensor()?.array()).collect::<Result<Vec<_>>>()?;
        let signature = model.signature(None)?;
        model.run(signature, &arrays)?.into_iter().map(|array| Value::Tensor(array.into())).collect()
    } else {
        model.run_values(inputs)?
    };
    let outputs = outputs.iter().map(encode).collect::<Result<Vec<_>>>()?;
    Ok(Encoder::new().messages(3, outputs))
}

fn main() -> Result<()> {
    let failed = |e: io::Error| err!(Io, "exchange: {e}");
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    std::panic::set_hook(Box::new(|_| ()));
    loop {
        let mut length = [0; 8];
        match input.read_exact(&mut length) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            other => other.map_err(failed)?,
        }
        let mut request = vec![0; u64::from_le_bytes(length) as usize];
        input.read_exact(&mut request).map_err(failed)?;
        let found = caught(|| answer(request));
        let reply =
            found.unwrap_or_else(|e: Error| Encoder::new().text(1, &e.code().to_string()).text(2, &e.to_string()));
        let reply = reply.finish();
        output.write_all(&(reply.len() as u64).to_le_bytes()).map_err(failed)?;
        output.write_all(&reply).map_err(failed)?;
        output.flush().map_err(failed)?;
    }
}
