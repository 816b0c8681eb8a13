//! Addresses in the dump: hexadecimal text, because JSON readers elsewhere round numbers above 2^53.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
pub(crate) fn serialize<S: Serializer>(address: &u64, out: S) -> Result<S::Ok, S::Error> {
    out.collect_str(&format_args!("{address:#x}"))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<u64, D::Error> {
    // Owned, since a text with escapes cannot be borrowed from the line.
    let text = String::deserialize(input)?;
    // `from_str_radix` alone would take a sign.
    text.strip_prefix("0x")
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .ok_or_else(|| D::Error::custom("an address is 0x and up to 16 hexadecimal digits"))
}

/// The same, where there may be none.
pub(crate) mod optional {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(it: &Option<u64>, out: S) -> Result<S::Ok, S::Error> {
        match it {
            Some(address) => super::serialize(address, out),
            None => out.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        input: D,
    ) -> Result<Option<u64>, D::Error> {
        #[derive(Deserialize)]
        struct Address(#[serde(with = "super")] u64);
        Ok(Option::<Address>::deserialize(input)?.map(|it| it.0))
    }
}
