use std::time::{SystemTime, UNIX_EPOCH};

/// The version of Keras whose files these are.
pub const KERAS_VERSION: &str = "3.15.1";

/// What `metadata.json` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The version of Keras that wrote the file, or whose format it has. Empty if the file does not say.
    pub keras_version: String,
    /// When it was saved, as `2026-01-31@23:59:59`. Empty if the file does not say.
    pub date_saved: String,
}

impl Metadata {
    /// This moment (UTC) and [`KERAS_VERSION`].
    pub fn now() -> Self {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self::at(seconds)
    }

    /// The moment so many seconds after 1970 began (UTC), and [`KERAS_VERSION`]. For files that must not differ
    /// from one run to the next.
    pub fn at(unix_seconds: u64) -> Self {
        let (days, second) = (unix_seconds / 86_400, unix_seconds % 86_400);
        let (year, month, day) = date(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let date_saved = format!("{year:04}-{month:02}-{day:02}@{hour:02}:{minute:02}:{second:02}");
        Self { keras_version: KERAS_VERSION.into(), date_saved }
    }
}

/// Year, month and day of a day counted from 1970-01-01.
fn date(days: u64) -> (u64, u64, u64) {
    // Counted from 0000-03-01, leap days come last in their year and eras of 400 years are all alike.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month < 3), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01@00:00:00"),
            (951_782_399, "2000-02-28@23:59:59"),
            (951_782_400, "2000-02-29@00:00:00"),
            (1_709_251_199, "2024-02-29@23:59:59"),
            (4_107_542_400, "2100-03-01@00:00:00"),
            (1_795_172_267, "2026-11-20@10:57:47"),
        ] {
            assert_eq!(Metadata::at(seconds).date_saved, expected);
        }
    }
}
