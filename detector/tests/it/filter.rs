//! The filter language: what it means, what is said of what means nothing, and that no text is too much.

use gleak_detector::filter::{Filter, NumberField, Order, RegionNames, Test, TextField, TextOp};
use gleak_detector::snapshot::{Arm, Snapshot, SnapshotBuilder, TaskId, WaitOp, WaitReason};
use gleak_detector::view::{Ask, View};
use gleak_detector::{Certainty, Question, analyze};
use proptest::prelude::*;

use crate::support::MS;

fn read(text: &str) -> Filter {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn what_is_printed_is_the_one_way_to_write_it() {
    for (text, printed) in [
        ("state=waiting", "state=waiting"),
        ("  wait=receive   age>5m ", "wait=receive and age>5m"),
        (
            "name=a and name=b or not (name=c or name=d)",
            "name=a and name=b or not (name=c or name=d)",
        ),
        ("(name=a or name=b) name=c", "(name=a or name=b) and name=c"),
        ("((name=a))", "name=a"),
        ("not not tasks>=10", "not not tasks>=10"),
        ("age>=60s age<=3600000ms", "age>=1m and age<=1h"),
        ("age=0d", "age=0ms"),
        ("certainty>=strong rule!=cycle", "certainty>=strong and rule!=cycle"),
        (r#"label."a key"~"x y*""#, r#"label."a key"~"x y*""#),
        (r#"name="(\"\\)""#, r#"name="(\"\\)""#),
        (r#"wait="select(receive,send)""#, r#"wait="select(receive,send)""#),
        (r#"wait="read lock""#, r#"wait="read lock""#),
        ("name=or or name=and", "name=or or name=and"),
    ] {
        let filter = read(text);
        assert_eq!(filter.to_string(), printed);
        assert_eq!(read(printed), filter);
    }
}

#[test]
fn what_is_not_understood_is_told_with_its_place() {
    for (text, column, message) in [
        ("", 1, "a test begins with one of `task`, `state`"),
        ("nmae=a", 1, "`nmae` is not known; is `name` meant?"),
        ("name=é agee>5m", 8, "is `age` meant?"),
        ("reason=lock", 1, "is `wait` meant?"),
        ("name:a", 5, "`:` is not known; is `=` meant?"),
        ("name = a", 5, "no blank beside an operator"),
        ("name= a", 6, "no blank beside an operator"),
        ("name!~a", 5, "`not` stands before the field"),
        ("name>a", 5, "`name` is text"),
        ("age~5m", 4, "`age` is no text"),
        ("age>5", 5, "want a whole number and a unit"),
        ("age>99999999999999999d", 5, "want a whole number and a unit"),
        ("tasks>x", 7, "want a whole number"),
        ("state=wating", 7, "is `waiting` meant?"),
        ("rule=cycles", 6, "is `cycle` meant?"),
        ("rule=nonsense", 6, "is none of `cycle`, "),
        ("task=7", 6, "no task: they are `t` and a number"),
        ("fingerprint!=gk1:5d", 14, "no fingerprint"),
        ("certainty=sure", 11, "is none of `potential`"),
        ("label=a", 1, "is `label.` meant?"),
        ("label.=a", 7, "a label has a key"),
        ("(name=a", 1, "the parenthesis is not closed"),
        ("name=a)", 7, "this parenthesis closes nothing"),
        ("name=a and", 11, "a test begins with one of"),
        ("name=a or", 10, "a test begins with one of"),
        ("not", 4, "a test begins with one of"),
        ("name=a(b)", 7, "stands in double quotes"),
        (r#"name="a"b"#, 9, "after a quote comes a blank"),
        (r#"name="a"#, 6, "the quote is not closed"),
        (r#"name="é\n""#, 8, "only `\\\"` and `\\\\` are known in quotes"),
        (r#"name="""#, 6, "the value is empty"),
    ] {
        let error = text.parse::<Filter>().expect_err(text);
        assert!(error.message.contains(message), "{text}: {error}");
        assert_eq!(error.column, column, "{text}: {error}");
    }
}

#[test]
fn nesting_has_an_end() {
    let nested = |depth: usize| format!("{}name=a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(nested(63).parse::<Filter>().is_ok());
    for text in [nested(65), nested(1_000_000), "not ".repeat(1_000_000), "(".repeat(70)] {
        let error = text.parse::<Filter>().expect_err("too deep");
        assert!(error.message.contains("nested deeper than 64"), "{error}");
    }
    let long = vec!["name=a"; 100_000].join(" or ");
    assert_eq!(read(&long).to_string(), long);
}

fn pool() -> Snapshot {
    let mut b = SnapshotBuilder::new();
    b.taken_at(600_000 * MS);
    let own = b.region("pool::stops");
    let jobs = b.channel("src/pool.rs:3", Some(4));
    let worker = "pool::start::{{closure}}";
    let first = b.task("./src/pool.rs:9", worker).name("worker-1").region(own);
    let _ = first.receives(jobs, "src/pool.rs:20").since(0).id();
    let _ =
        b.task("src/pool.rs:9", worker).receives(jobs, "src/pool.rs:20").since(599_000 * MS).id();
    let never = [Arm::never(WaitOp::Receive)];
    let _ = b.task("src/a.rs:1", "a::stuck").waits(WaitReason::Receive, &never, "src/a.rs:2").id();
    let _ = b.task("src/main.rs:1", "app::main").running().id();
    let _ = b.task("src/main.rs:2", "app::late").fresh().id();
    b.build()
}

/// Ids of the tasks that fit.
fn picked(text: &str) -> Vec<u64> {
    let snapshot = pool();
    let report = analyze(&snapshot, &Question::default());
    let ask = Ask { filter: Some(read(text)), ..Ask::default() };
    let view = View::of(&report, &RegionNames::of(&snapshot), &ask);
    let members = view.groups.iter().flat_map(|group| &group.members);
    let mut ids: Vec<u64> = members.map(|member| member.task.0).collect();
    ids.sort_unstable();
    let left = view.left_out.map(|left| left.tasks);
    assert_eq!(left, Some(5 - ids.len() as u64), "{text}");
    ids
}

#[test]
fn every_field_picks() {
    for (text, ids) in [
        ("task=t2", &[2][..]),
        ("state=waiting", &[1, 2, 3]),
        ("state=running or state=fresh", &[4, 5]),
        ("not state=waiting", &[4, 5]),
        ("wait=receive", &[1, 2, 3]),
        ("wait!=receive", &[4, 5]),
        ("wait~rec*", &[1, 2, 3]),
        ("age>5m", &[1, 3]),
        ("age<=1s", &[2]),
        ("age!=1s", &[1, 3, 4, 5]),
        ("name=worker-1", &[1]),
        ("name!=worker-1", &[2, 3, 4, 5]),
        ("name~worker-*", &[1]),
        ("label.tenant!=42", &[1, 2, 3, 4, 5]),
        ("entry=pool::start", &[1, 2]),
        ("spawn=./src/pool.rs", &[1, 2]),
        ("spawn=src/pool.rs:9", &[1, 2]),
        ("spawn=src/pool.rs:8", &[]),
        ("blocked=src/a.rs:2", &[3]),
        ("blocked~src/*", &[1, 2, 3]),
        ("region=pool::stops", &[1]),
        ("rule=structural", &[3]),
        ("rule!=structural", &[1, 2, 4, 5]),
        ("certainty=certain", &[3]),
        ("certainty>=weak", &[3]),
        ("certainty<certain", &[]),
        ("fingerprint~gk1:*", &[3]),
        ("tasks>=1 entry~app::*", &[4, 5]),
        ("wait=receive (age>5m or name~x*) not region=pool::stops", &[3]),
    ] {
        assert_eq!(picked(text), ids, "{text}");
    }
}

#[test]
fn a_finding_is_shown_whole_with_its_number_or_not_at_all() {
    let snapshot = pool();
    let report = analyze(&snapshot, &Question::default());
    let view = |text: &str| {
        let ask = Ask { filter: Some(read(text)), ..Ask::default() };
        View::of(&report, &RegionNames::default(), &ask).findings
    };
    assert_eq!(report.findings[0].groups[0].members[0].task, TaskId(3));
    assert_eq!(view("task=t3"), [0]);
    assert_eq!(view("task=t1"), [] as [usize; 0]);
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zé*:./_-]{1,6}", "[ ()\"\\\\=~<>!a\u{1b}\n]{1,6}", Just("and".to_owned())]
}

fn test() -> impl Strategy<Value = Test> {
    let plain = prop_oneof![
        Just(TextField::Name),
        Just(TextField::Entry),
        Just(TextField::Spawn),
        word().prop_map(TextField::Label)
    ];
    let ops = [TextOp::Same, TextOp::Other, TextOp::Like];
    let orders =
        [Order::Same, Order::Other, Order::Less, Order::AtMost, Order::More, Order::AtLeast];
    let levels = [Certainty::Potential, Certainty::Weak, Certainty::Strong, Certainty::Certain];
    let order = || prop::sample::select(orders.to_vec());
    let number = prop::sample::select(vec![NumberField::Age, NumberField::Tasks]);
    prop_oneof![
        (plain, prop::sample::select(ops.to_vec()), word())
            .prop_map(|(a, b, c)| Test::Text(a, b, c)),
        (number, order(), any::<u64>()).prop_map(|(a, b, c)| Test::Number(a, b, c)),
        (order(), prop::sample::select(levels.to_vec())).prop_map(|(a, b)| Test::Certainty(a, b)),
    ]
}

fn filter() -> impl Strategy<Value = Filter> {
    test().prop_map(Filter::Is).prop_recursive(5, 32, 4, |inner| {
        let many = || prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            inner.clone().prop_map(|it| Filter::Not(Box::new(it))),
            many().prop_map(Filter::And),
            many().prop_map(Filter::Or),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_reads_back(filter in filter()) {
        let text = filter.to_string();
        prop_assert_eq!(text.parse::<Filter>(), Ok(filter), "{}", text);
    }

    #[test]
    fn no_text_makes_it_panic(
        text in "([a-z.]{1,5}|label\\.|age|name|state|[=~<>!:()\"\\\\ é]|and|or|not|\\PC){0,24}"
    ) {
        match text.parse::<Filter>() {
            Ok(filter) => prop_assert_eq!(filter.to_string().parse::<Filter>(), Ok(filter)),
            Err(error) => prop_assert!((1..=text.chars().count() + 1).contains(&error.column)),
        }
        let _ = text.parse::<TextField>();
    }
}
