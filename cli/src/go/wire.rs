//! Messages of protocol buffers, a field at a time, out of bytes that nobody vouches for.
//!
//! Invariants:
//! 1. A length counts only when so many bytes are there; nothing is set aside for what is only announced.
//! 2. What is not understood is an error, never guessed at; unknown fields of a known layout are skipped.

/// The bytes are no message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Broken;

/// What a field holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Value<'b> {
    /// A number.
    Number(u64),
    /// A text, a message, or numbers behind each other.
    Bytes(&'b [u8]),
    /// Something of a fixed length, which no profile has.
    Fixed,
}

/// The fields of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'b> {
    rest: &'b [u8],
}

impl<'b> Fields<'b> {
    pub(super) fn of(bytes: &'b [u8]) -> Fields<'b> {
        Fields { rest: bytes }
    }

    fn next_field(&mut self) -> Result<(u64, Value<'b>), Broken> {
        let tag = varint(&mut self.rest)?;
        let value = match tag & 7 {
            0 => Value::Number(varint(&mut self.rest)?),
            1 => self.take(8).map(|_| Value::Fixed)?,
            2 => {
                let length = varint(&mut self.rest)?;
                Value::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Value::Fixed)?,
            _ => return Err(Broken),
        };
        if tag >> 3 == 0 { Err(Broken) } else { Ok((tag >> 3, value)) }
    }

    fn take(&mut self, length: u64) -> Result<&'b [u8], Broken> {
        let length = usize::try_from(length).map_err(|_| Broken)?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Broken)?;
        self.rest = rest;
        Ok(taken)
    }
}

impl<'b> Iterator for Fields<'b> {
    type Item = Result<(u64, Value<'b>), Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.next_field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

/// The numbers of a repeated field: one, or many behind each other.
pub(super) fn numbers(value: Value<'_>) -> impl Iterator<Item = Result<u64, Broken>> {
    let (one, mut packed) = match value {
        Value::Number(number) => (Some(Ok(number)), &[][..]),
        Value::Bytes(bytes) => (None, bytes),
        Value::Fixed => (Some(Err(Broken)), &[][..]),
    };
    let many = std::iter::from_fn(move || {
        if packed.is_empty() {
            return None;
        }
        let number = varint(&mut packed);
        if number.is_err() {
            packed = &[];
        }
        Some(number)
    });
    one.into_iter().chain(many)
}

fn varint(rest: &mut &[u8]) -> Result<u64, Broken> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first().ok_or(Broken)?;
        *rest = after;
        let bits = u64::from(byte & 0x7f);
        // Of the tenth byte there is room for one bit.
        if shift == 63 && bits > 1 {
            return Err(Broken);
        }
        value |= bits << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(Broken)
}

#[cfg(test)]
mod tests {
    use super::{Broken, Fields, Value, numbers};

    #[test]
    fn fields_are_read_and_lies_are_not_believed() {
        let read = |bytes: &[u8]| -> Vec<_> {
            Fields::of(bytes)
                .map(|it| it.map(|(field, value)| (field, format!("{value:?}"))))
                .collect()
        };
        assert_eq!(read(&[0x08, 0x96, 0x01]), [Ok((1, "Number(150)".to_owned()))]);
        assert_eq!(read(&[0x12, 1, b'a']), [Ok((2, "Bytes([97])".to_owned()))]);
        for lie in [
            &[0x12, 9, b'a'][..],
            &[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            &[0x08],
            &[0x08, 0x80],
            &[0x0b],
            &[0x00, 0x01],
            &[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
        ] {
            assert_eq!(read(lie), [Err(Broken)], "{lie:?}");
        }
        let many = |value| numbers(value).collect::<Vec<_>>();
        assert_eq!(many(Value::Bytes(&[1, 0xac, 0x02])), [Ok(1), Ok(300)]);
        assert_eq!(many(Value::Bytes(&[1, 0x80])), [Ok(1), Err(Broken)]);
        assert_eq!(many(Value::Number(7)), [Ok(7)]);
    }
}
