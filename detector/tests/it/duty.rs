//! Every rule is documented, and in its place.

use gleak_detector::{RULES, render};

use crate::support::golden;

#[test]
fn the_page_of_rules_is_up_to_date() {
    golden("../docs/rules.md", &render::rules());
}

#[test]
fn rules_are_in_the_order_of_gravity() {
    assert!(RULES.is_sorted_by_key(|info| (info.certainty, info.rule)));
    assert_eq!(RULES.len(), 17);
}
