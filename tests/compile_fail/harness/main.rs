//! What a user reads after a typical mistake: the compiler's messages, pinned.
//!
//! Renew them after a change with `TRYBUILD=overwrite tests/compile_fail/run`, and read them.

#[test]
fn typical_mistakes_do_not_compile_and_say_what_is_legal() {
    trybuild::TestCases::new().compile_fail("*.rs");
}
