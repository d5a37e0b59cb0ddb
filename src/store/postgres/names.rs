//! The names in a statement, for a connection whose `search_path` is not the store's.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

/// Functions and types that a statement names. On a connection whose `search_path` names a schema
/// before `pg_catalog`, others may have their names; so have the types of temporary tables. What is
/// part of SQL is not among them: `coalesce`, `integer`, and `unnest` of more than one array.
const FUNCTIONS: [&str; 8] = [
    "current_database",
    "current_setting",
    "max",
    "md5",
    "pg_current_xact_id",
    "pg_logical_emit_message",
    "pg_postmaster_start_time",
    "quote_ident",
];
const TYPES: [&str; 7] = ["bool", "int2", "int4", "int8", "oid", "text", "uuid"];

/// The word with PostgreSQL's own functions and types.
fn push_word(text: &mut String, word: &str) {
    let mut parts = word.split("::");
    let first = parts.next().unwrap_or_default();
    if first
        .strip_suffix('(')
        .is_some_and(|it| FUNCTIONS.contains(&it))
    {
        text.push_str("pg_catalog.");
    }
    text.push_str(first);
    for part in parts {
        let end = part.find(|it: char| !it.is_ascii_alphanumeric());
        let name = part.get(..end.unwrap_or(part.len())).unwrap_or_default();
        text.push_str("::");
        if TYPES.contains(&name) {
            text.push_str("pg_catalog.");
        }
        text.push_str(part);
    }
}

/// The statement with its tables in the schema, made once for each schema of the process.
pub(super) fn qualified(sql: &'static str, schema: &str) -> &'static str {
    type Texts = HashMap<(usize, String), &'static str>;
    static TEXTS: LazyLock<Mutex<Texts>> = LazyLock::new(Mutex::default);
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (sql.as_ptr().addr(), schema.to_owned());
    texts.entry(key).or_insert_with(|| {
        let mut text = String::with_capacity(sql.len() * 2);
        let mut last = "";
        for word in sql.split_inclusive([' ', '\n', '(', ')', ',']) {
            if word.starts_with("certlife_") && ["FROM", "JOIN", "INTO", "UPDATE"].contains(&last) {
                text.push_str(schema);
                text.push('.');
            }
            push_word(&mut text, word);
            let word = word.trim_end_matches([' ', '\n', '(', ')', ',']);
            if !word.is_empty() {
                last = word;
            }
        }
        String::leak(text)
    })
}
