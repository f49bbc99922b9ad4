//! Files that ask for what they must not have, and a save that is interrupted.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use cornet_archive::ArchiveWriter;
use cornet_error::{Code, Limits};
use cornet_format_keras::{KerasFile, Metadata, Saved, WeightStore, check_config, parse_config, read, write};
use cornet_tensor::Array;
use serde_json::{Value, json};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("cornet-keras-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn file(value: f32) -> KerasFile {
    let mut weights = WeightStore::default();
    let kernel = Array::from_vec(vec![value; 20_000], &[200, 100][..]).unwrap();
    weights.set("layers/dense", Saved::new("dense", [kernel, Array::scalar(value)]));
    let config = json!({"module": "keras", "class_name": "Sequential", "config": {"layers": []}});
    let assets = [("layers/text/vocabulary.txt".to_owned(), b"a\nb".to_vec())].into();
    KerasFile { metadata: Metadata::at(0), config, weights, assets, legacy: None }
}

#[test]
fn configs_with_code_are_refused_with_their_place() {
    let lambda = json!({"class_name": "__lambda__", "config": {"value": "4wEAAAAA"}});
    let layer = json!({"module": "keras.layers", "class_name": "Lambda", "config": {"function": lambda}});
    let model = json!({"class_name": "Sequential", "config": {"layers": [{}, layer]}});
    let error = check_config(&model, &Limits::default()).unwrap_err();
    assert_eq!(error.code(), Code::Unsafe);
    assert!(error.to_string().starts_with("config/layers/1/config/function: "), "{error}");
    let older =
        json!({"class_name": "Lambda", "config": {"function": ["4wEAAAAA", null, null], "function_type": "lambda"}});
    assert_eq!(check_config(&older, &Limits::default()).unwrap_err().code(), Code::Unsafe);
    let unknown = json!({"class_name": "__reduce__", "config": {}});
    assert_eq!(check_config(&unknown, &Limits::default()).unwrap_err().code(), Code::Unsafe);
    for known in ["__keras_tensor__", "__numpy__", "__ellipsis__", "__tuple__", "Dense", "_Private", "__mangled"] {
        check_config(&json!([{"class_name": known, "config": {}}]), &Limits::default()).unwrap();
    }
}

#[test]
fn configs_beyond_the_limits_are_refused() {
    let limits = Limits::default();
    let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    assert_eq!(parse_config(deep.as_bytes(), &limits).unwrap_err().code(), Code::LimitExceeded);
    let deeper = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(parse_config(deeper.as_bytes(), &limits).unwrap_err().code(), Code::Corrupt);
    let many = Value::from(vec![json!({}); 11]);
    let few = Limits { entries: 10, ..limits };
    assert_eq!(check_config(&many, &few).unwrap_err().code(), Code::LimitExceeded);
    let small = Limits { object_bytes: 10, ..limits };
    assert_eq!(parse_config(b"[1, 2, 3, 4]", &small).unwrap_err().code(), Code::LimitExceeded);
    let error = parse_config(b"{\"max_value\": NaN}", &limits).unwrap_err();
    assert!(error.code() == Code::Corrupt && error.help_text().unwrap().contains("finite"), "{error}");
}

#[test]
fn files_without_their_parts_are_refused() {
    let folder = Folder::new("parts");
    let path = folder.0.join("m.keras");
    let parts: [(&str, &[u8]); 3] =
        [("metadata.json", b"{}"), ("config.json", b"{}"), ("model.weights.h5", b"no HDF5 at all, nowhere in here")];
    for (missing, code) in
        [(0, Code::NotFound), (1, Code::NotFound), (2, Code::UnsupportedFormat), (3, Code::UnsupportedFormat)]
    {
        ArchiveWriter::write(&path, |zip| {
            let mut kept = parts.iter().enumerate().filter(|(at, _)| *at != missing);
            kept.try_for_each(|(_, (name, content))| zip.add(name, content))
        })
        .unwrap();
        assert_eq!(read(&path, &Limits::default()).unwrap_err().code(), code, "without part {missing}");
    }
    std::fs::write(&path, "neither").unwrap();
    let error = read(&path, &Limits::default()).unwrap_err();
    assert!(error.code() == Code::UnsupportedFormat && error.help_text().is_some(), "{error}");
    assert_eq!(read(&folder.0, &Limits::default()).unwrap_err().code(), Code::Io);
    assert_eq!(read(&folder.0.join("none"), &Limits::default()).unwrap_err().code(), Code::NotFound);
}

#[test]
fn what_must_not_be_written_is_refused_and_the_old_file_stays() {
    let folder = Folder::new("refused");
    let path = folder.0.join("m.keras");
    write(&path, &file(1.0)).unwrap();
    let mut escaping = file(2.0);
    escaping.assets.insert("../../x".into(), vec![]);
    let mut code = file(2.0);
    code.config["config"]["f"] = json!({"class_name": "__lambda__"});
    let mut texts = file(2.0);
    let words = Array::from_strings(vec![b"a".to_vec()], &[1][..]).unwrap();
    texts.weights.set("layers/text", Saved::new("text", [words]));
    for (wrong, expected) in [(escaping, Code::Unsafe), (code, Code::Unsafe), (texts, Code::DtypeMismatch)] {
        assert_eq!(write(&path, &wrong).unwrap_err().code(), expected);
        assert_eq!(read(&path, &Limits::default()).unwrap(), file(1.0));
    }
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 1);
}

#[test]
fn weights_beyond_the_limits_are_refused() {
    let folder = Folder::new("limits");
    let path = folder.0.join("m.keras");
    write(&path, &file(1.0)).unwrap();
    let size = std::fs::metadata(&path).unwrap().len();
    assert!(read(&path, &Limits { object_bytes: size, total_bytes: size, ..Limits::default() }).is_ok());
    for limits in [
        Limits { object_bytes: 79_999, ..Limits::default() },
        Limits { total_bytes: 80_003, ..Limits::default() },
        Limits { entries: 3, ..Limits::default() },
        Limits { depth: 1, ..Limits::default() },
    ] {
        assert_eq!(read(&path, &limits).unwrap_err().code(), Code::LimitExceeded, "{limits:?}");
    }
}

const CHILD: &str = "CORNET_KERAS_TEST_CHILD";

/// Not a test by itself: the process that [`a_killed_save_leaves_a_whole_model`] starts and kills.
#[test]
fn child_that_saves_forever() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    for turn in 1..1_000_000 {
        write(Path::new(&path), &file(turn as f32)).unwrap();
    }
}

#[test]
fn a_killed_save_leaves_a_whole_model() {
    let folder = Folder::new("killed");
    let path = folder.0.join("m.keras");
    write(&path, &file(0.0)).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for turn in 0..20 {
        let before = std::fs::metadata(&path).unwrap().modified().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child_that_saves_forever", "--exact"])
            .env(CHILD, &path)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // On a busy machine the child needs a while to its first save; from then on any moment will do.
        for _ in 0..2000 {
            if std::fs::metadata(&path).unwrap().modified().unwrap() != before {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        std::thread::sleep(Duration::from_millis(4 * turn));
        child.kill().unwrap();
        child.wait().unwrap();
        let found = read(&path, &Limits::default()).unwrap();
        let value = found.weights.array("layers/dense/vars/1").unwrap().item::<f32>().unwrap();
        assert_eq!(found, file(value), "turn {turn}");
        seen.insert(value as u32);
    }
    assert!(seen.len() > 1, "the child never got to save");
}
