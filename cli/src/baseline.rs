//! The baseline: findings that a team has accepted, each with a ceiling and a reason. A committed
//! file, made and changed by `gleak baseline` and read by `gleak gate`.
//!
//! Invariants:
//! 1. Entries are sorted by fingerprint and each fingerprint stands once: merges stay readable.
//! 2. Only the fingerprint is matched; the key is for people, and serves to say "moved?".
//! 3. What is not understood is an error, never skipped: a mistyped key must not weaken a gate.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};

use gleak_detector::{Date, Finding, Fingerprint, Rule};
use serde::{Deserialize, Serialize};

/// The one version of the file that this program reads and writes.
const SCHEMA: u32 = 1;

/// The most bytes that a file may have: something else was named when it has more.
const LARGEST: u64 = 64 << 20;

/// The reason of an entry that nobody has given one.
pub(crate) const TODO: &str = "TODO";

/// Accepted findings.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Baseline {
    schema: u32,
    /// Sorted by fingerprint.
    pub(crate) entries: Vec<Entry>,
}

/// One accepted finding.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// Its identity.
    pub(crate) fingerprint: Fingerprint,
    /// What it is, for people.
    pub(crate) key: Key,
    /// More tasks than this fail the gate.
    pub(crate) max: u64,
    /// Why it is accepted.
    pub(crate) reason: String,
    /// The day on which it was accepted, `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) added: Option<String>,
    /// Who looks after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<String>,
    /// The last day on which it counts, `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<String>,
}

/// What an accepted finding is, for people.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Key {
    /// The rule.
    pub(crate) rule: Rule,
    /// What the task runs.
    pub(crate) entry: String,
    /// Where it is spawned.
    pub(crate) spawn: String,
    /// Where it waits and for what.
    pub(crate) block: String,
}

impl Key {
    /// The key of a finding.
    pub(crate) fn of(finding: &Finding) -> Key {
        let first = finding.groups.first();
        let file_of = |site: Option<&gleak_detector::snapshot::Site>, file: &str| {
            site.filter(|site| site.file == file)
                .map_or_else(|| file.to_string(), |site| site.to_string())
        };
        let key = &finding.key;
        let spawn = file_of(first.and_then(|group| group.spawn.as_ref()), &key.spawn_file);
        let block = file_of(first.and_then(|group| group.block.as_ref()), &key.block_file);
        let at = if block.is_empty() { "" } else { " at " };
        Key {
            rule: key.rule,
            entry: key.entry.clone(),
            spawn,
            block: format!("{}{at}{block}", key.wait_class),
        }
    }
}

impl Entry {
    /// Whether somebody said why it is accepted.
    pub(crate) fn has_reason(&self) -> bool {
        let reason = self.reason.trim();
        !reason.is_empty() && reason != TODO
    }

    /// Whether its time is over.
    pub(crate) fn has_expired(&self, today: Date) -> bool {
        // Checked when it was read.
        self.expires.as_deref().and_then(Date::parse).is_some_and(|last| last < today)
    }
}

/// On what terms findings are accepted; what is none stays as it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terms {
    /// The ceiling.
    pub(crate) max: Option<u64>,
    /// Why.
    pub(crate) reason: Option<String>,
    /// Who looks after them.
    pub(crate) owner: Option<String>,
    /// The last day on which they count.
    pub(crate) expires: Option<Date>,
}

impl Default for Baseline {
    fn default() -> Self {
        Baseline { schema: SCHEMA, entries: Vec::new() }
    }
}

impl Baseline {
    /// The entry of a fingerprint.
    pub(crate) fn find(&self, fingerprint: &Fingerprint) -> Option<&Entry> {
        let at = self.entries.binary_search_by(|entry| entry.fingerprint.cmp(fingerprint)).ok()?;
        self.entries.get(at)
    }

