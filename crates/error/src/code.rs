use std::fmt;

macro_rules! codes {
    ($($variant:ident $word:literal $doc:literal;)+) => {
        /// What went wrong, as a permanent snake_case word that programs may match on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code { $(#[doc = $doc] $variant,)+ }

        impl Code {
            /// Every code, in the order of this table.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)+];

            /// The permanent word.
            pub const fn word(self) -> &'static str {
                match self { $(Code::$variant => $word,)+ }
            }

            /// When it occurs, in one sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Code::$variant => $doc,)+ }
            }
        }
    };
}

codes! {
    ShapeMismatch "shape_mismatch" "Shapes do not fit each other (broadcasting, concatenation, assignment).";
    DimMismatch "dim_mismatch" "One axis has another size than expected.";
    RankMismatch "rank_mismatch" "The number of axes is not the expected one.";
    DtypeMismatch "dtype_mismatch" "A dtype that the operation does not admit, or two that do not fit.";
    InvalidArgument "invalid_argument" "An argument outside its domain.";
    OutOfRange "out_of_range" "An index or axis outside its range.";
    DataDependentShape "data_dependent_shape" "The shape of a result depends on values, which a traced graph does not know.";
    NotDifferentiable "not_differentiable" "The gradient of something that has none was asked for.";
    Uninitialized "uninitialized" "A variable was read before it had a value.";
    NotTraced "not_traced" "A value of a graph under construction was read as if it were known.";
    NonFinite "non_finite" "A NaN or an infinity where numbers must be finite, such as a training loss.";
    EmptyData "empty_data" "A dataset or array without elements where some are needed.";
    NotFound "not_found" "A file, name or entry does not exist.";
    AlreadyExists "already_exists" "A name is taken.";
    PermissionDenied "permission_denied" "The system refused access.";
    Io "io" "Reading or writing failed.";
    Corrupt "corrupt" "A file is truncated, damaged or contradicts itself.";
    UnsupportedFormat "unsupported_format" "A file or text in a format, version or feature that is not supported.";
    Unsafe "unsafe_content" "A file that asks for code or for access outside itself.";
    LimitExceeded "limit_exceeded" "An input is larger than the limits allow.";
    Unsupported "unsupported" "A combination that this build does not have.";
    Network "network" "A download failed.";
    InvalidState "invalid_state" "A call that needs another call first (fit before compile, say).";
    Internal "internal" "A broken invariant of Cornet itself: a bug to report.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
