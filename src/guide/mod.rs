//! The guides, as documentation: they have no code.
//!
//! | guide | for |
//! |---|---|
//! | [`embedding`] | a backend that keeps applications in tables of its own |
//! | [`lifecycle`] | the states, the transitions, and their reasons |
//! | [`events`] | the events on the wire, their schemas, reading them back |
//! | [`stores`] | the engine and its stores: promises, upgrades, errors |
//! | [`high_availability`] | PostgreSQL that fails over |
//! | [`processing`] | the background work between the decision and the approval |
//! | [`webhooks`] | sending and receiving |
//! | [`api`] | the HTTP API, for backends in any language |
//! | [`serving`] | running it |
//! | [`certlife`] | the command line |
//!
//! Each is a file of `docs/`, included as it stands. `links.md` leads its links to the modules
//! here; it is generated: `SNAPSHOTS=overwrite cargo test --test generated`.

/// A guide, with the links of all of them before it: the first definition of a link counts.
macro_rules! guide {
    ($($(#[$condition:meta])* $name:ident: $file:literal;)+) => {$(
        $(#[$condition])*
        #[doc = include_str!("links.md")]
        #[doc = include_str!(concat!("../../docs/", $file))]
        pub mod $name {}
    )+};
}

// Examples that need a store are compiled with it alone.
guide! {
    embedding: "embedding.md";
    lifecycle: "lifecycle.md";
    events: "events.md";
    #[cfg(any(not(doctest), feature = "sqlite"))]
    stores: "stores.md";
    high_availability: "high-availability.md";
    #[cfg(any(not(doctest), feature = "processor"))]
    processing: "processing.md";
    #[cfg(any(not(doctest), all(feature = "delivery", feature = "sqlite")))]
    webhooks: "webhooks.md";
    api: "api.md";
    serving: "serving.md";
    certlife: "certlife.md";
}