    /// Accepts merged findings. Entries that stay keep what people wrote into `old`; new ones, and
    /// those without a reason, get `reason`.
    pub(crate) fn accept(
        findings: &[Finding],
        old: &Baseline,
        reason: &str,
        today: Date,
    ) -> Baseline {
        let mut entries = BTreeMap::new();
        for finding in findings {
            let before = old.find(&finding.fingerprint);
            let kept = before.filter(|entry| entry.has_reason()).map(|entry| entry.reason.clone());
            let entry = Entry {
                fingerprint: finding.fingerprint.clone(),
                key: Key::of(finding),
                max: finding.tasks() as u64,
                reason: kept.unwrap_or_else(|| reason.to_string()),
                added: before.map_or_else(|| Some(today.to_string()), |entry| entry.added.clone()),
                owner: before.and_then(|entry| entry.owner.clone()),
                expires: before.and_then(|entry| entry.expires.clone()),
            };
            entries.insert(finding.fingerprint.clone(), entry);
        }
        Baseline { schema: SCHEMA, entries: entries.into_values().collect() }
    }

    /// Accepts one more, or lets a known one grow. What is not said anew stays.
    pub(crate) fn add(&mut self, finding: &Finding, terms: &Terms, today: Date) {
        let seen = finding.tasks() as u64;
        let at = self.entries.binary_search_by(|entry| entry.fingerprint.cmp(&finding.fingerprint));
        let at = at.unwrap_or_else(|at| {
            let entry = Entry {
                fingerprint: finding.fingerprint.clone(),
                key: Key::of(finding),
                max: seen,
                reason: TODO.to_owned(),
                added: Some(today.to_string()),
                owner: None,
                expires: None,
            };
            self.entries.insert(at, entry);
            at
        });
        let entry = &mut self.entries[at];
        entry.max = terms.max.unwrap_or(seen.max(entry.max));
        entry.reason = terms.reason.clone().unwrap_or_else(|| entry.reason.clone());
        entry.owner = terms.owner.clone().or_else(|| entry.owner.clone());
        let expires = terms.expires.map(|day| day.to_string());
        entry.expires = expires.or_else(|| entry.expires.clone());
    }

