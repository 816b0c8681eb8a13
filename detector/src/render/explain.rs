//! A rule in words, and the list of all.

use super::TextOptions;
use super::page::{Page, Style};
use crate::{RULES, RuleInfo};

/// What a rule finds, what its findings are worth, and when it is silent.
#[must_use]
pub fn rule(info: &RuleInfo, options: &TextOptions) -> String {
    const COLUMN: usize = 11;
    let mut page = Page::new(options);
    let certainty = info.certainty.word();
    page.split(Style::Strong, info.rule.id(), &[(Style::Plain, certainty)]);
    page.wrap(2, 2, info.summary);
    page.blank();
    page.labelled(2, COLUMN, "worth", meaning(info));
    page.labelled(2, COLUMN, "needs", info.needs);
    page.labelled(2, COLUMN, "silent", &format!("when {}", info.silent));
    page.finish()
}

/// One line a rule, gravest first.
#[must_use]
pub fn rule_list(options: &TextOptions) -> String {
    let mut page = Page::new(options);
    let widest = RULES.iter().map(|info| info.rule.id().len()).max().unwrap_or(0);
    for info in RULES {
        let (id, certainty) = (info.rule.id(), info.certainty.word());
        let label = format!("{id:<widest$}  {certainty:<9}");
        page.labelled(0, widest + 13, &label, info.summary);
    }
    page.finish()
}

fn meaning(info: &RuleInfo) -> &'static str {
    use crate::Certainty;
    match info.certainty {
        Certainty::Certain => "proven from the records: it can never go on, or it has happened",
        Certainty::Strong => "only something that no record shows could still wake it",
        Certainty::Weak => "it was alive and may still go on; the rule says what is odd about that",
        Certainty::Potential => "it did not happen; in another order of events it could have",
    }
}
