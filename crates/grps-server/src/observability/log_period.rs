//! The units of time after which a log file is rotated; [`super::log_file`] asks for them.

use chrono::{DateTime, Datelike, Days, Local};
use thiserror::Error;

/// A unit of time, by the local clock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogPeriod {
    /// A second.
    Second,
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// A day, from midnight to midnight.
    Day,
    /// A week that ends with this day; Monday is 0.
    Week(u32),
}

/// The name of a unit of time is unknown.
#[derive(Debug, Error)]
#[error(
    "{0:?} is no unit of time after which a log is rotated; use S, M, H, D, midnight or W0 to W6"
)]
pub struct UnknownPeriod(String);

impl LogPeriod {
    /// Reads the name that Python's `TimedRotatingFileHandler` has for a unit.
    ///
    /// # Errors
    /// When it has none of that name.
    pub fn named(name: &str) -> Result<Self, UnknownPeriod> {
        match name.to_ascii_uppercase().as_bytes() {
            b"S" => Ok(Self::Second),
            b"M" => Ok(Self::Minute),
            b"H" => Ok(Self::Hour),
            b"D" | b"MIDNIGHT" => Ok(Self::Day),
            [b'W', day @ b'0'..=b'6'] => Ok(Self::Week(u32::from(day - b'0'))),
            _ => Err(UnknownPeriod(name.to_owned())),
        }
    }

    /// What the name of a rotated file ends with: when the period of a moment began.
    pub(super) fn suffix(self, moment: DateTime<Local>) -> String {
        let (start, format) = match self {
            Self::Second => (moment, "%Y-%m-%d_%H-%M-%S"),
            Self::Minute => (moment, "%Y-%m-%d_%H-%M"),
            Self::Hour => (moment, "%Y-%m-%d_%H"),
            Self::Day => (moment, "%Y-%m-%d"),
            Self::Week(last_day) => {
                let days = (moment.weekday().num_days_from_monday() + 6 - last_day) % 7;
                (moment.checked_sub_days(Days::new(days.into())).unwrap_or(moment), "%Y-%m-%d")
            }
        };
        start.format(format).to_string()
    }

    /// Whether a text may be what [`Self::suffix`] returns.
    pub(super) fn is_suffix(self, text: &[u8]) -> bool {
        let sample = self.suffix(Local::now());
        text.len() == sample.len()
            && text.iter().zip(sample.bytes()).all(|(byte, like)| {
                if like.is_ascii_digit() { byte.is_ascii_digit() } else { *byte == like }
            })
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    #[test]
    fn names_are_those_of_python() {
        assert_eq!(LogPeriod::named("midnight").unwrap(), LogPeriod::named("D").unwrap());
        assert_eq!(LogPeriod::named("w6").unwrap(), LogPeriod::Week(6));
        for name in ["", "W7", "W", "W00", "Y", "daily"] {
            assert!(LogPeriod::named(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_suffix_is_the_start_of_the_period() {
        // A Wednesday.
        let moment = Local.with_ymd_and_hms(2030, 1, 30, 4, 5, 6).unwrap();
        for (name, suffix) in [
            ("S", "2030-01-30_04-05-06"),
            ("M", "2030-01-30_04-05"),
            ("H", "2030-01-30_04"),
            ("D", "2030-01-30"),
            ("W1", "2030-01-30"),
            ("W2", "2030-01-24"),
            ("W0", "2030-01-29"),
            ("W6", "2030-01-28"),
        ] {
            let period = LogPeriod::named(name).unwrap();
            assert_eq!(period.suffix(moment), suffix, "{name}");
            assert!(period.is_suffix(suffix.as_bytes()), "{name}");
            assert!(!period.is_suffix(b"lock"), "{name}");
            assert!(!period.is_suffix(format!("{suffix}.gz").as_bytes()), "{name}");
        }
    }
}
