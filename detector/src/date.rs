//! Calendar dates, for what is accepted up to a day. UTC; no time of day.
//!
//! Invariant: no clock is read here; whoever asks brings the day.

use std::fmt;

const SECONDS_A_DAY: u64 = 86_400;

/// A day of the Gregorian calendar.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Date {
    year: u32,
    month: u32,
    day: u32,
}

impl Date {
    /// The day of a moment, in seconds since 1 January 1970.
    #[must_use]
    pub fn of_unix_seconds(seconds: u64) -> Date {
        Date::from_days(seconds / SECONDS_A_DAY)
    }

    /// The day so many days after 1 January 1970.
    ///
    /// Counts in eras of 400 years that begin in March, so that the leap day is the last of a year.
    fn from_days(days: u64) -> Date {
        let days = days + 719_468;
        let era = days / 146_097;
        let day_of_era = days % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        // All three are small: the clock would have to run for millions of years.
        Date { year: year as u32, month: month as u32, day: day as u32 }
    }

    /// Reads `YYYY-MM-DD`; none when it is anything else or no day of the calendar.
    #[must_use]
    pub fn parse(text: &str) -> Option<Date> {
        let bytes = text.as_bytes();
        let shape = bytes.len() == 10
            && bytes.iter().enumerate().all(|(at, byte)| match at {
                4 | 7 => *byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        if !shape {
            return None;
        }
        let year = text[..4].parse().ok()?;
        let month = text[5..7].parse().ok()?;
        let day = text[8..].parse().ok()?;
        let valid = (1..=12).contains(&month) && day >= 1 && day <= days_in(year, month);
        valid.then_some(Date { year, month, day })
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

fn days_in(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        for (days, text) in [
            (0, "1970-01-01"),
            (58, "1970-02-28"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (20_778, "2026-11-21"),
            (47_541, "2100-03-01"),
        ] {
            assert_eq!(Date::from_days(days).to_string(), text);
        }
    }

    #[test]
    fn every_day_of_two_centuries_follows_the_one_before() {
        for days in 0..73_000 {
            let (date, next) = (Date::from_days(days), Date::from_days(days + 1));
            assert!(date < next, "{date} {next}");
            assert_eq!(Date::parse(&date.to_string()), Some(date));
        }
    }

    #[test]
    fn only_days_of_the_calendar_are_read() {
        for text in ["", "2026-1-2", "2026-02-29", "2026-13-01", "2026-00-10", "2026-01-00"] {
            assert_eq!(Date::parse(text), None, "{text}");
        }
        for text in ["+026-01-01", "2026/01/01", "2026-01-011", "２026-1-1"] {
            assert_eq!(Date::parse(text), None, "{text}");
        }
        assert!(Date::parse("2024-02-29").is_some());
    }
}
