//! The progress bar and the summary table against what Keras 3.15.1 printed (`golden/make_display.py`).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use cornet_nn::models::summary_table::{
    Connection, Summary, SummaryLayout, SummaryRow, WeightCount, memory_size, shape_text,
};
use cornet_nn::training::progress::{Averaging, Progbar, ProgbarOptions, Progress, Verbose};
use serde_json::Value;

const PROGBAR: &str = include_str!("golden/progbar.json");
const SUMMARY: &str = include_str!("golden/summary.json");

fn cases(text: &str, key: &str) -> Vec<Value> {
    let golden: Value = serde_json::from_str(text).unwrap();
    assert_eq!(golden["keras"], "3.15.1");
    let cases = golden[key].as_array().unwrap().clone();
    assert!(!cases.is_empty());
    cases
}

fn verbose(case: &Value) -> Verbose {
    Verbose::from_number(case["verbose"].as_u64().unwrap() as u8).unwrap()
}

fn names(list: &Value) -> Option<Vec<String>> {
    Some(list.as_array()?.iter().map(|n| n.as_str().unwrap().to_string()).collect())
}

fn metric(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| value.as_str().unwrap().parse().unwrap())
}

fn metrics(map: &Value) -> Vec<(&str, f64)> {
    map.as_object().unwrap().iter().map(|(name, value)| (name.as_str(), metric(value))).collect()
}

fn run_bar(case: &Value, dynamic: bool, color: bool, columns: Option<usize>) -> String {
    let averaging = match (names(&case["stateful"]), names(&case["stateless"])) {
        (Some(stateful), _) => Averaging::AllBut(stateful),
        (None, Some(stateless)) => Averaging::Only(stateless),
        (None, None) => Averaging::AllBut(Vec::new()),
    };
    let options = ProgbarOptions {
        verbose: verbose(case),
        width: case["width"].as_u64().unwrap() as usize,
        unit: case["unit"].as_str().unwrap().to_string(),
        averaging,
        dynamic,
        color,
        columns,
        ..ProgbarOptions::default()
    };
    let mut bar = Progbar::new(case["target"].as_u64(), options);
    let mut out = String::new();
    for event in case["events"].as_array().unwrap() {
        let values = event[2].as_array().unwrap();
        let values: Vec<(&str, f64)> = values.iter().map(|v| (v[0].as_str().unwrap(), metric(&v[1]))).collect();
        out += bar.update(event[0].as_f64().unwrap(), event[1].as_u64().unwrap(), &values, event[3].as_bool());
    }
    out
}

/// What is left on the screen: escapes dropped, and after each carriage return the line written anew.
fn screen(text: &str) -> String {
    let text =
        ["\x1b[0m", "\x1b[1m", "\x1b[32m", "\x1b[37m", "\u{8}"].iter().fold(text.to_string(), |t, e| t.replace(e, ""));
    let lines = text.split_inclusive('\n').map(|line| line.rsplit('\r').next().unwrap());
    lines.map(|line| if line.ends_with('\n') { line.trim_end().to_string() + "\n" } else { String::new() }).collect()
}

#[test]
fn a_bar_on_a_terminal_is_keras_byte_for_byte() {
    for case in cases(PROGBAR, "bars") {
        assert_eq!(run_bar(&case, true, true, None), case["output"].as_str().unwrap(), "case {}", case["name"]);
    }
}

#[test]
fn a_bar_elsewhere_is_the_finished_line_alone() {
    for case in cases(PROGBAR, "bars") {
        assert_eq!(run_bar(&case, false, false, None), screen(case["output"].as_str().unwrap()), "{}", case["name"]);
    }
}

#[test]
fn an_unfinished_line_is_cut_to_the_terminal() {
    let case = cases(PROGBAR, "bars").into_iter().find(|c| c["name"] == "terminal").unwrap();
    let text = run_bar(&case, true, false, Some(40)).replace('\u{8}', "");
    let lines: Vec<&str> = text.trim_start_matches('\r').split('\r').collect();
    let (last, others) = lines.split_last().unwrap();
    assert!(others.len() > 2);
    for line in others {
        assert_eq!(line.trim_end().chars().count(), 39, "{line:?}");
    }
    assert!(last.ends_with("loss: 0.3105\n"), "{last:?}");
}

