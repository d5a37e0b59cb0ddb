//! What only a file can do to a store.
