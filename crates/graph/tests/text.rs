//! The text form: what is printed reads back as the same graph, and what does not read is refused with its place.

mod common;

use common::{Random, arguments, graph};
use cornet_error::{Code, Limits};
use cornet_graph::{GraphExt, ParseOptions, TextOptions, parse, parse_with, to_text_with, verify};
use cornet_ops::{Attr, Graph, Tensor, Type, Variable, call, suite, trace};
use cornet_tensor::{Array, DType, Result};

/// The same graph: same inputs, ops, attributes bit for bit, wiring, types, results, updates of the same variables.
fn same(a: &Graph, b: &Graph) -> std::result::Result<(), String> {
    let (da, db) = (order(a), order(b));
    let check = |what: &str, same: bool| if same { Ok(()) } else { Err(format!("{}: other {what}", a.name)) };
    check("name", a.name == b.name)?;
    check("count", a.inputs.len() == b.inputs.len() && a.nodes.len() == b.nodes.len())?;
    check("count of ends", a.outputs.len() == b.outputs.len() && a.updates.len() == b.updates.len())?;
    for (x, y) in a.inputs.iter().zip(&b.inputs) {
        check("input", x.name == y.name && x.variable == y.variable && a.type_of(x.value) == b.type_of(y.value))?;
    }
    for (x, y) in a.nodes.iter().zip(&b.nodes) {
        check(x.op.name, x.op == y.op && x.scope == y.scope)?;
        let wired = |v: &[cornet_ops::ValueId], d: &[usize]| v.iter().map(|v| d[v.index()]).collect::<Vec<_>>();
        check("wiring", wired(&x.inputs, &da) == wired(&y.inputs, &db))?;
        check("results", x.outputs.len() == y.outputs.len())?;
        check("types", x.outputs.iter().zip(&y.outputs).all(|(v, w)| a.type_of(*v) == b.type_of(*w)))?;
        check("attributes", x.attrs.iter().count() == y.attrs.iter().count())?;
        for ((n, v), (m, w)) in x.attrs.iter().zip(y.attrs.iter()) {
            match (v, w) {
                (Attr::Graph(v), Attr::Graph(w)) => same(v, w)?,
                _ => check(n, n == m && v == w)?,
            }
        }
    }
    let end = |x: cornet_ops::ValueId, y: cornet_ops::ValueId| da[x.index()] == db[y.index()];
    check("output", a.outputs.iter().zip(&b.outputs).all(|(x, y)| x.name == y.name && end(x.value, y.value)))?;
    check("update", a.updates.iter().zip(&b.updates).all(|(x, y)| x.variable == y.variable && end(x.value, y.value)))
}

/// The place of every value among the definitions.
fn order(graph: &Graph) -> Vec<usize> {
    let mut places = vec![usize::MAX; graph.types.len()];
    let inputs = graph.inputs.iter().map(|i| i.value);
    let defined = inputs.chain(graph.nodes.iter().flat_map(|n| n.outputs.iter().copied()));
    defined.enumerate().for_each(|(i, v)| places[v.index()] = i);
    places
}

fn round_trip(graph: &Graph, variables: &[Variable]) {
    for inline_elements in [0, 3, 1000] {
        let text = to_text_with(graph, TextOptions { inline_elements, elide: false });
        let options = ParseOptions { variables: variables.to_vec(), ..ParseOptions::default() };
        let back = parse_with(&text, &options).unwrap_or_else(|e| panic!("{e}\n{text}"));
        verify(&back).unwrap_or_else(|e| panic!("{e}\n{text}"));
        same(graph, &back).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert_eq!(to_text_with(&back, TextOptions { inline_elements, elide: false }), text);
    }
    let fresh = parse(&graph.to_text()).unwrap();
    assert_eq!(fresh.to_text(), graph.to_text());
}

#[test]
fn every_case_of_every_op_round_trips() {
    let mut count = 0;
    for op in cornet_ops::all() {
        for trial in suite::trials(op).unwrap() {
            let names: Vec<String> = (0..trial.inputs.len()).map(|i| format!("x {i}")).collect();
            let arguments: Vec<(&str, Type)> = names.iter().map(String::as_str).zip(trial.types()).collect();
            let traced = trace(op.name, &arguments, |x| {
                Ok(call(op, &x.iter().collect::<Vec<_>>(), trial.attrs.clone()).into_vec())
            });
            round_trip(&traced.unwrap().graph, &[]);
            count += 1;
        }
    }
    assert!(count > 1000, "{count} cases");
}