    /// What a file has in it, for [`Baseline::read`]: no more than what shows that it is too large, since it
    /// may have no end.
    pub(crate) fn bytes(input: impl Read) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        input.take(LARGEST + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads what a file has in it.
    pub(crate) fn read(bytes: &[u8]) -> Result<Baseline, BaselineFault> {
        if bytes.len() as u64 > LARGEST {
            return Err(BaselineFault::TooLarge);
        }
        let invalid =
            |_| BaselineFault::Io(io::Error::new(io::ErrorKind::InvalidData, "not UTF-8"));
        Baseline::parse(str::from_utf8(bytes).map_err(invalid)?)
    }

    /// Reads the file's text.
    pub(crate) fn parse(text: &str) -> Result<Baseline, BaselineFault> {
        // The schema first: a newer file is to be called newer, not to be blamed for its keys.
        let probe: Probe = serde_json::from_str(text).map_err(BaselineFault::Json)?;
        if probe.schema != SCHEMA {
            return Err(BaselineFault::Schema(probe.schema));
        }
        let mut baseline: Baseline = serde_json::from_str(text).map_err(BaselineFault::Json)?;
        baseline.entries.sort_by(|a, b| a.fingerprint.cmp(&b.fingerprint));
        for pair in baseline.entries.windows(2) {
            if let [a, b] = pair
                && a.fingerprint == b.fingerprint
            {
                return Err(BaselineFault::Duplicate(a.fingerprint.clone()));
            }
        }
        for entry in &baseline.entries {
            for (key, day) in [("added", &entry.added), ("expires", &entry.expires)] {
                if let Some(day) = day.as_ref().filter(|day| Date::parse(day).is_none()) {
                    let fingerprint = entry.fingerprint.clone();
                    return Err(BaselineFault::Day { fingerprint, key, text: day.clone() });
                }
            }
        }
        Ok(baseline)
    }

    /// The file's text: pretty, with a newline at its end.
    pub(crate) fn to_text(&self) -> String {
        // Strings and numbers only: there is nothing in it that JSON cannot say.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

#[derive(Deserialize)]
struct Probe {
    schema: u32,
}

/// Why a baseline cannot be used.
#[derive(Debug)]
pub(crate) enum BaselineFault {
    /// It could not be read.
    Io(io::Error),
    /// It has more bytes than any baseline.
    TooLarge,
    /// It is not the JSON that is expected.
    Json(serde_json::Error),
    /// Its schema is another one.
    Schema(u32),
    /// A fingerprint stands twice.
    Duplicate(Fingerprint),
    /// A day that is none.
    Day {
        /// Of which entry.
        fingerprint: Fingerprint,
        /// Under which key.
        key: &'static str,
        /// What stands there.
        text: String,
    },
}

impl fmt::Display for BaselineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BaselineFault::Io(error) => {
                write!(f, "cannot read the baseline, {}", crate::error::reason(error))
            }
            BaselineFault::TooLarge => {
                write!(f, "not a baseline, it has more than {} MiB", LARGEST >> 20)
            }
            BaselineFault::Json(error) => write!(f, "not a baseline, {error}"),
            BaselineFault::Schema(found) => {
                write!(f, "baseline schema {found}, this gleak knows schema {SCHEMA}")
            }
            BaselineFault::Duplicate(fingerprint) => {
                write!(f, "baseline has fingerprint {fingerprint} twice")
            }
            BaselineFault::Day { fingerprint, key, text } => {
                write!(f, "baseline entry {fingerprint} has {key} \"{text}\", want YYYY-MM-DD")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = r#"{"fingerprint":"gk1:b","key":{"rule":"outlived","entry":"a::b",
        "spawn":"a.rs:1","block":"receive at a.rs:2"},"max":2,"reason":"known"}"#;

    fn file(entries: &str) -> String {
        format!(r#"{{"schema":1,"entries":[{entries}]}}"#)
    }

    fn fault(text: &str) -> String {
        Baseline::parse(text).expect_err("must be refused").to_string()
    }

    #[test]
    fn entries_are_sorted_and_found() {
        let other = ENTRY.replace("gk1:b", "gk1:a");
        let baseline = Baseline::parse(&file(&format!("{ENTRY},{other}"))).expect("valid");
        assert_eq!(baseline.entries[0].fingerprint.0, "gk1:a");
        assert!(baseline.find(&Fingerprint("gk1:b".into())).is_some());
        assert!(baseline.find(&Fingerprint("gk1:c".into())).is_none());
        assert_eq!(Baseline::parse(&baseline.to_text()).expect("valid"), baseline);
        assert!(baseline.to_text().ends_with("}\n"));
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        assert!(fault("[]").starts_with("not a baseline"));
        assert!(fault(r#"{"schema":2,"new":[]}"#).contains("schema 2"));
        assert!(fault(&file(&format!("{ENTRY},{ENTRY}"))).contains("gk1:b twice"));
        let typo = ENTRY.replace("\"max\"", "\"mx\"");
        assert!(fault(&file(&typo)).contains("unknown field `mx`"));
        let no_reason = ENTRY.replace(",\"reason\":\"known\"", "");
        assert!(fault(&file(&no_reason)).contains("missing field `reason`"));
        let date = ENTRY.replace("\"max\"", "\"expires\":\"soon\",\"max\"");
        assert!(fault(&file(&date)).contains("has expires \"soon\""));
    }

    #[test]
    fn an_entry_counts_on_its_last_day() {
        let dated = ENTRY.replace("\"max\"", "\"expires\":\"2026-11-21\",\"max\"");
        let baseline = Baseline::parse(&file(&dated)).expect("valid");
        let on = |day| baseline.entries[0].has_expired(Date::parse(day).expect("a date"));
        assert!(!on("2026-11-21"));
        assert!(on("2026-11-22"));
    }

    #[test]
    fn todo_is_no_reason() {
        for (reason, has) in [("TODO", false), ("  ", false), ("issue 41", true)] {
            let text = file(&ENTRY.replace("known", reason));
            assert_eq!(Baseline::parse(&text).expect("valid").entries[0].has_reason(), has);
        }
    }
}
