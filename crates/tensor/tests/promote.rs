//! Promotion against Keras's own table, written by `golden/promote.py`.

use cornet_tensor::{Code, DType, Operand, result_type};

fn operand(name: &str) -> Operand {
    match name {
        "int" => Operand::WeakInt,
        "float" => Operand::WeakFloat,
        name => Operand::Typed(name.parse().unwrap()),
    }
}

#[test]
fn dtypes_promote_as_in_keras() {
    let (mut lines, mut wide) = (0, 0);
    for line in include_str!("golden/promote.txt").lines().skip(1) {
        let words: Vec<&str> = line.split(' ').collect();
        let (expected, operands) = words.split_last().unwrap();
        let found = result_type(operands.iter().map(|name| operand(name)));
        lines += 1;
        // Keras narrows uint64 to uint32, as JAX does without its 64-bit mode; here no width is lost.
        if *expected == "uint32" && operands.contains(&"uint64") {
            assert_eq!(found.unwrap(), DType::U64, "{line}");
            wide += 1;
            continue;
        }
        match found {
            Ok(found) => assert_eq!(found.name(), *expected, "{line}"),
            Err(e) => assert_eq!((*expected, e.code()), ("error", Code::DtypeMismatch), "{line}: {e}"),
        }
    }
    assert!(lines == 17 * 17 + 150 && wide > 10, "{lines} lines, {wide} of uint64");
}

#[test]
fn promotion_knows_no_order() {
    let all: Vec<Operand> =
        DType::ALL[..14].iter().map(|&d| d.into()).chain([Operand::WeakInt, Operand::WeakFloat]).collect();
    for &a in &all {
        assert_eq!(result_type([a, a]).unwrap(), result_type([a]).unwrap());
        for &b in &all {
            let both = result_type([a, b]).unwrap();
            assert_eq!(both, result_type([b, a]).unwrap());
            // Promoting again changes nothing.
            assert_eq!(result_type([both.into(), a, b]).unwrap(), both, "{a:?} {b:?}");
        }
    }
}

#[test]
fn nothing_has_no_dtype() {
    assert_eq!(result_type([]).unwrap_err().code(), Code::InvalidArgument);
}
