//! Which answers there are, where each goes and as what: the format that is asked for, else that of the
//! file's name.
//!
//! Invariants:
//! 1. What is asked for counts, whatever the file is called.
//! 2. A name with an extension that means nothing is refused before any work; one without has text.
//! 3. One answer has no file of its own: it goes to standard output, or where `-o` says. It comes last.
//! 4. No file is written by two answers, and none is lost without `--force`; both are seen early.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::args::{Files, GateFormat, ReportFormat, Wanted};
use crate::error::Failure;
use crate::output::{Existing, Sink};

/// An answer to be given.
#[derive(Debug)]
pub(crate) struct Answer<F> {
    /// How to say it.
    pub(crate) format: F,
    /// Where.
    pub(crate) sink: Sink,
}

/// Ends of file names, and the format that each means. The first one that fits counts.
const REPORT: &[(&str, ReportFormat)] = &[
    (".sarif.json", ReportFormat::Sarif),
    (".speedscope.json", ReportFormat::Speedscope),
    (".txt", ReportFormat::Text),
    (".text", ReportFormat::Text),
    (".json", ReportFormat::Json),
    (".md", ReportFormat::Md),
    (".markdown", ReportFormat::Md),
    (".xml", ReportFormat::Junit),
    (".sarif", ReportFormat::Sarif),
    (".mmd", ReportFormat::Mermaid),
    (".mermaid", ReportFormat::Mermaid),
    (".dot", ReportFormat::Dot),
    (".gv", ReportFormat::Dot),
    (".folded", ReportFormat::Folded),
    (".speedscope", ReportFormat::Speedscope),
    (".pb.gz", ReportFormat::Pprof),
    (".pprof", ReportFormat::Pprof),
    (".html", ReportFormat::Html),
    (".htm", ReportFormat::Html),
    (".svg", ReportFormat::Svg),
];

/// As [`REPORT`], of a gate.
const GATE: &[(&str, GateFormat)] = &[
    (".sarif.json", GateFormat::Sarif),
    (".txt", GateFormat::Text),
    (".text", GateFormat::Text),
    (".json", GateFormat::Json),
    (".md", GateFormat::Md),
    (".markdown", GateFormat::Md),
    (".xml", GateFormat::Junit),
    (".sarif", GateFormat::Sarif),
];

/// The answers of a report.
pub(crate) fn of_report(
    asked: &[Wanted<ReportFormat>],
    files: &Files,
) -> Result<Vec<Answer<ReportFormat>>, Failure> {
    answers(asked, files, REPORT, ReportFormat::Text)
}

/// The answers of a gate.
pub(crate) fn of_gate(
    asked: &[Wanted<GateFormat>],
    files: &Files,
) -> Result<Vec<Answer<GateFormat>>, Failure> {
    answers(asked, files, GATE, GateFormat::Text)
}

fn answers<F: ValueEnum + Copy>(
    asked: &[Wanted<F>],
    files: &Files,
    ends: &[(&str, F)],
    text: F,
) -> Result<Vec<Answer<F>>, Failure> {
    let usage = |what: &str, why: &str| Failure::Usage { what: what.into(), why: why.into() };
    let mut main = asked.iter().filter(|it| it.file.is_none()).map(|it| it.format);
    let format = choose(main.next(), files.output.as_deref(), ends, text)?;
    if main.next().is_some() {
        return Err(usage("--format", "one answer goes to standard output; FMT=FILE has a file"));
    }
    let named = asked.iter().filter_map(|it| it.file.clone().map(|file| (it.format, Some(file))));
    let all: Vec<(F, Option<PathBuf>)> = named.chain([(format, files.output.clone())]).collect();
    let existing = Existing::from_force(files.force);
    let mut answers = Vec::new();
    for (at, (format, file)) in all.iter().enumerate() {
        if let Some(file) = file {
            if file.as_os_str().is_empty() {
                return Err(usage("--format", "no file is named behind `=`"));
            }
            if all[..at].iter().any(|(_, other)| other.as_ref() == Some(file)) {
                return Err(usage(&file.display().to_string(), "two answers cannot go there"));
            }
        }
        answers.push(Answer { format: *format, sink: Sink::open(file.as_deref(), existing)? });
    }
    if files.force && all.iter().all(|(_, file)| file.is_none()) {
        return Err(usage("--force", "no file is written"));
    }
    Ok(answers)
}

