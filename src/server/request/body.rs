//! Bodies.

use std::marker::PhantomData;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::server::problem::{FieldProblem, Problem, ProblemCode};

/// The largest body, streams aside, in bytes: 1 MiB (API.md, "Common").
pub(in crate::server) const LARGEST: usize = 1 << 20;

/// How long a body may take (API.md, "Common").
const TIMEOUT: Duration = Duration::from_secs(30);

/// The bytes of a JSON body of at most 1 MiB. They are empty where there is no body.
pub(in crate::server) struct Bytes1MiB(pub(in crate::server) Bytes);

impl<S: Send + Sync> FromRequest<S> for Bytes1MiB {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let is_json = has_media_type(request.headers(), |it| {
            it == "application/json" || it.ends_with("+json")
        });
        let read = tokio::time::timeout(TIMEOUT, read(request.into_body())).await;
        let bytes = read.unwrap_or_else(|_| {
            let detail = format!("the body was not complete in {} s", TIMEOUT.as_secs());
            Err(Problem::new(ProblemCode::RequestTimeout, detail))
        })?;
        if !is_json && !bytes.is_empty() {
            return Err(unsupported("application/json"));
        }
        Ok(Self(bytes))
    }
}

async fn read(body: Body) -> Result<Bytes, Problem> {
    let read = Limited::new(body, LARGEST).collect().await;
    read.map(http_body_util::Collected::to_bytes)
        .map_err(|error| {
            if error.is::<LengthLimitError>() {
                let detail = format!("the body is longer than {LARGEST} bytes (1 MiB)");
                Problem::new(ProblemCode::TooLarge, detail)
            } else {
                let detail = "the body ended before it was complete";
                Problem::new(ProblemCode::InvalidJson, detail)
            }
        })
}

/// A stream of lines: its length has no limit.
pub(in crate::server) struct NdjsonBody(pub(in crate::server) Body);

impl<S: Send + Sync> FromRequest<S> for NdjsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let is_ndjson = has_media_type(request.headers(), |it| it == "application/x-ndjson");
        if !is_ndjson {
            return Err(unsupported("application/x-ndjson"));
        }
        Ok(Self(request.into_body()))
    }
}

/// Whether the type of the content, without its parameters, is one of those.
fn has_media_type(headers: &HeaderMap, is_one: impl FnOnce(&str) -> bool) -> bool {
    let given = headers.get(header::CONTENT_TYPE);
    let given = given.and_then(|it| it.to_str().ok()).unwrap_or_default();
    let (essence, _) = given.split_once(';').unwrap_or((given, ""));
    is_one(&essence.trim().to_ascii_lowercase())
}

fn unsupported(expected: &str) -> Problem {
    let detail = format!("expected the header Content-Type: {expected}");
    Problem::new(ProblemCode::UnsupportedMediaType, detail)
}

/// A body with members that are more than texts and numbers; an empty one counts as `{}`, and a
/// member that is null as absent.
pub(in crate::server) fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let bytes = if bytes.is_empty() { b"{}" } else { bytes };
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut deserializer, &mut track);
    match Object::<T>::deserialize(tracked) {
        Ok(Object(value)) => match deserializer.end() {
            Ok(()) => Ok(value),
            Err(error) => Err(syntax(&error)),
        },
        Err(error) if error.is_data() => {
            Err(FieldProblem::at(pointer(&track.path()), without_place(&error)).into())
        }
        Err(error) => Err(syntax(&error)),
    }
}

/// What is read of a JSON object alone: what is derived takes an array of the members as well.
pub(in crate::server) struct Object<T>(pub(in crate::server) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfMap<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for OfMap<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(OfMap(PhantomData))
    }
}

fn syntax(error: &serde_json::Error) -> Problem {
    Problem::new(ProblemCode::InvalidJson, format!("not valid JSON: {error}"))
}

/// What is wrong, without the line and the column behind it.
fn without_place(error: &serde_json::Error) -> String {
    let place = format!(" at line {} column {}", error.line(), error.column());
    let full = error.to_string();
    brief(full.strip_suffix(&place).unwrap_or(&full))
}

/// The text without its middle, where it is long: it may repeat what the client sent.
fn brief(text: &str) -> String {
    const BEGINNING: usize = 100;
    const END: usize = 300;

    let length = text.chars().count();
    if length <= BEGINNING + END {
        return text.to_owned();
    }
    let beginning: String = text.chars().take(BEGINNING).collect();
    let end: String = text.chars().skip(length - END).collect();
    format!("{beginning}…{end}")
}

/// A JSON pointer (RFC 6901).
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;

    let mut pointer = String::new();
    for segment in path {
        pointer.push('/');
        match segment {
            Segment::Seq { index } => pointer.push_str(&index.to_string()),
            Segment::Map { key } => pointer.push_str(&escaped(key)),
            Segment::Enum { variant } => pointer.push_str(&escaped(variant)),
            Segment::Unknown => pointer.push('?'),
        }
    }
    pointer
}

/// A name within a JSON pointer.
pub(in crate::server) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
