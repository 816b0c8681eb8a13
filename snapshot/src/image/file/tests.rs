//! Image files that were cut or damaged anywhere.

use std::io::Cursor;

use super::*;

const FACTS: &[u8] = br#"{"gleak_crash":1,"program":"p","pid":7,"signal":11,"signal_name":"SIGSEGV","code":1,"address":"0x8","thread":8,"thread_name":"gleak-0","task":5,"overflow":false,"wall_s":1,"taken_ns":2,"spawned":3,"finished":4}"#;
const END: &[u8] = br#"{"blocks":8,"bytes":900,"unreadable":1,"stacks":2,"cut_stacks":0,"unnamed":0,"write_ns":9}"#;

fn add(file: &mut Vec<u8>, tag: u32, address: u64, payload: &[u8]) {
    let mut head = block_head(Tag::Memory, address, payload);
    head[4..8].copy_from_slice(&tag.to_le_bytes());
    let sum = crc32fast::hash(&head[..28]);
    head[28..].copy_from_slice(&sum.to_le_bytes());
    file.extend_from_slice(&head);
    file.extend_from_slice(payload);
    file.resize(file.len() + padding(payload.len()), 0);
}

/// A byte of the memory of the process that never was.
fn byte(address: u64) -> u8 {
    (address % 251) as u8 | 1
}

fn bytes(address: u64, count: u64) -> Vec<u8> {
    (address..address + count).map(byte).collect()
}

fn small() -> Vec<u8> {
    let mut file = head().to_vec();
    add(&mut file, Tag::Facts as u32, 0, FACTS);
    let registers: Vec<u8> = (1..=23_u64).flat_map(u64::to_le_bytes).collect();
    add(&mut file, Tag::Registers as u32, 0, &registers);
    add(&mut file, Tag::Maps as u32, 0, b"1000-2000 r--p 0 0:0 0 /a\n20");
    add(&mut file, Tag::Maps as u32, 0, b"00-3000 rw-p 0 0:0 0 \n");
    add(&mut file, Tag::Memory as u32, 0x1000, &bytes(0x1000, 24));
    add(&mut file, Tag::Memory as u32, 0x1018, &bytes(0x1018, 13));
    add(&mut file, Tag::Zeros as u32, 0x4000, &(1_u64 << 40).to_le_bytes());
    let mut pieces = Vec::new();
    for address in [0x2000, 0x3000] {
        pieces.extend_from_slice(&piece_head(address, 20));
        pieces.extend_from_slice(&bytes(address, 20));
        pieces.resize(pieces.len() + padding(20), 0);
    }
    add(&mut file, Tag::Pieces as u32, 0, &pieces);
    add(&mut file, 77, 0, b"of a later version");
    let mut names = name_head(NameKind::Task, 5, 4).to_vec();
    names.extend_from_slice(b"deep\0\0\0\0");
    names.extend_from_slice(&name_head(NameKind::Label, 5, 3));
    names.extend_from_slice(b"k\0v\0\0\0\0\0");
    add(&mut file, Tag::Names as u32, 0, &names);
    let words = [word(0x1000, 40), word(0x1008, 41)].concat();
    add(&mut file, Tag::Words as u32, 0, &words);
    add(&mut file, Tag::End as u32, 0, END);
    file
}

fn open(file: &[u8]) -> Result<ImageFile<Cursor<&[u8]>>, ImageError> {
    ImageFile::open(Cursor::new(file))
}

/// All that it says is what was written, as far as it says anything.
fn believed(image: &ImageFile<Cursor<&[u8]>>) -> u64 {
    let mut known = 0;
    for address in 0x1000..0x3020 {
        let mut one = [0];
        if image.read(address, &mut one) {
            assert_eq!(one[0], byte(address), "{address:#x}");
            known += 1;
        }
    }
    assert_eq!((image.facts.program.as_str(), image.facts.fault()), ("p", Some(8)));
    assert!(image.registers.is_none_or(|it| it.iter().copied().eq(1..=23)));
    assert!(image.later(0x1000).is_none_or(|it| it == 40));
    assert!(
        image.names.iter().all(|it| (it.id, it.text.as_str()) == (5, "deep") || it.text == "k\0v")
    );
    assert!(image.end.is_none_or(|it| it.write_ns == 9));
    known
}