fn choose<F: ValueEnum + Copy>(
    asked: Option<F>,
    file: Option<&Path>,
    ends: &[(&str, F)],
    text: F,
) -> Result<F, Failure> {
    let (None, Some(path)) = (asked, file) else { return Ok(asked.unwrap_or(text)) };
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase());
    let name = name.unwrap_or_default();
    if let Some((_, format)) = ends.iter().find(|(end, _)| name.ends_with(end)) {
        return Ok(*format);
    }
    if path.extension().is_none() {
        return Ok(text);
    }
    let known: Vec<&str> = ends.iter().map(|(end, _)| *end).collect();
    let values = F::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    let formats: Vec<String> = values.map(|value| value.get_name().to_owned()).collect();
    let why = format!(
        "no format ends like this; known are {}, and --format takes {}",
        known.join(" "),
        formats.join(", ")
    );
    Err(Failure::Usage { what: path.display().to_string(), why })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(name: &str) -> Option<ReportFormat> {
        choose(None, Some(Path::new(name)), REPORT, ReportFormat::Text).ok()
    }

    #[test]
    fn a_name_says_the_format_and_an_order_outweighs_it() {
        assert_eq!(report("a/b.SARIF"), Some(ReportFormat::Sarif));
        assert_eq!(report("b.sarif.json"), Some(ReportFormat::Sarif));
        assert_eq!(report("b.speedscope.json"), Some(ReportFormat::Speedscope));
        assert_eq!(report("b.json"), Some(ReportFormat::Json));
        assert_eq!(report("b.HTM"), Some(ReportFormat::Html));
        assert_eq!(report("b.svg"), Some(ReportFormat::Svg));
        assert_eq!(report("a.d/out"), Some(ReportFormat::Text));
        assert_eq!(report("b.docx"), None);
        let docx = Some(Path::new("b.docx"));
        let asked = choose(Some(ReportFormat::Json), docx, REPORT, ReportFormat::Text);
        assert_eq!(asked.ok(), Some(ReportFormat::Json));
        let gate = |name| choose(None, Some(Path::new(name)), GATE, GateFormat::Text);
        assert_eq!(gate("b.xml").ok(), Some(GateFormat::Junit));
        assert!(gate("b.dot").is_err());
    }

    fn gate(asked: &[(GateFormat, Option<&str>)], output: Option<&str>) -> Result<String, String> {
        let wanted = |(format, file): &(GateFormat, Option<&str>)| Wanted {
            format: *format,
            file: file.map(PathBuf::from),
        };
        let asked: Vec<Wanted<GateFormat>> = asked.iter().map(wanted).collect();
        let files = Files { output: output.map(PathBuf::from), force: false };
        let answers = of_gate(&asked, &files).map_err(|failure| failure.to_string())?;
        let told = answers.iter().map(|Answer { format, sink }| match sink {
            Sink::Stdout => format!("{format:?}"),
            Sink::File { path, .. } => format!("{format:?}={}", path.display()),
        });
        Ok(told.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn one_answer_goes_where_answers_go_and_comes_last() {
        use GateFormat::{Junit, Md, Sarif, Text};
        let ok = |text: &str| Ok(text.to_owned());
        assert_eq!(gate(&[], None), ok("Text"));
        assert_eq!(gate(&[(Md, None)], Some("no/a.xml")), ok("Md=no/a.xml"));
        assert_eq!(gate(&[(Sarif, Some("no/s"))], None), ok("Sarif=no/s Text"));
        let all = [(Md, None), (Sarif, Some("no/s")), (Junit, Some("no/j"))];
        assert_eq!(gate(&all, None), ok("Sarif=no/s Junit=no/j Md"));
        assert_eq!(
            gate(&[(Sarif, Some("no/s"))], Some("no/a.xml")),
            ok("Sarif=no/s Junit=no/a.xml")
        );
        let why = |asked, output| gate(asked, output).expect_err("must be refused");
        assert!(why(&[(Md, None), (Text, None)], None).starts_with("--format: one answer goes"));
        assert!(why(&[(Md, Some(""))], None).contains("no file is named"));
        let twice = [(Md, Some("no/a")), (Text, Some("no/a"))];
        assert!(why(&twice, None).starts_with("no/a: two answers"));
        assert!(why(&[(Md, Some("no/a"))], Some("no/a")).starts_with("no/a: two answers"));
    }

    #[test]
    fn what_a_gate_writes_a_report_writes_too() {
        for format in GateFormat::value_variants() {
            let name = |value: &dyn Fn() -> Option<clap::builder::PossibleValue>| {
                value().map(|value| value.get_name().to_owned())
            };
            let gate = name(&|| format.to_possible_value());
            let reports = ReportFormat::value_variants().iter();
            assert!(reports.map(|it| name(&|| it.to_possible_value())).any(|it| it == gate));
        }
        for (end, format) in GATE {
            let of_report = REPORT.iter().find(|(known, _)| known == end).map(|(_, it)| it);
            let same = of_report.is_some_and(|it| format!("{it:?}") == format!("{format:?}"));
            assert!(same, "{end}");
        }
    }
}
