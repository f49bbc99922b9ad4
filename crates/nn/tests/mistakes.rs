//! Mistakes that a Keras user makes, and what they read. The texts are in `mistakes.txt`; `CORNET_UPDATE=1` writes it.

use std::fmt::Write as _;

use cornet_cpu as _;
use cornet_error::{Error, Result};
use cornet_nn::callbacks::{EarlyStopping, ReduceLROnPlateau};
use cornet_nn::layers::{
    Add, Concatenate, Conv2D, Dense, Dropout, Embedding, Flatten, Input, LSTM, MaxPooling2D, MultiHeadAttention,
    Reshape, layer_from_json,
};
use cornet_nn::models::{Functional, Model, PlotOptions, Sequential, Symbolic, plot_model};
use cornet_nn::saving::{load_model, model_from_json};
use cornet_nn::training::{CompileOptions, FitOptions, Verbose};
use cornet_tensor::{Array, DType};
use serde_json::json;

fn zeros(shape: &[usize]) -> Array {
    Array::zeros(DType::F32, shape)
}

fn classes(numbers: &[i64]) -> Array {
    Array::from_slice(numbers, [numbers.len()]).unwrap()
}

fn quiet<'a>() -> FitOptions<'a> {
    FitOptions::new().seed(1).verbose(Verbose::Silent)
}

/// Four features in, three classes out.
fn classifier() -> Sequential {
    Sequential::named("iris")
        .seed(1)
        .add(Input::new([4]))
        .add(Dense::new(8).activation("relu").name("hidden"))
        .add(Dense::new(3).activation("softmax").name("out"))
}

fn compiled(loss: &str) -> Sequential {
    let model = classifier();
    model.compile("adam", loss, ["accuracy"]).unwrap();
    model
}

fn sparse() -> Sequential {
    compiled("sparse_categorical_crossentropy")
}

fn two_headed() -> Functional {
    let x = Input::new([4]).name("x").symbol();
    let h = Dense::new(8).name("h").on(&x);
    Functional::named("heads", &x, [&Dense::new(1).name("price").on(&h), &Dense::new(3).name("class").on(&h)]).unwrap()
}

