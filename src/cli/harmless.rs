//! Text that a terminal only shows, and that repeats no secret.

use std::path::Path;

pub(super) use crate::inert::inert;
use crate::inert::{acts, escaped};

/// The text, with what [`acts`] escaped as Rust writes it. A backslash is escaped as well, so that
/// no text looks like another.
pub(super) fn harmless(text: &str) -> String {
    escaped(text, |character| character == '\\' || acts(character))
}

/// Whether an error may repeat a text that was given as the name of a file, and is none. It may be
/// a secret in the wrong place: `whsec_…`, a URL or a connection string with a password, a header.
pub(super) fn is_file_name(text: &str) -> bool {
    // Of what begins with a path, a colon cannot end a scheme, a user or the name of a header.
    let is_path = ["/", "./", "../"].iter().any(|it| text.starts_with(it));
    let is_in_names =
        |it: char| it.is_alphanumeric() || r"._-/\~+ ,()#".contains(it) || (is_path && it == ':');
    let is_short_word = text.len() <= 24
        && text
            .chars()
            .all(|it| it.is_ascii_lowercase() || "._-/".contains(it));
    let extension = text.rsplit_once('.').map(|(_, extension)| extension);
    let has_extension = extension.is_some_and(|it| {
        (1..=5).contains(&it.len()) && it.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    text.chars().all(is_in_names)
        && !text.to_ascii_lowercase().contains("whsec_")
        && (is_short_word || has_extension)
}

/// Whether a text that was given as an id has the form of a secret, of a URL or a connection string
/// with a password, or of a header.
pub(super) fn may_be_secret(text: &str) -> bool {
    let user = text.split_once(':').filter(|(_, rest)| rest.contains('@'));
    let is_written = ["whsec_", "://", ": ", "=", "%40"];
    let text = text.to_ascii_lowercase();
    user.is_some() || is_written.iter().any(|it| text.contains(it))
}

/// The name of a file that cannot be read, as an error shows it.
pub(super) fn unread(path: &Path) -> String {
    let name = path.display().to_string();
    if is_file_name(&name) {
        return name;
    }
    "the file that was given (its name is not repeated here: it may be a secret, or have one in it)"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::{harmless, is_file_name};
    use proptest::{prop_assert, prop_assert_eq, proptest};

    proptest! {
        #[test]
        fn what_acts_on_a_terminal_is_what_unicode_lists(
            acting in r"[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]{5000}",
            other in r"[^\\\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]{5000}",
        ) {
            for character in acting.chars() {
                prop_assert!(harmless(&character.to_string()).starts_with('\\'), "{character:?}");
            }
            prop_assert_eq!(harmless(&other), other);
        }
    }

    #[test]
    fn names_of_files_are_repeated_and_secrets_are_not() {
        for name in [
            "commands.jsonl",
            "nope",
            "/path/a:b.db",
            "/var/lib/My Certificates (2026).csv",
            r"..\data\zeugnisse-ä.csv",
        ] {
            assert!(is_file_name(name), "{name}");
        }
        for secret in [
            "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
            "WHSEC_MDEy.csv",
            "postgres://u:PW@h/db",
            "host=h password=PW",
            "https://u:PW%40host/",
            "Authorization: Bearer abc",
            "Bearer abc",
            "dGhpc2lzYXNlY3JldA",
        ] {
            assert!(!is_file_name(secret), "{secret}");
        }
    }
}
