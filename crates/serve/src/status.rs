//! What callers are told: canonical codes, and the states of versions.

use std::fmt;

use cornet_error::{Code, Error};

macro_rules! statuses {
    ($($variant:ident $number:literal $word:literal;)+) => {
        /// A canonical code, of which every protocol has its own form.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum StatusCode { $(#[doc = concat!("`", $word, "`")] $variant,)+ }

        impl StatusCode {
            /// Every code.
            pub const ALL: &'static [StatusCode] = &[$(StatusCode::$variant,)+];

            /// The number in gRPC.
            pub const fn number(self) -> u32 {
                match self { $(StatusCode::$variant => $number,)+ }
            }

            /// The word in capitals, as reports of versions have it.
            pub const fn word(self) -> &'static str {
                match self { $(StatusCode::$variant => $word,)+ }
            }
        }
    };
}

statuses! {
    Ok 0 "OK";
    Cancelled 1 "CANCELLED";
    Unknown 2 "UNKNOWN";
    InvalidArgument 3 "INVALID_ARGUMENT";
    DeadlineExceeded 4 "DEADLINE_EXCEEDED";
    NotFound 5 "NOT_FOUND";
    AlreadyExists 6 "ALREADY_EXISTS";
    PermissionDenied 7 "PERMISSION_DENIED";
    ResourceExhausted 8 "RESOURCE_EXHAUSTED";
    FailedPrecondition 9 "FAILED_PRECONDITION";
    Aborted 10 "ABORTED";
    OutOfRange 11 "OUT_OF_RANGE";
    Unimplemented 12 "UNIMPLEMENTED";
    Internal 13 "INTERNAL";
    Unavailable 14 "UNAVAILABLE";
    DataLoss 15 "DATA_LOSS";
    Unauthenticated 16 "UNAUTHENTICATED";
}

/// Why a request or a load failed: a canonical code and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The code.
    pub code: StatusCode,
    /// The sentence.
    pub message: String,
}

impl Status {
    /// A failure.
    pub fn new(code: StatusCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// A request that is wrong in itself.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::InvalidArgument, message)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.word(), self.message)
    }
}

impl std::error::Error for Status {}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        use StatusCode as S;
        let code = match error.code() {
            Code::ShapeMismatch
            | Code::DimMismatch
            | Code::RankMismatch
            | Code::DtypeMismatch
            | Code::InvalidArgument
            | Code::EmptyData
            | Code::NonFinite => S::InvalidArgument,
            Code::OutOfRange => S::OutOfRange,
            Code::NotFound => S::NotFound,
            Code::AlreadyExists => S::AlreadyExists,
            Code::PermissionDenied | Code::Unsafe => S::PermissionDenied,
            Code::LimitExceeded => S::ResourceExhausted,
            Code::Corrupt => S::DataLoss,
            Code::UnsupportedFormat | Code::Unsupported | Code::DataDependentShape | Code::NotDifferentiable => {
                S::Unimplemented
            }
            Code::InvalidState | Code::Uninitialized => S::FailedPrecondition,
            Code::Io | Code::Network => S::Unavailable,
            _ => S::Internal,
        };
        Self::new(code, error.to_string())
    }
}

/// Where a version is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Known, and nothing done yet.
    Start,
    /// Being loaded; so too between a failure and the next try.
    Loading,
    /// Serving.
    Available,
    /// No longer serving new requests; those begun are finished.
    Unloading,
    /// Gone, or given up.
    End,
}

impl State {
    /// The word in reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Start => "START",
            Self::Loading => "LOADING",
            Self::Available => "AVAILABLE",
            Self::Unloading => "UNLOADING",
            Self::End => "END",
        }
    }

    /// The number in TensorFlow Serving's messages.
    pub const fn number(self) -> u32 {
        match self {
            Self::Start => 10,
            Self::Loading => 20,
            Self::Available => 30,
            Self::Unloading => 40,
            Self::End => 50,
        }
    }
}

/// One version in a report.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionStatus {
    /// Its number.
    pub version: i64,
    /// Where it is in its life.
    pub state: State,
    /// The last failure, if one happened since it was last well.
    pub error: Option<Status>,
}
