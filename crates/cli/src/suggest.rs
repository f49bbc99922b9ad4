//! What a mistyped name was meant to be.

/// The name nearest to `word`, if one is near enough to be meant.
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let word = plain(word);
    let distance = |name: &str| strsim::damerau_levenshtein(&word, &plain(name));
    let near = |name: &&str| {
        let name = plain(name);
        strsim::damerau_levenshtein(&word, &name) <= name.chars().count() / 3
            || (word.chars().count() > 2 && (name.starts_with(&word) || word.starts_with(&name)))
    };
    names.into_iter().filter(near).min_by_key(|name| distance(name))
}

#[cfg(test)]
mod tests {
    use super::nearest;

    const NAMES: [&str; 4] = ["mnist-mlp", "mnist-cnn", "digits-mlp", "fashion-cnn"];

    #[test]
    fn a_slip_is_understood() {
        assert_eq!(nearest("minst-mlp", NAMES), Some("mnist-mlp"));
        assert_eq!(nearest("MNIST_CNN", NAMES), Some("mnist-cnn"));
        assert_eq!(nearest("digits", NAMES), Some("digits-mlp"));
    }

    #[test]
    fn another_word_is_not_guessed_at() {
        assert_eq!(nearest("resnet50", NAMES), None);
        assert_eq!(nearest("", NAMES), None);
    }
}
