//! Requests and answers.

use std::collections::BTreeMap;

use axum::body::{Body, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;
use serde_json::value::RawValue;

/// A request that is being put together.
#[derive(Debug, Clone)]
pub struct Ask {
    pub method: Method,
    pub path: String,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Bytes,
    pub is_anonymous: bool,
}

/// A request without a body.
pub fn request(method: &str, path: impl Into<String>) -> Ask {
    Ask {
        method: method.parse().unwrap(),
        path: path.into(),
        headers: Vec::new(),
        body: Bytes::new(),
        is_anonymous: false,
    }
}

pub fn get(path: impl Into<String>) -> Ask {
    request("GET", path)
}

/// A request with a body in JSON.
pub fn post(path: impl Into<String>, body: &Value) -> Ask {
    request("POST", path).json(body)
}

impl Ask {
    /// The same with this header beside those that it has.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let value = HeaderValue::from_bytes(value.as_ref()).unwrap();
        self.headers.push((name.parse().unwrap(), value));
        self
    }

    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub fn body(mut self, media_type: &str, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header("Content-Type", media_type)
    }

    /// With this token.
    pub fn with(self, token: &str) -> Self {
        self.header("Authorization", format!("Bearer {token}"))
    }

    /// Without any token.
    pub fn anonymous(mut self) -> Self {
        self.is_anonymous = true;
        self
    }

    /// In the name of this actor.
    pub fn by(self, actor: &str) -> Self {
        self.header("Certlife-Actor", actor)
    }

    pub fn key(self, key: &str) -> Self {
        self.header("Idempotency-Key", key)
    }

    pub fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(it, _)| it == name)
    }

    /// The request, with this body instead of the one that it has.
    pub fn into_request(self, body: Body) -> http::Request<Body> {
        let mut request = http::Request::new(body);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.path.parse().unwrap();
        for (name, value) in self.headers {
            request.headers_mut().append(name, value);
        }
        request
    }
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body, read as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {:?}", self.status, self.body))
    }

    /// The text of a header that is there once.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let mut all = self.headers.get_all(name).iter();
        let first = all.next().unwrap_or_else(|| panic!("no {name}: {self:?}"));
        assert_eq!(all.next(), None, "{name} appears twice");
        first.to_str().unwrap()
    }

    /// The names of the members of an object of the body, in their order.
    pub fn members(&self) -> Vec<String> {
        members(self.text())
    }

    /// The names of the members of what this JSON pointer leads to, in their order.
    #[track_caller]
    pub fn members_at(&self, pointer: &str) -> Vec<String> {
        let mut part = self.text();
        for step in pointer.split('/').skip(1) {
            part = match step.parse::<usize>() {
                Ok(place) => serde_json::from_str::<Vec<&RawValue>>(part).unwrap()[place].get(),
                Err(_) => {
                    serde_json::from_str::<BTreeMap<&str, &RawValue>>(part).unwrap()[step].get()
                }
            };
        }
        members(part)
    }

    /// That it is this problem, with all that each problem has; its body.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{code}: {:?}", self.body);
        let problem = self.json();
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(problem["status"], status, "{problem}");
        assert_eq!(problem["code"], code, "{problem}");
        let urn = format!("urn:certificate-lifecycle:problem:{code}");
        assert_eq!(problem["type"], urn);
        assert_eq!(problem["instance"], self.header("x-request-id"));
        for member in ["title", "detail"] {
            let text = problem[member].as_str().unwrap();
            assert!(!text.is_empty(), "{member}: {problem}");
        }
        problem
    }

    /// The pointers (or parameters, or headers) of the faults of a 422.
    #[track_caller]
    pub fn faults(&self) -> Vec<String> {
        let problem = self.problem(422, "invalid_request");
        let errors = problem["errors"].as_array().unwrap();
        let place = |it: &Value| {
            assert!(!it["detail"].as_str().unwrap().is_empty(), "{it}");
            let (pointer, parameter) = (it["pointer"].as_str(), it["parameter"].as_str());
            let header = it["header"].as_str();
            pointer.or(parameter).or(header).unwrap().to_owned()
        };
        errors.iter().map(place).collect()
    }
}

/// The names of the members of a JSON object, in the order in which they stand there.
pub fn members(object: &str) -> Vec<String> {
    struct Names(Vec<String>);

    impl<'de> serde::Deserialize<'de> for Names {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Visit;
            impl<'de> serde::de::Visitor<'de> for Visit {
                type Value = Names;

                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("an object")
                }

                fn visit_map<A: serde::de::MapAccess<'de>>(
                    self,
                    mut map: A,
                ) -> Result<Names, A::Error> {
                    let mut names = Vec::new();
                    while let Some(name) = map.next_key()? {
                        map.next_value::<serde::de::IgnoredAny>()?;
                        names.push(name);
                    }
                    Ok(Names(names))
                }
            }
            deserializer.deserialize_map(Visit)
        }
    }
    serde_json::from_str::<Names>(object).unwrap().0
}