#[test]
fn random_graphs_round_trip() {
    let shapes: [&[usize]; 3] = [&[2, 3], &[3], &[]];
    // Two variables of one name stay two.
    let variables: Vec<Variable> = shapes
        .iter()
        .map(|s| Variable::uninitialized("dense/kernel", Type::new(DType::F32, *s), true))
        .chain([Variable::uninitialized("count \"%d\"", Type::new(DType::I32, []), false)])
        .collect();
    for seed in 0..150 {
        round_trip(&graph(seed, 5 + seed as usize / 3, &variables).unwrap(), &variables);
    }
}

#[test]
fn constants_of_every_dtype_keep_their_bits() {
    let mut random = Random(7);
    for &dtype in DType::ALL {
        for shape in [&[][..], &[5], &[0, 3], &[40]] {
            let n: usize = shape.iter().product();
            let array = if dtype == DType::Str {
                let word = |i: usize| [b"a\"b\\\n\x00\xff".to_vec(), "h\u{e9}\u{85}".into(), vec![i as u8]].concat();
                Array::from_strings((0..n).map(word).collect(), shape).unwrap()
            } else {
                // Random bits: subnormals and NaNs of every kind among the floats.
                let bytes: Vec<u8> = (0..n * dtype.size()).map(|_| random.next() as u8).collect();
                Array::from_bytes(dtype, shape, &bytes).unwrap()
            };
            let special = [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 0.1, 1e-40, 6e4];
            let floats = dtype.is_float().then(|| Array::from_f64(dtype, [8], &special).unwrap());
            for array in [array].into_iter().chain(floats) {
                let traced = trace("f", &[], |_| Ok(vec![Tensor::from(array.clone())])).unwrap();
                round_trip(&traced.graph, &[]);
            }
        }
    }
}

#[test]
fn given_variables_are_found_by_name_and_must_have_the_type() -> Result<()> {
    let text = "graph \"f\" {\n  variable @w: float32[2] \"w\" trainable\n  input %w: float32[2] \"w\" of @w\n  output \"y\" = %w\n}";
    let w = Variable::new("w", Tensor::of([1.0_f32, 2.0]))?;
    let given = |v: &Variable| ParseOptions { variables: vec![v.clone()], ..ParseOptions::default() };
    let graph = parse_with(text, &given(&w))?;
    assert_eq!(graph.replay(&[])?[0].to_vec::<f32>()?, [1.0, 2.0]);
    let fresh = parse(text)?;
    let error = fresh.replay(&[])?[0].array().unwrap_err();
    assert_eq!(error.code(), Code::Uninitialized);
    assert!(error.to_string().contains("'w'"), "{error}");
    let long = Variable::new("w", Tensor::of([1.0_f32]))?;
    assert_eq!(parse_with(text, &given(&long)).unwrap_err().code(), Code::ShapeMismatch);
    let wide = Variable::new("w", Tensor::of([1.0_f64, 2.0]))?;
    assert_eq!(parse_with(text, &given(&wide)).unwrap_err().code(), Code::DtypeMismatch);
    Ok(())
}

const GOOD: &str = r#"graph "f" {
  variable @w: float32[3, 4] "w" trainable
  input %x: float32[2, 3] "x"
  input %w: float32[3, 4] "w" of @w   # comments run to the end of the line
  %matmul: float32[2, 4] = matmul(%x, %w) {transpose_a: false, transpose_b: false} in "dense"
  %constant: float32[4] = constant() {value: float32[4] [1.0, -0.0, nan, -inf]}
  %add: float32[2, 4] = add(%matmul, %constant)
  output "y" = %add
  update @w = %w
}"#;

