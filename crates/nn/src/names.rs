//! Automatic names, as Keras gives them: `dense`, `dense_1`, `dense_2`.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cornet_format_keras::snake_case;

/// How often each name was given out in this process.
static COUNTS: Mutex<Option<HashMap<String, usize>>> = Mutex::new(None);

fn counts() -> MutexGuard<'static, Option<HashMap<String, usize>>> {
    COUNTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The next name for an object of this class: the class in snake case, with a number from the second one on.
///
/// ```
/// let first = cornet_nn::names::auto_name("MyOddLayer");
/// assert_eq!(first, "my_odd_layer");
/// assert_eq!(cornet_nn::names::auto_name("MyOddLayer"), "my_odd_layer_1");
/// ```
pub fn auto_name(class: &str) -> String {
    let name = snake_case(class);
    let mut counts = counts();
    let count = counts.get_or_insert_with(HashMap::new).entry(name.clone()).or_insert(0);
    *count += 1;
    if *count == 1 { name } else { format!("{name}_{}", *count - 1) }
}

/// Starts counting anew, as `keras.backend.clear_session` does. Models that exist keep their names.
pub fn reset() {
    *counts() = None;
}
