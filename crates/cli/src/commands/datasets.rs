//! `cornet datasets`: what there is, where it is, and getting it.

use std::io::{IsTerminal, stderr};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use cornet_data::{Dataset, FetchOptions, Location, TransferLine, fetch_dataset, info, is_cached, list, locate};
use cornet_error::{Result, err};
use serde_json::{Value, json};

use crate::output::{bytes, columns, grouped, print, print_json};
use crate::suggest::nearest;

const EXAMPLES: &str = "\
Examples:
  cornet datasets list
  cornet datasets fetch mnist
  cornet datasets fetch mnist --mirror https://mirror.example/mnist
  cornet datasets info digits --json

Files go to $CORNET_HOME/datasets (default ~/.cornet/datasets).";

/// List, download and describe datasets.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Datasets {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List the datasets and whether their files are here.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Download a dataset into the cache; files that are there stay.
    Fetch {
        /// The dataset's name.
        name: String,
        /// Address of a folder that has the files, asked instead of the usual ones.
        #[arg(long, value_name = "URL")]
        mirror: Option<String>,
        /// The folder to write to.
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
    },
    /// Describe a dataset: authors, licence, files and where they are.
    Info {
        /// The dataset's name.
        name: String,
        /// Look for the files in this folder only.
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

impl Datasets {
    pub fn run(self) -> Result<()> {
        match self.action {
            Action::List { json: true } => print_json(&list().iter().map(summary).collect()),
            Action::List { json: false } => print(&columns(&table())),
            Action::Fetch { name, mirror, to } => fetch(named(&name)?, mirror, to),
            Action::Info { name, data, json } => show(named(&name)?, data, json),
        }
    }
}

/// The dataset of that name, or an error that guesses what was meant.
pub fn named(name: &str) -> Result<&'static Dataset> {
    info(name).map_err(|e| {
        let names = list().iter().map(|d| d.name);
        match nearest(name, names) {
            Some(meant) => err!(NotFound, "{}", e.message()).help(format!("did you mean '{meant}'?")),
            None => e,
        }
    })
}

fn place(dataset: &Dataset) -> &'static str {
    match (dataset.is_embedded(), is_cached(dataset)) {
        (true, _) => "part of the program",
        (false, true) => "in the cache",
        (false, false) => "to download",
    }
}

fn table() -> Vec<Vec<String>> {
    let row = |d: &Dataset| {
        let [train, test] = d.examples.map(|n| grouped(n as u64));
        let place = match d.download_bytes() {
            0 => place(d).to_string(),
            size => format!("{}, {}", place(d), bytes(size)),
        };
        vec![d.name.to_string(), format!("{train} + {test}"), place, d.description.to_string()]
    };
    list().iter().map(row).collect()
}

fn summary(dataset: &Dataset) -> Value {
    json!({
        "name": dataset.name,
        "description": dataset.description,
        "train_examples": dataset.examples[0],
        "test_examples": dataset.examples[1],
        "example_shape": dataset.example,
        "classes": dataset.classes,
        "max_value": dataset.max_value,
        "licence": dataset.licence,
        "attribution": dataset.attribution,
        "source": dataset.source,
        "download_bytes": dataset.download_bytes(),
        "available": is_cached(dataset),
    })
}

fn fetch(dataset: &Dataset, mirror: Option<String>, folder: Option<PathBuf>) -> Result<()> {
    if dataset.is_embedded() {
        return print(&format!("{} is part of the program", dataset.name));
    }
    let mut line = TransferLine::new(stderr(), stderr().is_terminal());
    let options = FetchOptions { mirror, folder, ..FetchOptions::default() };
    let folder = fetch_dataset(dataset, &options, &mut |transfer| {
        // Progress that cannot be shown is no reason to stop.
        let _ = line.show(transfer);
    })?;
    print(&folder.display().to_string())
}

fn show(dataset: &Dataset, data: Option<PathBuf>, as_json: bool) -> Result<()> {
    let wanted = data.is_some();
    let location = match locate(dataset.name, data.as_deref()) {
        Ok(location) => Some(location),
        Err(e) if wanted => return Err(e),
        Err(e) if e.code() == cornet_error::Code::NotFound => None,
        Err(e) => return Err(e),
    };
    if as_json {
        let mut value = summary(dataset);
        value["folder"] = match &location {
            Some(Location::Files { folder, .. }) => json!(folder.display().to_string()),
            _ => Value::Null,
        };
        return print_json(&value);
    }
    let row = |name: &str, value: String| vec![name.to_string(), value];
    let [train, test] = dataset.examples.map(|n| grouped(n as u64));
    let shape = dataset.example.iter().map(ToString::to_string).collect::<Vec<_>>().join(" x ");
    let mut rows = vec![
        row("name", dataset.name.into()),
        row("what", dataset.description.into()),
        row("examples", format!("{train} to train on, {test} to test with")),
        row("one example", format!("{shape}, values 0 to {}", dataset.max_value)),
        row("classes", dataset.classes.join(", ")),
        row("authors", dataset.attribution.into()),
        row("licence", dataset.licence.into()),
        row("page", dataset.source.into()),
    ];
    match location {
        Some(Location::Files { folder, .. }) => rows.push(row("files", format!("{}, verified", folder.display()))),
        Some(Location::Embedded) => rows.push(row("files", "part of the program".into())),
        None => {
            rows.push(row("files", format!("not here; `cornet datasets fetch {}` downloads them", dataset.name)));
            rows.extend(dataset.addresses.iter().map(|a| row("address", (*a).into())));
        }
    }
    print(&columns(&rows))
}
