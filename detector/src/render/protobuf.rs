//! Messages of protocol buffers, as far as a profile needs them: whole numbers, texts, messages in
//! messages.
//!
//! Invariant: a number that is 0 and a text that is empty are not written; readers take them as such.

/// A message that is being written.
#[derive(Default)]
pub(super) struct Message {
    bytes: Vec<u8>,
}

/// How a field's value is laid out.
const VARINT: u64 = 0;
const LENGTH: u64 = 2;

impl Message {
    /// A number.
    pub(super) fn number(&mut self, field: u64, value: u64) -> &mut Self {
        if value != 0 {
            self.varint(field << 3 | VARINT);
            self.varint(value);
        }
        self
    }

    /// Numbers behind each other.
    pub(super) fn numbers(
        &mut self,
        field: u64,
        values: impl IntoIterator<Item = u64>,
    ) -> &mut Self {
        let mut packed = Message::default();
        values.into_iter().for_each(|value| packed.varint(value));
        self.bytes(field, &packed.bytes)
    }

    /// A text, also an empty one: places in a list count.
    pub(super) fn text(&mut self, field: u64, text: &str) -> &mut Self {
        self.bytes(field, text.as_bytes())
    }

    /// A message.
    pub(super) fn message(&mut self, field: u64, message: &Message) -> &mut Self {
        self.bytes(field, &message.bytes)
    }

    /// What was written.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) -> &mut Self {
        self.varint(field << 3 | LENGTH);
        self.varint(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Seven bits a byte, the lowest first; the eighth says that more follow.
    fn varint(&mut self, mut value: u64) {
        while value > 0x7f {
            self.bytes.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::Message;

    #[test]
    fn numbers_are_written_seven_bits_at_a_time() {
        let mut message = Message::default();
        message.number(1, 150).number(2, 0).numbers(3, [1, 300]).text(4, "a");
        let expected = [0x08, 0x96, 0x01, 0x1a, 3, 1, 0xac, 0x02, 0x22, 1, b'a'];
        assert_eq!(message.into_bytes(), expected);
        let mut message = Message::default();
        message.number(1, u64::MAX);
        assert_eq!(message.into_bytes().len(), 11);
    }
}