#[test]
fn errors_name_the_line_and_column() {
    parse(GOOD).unwrap();
    let cases: &[(&str, &str, &str)] = &[
        ("add(%matmul", "add(%missing", "line 7, column 29: %missing is not defined"),
        ("= add(", "= frobnicate(", "line 7, column 25: there is no op 'frobnicate'"),
        ("%add: float32[2, 4]", "%add: float32[2, 5]", "add gives float32[2, 4], the line says float32[2, 5]"),
        ("float32[2, 4] = add", "float99[2, 4] = add", "line 7, column 9: there is no dtype 'float99'"),
        ("transpose_a: false", "transpose_c: false", "has no attribute 'transpose_c'"),
        ("transpose_b: false", "transpose_a: false", "given twice"),
        ("transpose_a: false, transpose_b: false", "transpose_a: 3, transpose_b: false", "expected a bool"),
        ("nan, -inf]", "nan]", "expected 4 elements, found 3"),
        ("[1.0, -0.0", "[1.0, true", "line 6, column 63: expected a number, found 'true'"),
        ("%add: float32[2, 4]", "%x: float32[2, 4]", "%x is defined twice"),
        ("%matmul, %constant", "%matmul %constant", "expected ','"),
        ("%x: float32[2, 3] \"x\"", "%x: float32[2, -3] \"x\"", "'-3' is no usize"),
        ("%x: float32[2, 3]", "%x: float32[9999999999, 9999999999]", "more elements than memory can address"),
        ("of @w", "of @v", "@v is not declared"),
        ("float32[3, 4] \"w\" of", "float32[4, 3] \"w\" of", "the variable is float32[3, 4], the input float32[4, 3]"),
        ("update @w = %w", "update @w = %add", "the variable is float32[3, 4], its new value float32[2, 4]"),
        ("update @w = %w", "update @w = %w update @w = %w", "updated twice"),
        ("\n}", "", "found the end of the text"),
        ("\n}", "\n} }", "expected the end of the text, found '}'"),
        ("\"y\"", "\"y", "no end on its line"),
        ("\"y\"", "\"\\q\"", "line 8, column 11: expected \\\", \\\\, \\n or \\x"),
        ("\"y\"", "\"\\xzz\"", "two hexadecimal digits"),
        ("output", "\u{fc}output", "unexpected character"),
        ("float32[4] [1.0, -0.0, nan, -inf]", "float32[4] base64 \"AAAA\"", "expected 4 elements"),
        ("float32[4] [1.0, -0.0, nan, -inf]", "float32[4] base64 \"A*\"", "not base64"),
        ("float32[4] [1.0, -0.0, nan, -inf]", "float32[4] elided", "left out when this text was printed"),
        ("float32[4] [1.0, -0.0, nan, -inf]", "uint8[1] [256]", "256 is no uint8"),
    ];
    for (from, to, expected) in cases {
        assert!(GOOD.contains(from), "{from}");
        let error = parse(&GOOD.replace(from, to)).err().unwrap_or_else(|| panic!("{to} was read")).to_string();
        assert!(error.contains(expected), "{to}: {error}");
    }
}

#[test]
fn elided_text_is_short_and_says_so() -> Result<()> {
    let big = Tensor::from(Array::zeros(DType::F32, [100, 100]));
    let traced = trace("f", &[], |_| Ok(vec![big.clone()]))?;
    let text = traced.graph.to_short_text();
    assert!(text.contains("float32[100, 100] elided") && text.len() < 300, "{text}");
    assert!(parse(&text).unwrap_err().to_string().contains("elide: false"));
    Ok(())
}

#[test]
fn limits_hold() {
    let limited = |limits: Limits| ParseOptions { limits, ..ParseOptions::default() };
    let few = limited(Limits { entries: 3, ..Limits::default() });
    assert_eq!(parse_with(GOOD, &few).unwrap_err().code(), Code::LimitExceeded);
    let short = limited(Limits { object_bytes: 30, ..Limits::default() });
    assert_eq!(parse_with(GOOD, &short).unwrap_err().code(), Code::LimitExceeded);
    // Nesting: every body opens another graph.
    let Some(op) = cornet_ops::all().find(|op| op.attrs.iter().any(|a| a.contains("body"))) else { return };
    let body = op.attrs.iter().find(|a| a.contains("body")).unwrap();
    let deep = format!("graph \"g\" {{ %a: float32[] = {}() {{{body}: ", op.name).repeat(100_000);
    assert_eq!(parse(&deep).unwrap_err().code(), Code::LimitExceeded);
}

