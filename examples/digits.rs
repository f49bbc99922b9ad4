//! Trains a dense network on the embedded digits: the README's program.

use cornet::prelude::*;

fn main() -> Result<()> {
    let digits = cornet::data::load("digits", &Default::default())?;
    let (x, y) = &digits.train; // uint8 [1437, 8, 8] and [1437]
    let model = Sequential::new()
        .seed(7)
        .add(Input::new([8, 8]))
        .add(Flatten::new())
        .add(Dense::new(64).activation("relu"))
        .add(Dense::new(10).activation("softmax"));
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])?;
    model.fit(x, y, FitOptions::new().epochs(20).seed(7))?;

    let (x, y) = &digits.test;
    let accuracy = model.evaluate(x, y)?["accuracy"];
    println!("accuracy on digits it has not seen: {accuracy:.3}");
    assert!(accuracy > 0.94);
    Ok(())
}
