//! Lists that nearly always have one element, read without room for more: a million tasks wait for one thing
//! each, and a list that grows begins with room for four.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};

pub(crate) fn deserialize<'de, T, D>(input: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    input.deserialize_seq(Few(PhantomData))
}

struct Few<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Few<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let Some(first) = list.next_element()? else { return Ok(Vec::new()) };
        let mut elements = vec![first];
        while let Some(element) = list.next_element()? {
            elements.push(element);
        }
        Ok(elements)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn one_element_takes_the_room_of_one() {
        let read = |text| super::deserialize(&mut serde_json::Deserializer::from_str(text));
        let (none, one, three): (Vec<u8>, Vec<u8>, Vec<u8>) =
            (read("[]").unwrap(), read("[7]").unwrap(), read("[1, 2, 3]").unwrap());
        assert_eq!(
            (none.as_slice(), one.as_slice(), three.as_slice()),
            (&[][..], &[7][..], &[1, 2, 3][..])
        );
        assert_eq!((none.capacity(), one.capacity()), (0, 1));
        assert!(read("{}").is_err() && read("[1, -1]").is_err());
    }
}