type Mistake = (&'static str, Box<dyn Fn() -> Result<()>>);

fn mistake(what: &'static str, make: impl Fn() -> Result<()> + 'static) -> Mistake {
    (what, Box::new(make))
}

fn building() -> Vec<Mistake> {
    vec![
        mistake("forgetting Flatten between images and classes", || {
            let model = Sequential::named("m").add(Input::new([8, 8, 1])).add(Conv2D::new(4, 3).name("conv"));
            let model = model.add(Dense::new(3).activation("softmax").name("out"));
            model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])?;
            model.fit(&zeros(&[6, 8, 8, 1]), &classes(&[0, 1, 2, 0, 1, 2]), quiet()).map(|_| ())
        }),
        mistake("images without the axis of channels", || {
            let model = Sequential::named("m").add(Input::new([28, 28])).add(Conv2D::new(4, 3).name("conv"));
            model.predict(&zeros(&[2, 28, 28])).map(|_| ())
        }),
        mistake("a window larger than the image", || {
            let model = Sequential::named("m").add(Input::new([4, 4, 1])).add(Conv2D::new(4, 5).name("conv"));
            model.predict(&zeros(&[2, 4, 4, 1])).map(|_| ())
        }),
        mistake("pooling until nothing is left", || {
            let model = Sequential::named("m").add(Input::new([3, 3, 1])).add(MaxPooling2D::new(2).name("a"));
            model.add(MaxPooling2D::new(2).name("b")).predict(&zeros(&[2, 3, 3, 1])).map(|_| ())
        }),
        mistake("an activation that there is not", || {
            let model = Sequential::named("m").add(Input::new([4])).add(Dense::new(3).activation("rellu").name("d"));
            model.predict(&zeros(&[2, 4])).map(|_| ())
        }),
        mistake("no units", || {
            let model = Sequential::named("m").add(Input::new([4])).add(Dense::new(0).name("d"));
            model.predict(&zeros(&[2, 4])).map(|_| ())
        }),
        mistake("dropping more than everything", || {
            let model = Sequential::named("m").add(Input::new([4])).add(Dropout::new(1.5).name("d"));
            model.predict(&zeros(&[2, 4])).map(|_| ())
        }),
        mistake("two layers of one name", || {
            let model = Sequential::named("m").add(Input::new([4])).add(Dense::new(4).name("same"));
            model.add(Dense::new(2).name("same")).predict(&zeros(&[2, 4])).map(|_| ())
        }),
        mistake("a sequence layer on a table", || {
            let model = Sequential::named("m").add(Input::new([4])).add(LSTM::new(4).name("lstm"));
            model.predict(&zeros(&[2, 4])).map(|_| ())
        }),
        mistake("a reshape that does not fit", || {
            let model = Sequential::named("m").add(Input::new([10])).add(Reshape::new([3, 4]).name("r"));
            model.predict(&zeros(&[2, 10])).map(|_| ())
        }),
        mistake("adding tensors of different widths", || {
            let x = Input::new([4]).name("x").symbol();
            Functional::new(&x, Add::new().name("sum").on([&x, &Dense::new(3).on(&x)])).map(|_| ())
        }),
        mistake("joining images of different sizes", || {
            let (a, b) = (Input::new([4, 4, 1]).symbol(), Input::new([5, 4, 1]).symbol());
            Functional::new([&a, &b], Concatenate::new().name("both").on([&a, &b])).map(|_| ())
        }),
        mistake("an output that needs an input which was not given", || {
            let (x, other) = (Input::new([4]).name("x").symbol(), Input::new([4]).name("other").symbol());
            Functional::named("m", &x, Add::new().on([&x, &other])).map(|_| ())
        }),
        mistake("attention without a value", || {
            let x = Input::new([5, 8]).symbol();
            Functional::new(&x, MultiHeadAttention::new(2, 4).name("mha").on(&x)).map(|_| ())
        }),
        mistake("a layer that the model does not have", || classifier().layer("hiden").map(|_| ())),
        mistake("a model without layers", || Sequential::named("empty").predict(&zeros(&[2, 4])).map(|_| ())),
        mistake("a picture in a format that there is not", || {
            plot_model(&classifier(), "model.pdf", &PlotOptions::default())
        }),
    ]
}

fn training() -> Vec<Mistake> {
    vec![
        mistake("fit before compile", || classifier().fit(&zeros(&[3, 4]), &classes(&[0, 1, 2]), quiet()).map(|_| ())),
        mistake("a loss that there is not", || classifier().compile("adam", "mean_square_error", ())),
        mistake("an optimizer that there is not", || classifier().compile("adamm", "mse", ())),
        mistake("a metric that there is not", || classifier().compile("adam", "mse", ["acuracy"])),
        mistake("labels beyond the classes", || {
            sparse().fit(&zeros(&[3, 4]), &classes(&[0, 1, 3]), quiet()).map(|_| ())
        }),
        mistake("class numbers for a loss of one-hot targets", || {
            compiled("categorical_crossentropy").fit(&zeros(&[3, 4]), &classes(&[0, 1, 2]), quiet()).map(|_| ())
        }),
        mistake("one-hot targets for a loss of class numbers", || {
            sparse().fit(&zeros(&[3, 4]), &zeros(&[3, 3]), quiet()).map(|_| ())
        }),
        mistake("fewer targets than samples", || sparse().fit(&zeros(&[3, 4]), &classes(&[0, 1]), quiet()).map(|_| ())),
        mistake("features of another width", || {
            sparse().fit(&zeros(&[3, 5]), &classes(&[0, 1, 2]), quiet()).map(|_| ())
        }),
        mistake("no samples", || sparse().fit(&zeros(&[0, 4]), &classes(&[]), quiet()).map(|_| ())),
        mistake("a validation split that leaves nothing", || {
            sparse().fit(&zeros(&[3, 4]), &classes(&[0, 1, 2]), quiet().validation_split(0.99)).map(|_| ())
        }),
        mistake("weights of samples of another number", || {
            let weights = zeros(&[2]);
            sparse().fit(&zeros(&[3, 4]), &classes(&[0, 1, 2]), quiet().sample_weight(&weights)).map(|_| ())
        }),
        mistake("a loss for an output that there is not", || {
            let model = two_headed();
            model.compile_with(CompileOptions::new("adam").loss_for("prise", "mse").loss_for("class", "mse"))?;
            model.fit(&zeros(&[3, 4]), &vec![zeros(&[3, 1]), zeros(&[3, 3])], quiet()).map(|_| ())
        }),
        mistake("one target for two outputs", || {
            let model = two_headed();
            model.compile("adam", "mse", ())?;
            model.fit(&zeros(&[3, 4]), &zeros(&[3, 1]), quiet()).map(|_| ())
        }),
        mistake("stopping early by a metric that is not there", || {
            let mut stop = EarlyStopping::new().monitor("val_acuracy");
            sparse().fit(&zeros(&[3, 4]), &classes(&[0, 1, 2]), quiet().callback(&mut stop)).map(|_| ())
        }),
        mistake("a plateau of validation without validation", || {
            let mut plateau = ReduceLROnPlateau::new();
            sparse().fit(&zeros(&[3, 4]), &classes(&[0, 1, 2]), quiet().callback(&mut plateau)).map(|_| ())
        }),
        mistake("words for an embedding of fewer", || {
            let model = Sequential::named("m").add(Input::new([2]).dtype(DType::I32));
            let model = model.add(Embedding::new(10, 4).name("words")).add(Flatten::new()).add(Dense::new(1));
            model.compile("adam", "mse", ())?;
            let words = Array::from_slice(&[1_i32, 2, 3, 12], [2, 2]).unwrap();
            model.fit(&words, &zeros(&[2, 1]), quiet()).map(|_| ())
        }),
    ]
}