#[test]
fn a_training_loop_prints_what_fit_prints() {
    for case in cases(PROGBAR, "fits") {
        let clock = Arc::new(AtomicU64::new(0));
        let shared = Arc::clone(&clock);
        let now = move || shared.load(Ordering::Relaxed) as f64 / 1000.0;
        let advance = |seconds: f64| clock.fetch_add((seconds * 1000.0) as u64, Ordering::Relaxed);
        let options = ProgbarOptions { verbose: verbose(&case), ..ProgbarOptions::default() };
        let epochs = case["epochs"].as_u64().unwrap() as usize;
        let mut progress = Progress::with_clock(Vec::new(), options, epochs, case["steps"].as_u64(), now);
        for epoch in 0..epochs {
            progress.begin_epoch(epoch).unwrap();
            for step in 1..=case["seen"].as_u64().unwrap() {
                advance(case["step_s"].as_f64().unwrap());
                progress.step(step, &metrics(&case["logs"])).unwrap();
            }
            advance(0.25);
            progress.end(&metrics(&case["end_logs"])).unwrap();
        }
        let text = String::from_utf8(progress.into_inner()).unwrap();
        assert_eq!(text, case["output"].as_str().unwrap(), "case {}", case["name"]);
    }
}

#[test]
fn a_prediction_shows_time_alone() {
    let out = Arc::new(Mutex::new(0.0));
    let now = Arc::clone(&out);
    let options = ProgbarOptions { dynamic: false, color: false, ..ProgbarOptions::default() };
    let mut progress = Progress::with_clock(Vec::new(), options, 1, Some(313), move || *now.lock().unwrap());
    progress.begin();
    for step in 1..=313 {
        *out.lock().unwrap() += 0.001;
        progress.step(step, &[]).unwrap();
    }
    progress.end(&[]).unwrap();
    let text = String::from_utf8(progress.into_inner()).unwrap();
    assert_eq!(text, "313/313 ━━━━━━━━━━━━━━━━━━━━ 0s 1ms/step\n");
}

fn weights(pair: &Value) -> WeightCount {
    WeightCount { params: pair[0].as_u64().unwrap(), bytes: pair[1].as_f64().unwrap() }
}

fn row(row: &Value) -> SummaryRow {
    let inputs = row["connected"].as_array().into_iter().flatten().map(|c| Connection {
        layer: c[0].as_str().unwrap().to_string(),
        node: c[1].as_u64().unwrap() as usize,
        tensor: c[2].as_u64().unwrap() as usize,
    });
    SummaryRow {
        name: row["name"].as_str().unwrap().to_string(),
        class: row["type"].as_str().unwrap().to_string(),
        output_shape: row["shape"].as_str().unwrap().to_string(),
        params: row["params"].as_u64(),
        inputs: inputs.collect(),
        trainable: row["trainable"].as_bool(),
        depth: row["depth"].as_u64().unwrap() as usize,
    }
}

#[test]
fn a_summary_is_keras_line_for_line() {
    for case in cases(SUMMARY, "cases") {
        let summary = Summary {
            model: case["model"].as_str().unwrap().to_string(),
            rows: case["rows"].as_array().unwrap().iter().map(row).collect(),
            connected: case["connected"].as_bool().unwrap(),
            show_trainable: case["show_trainable"].as_bool().unwrap(),
            trainable: weights(&case["trainable"]),
            non_trainable: weights(&case["non_trainable"]),
            optimizer: case["optimizer"].is_array().then(|| weights(&case["optimizer"])),
        };
        let layout = SummaryLayout {
            columns: case["columns"].as_u64().map(|n| n as usize),
            line_length: case["width"].as_u64().map(|n| n as usize),
            positions: case["positions"].as_array().map(|p| p.iter().map(metric).collect()),
        };
        let text = summary.render(&layout).unwrap();
        assert_eq!(text, case["output"].as_str().unwrap(), "case {}:\n{text}", case["name"]);
    }
}

#[test]
fn a_summary_too_narrow_for_its_columns_says_so() {
    let narrow = SummaryLayout { line_length: Some(12), ..SummaryLayout::default() };
    let error = Summary::default().render(&narrow).unwrap_err();
    assert_eq!(error.code().word(), "invalid_argument");
    let positions = SummaryLayout { positions: Some(vec![0.5, 1.0]), ..SummaryLayout::default() };
    let error = Summary::default().render(&positions).unwrap_err();
    assert_eq!(error.message(), "positions of the summary: expected 3, found 2");
}

#[test]
fn sizes_and_shapes_are_written_as_keras_writes_them() {
    let sizes: Vec<String> = [0.0, 0.5, 1023.0, 1024.0, 1.5e9, 3.0e18].into_iter().map(memory_size).collect();
    assert_eq!(sizes, ["0.00 B", "0.50 B", "1023.00 B", "1.00 KB", "1.40 GB", "2664.54 PB"]);
    assert_eq!(shape_text(&[vec![None, Some(3)], vec![None]]), "[(None, 3), (None)]");
    assert_eq!(shape_text(&[]), "?");
}
