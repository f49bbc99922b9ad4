//! `cornet summary`: the table of layers.

use std::path::PathBuf;

use clap::Args;
use cornet::models::{Model, PlotOptions, SummaryOptions, plot_model};
use cornet::saving::load_model;
use cornet_error::{Limits, Result, err};
use cornet_files::detect;
use serde_json::json;

use crate::output::{print, print_json};

/// Show the layers, shapes and parameters of a model, as Keras prints them.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  cornet summary digits.keras\n  cornet summary digits.keras --expand-nested --show-trainable\n  cornet summary digits.keras --plot digits.svg\n  cornet summary digits.keras --json"
)]
pub struct Summary {
    /// A Keras model: .keras or .h5.
    model: PathBuf,
    /// Show the layers of models among the layers, too.
    #[arg(long)]
    expand_nested: bool,
    /// Show which layers are trained.
    #[arg(long)]
    show_trainable: bool,
    /// Draw the model into this file: .svg, .png or .dot.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Summary {
    pub fn run(self) -> Result<()> {
        let format = detect(&self.model, &Limits::default())?;
        if !format.has_layers() {
            return Err(err!(
                UnsupportedFormat,
                "{}: expected a model of layers, found {format}",
                self.model.display()
            )
            .help("cornet inspect shows what is in it: signatures, ops, arrays"));
        }
        let model = load_model(&self.model)?;
        let (expand_nested, show_trainable) = (self.expand_nested, self.show_trainable);
        if let Some(path) = &self.plot {
            let options = PlotOptions {
                show_shapes: true,
                show_layer_names: true,
                expand_nested,
                show_trainable,
                ..Default::default()
            };
            plot_model(&model, path, &options)?;
        }
        if !self.json {
            let options = SummaryOptions { expand_nested, show_trainable, ..Default::default() };
            return print(model.summary_with(&options)?.trim_end());
        }
        let table = model.summary_table()?;
        let layer = |row: &cornet::models::summary_table::SummaryRow| json!({"name": row.name, "class": row.class, "output_shape": row.output_shape, "params": row.params});
        print_json(&json!({
            "model": table.model,
            "layers": table.rows.iter().map(layer).collect::<Vec<_>>(),
            "trainable_params": table.trainable.params,
            "non_trainable_params": table.non_trainable.params,
            "optimizer_params": table.optimizer.map(|o| o.params),
        }))
    }
}
