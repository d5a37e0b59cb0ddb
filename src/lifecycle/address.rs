//! What is an e-mail address, and what is wrong with a text that is none.

use std::net::{Ipv4Addr, Ipv6Addr};

use email_address::EmailAddress;

/// The longest part before the `@`, and the longest label of a domain, in bytes (RFC 5321).
const MAX_LOCAL: usize = 64;
const MAX_LABEL: usize = 63;

/// Checks the part before the last `@` and the part after it, each by its own grammar. That leaves
/// out what `email_address` reads beyond an address: a display name, as in "John
/// <john@example.com>".
///
/// # Errors
/// What is wrong, in words of ours: those of `email_address` change with its versions.
pub(super) fn check(value: &str) -> Result<(), &'static str> {
    if is_plain(value) {
        return Ok(());
    }
    check_by_grammar(value)
}

/// Whether it has the form that nearly all addresses have, which takes a fraction of the time to
/// see. The grammars say yes to each of these as well; a test compares them.
fn is_plain(value: &str) -> bool {
    let Some((local, domain)) = value.split_once('@') else {
        return false;
    };
    // In so short a domain, no label is too long.
    if local.len() > MAX_LOCAL || domain.len() > MAX_LABEL {
        return false;
    }
    // Before the first byte and behind the last one, it is as beside a dot.
    let mut last = b'.';
    for byte in local.bytes().chain([b'.']) {
        let may_stand = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'+' => true,
            b'.' => last != b'.',
            _ => false,
        };
        if !may_stand {
            return false;
        }
        last = byte;
    }
    let mut dots = 0;
    for byte in domain.bytes().chain([b'.']) {
        let may_stand = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => true,
            b'-' => last != b'.',
            b'.' => {
                dots += 1;
                last != b'.' && last != b'-'
            }
            _ => false,
        };
        if !may_stand {
            return false;
        }
        last = byte;
    }
    dots > 1
}

fn check_by_grammar(value: &str) -> Result<(), &'static str> {
    let Some((local, domain)) = value.rsplit_once('@') else {
        return Err("it has no @");
    };
    let is_local = EmailAddress::is_valid_local_part(local);
    if is_local && EmailAddress::is_valid_domain(domain) && is_mail_domain(domain) {
        return Ok(());
    }
    if domain.trim_end().ends_with('>') {
        return Err("an address has no display name and no angle brackets");
    }
    if value.trim() != value {
        return Err("it begins or ends with white space");
    }
    Err(if is_local {
        wrong_with_domain(domain)
    } else {
        wrong_with_local(local)
    })
}

/// `email_address` reads a domain as RFC 5322 writes it, with any of `!#$%&'*+/=?^_{|}~` and any
/// text in brackets; mail goes to the domains of RFC 5321, section 4.1.2.
fn is_mail_domain(domain: &str) -> bool {
    match domain.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
        Some(literal) => match literal.strip_prefix("IPv6:") {
            Some(v6) => v6.parse::<Ipv6Addr>().is_ok(),
            None => literal.parse::<Ipv4Addr>().is_ok(),
        },
        None => domain
            .chars()
            .all(|it| it.is_alphanumeric() || it == '-' || it == '.'),
    }
}

fn wrong_with_local(local: &str) -> &'static str {
    let is_quoted = local.starts_with('"');
    if local.is_empty() {
        "nothing stands before the @"
    } else if local.len() > MAX_LOCAL {
        "the part before the @ has more than 64 bytes"
    } else if !is_quoted && local.contains('@') {
        "it has more than one @"
    } else if !is_quoted && local.split('.').any(str::is_empty) {
        "a dot before the @ stands at an end, or beside another"
    } else {
        "the part before the @ has a character that may not stand there"
    }
}

fn wrong_with_domain(domain: &str) -> &'static str {
    let mut labels = domain.split('.');
    if domain.is_empty() {
        "nothing stands after the @"
    } else if labels.clone().any(str::is_empty) {
        "a dot after the @ stands at an end, or beside another"
    } else if labels.clone().any(|it| it.len() > MAX_LABEL) {
        "a label of the domain has more than 63 bytes"
    } else if labels.any(|it| it.starts_with('-') || it.ends_with('-')) {
        "a label of the domain begins or ends with a hyphen"
    } else {
        "a domain has letters, digits and hyphens, or is an IP address in brackets"
    }
}

#[cfg(test)]
#[path = "../../tests/unit/address.rs"]
mod tests;
