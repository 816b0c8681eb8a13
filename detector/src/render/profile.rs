//! Tasks by their stacks, for viewers of profiles: folded stacks and speedscope.
//!
//! Invariants:
//! 1. The numbers add up to what the profile holds.
//! 2. No frame holds a `;` in folded stacks, where it would be two frames.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::json::document;
use crate::profile::{By, Frame, Profile, Weight};

/// One line a stack, sorted: `frame;frame;... N`. Time is in milliseconds.
#[must_use]
pub fn folded(profile: &Profile, by: By, weight: Weight) -> String {
    let mut lines: BTreeMap<String, u64> = BTreeMap::new();
    for (stack, weight) in profile.weighed(by, weight) {
        let names: Vec<String> = stack.into_iter().map(folded_frame).collect();
        *lines.entry(names.join(";")).or_default() += weight;
    }
    lines.into_iter().map(|(stack, weight)| format!("{stack} {weight}\n")).collect()
}

/// A frame as folded stacks have it.
#[must_use]
pub fn folded_frame(frame: &Frame) -> String {
    frame.text().replace(';', ",")
}

/// A file for speedscope: profiles by where tasks come from and then wait, by each of the two alone, and
/// by the time that they have waited.
#[must_use]
pub fn speedscope(profile: &Profile) -> String {
    const PROFILES: [(&str, By, Weight, &str); 4] = [
        ("tasks", By::Both, Weight::Tasks, "none"),
        ("tasks by spawn", By::Spawn, Weight::Tasks, "none"),
        ("tasks by wait", By::Block, Weight::Tasks, "none"),
        ("time waited", By::Both, Weight::Time, "milliseconds"),
    ];
    let places = profile.frames.iter().enumerate();
    let numbers: BTreeMap<&Frame, usize> = places.map(|(at, frame)| (frame, at)).collect();
    let one = |(name, by, weight, unit): (&str, By, Weight, &str)| {
        let lines = profile.weighed(by, weight);
        let number = |stack: &Vec<&Frame>| -> Vec<usize> {
            stack.iter().map(|frame| numbers[frame]).collect()
        };
        let samples: Vec<Vec<usize>> = lines.iter().map(|(stack, _)| number(stack)).collect();
        let weights: Vec<u64> = lines.iter().map(|(_, weight)| *weight).collect();
        let all = weights.iter().fold(0_u64, |sum, weight| sum.saturating_add(*weight));
        json!({
            "type": "sampled", "name": name, "unit": unit, "startValue": 0, "endValue": all,
            "samples": samples, "weights": weights,
        })
    };
    let frames: Vec<Value> = profile.frames.iter().map(speedscope_frame).collect();
    document(&json!({
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "name": profile.program,
        "exporter": concat!("gleak ", env!("CARGO_PKG_VERSION")),
        "activeProfileIndex": 0,
        "shared": { "frames": frames },
        "profiles": PROFILES.map(one),
    }))
}

fn speedscope_frame(frame: &Frame) -> Value {
    match &frame.place {
        Some((file, line)) => json!({ "name": frame.name, "file": file, "line": line }),
        None => json!({ "name": frame.name }),
    }
}
