//! Base64 (RFC 4648, section 4) of secrets and signatures: a few dozen bytes.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// With padding.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let digit = (bits >> (18 - 6 * place)) & 63;
            let is_padding = place > chunk.len();
            let letter = ALPHABET.get(digit as usize).copied().unwrap_or(b'=');
            text.push(if is_padding { '=' } else { char::from(letter) });
        }
    }
    text
}

/// The only bytes whose [`encode`] is this text; nothing where there are none.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    if !text.len().is_multiple_of(4) || text.len() - digits.len() > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    for chunk in digits.as_bytes().chunks(4) {
        let mut bits = 0_u32;
        for letter in chunk {
            let digit = ALPHABET.iter().position(|it| it == letter)?;
            bits = bits << 6 | u32::try_from(digit).ok()?;
        }
        let count = chunk.len() * 6 / 8;
        let unused = chunk.len() * 6 % 8;
        // A single letter holds no byte, and bits that no byte has must be zero.
        if count == 0 || bits & ((1 << unused) - 1) != 0 {
            return None;
        }
        bits >>= unused;
        let [_, rest @ ..] = bits.to_be_bytes();
        bytes.extend(rest.get(3 - count..)?);
    }
    Some(bytes)
}

/// The padding with which a text can be decoded that cannot be without.
pub(super) fn missing_padding(text: &str) -> Option<&'static str> {
    let padding = match text.len() % 4 {
        2 => "==",
        3 => "=",
        _ => return None,
    };
    decode(&format!("{text}{padding}")).map(|_| padding)
}

#[cfg(test)]
mod tests {
    use super::{decode, encode, missing_padding};

    #[test]
    fn the_vectors_of_the_rfc() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text).as_deref(), Some(bytes.as_bytes()));
        }
    }

    #[test]
    fn padding_that_is_missing_is_reported() {
        for (text, padding) in [
            ("Zg", Some("==")),
            ("Zg=", Some("=")),
            ("Zm8", Some("=")),
            ("Zm9vYg", Some("==")),
            ("", None),
            ("Zg==", None),
            ("Zm9v", None),
            ("Zm9vY", None),
            // Of what is no base64 with padding either.
            ("Zh", None),
            ("Z-", None),
            ("Zg ", None),
            ("Zé", None),
        ] {
            assert_eq!(missing_padding(text), padding, "{text}");
            if padding.is_some() {
                assert_eq!(decode(text), None, "{text}");
            }
        }
    }

    #[test]
    fn what_encodes_nothing_is_refused() {
        for text in [
            "Z", "Zg=", "Zh==", "Zm9=", "Zg==Zg==", "Zm 9", "Zm9v====", "=", "Zm-_", "Zmé",
        ] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    #[test]
    fn every_byte_comes_back() {
        for length in 0..=64_u8 {
            let bytes: Vec<u8> = (0..length)
                .map(|it| it.wrapping_mul(37).wrapping_add(length))
                .collect();
            assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }
    }
}
