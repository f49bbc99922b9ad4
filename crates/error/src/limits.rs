use crate::{Result, err};

/// Bounds on what a parser accepts from bytes that nobody has vouched for.
///
/// Every reader of files or messages takes one and checks sizes against it, and against the size of the input,
/// before it takes memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one decoded object (a tensor, an archive entry, a text).
    pub object_bytes: u64,
    /// Bytes of everything decoded from one input together.
    pub total_bytes: u64,
    /// Entries of one collection (archive members, group links, JSON keys).
    pub entries: usize,
    /// Levels of nesting (groups, JSON, messages).
    pub depth: usize,
    /// Decoded bytes per encoded byte, beyond which compression counts as an attack.
    pub expansion: u64,
    /// Decoded bytes that are no attack, however few encoded ones they come from.
    pub harmless_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            object_bytes: 8 << 30,
            total_bytes: 32 << 30,
            entries: 100_000,
            depth: 64,
            expansion: 100,
            harmless_bytes: 32 << 20,
        }
    }
}

impl Limits {
    /// Decoded bytes that so many encoded ones may give.
    pub fn expanded(&self, encoded: u64) -> u64 {
        encoded.saturating_mul(self.expansion).max(self.harmless_bytes)
    }

    /// Fails with `limit_exceeded` if `found` is more than `allowed`.
    pub fn check(what: &str, found: u64, allowed: u64) -> Result<()> {
        if found > allowed {
            return Err(err!(LimitExceeded, "{what}: expected at most {allowed}, found {found}"));
        }
        Ok(())
    }
}
