//! `cornet env`: what this program runs on and what it was told.

use std::path::PathBuf;

use clap::Args;
use cornet_error::Result;
use cornet_kernels::isa::{Isa, isa_override};
use serde_json::{Value, json};

use crate::output::{columns, print, print_json};

/// A variable that Cornet reads.
struct Setting {
    name: &'static str,
    meaning: &'static str,
    /// What holds when it is not set.
    unset: fn() -> String,
    /// Why the value it has is not heeded.
    refused: fn(&str) -> Option<String>,
}

const SETTINGS: &[Setting] = &[
    Setting {
        name: "CORNET_HOME",
        meaning: "folder of the dataset cache",
        unset: || cornet_data::home().map_or_else(|_| "no home folder".into(), |p| p.display().to_string()),
        refused: |_| None,
    },
    Setting {
        name: "CORNET_NUM_THREADS",
        meaning: "threads that kernels use",
        unset: || "one for each core".into(),
        refused: |v| match v.trim().parse::<usize>() {
            Ok(n) if n > 0 => None,
            _ => Some("expected a positive number".into()),
        },
    },
    Setting {
        name: "CORNET_ISA",
        meaning: "instruction set of the kernels: portable, avx2, avx512 or neon",
        unset: || "the fastest of this CPU".into(),
        refused: |_| isa_override().err().map(|e| e.to_string()),
    },
    Setting {
        name: "CORNET_TEST_DATA",
        meaning: "folder of real files for Cornet's own tests",
        unset: || "tests that need it are skipped".into(),
        refused: |_| None,
    },
    Setting { name: "NO_COLOR", meaning: "no colours, if not empty", unset: || "colours".into(), refused: |_| None },
    Setting {
        name: "COLORTERM",
        meaning: "truecolor or 24bit: pictures in all grays",
        unset: || "pictures in 24 grays".into(),
        refused: |_| None,
    },
    Setting {
        name: "TERM",
        meaning: "dumb: pictures and progress without control characters",
        unset: || "an ordinary terminal".into(),
        refused: |_| None,
    },
    Setting {
        name: "SSL_CERT_FILE",
        meaning: "PEM file of the certificates that downloads trust",
        unset: || "Mozilla's list".into(),
        refused: |_| None,
    },
    Setting {
        name: "HTTPS_PROXY",
        meaning: "proxy of downloads; also ALL_PROXY, HTTP_PROXY and NO_PROXY",
        unset: || "none".into(),
        refused: |_| None,
    },
];

/// Show CPU features, threads, versions and every environment variable that Cornet reads.
#[derive(Args)]
#[command(after_help = "Examples:\n  cornet env\n  CORNET_ISA=avx2 cornet env --json")]
pub struct Env {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Env {
    pub fn run(self) -> Result<()> {
        if self.json { print_json(&as_json()) } else { print(&as_text()) }
    }
}

fn as_json() -> Value {
    let variables = SETTINGS.iter().map(|s| {
        let value = std::env::var_os(s.name).map(|v| v.to_string_lossy().into_owned());
        let refused = value.as_deref().and_then(s.refused);
        (s.name.to_string(), json!({"value": value, "unset": (s.unset)(), "refused": refused, "meaning": s.meaning}))
    });
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "keras_files": cornet_format_keras::KERAS_VERSION,
        "build": build(),
        "target": target(),
        "program": program(),
        "cpu": {
            "model": cpu_model(),
            "cores": cores(),
            "features": cpu_features(),
        },
        "instruction_set": Isa::detect().name(),
        "instruction_sets": Isa::all_available().map(Isa::name).collect::<Vec<_>>(),
        "threads": cornet_cpu::num_threads(),
        "variables": variables.collect::<serde_json::Map<String, Value>>(),
    })
}

