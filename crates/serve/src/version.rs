//! Which versions are wanted, and what to do next about it: pure functions.

use serde::Deserialize;

/// Which of the versions that exist are to be served.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum VersionPolicy {
    /// The so many highest.
    Latest(u32),
    /// Every one.
    All,
    /// These.
    Specific(Vec<i64>),
}

impl Default for VersionPolicy {
    fn default() -> Self {
        Self::Latest(1)
    }
}

impl VersionPolicy {
    /// The wanted ones among `found`, in rising order.
    ///
    /// ```
    /// # use cornet_serve::VersionPolicy;
    /// assert_eq!(VersionPolicy::Latest(2).wanted(&[3, 1, 2]), [2, 3]);
    /// ```
    pub fn wanted(&self, found: &[i64]) -> Vec<i64> {
        let mut all = found.to_vec();
        all.sort_unstable();
        all.dedup();
        match self {
            Self::All => all,
            Self::Latest(n) => all.split_off(all.len().saturating_sub(*n as usize)),
            Self::Specific(versions) => all.into_iter().filter(|v| versions.contains(v)).collect(),
        }
    }
}

/// What the next step is chosen from: one version of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Its number.
    pub version: i64,
    /// Whether the policy wants it.
    pub wanted: bool,
    /// Whether it serves.
    pub ready: bool,
    /// Whether nothing was done about it yet (or a load is due again).
    pub new: bool,
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Bring this version in.
    Load(i64),
    /// Let this version go.
    Unload(i64),
}

/// The next step that never leaves a model without a version that serves: what is not wanted goes, the lowest first, but
/// only once a wanted version serves (or none is wanted, or another unwanted one serves still); then the highest wanted
/// version that is new comes in.
pub fn next_action(versions: &[Snapshot]) -> Option<Action> {
    let any_wanted = versions.iter().any(|v| v.wanted);
    let wanted_ready = versions.iter().any(|v| v.wanted && v.ready);
    let unwanted = || versions.iter().filter(|v| !v.wanted && v.ready);
    if (!any_wanted || wanted_ready || unwanted().count() > 1)
        && let Some(lowest) = unwanted().map(|v| v.version).min()
    {
        return Some(Action::Unload(lowest));
    }
    versions.iter().filter(|v| v.wanted && v.new).map(|v| v.version).max().map(Action::Load)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(version: i64, wanted: bool, ready: bool, new: bool) -> Snapshot {
        Snapshot { version, wanted, ready, new }
    }

    #[test]
    fn policies_choose_versions() {
        let found = [10, 9, 2, 2, 7];
        assert_eq!(VersionPolicy::default().wanted(&found), [10]);
        assert_eq!(VersionPolicy::Latest(3).wanted(&found), [7, 9, 10]);
        assert_eq!(VersionPolicy::Latest(0).wanted(&found), [0_i64; 0]);
        assert_eq!(VersionPolicy::Latest(99).wanted(&found), [2, 7, 9, 10]);
        assert_eq!(VersionPolicy::All.wanted(&found), [2, 7, 9, 10]);
        assert_eq!(VersionPolicy::Specific(vec![7, 8]).wanted(&found), [7]);
        assert_eq!(VersionPolicy::All.wanted(&[]), [0_i64; 0]);
    }

    #[test]
    fn the_new_version_comes_before_the_old_goes() {
        let old = at(1, false, true, false);
        assert_eq!(next_action(&[old, at(2, true, false, true)]), Some(Action::Load(2)));
        assert_eq!(next_action(&[old, at(2, true, false, false)]), None, "while 2 is loading or has failed, 1 serves");
        assert_eq!(next_action(&[old, at(2, true, true, false)]), Some(Action::Unload(1)));
    }

    #[test]
    fn without_a_wanted_version_all_go() {
        let versions = [at(3, false, true, false), at(4, false, true, false)];
        assert_eq!(next_action(&versions), Some(Action::Unload(3)));
        assert_eq!(next_action(&versions[1..]), Some(Action::Unload(4)));
        assert_eq!(next_action(&[]), None);
    }

    #[test]
    fn of_two_unwanted_versions_one_goes_at_once_and_one_stays() {
        let (a, b, new) = (at(1, false, true, false), at(2, false, true, false), at(3, true, false, true));
        assert_eq!(next_action(&[a, b, new]), Some(Action::Unload(1)));
        assert_eq!(next_action(&[b, new]), Some(Action::Load(3)));
    }

    #[test]
    fn the_highest_comes_first() {
        let versions = [at(1, true, false, true), at(5, true, false, true)];
        assert_eq!(next_action(&versions), Some(Action::Load(5)));
    }
}