fn files() -> Vec<Mistake> {
    let object = |class: &str, config: serde_json::Value| json!({"module": "keras.layers", "class_name": class, "config": config, "registered_name": null});
    vec![
        mistake("a file that is not there", || load_model("no_such_model.keras").map(|_| ())),
        mistake("a Lambda layer in a file", move || {
            layer_from_json(&object("Lambda", json!({"name": "twice"}))).map(|_| ())
        }),
        mistake("a layer of a package that Cornet does not have", move || {
            layer_from_json(&object("TransformerEncoder", json!({"name": "encoder"}))).map(|_| ())
        }),
        mistake("an argument that Cornet does not know", move || {
            layer_from_json(&object("Dense", json!({"name": "d", "units": 3, "sparse_magic": true}))).map(|_| ())
        }),
        mistake("a model class of its own in a file", || {
            model_from_json(&json!({"class_name": "MyModel", "config": {"name": "mine"}}), false).map(|_| ())
        }),
        mistake("weights of another model", || {
            let path = std::env::temp_dir().join(format!("cornet_mistakes_{}.weights.h5", std::process::id()));
            let other = Sequential::named("other").add(Input::new([4])).add(Dense::new(2)).add(Dense::new(3));
            other.save_weights(&path)?;
            let result = classifier().load_weights(&path);
            let _ = std::fs::remove_file(&path);
            // The folder is another one on each machine.
            result.map_err(|e| Error::new(e.code(), e.message().to_owned()))
        }),
        mistake("values for another number of weights", || classifier().set_weights(&[zeros(&[4, 8])])),
    ]
}

/// The text without the line of this file that it names.
fn text(error: &Error) -> String {
    let text = error.to_string();
    text.lines().filter(|line| !line.trim().starts_with("at ")).map(|line| format!("{}\n", line.trim_end())).collect()
}

#[test]
fn every_mistake_has_one_clear_message() {
    let mut found = String::new();
    let mut silent = Vec::new();
    let all: Vec<Mistake> = building().into_iter().chain(training()).chain(files()).collect();
    assert!(all.len() >= 30);
    for (what, make) in &all {
        match make() {
            Ok(()) => silent.push(*what),
            Err(error) => write!(found, "# {what}\n{}\n", text(&error)).unwrap(),
        }
    }
    assert!(silent.is_empty(), "accepted without a word: {silent:?}");
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mistakes.txt");
    if std::env::var_os("CORNET_UPDATE").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    for (found, expected) in found.split("\n\n").zip(expected.split("\n\n")) {
        assert_eq!(found, expected);
    }
    assert_eq!(
        found.len(),
        expected.len(),
        "CORNET_UPDATE=1 cargo test -p cornet-nn --test mistakes writes the new texts"
    );
}