fn as_text() -> String {
    let isa = Isa::detect();
    let available: Vec<&str> = Isa::all_available().map(Isa::name).collect();
    let row = |name: &str, value: String| vec![name.to_string(), value];
    let facts = [
        row("cornet", format!("{} ({}, {})", env!("CARGO_PKG_VERSION"), build(), target())),
        row("program", program().unwrap_or_else(|| "unknown".into())),
        row("Keras files", format!("as Keras {} writes them", cornet_format_keras::KERAS_VERSION)),
        row("CPU", format!("{}, {} cores", cpu_model().unwrap_or_else(|| "unknown".into()), cores())),
        row("features", cpu_features().join(" ")),
        row("kernels", format!("{isa}, {} f32 a vector (this CPU has {})", isa.lanes_f32(), available.join(", "))),
        row("threads", cornet_cpu::num_threads().to_string()),
    ];
    let variables: Vec<Vec<String>> = SETTINGS.iter().map(variable_row).collect();
    format!("{}\n\n{}", columns(&facts), columns(&variables))
}

fn variable_row(setting: &Setting) -> Vec<String> {
    let value = match std::env::var_os(setting.name) {
        None => format!("not set ({})", (setting.unset)()),
        Some(value) => {
            let value = value.to_string_lossy().into_owned();
            match (setting.refused)(&value) {
                Some(why) => format!("{value} (ignored: {why})"),
                None => value,
            }
        }
    };
    vec![setting.name.to_string(), value, setting.meaning.to_string()]
}

fn build() -> &'static str {
    if cfg!(debug_assertions) { "debug build" } else { "release build" }
}

fn target() -> String {
    format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS)
}

fn program() -> Option<String> {
    std::env::current_exe().ok().map(|p: PathBuf| p.display().to_string())
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The CPU's name, where the system tells it in a file.
fn cpu_model() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|l| l.starts_with("model name") || l.starts_with("Model"))?;
    Some(line.split_once(':')?.1.trim().to_string())
}

#[cfg(target_arch = "x86_64")]
fn cpu_features() -> Vec<&'static str> {
    macro_rules! present {
        ($($name:tt)+) => { [$(($name, std::arch::is_x86_feature_detected!($name))),+] };
    }
    let all = present!("sse4.2" "avx" "f16c" "fma" "avx2" "avx512f" "avx512bw" "avx512dq" "avx512vl" "avx512vnni" "avx512bf16" "avx512fp16");
    all.into_iter().filter(|(_, has)| *has).map(|(name, _)| name).collect()
}

#[cfg(target_arch = "aarch64")]
fn cpu_features() -> Vec<&'static str> {
    macro_rules! present {
        ($($name:tt)+) => { [$(($name, std::arch::is_aarch64_feature_detected!($name))),+] };
    }
    let all = present!("neon" "fp16" "dotprod" "bf16" "i8mm" "sve");
    all.into_iter().filter(|(_, has)| *has).map(|(name, _)| name).collect()
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn cpu_features() -> Vec<&'static str> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::SETTINGS;
    use std::path::Path;

    /// The names of Cornet's own variables in the sources below `folder`.
    fn names(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                names(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                for part in text.split("\"CORNET_").skip(1) {
                    let end = part.find(|c: char| !c.is_ascii_uppercase() && c != '_').unwrap_or(part.len());
                    found.push(format!("CORNET_{}", &part[..end]));
                }
            }
        }
    }

    #[test]
    fn every_variable_that_the_sources_read_is_listed() {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut found = Vec::new();
        for entry in std::fs::read_dir(crates).unwrap() {
            let sources = entry.unwrap().path();
            names(&sources, &mut found);
        }
        assert!(found.iter().any(|n| n == "CORNET_HOME"));
        // Set for the tests themselves, or by them for the processes they start.
        let of_tests = ["CORNET_PRINT", "CORNET_UPDATE", "CORNET_KILL_RESUME"];
        found.retain(|n| {
            n.len() > "CORNET_".len() && !n.contains("CHILD") && !of_tests.iter().any(|t| n.starts_with(t))
        });
        for name in found {
            assert!(SETTINGS.iter().any(|s| s.name == name), "{name} is read and not shown by `cornet env`");
        }
    }
}
