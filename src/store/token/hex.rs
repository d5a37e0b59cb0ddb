//! Bytes as lower-case hexadecimal digits.

/// The digits of these bytes.
pub(super) fn hex(bytes: &[u8]) -> String {
    let nibbles = bytes.iter().flat_map(|it| [it >> 4, it & 15]);
    nibbles
        .filter_map(|it| char::from_digit(it.into(), 16))
        .collect()
}

/// The bytes of these digits; none where there are more or fewer of them, or others.
pub(super) fn unhex<const N: usize>(digits: &str) -> Option<[u8; N]> {
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks(2)) {
        for digit in pair {
            let value = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                _ => return None,
            };
            *byte = *byte << 4 | value;
        }
    }
    Some(bytes)
}