/// Damaged texts are refused or read, but never bring the program down.
#[test]
fn damaged_texts_never_panic() {
    let mut random = Random(3);
    let mut texts: Vec<String> = (0..20).map(|s| graph(s, 12, &[]).unwrap().to_text()).collect();
    texts.push(GOOD.to_string());
    let pieces = ["-1", "0", "[", "]", "{", "}", "\"", "%", "99999999999999999999", "inf", "graph", ",", "\\x"];
    let mut read = 0;
    for round in 0..20_000 {
        let mut text = random.pick(&texts).clone();
        for _ in 0..1 + random.below(3) {
            let mut at = random.below(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            match random.below(4) {
                0 => text.truncate(at),
                1 => text.insert_str(at, pieces[random.below(pieces.len())]),
                2 => drop(text.remove(at.min(text.len() - 1))),
                _ => text.insert(at, (32 + random.below(95) as u8) as char),
            }
            if text.is_empty() {
                text.push('g');
            }
        }
        if let Ok(graph) = parse(&text) {
            verify(&graph).unwrap_or_else(|e| panic!("round {round}: {e}\n{text}"));
            read += 1;
        }
    }
    assert!(read > 0);
}

/// Hostile attributes: every integer of every case of every op replaced by odd ones.
#[test]
fn odd_integers_in_attributes_never_panic() {
    let odd = [-1, 0, 1, 7, 1 << 40, i64::MAX, i64::MIN];
    let mut panics = Vec::new();
    for op in cornet_ops::all() {
        for trial in suite::trials(op).unwrap().into_iter().filter(|t| t.dtype == DType::F32 || op.attrs.is_empty()) {
            let names: Vec<String> = (0..trial.inputs.len()).map(|i| format!("x{i}")).collect();
            let arguments: Vec<(&str, Type)> = names.iter().map(String::as_str).zip(trial.types()).collect();
            let traced = trace(op.name, &arguments, |x| {
                Ok(call(op, &x.iter().collect::<Vec<_>>(), trial.attrs.clone()).into_vec())
            });
            let text = traced.unwrap().graph.to_text();
            let Some(open) = text.find(") {") else { continue };
            let (head, tail) = text.split_at(open);
            let digits: Vec<(usize, usize)> = numbers(tail);
            for (from, to) in digits {
                for x in odd {
                    let changed = format!("{head}{}{x}{}", &tail[..from], &tail[to..]);
                    if std::panic::catch_unwind(|| drop(parse(&changed))).is_err() {
                        panics.push(changed.lines().nth_back(2).unwrap_or_default().to_string());
                    }
                }
            }
        }
    }
    assert!(panics.is_empty(), "{} texts bring the program down:\n{}", panics.len(), panics.join("\n"));
}

/// Where whole numbers stand.
fn numbers(text: &str) -> Vec<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let end = at + bytes[at..].iter().take_while(|b| b.is_ascii_digit() || **b == b'-').count();
        let part_of_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || matches!(bytes[at - 1], b'.' | b'_'));
        if end > at && !part_of_word && bytes.get(end) != Some(&b'.') {
            found.push((at, end));
        }
        at = end.max(at + 1);
    }
    found
}

#[test]
fn operations_have_unique_names_and_dot_has_them_all() {
    for seed in 0..30 {
        let graph = graph(seed, 40, &[]).unwrap();
        let operations = graph.operations();
        assert_eq!(operations.len(), graph.inputs.len() + graph.nodes.len());
        let names: std::collections::HashSet<&str> = operations.iter().map(|o| o.name.as_str()).collect();
        assert_eq!(names.len(), operations.len());
        assert_eq!(
            operations.iter().take(arguments().len()).filter(|o| o.op == "placeholder").count(),
            arguments().len()
        );
        for operation in &operations {
            assert!(operation.inputs.iter().all(|i| names.contains(i.as_str())), "{operation:?}");
        }
        let dot = graph.to_dot();
        assert_eq!(dot.matches('{').count(), dot.matches('}').count());
        assert_eq!(dot.lines().filter(|l| l.contains("fillcolor") && !l.contains("ellipse")).count(), operations.len());
        let edges: usize = graph.nodes.iter().map(|n| n.inputs.len()).sum::<usize>() + graph.outputs.len();
        assert_eq!(dot.matches(" -> ").count(), edges);
    }
}
