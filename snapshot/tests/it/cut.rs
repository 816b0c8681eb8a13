//! A file may end anywhere.

use gleak_snapshot::{ReadError, Snapshot};

use crate::example::example;
use crate::{dump, read};

/// Everything that was read is what was written, as far as it can be without what followed.
fn assert_part_of(part: &Snapshot, whole: &Snapshot) {
    assert_eq!(part.header, whole.header);
    assert!(whole.regions.starts_with(&part.regions));
    assert!(whole.modules.starts_with(&part.modules));
    assert!(whole.frames.starts_with(&part.frames));
    assert!(whole.stacks.starts_with(&part.stacks));
    // What a line names stands before it.
    assert!(part.stacks.is_empty() || part.frames.len() == whole.frames.len());
    assert!(part.tasks.is_empty() || part.stacks.len() == whole.stacks.len());
    assert!(part.tasks.len() == whole.tasks.len() || part.panics.is_empty());
    assert!(whole.tasks.starts_with(&part.tasks));
    assert!(whole.panics.starts_with(&part.panics));
    assert!(whole.misuses.starts_with(&part.misuses));
}

#[test]
fn every_prefix_is_usable_or_a_clear_error() {
    let whole = example();
    let bytes = dump(&whole);
    let header = bytes.iter().position(|byte| *byte == b'\n').unwrap();
    for end in 0..bytes.len() - 1 {
        match read(&bytes[..end]) {
            Ok(part) => {
                assert!(end >= header);
                assert_eq!(part.validate(), Ok(()));
                assert!(part.completeness.cut, "cut at {end}");
                assert_eq!(part.completeness.damaged_lines, 0, "cut at {end}");
                let missing = (whole.tasks.len() - part.tasks.len()) as u64;
                assert_eq!(part.completeness.missing_tasks, missing);
                assert_part_of(&part, &whole);
            }
            Err(ReadError::Empty) => assert_eq!(end, 0),
            Err(ReadError::HeaderCut) => assert!(end > 0 && end < header),
            Err(other) => panic!("cut at {end}: {other}"),
        }
    }
    // Only the last newline is missing.
    assert_eq!(read(&bytes[..bytes.len() - 1]).unwrap(), whole);
}

#[test]
fn a_lock_whose_owner_was_cut_off_is_unsettled() {
    let whole = example();
    let bytes = dump(&whole);
    let text = String::from_utf8(bytes).unwrap();
    let before_tasks = text.find("{\"k\":\"task\"").unwrap();
    let part = read(&text.as_bytes()[..before_tasks]).unwrap();
    assert!(part.tasks.is_empty());
    assert_eq!(part.completeness.missing_tasks, whole.tasks.len() as u64);
    let owned = part.objects.iter().find(|object| object.id.0 == 3).unwrap();
    assert!(owned.unsettled);
    assert_eq!(part.completeness.unsettled_objects, 3);
}
