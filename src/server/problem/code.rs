//! The codes of problems: one table, from which `docs/api.md` and the `OpenAPI` document are made.

/// Declares the codes with their words, titles, statuses and explanations.
macro_rules! codes {
    ($($(#[$meta:meta])* $name:ident = $word:literal, $status:literal, $title:literal, $why:literal;)+) => {
        /// The kind of a problem, for programs: a word that stays the same, whatever the detail
        /// says. The codes of refusals and of stores are those of the crate
        /// ([`Refusal::code`](crate::store::Refusal::code),
        /// [`StoreError::code`](crate::store::StoreError::code)).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ProblemCode {
            $(#[doc = $why] $name,)+
        }

        impl ProblemCode {
            /// Every code, by status.
            pub const ALL: [Self; [$(Self::$name),+].len()] = [$(Self::$name,)+];

            /// The word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }

            /// The HTTP status (RFC 9110, 15).
            #[must_use]
            pub const fn status(self) -> u16 {
                match self {
                    $(Self::$name => $status,)+
                }
            }

            /// The title: the same for each problem with this code (RFC 9457, 3.1.3).
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)+
                }
            }

            /// When it is answered, and what helps.
            #[must_use]
            pub const fn explanation(self) -> &'static str {
                match self {
                    $(Self::$name => $why,)+
                }
            }
        }
    };
}

codes! {
    InvalidJson = "invalid_json", 400, "The body is not JSON",
        "The body is not valid JSON, or not UTF-8. JSON that is no object is `invalid_request`, with the pointer `\"\"`.";
    Unauthenticated = "unauthenticated", 401, "A valid token is needed",
        "The request has no token, or one that is unknown, revoked or expired.";
    Forbidden = "forbidden", 403, "Not allowed",
        "The token lacks a scope (`required_scope`), or the contract does not give the command to its actor.";
    NotFound = "not_found", 404, "There is no such resource",
        "No route has this path.";
    UnknownApplication = "unknown_application", 404, "There is no such application",
        "The institution has no application with this UUID.";
    UnknownWebhook = "unknown_webhook", 404, "There is no such webhook",
        "The institution has no webhook with this id.";
    UnknownDelivery = "unknown_delivery", 404, "There is no such delivery",
        "The institution has no delivery with this id.";
    UnknownToken = "unknown_token", 404, "There is no such token",
        "The institution has no token with this id.";
    MethodNotAllowed = "method_not_allowed", 405, "The method is not allowed here",
        "The resource exists, but not with this method; `Allow` has those that it takes.";
    RequestTimeout = "request_timeout", 408, "The request came too slowly",
        "The body was not complete in time.";
    IllegalTransition = "illegal_transition", 409, "The transition is not legal",
        "The lifecycle has no such transition from the application's status; `legal` has those that it has.";
    AlreadyExists = "already_exists", 409, "It exists already",
        "The identity of what was to be created is taken.";
    Abandoned = "abandoned", 409, "Another command was refused",
        "The command was part of an atomic request, in which another one was refused.";
    InProgress = "in_progress", 409, "The request is being carried out",
        "The same request is being carried out under this idempotency key; repeat it after `Retry-After`.";
    LeaseLost = "lease_lost", 409, "The lease is lost",
        "Another claim has taken the work, it was settled already, or its application has moved on. A lease whose time is over is good until another claim.";
    CursorBeyondEnd = "cursor_beyond_end", 410, "The cursor lies beyond the end of the feed",
        "The cursor comes from another store, or from a history that was lost. Begin after an earlier cursor.";
    Conflict = "conflict", 412, "The version is another one",
        "`If-Match` or `expected_version` does not fit; `current_version` has what is there now.";
    TooLarge = "too_large", 413, "The request is too large",
        "A body has at most 1 MiB, and so has each line of a stream.";
    UnsupportedMediaType = "unsupported_media_type", 415, "The media type is not supported",
        "The body needs the header `Content-Type: application/json`, or `application/x-ndjson` for a stream.";
    InvalidRequest = "invalid_request", 422, "The request cannot be used",
        "A member of the body, a parameter or a header is wrong, missing or unknown; `errors` has each.";
    InvalidCommand = "invalid_command", 422, "The command cannot be used",
        "The time of the command lies before the application's last event.";
    IdempotencyMismatch = "idempotency_mismatch", 422, "The key was used for another request",
        "The idempotency key was used for another command or request; take a new key.";
    PreconditionRequired = "precondition_required", 428, "If-Match is needed",
        "This server takes no transition without `If-Match`.";
    TooManyRequests = "too_many_requests", 429, "Too many requests",
        "Too many requests of this kind are open at a time; try again after `Retry-After`.";
    Corrupt = "corrupt", 500, "What is stored is corrupt",
        "Something stored belongs to no legal application; the server's log says what.";
    Misconfigured = "misconfigured", 500, "The store is not set up right",
        "A person has to put the store right; the server's log says what.";
    RefusedByDatabase = "refused_by_database", 500, "The database refuses to keep it",
        "A constraint or a trigger of the database's administrator refuses it; the server's log says which.";
    NewerSchema = "newer_schema", 500, "The store was upgraded by a newer version",
        "The store needs a newer program.";
    OlderSchema = "older_schema", 500, "The store has to be upgraded",
        "The store has the tables of an earlier version; `certlife migrate` upgrades them.";
    NoStore = "no_store", 500, "There is no store",
        "There are no tables where the store was opened.";
    NotAStore = "not_a_store", 500, "The store is something else",
        "What was opened is no store.";
    Internal = "internal", 500, "The server failed",
        "A fault of the server; its log has the request's id.";
    Unavailable = "unavailable", 503, "The store is not available",
        "Nothing was changed; try again after `Retry-After`.";
    UnknownOutcome = "unknown_outcome", 504, "The outcome is unknown",
        "The command may have been carried out: repeat it with the same idempotency key, or look.";
}

impl ProblemCode {
    /// The code with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == word)
    }

    /// `urn:certificate-lifecycle:problem:` and the word: the `type` of a problem.
    #[must_use]
    pub fn urn(self) -> String {
        format!("urn:certificate-lifecycle:problem:{}", self.as_str())
    }
}