#[test]
fn what_was_written_is_read() {
    let file = small();
    let image = open(&file).expect("an image");
    assert_eq!(believed(&image), 24 + 13 + 40);
    assert_eq!((image.missing, image.unknown), (0, 1));
    assert_eq!(image.maps.lines().count(), 2);
    assert_eq!(image.names.len(), 2);
    let mut across = [0; 20];
    assert!(image.read(0x1010, &mut across) && across.as_slice() == bytes(0x1010, 20));
    assert!(!image.read(0x1020, &mut [0; 8]), "it ends before that");
    let mut zeros = [1; 9];
    assert!(image.read(0x4000 + (1 << 39), &mut zeros) && zeros == [0; 9]);
    assert_eq!(image.later(0x1010), None);
    assert!(image.end.is_some());
}

#[test]
fn every_prefix_says_what_was_written_and_that_it_is_cut() {
    let file = small();
    let mut known = 0;
    for length in 0..file.len() {
        let Ok(image) = open(&file[..length]) else {
            assert!(length < HEAD_BYTES + BLOCK_HEAD_BYTES + FACTS.len(), "{length}");
            continue;
        };
        let now = believed(&image);
        assert!(now >= known && (image.end.is_none() || image.missing == 0), "{length}");
        known = now;
    }
    assert_eq!(known, 77);
}

#[test]
fn no_flipped_byte_is_believed_and_what_is_lost_is_counted() {
    let whole = small();
    let facts = HEAD_BYTES..HEAD_BYTES + BLOCK_HEAD_BYTES + FACTS.len();
    for at in 0..whole.len() {
        for flip in [1, 0x80, 0xff] {
            let mut file = whole.clone();
            file[at] ^= flip;
            match open(&file) {
                Ok(image) => {
                    let known = believed(&image);
                    let complete = known == 77
                        && image.end.is_some()
                        && image.later(0x1008) == Some(41)
                        && image.names.len() == 2;
                    assert!(complete || image.missing == 1, "{at}: {known} of 77");
                }
                Err(_) => assert!(at < facts.end, "{at}"),
            }
        }
    }
}

#[test]
fn lengths_that_are_not_so_are_not_believed() {
    let mut file = head().to_vec();
    add(&mut file, Tag::Facts as u32, 0, FACTS);
    add(&mut file, Tag::Pieces as u32, 0, &piece_head(0x1000, u64::MAX));
    add(&mut file, Tag::Names as u32, 0, &name_head(NameKind::Task, 5, u32::MAX));
    add(&mut file, Tag::Zeros as u32, u64::MAX - 3, &8_u64.to_le_bytes());
    add(&mut file, Tag::Memory as u32, u64::MAX, &[7]);
    add(&mut file, Tag::Registers as u32, 0, &[0; 8]);
    let image = open(&file).expect("an image");
    assert!(image.names.is_empty() && image.registers.is_none());
    for address in [0x1000, u64::MAX - 3, u64::MAX] {
        assert!(!image.read(address, &mut [0]) && !image.read(address, &mut [0; 2]));
    }
}

#[test]
fn other_files_are_none() {
    assert!(matches!(open(b""), Err(ImageError::NotAnImage)));
    assert!(matches!(open(&[0x7f; 100]), Err(ImageError::NotAnImage)));
    let mut later = head();
    later[8] = 2;
    let sum = crc32fast::hash(&later[..12]);
    later[12..].copy_from_slice(&sum.to_le_bytes());
    assert!(matches!(open(&later), Err(ImageError::Version { found: 2 })));
    assert!(matches!(open(&head()), Err(ImageError::NoFacts)));
}
