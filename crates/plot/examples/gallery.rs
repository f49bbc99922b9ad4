//! Pictures of every kind, to look at: `cargo run -p cornet-plot --example gallery -- FOLDER`.

use std::path::Path;

use cornet_plot::{Canvas, Chart, Color, Matrix, Series, Stroke, Style, TerminalPlot, TextStyle, grid};

fn curves(title: &str, fall: f64) -> Chart {
    let curve = |from: f64, noise: f64| {
        (1..=20).map(move |e| (f64::from(e), from * (-f64::from(e) * fall).exp() + 0.1 + noise * f64::from(e % 3)))
    };
    Chart::new(title)
        .x_label("epoch")
        .whole_x()
        .series(Series::new("training", curve(1.0, 0.0)))
        .series(Series::new("validation", curve(0.9, 0.04)))
}

fn graph() -> Canvas {
    let mut canvas = Canvas::new(300.0, 220.0);
    for (row, (name, shape)) in [("InputLayer", "(None, 784)"), ("Dense", "(None, 128)")].iter().enumerate() {
        let y = 20.0 + 110.0 * row as f64;
        let box_style = Style::filled(Color::rgb(238, 244, 251)).stroke(Stroke::new(Color::GRAY, 1.0)).radius(6.0);
        canvas.rectangle(50.0, y, 200.0, 66.0, &box_style);
        canvas.text(150.0, y + 22.0, name, &TextStyle::new(14.0).bold().centered());
        canvas.text(150.0, y + 46.0, shape, &TextStyle::new(12.0).color(Color::GRAY).centered());
    }
    canvas.arrow(&[(150.0, 86.0), (150.0, 130.0)], &Stroke::new(Color::GRAY, 1.5));
    canvas
}

fn main() -> Result<(), cornet_error::Error> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| ".".into());
    let rows: Vec<Vec<f64>> = (0..10)
        .map(|r| (0..10).map(|c| if r == c { 95.0 - f64::from(r) } else { f64::from(r * c % 5) }).collect())
        .collect();
    let matrix = Matrix::new("confusion", rows).labels((0..10).map(|i| format!("class {i}")));
    let matrix = matrix.x_label("predicted").y_label("true");
    let pictures = [
        ("curves", curves("loss", 0.2).canvas()),
        ("log", curves("loss, logarithmic", 1.0).log_y().canvas()),
        ("grid", grid(&[curves("loss", 0.2).canvas(), curves("accuracy", 0.4).canvas()], 2)),
        ("matrix", matrix.canvas()),
        ("graph", graph()),
    ];
    for (name, picture) in &pictures {
        picture.save(Path::new(&folder).join(format!("{name}.png")))?;
        picture.save(Path::new(&folder).join(format!("{name}.svg")))?;
    }
    println!("{}", TerminalPlot::new(60, 12).color(false).write(&curves("loss", 0.2)));
    println!("{} pictures", pictures.len());
    Ok(())
}
