//! Truth values, and choices by them.

mod composites;

family! {
    logical_not
    r#where
}
