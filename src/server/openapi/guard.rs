//! What the guard of a route adds to its description: the token, the scopes, and the problems that
//! every route has.

use utoipa::openapi::path::{HttpMethod, Operation, PathItem, Paths};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Ref, RefOr};

use super::common;
use crate::store::Scope;

/// The name of the token among the document's security schemes.
pub(super) const TOKEN: &str = "token";

/// The statuses of problems that every route may answer with.
const ALWAYS: [u16; 8] = [401, 403, 404, 422, 429, 500, 503, 504];

/// Those of routes that take a body as well.
const WITH_BODY: [u16; 7] = [400, 408, 409, 412, 413, 415, 428];

/// Describes what one of the scopes has to be there for.
pub(in crate::server) fn describe_guard(paths: &mut Paths, scopes: &'static [Scope]) {
    for item in paths.paths.values_mut() {
        for (method, operation) in operations(item) {
            let takes_body = method != HttpMethod::Get;
            let problems = ALWAYS
                .into_iter()
                .chain(WITH_BODY.into_iter().filter(|_| takes_body));
            for status in problems {
                add_problem(operation, status);
            }
            let scopes: Vec<_> = scopes.iter().map(|it| it.as_str()).collect();
            let token = SecurityRequirement::new::<_, [&str; 0], &str>(TOKEN, []);
            operation.security = Some(vec![token]);
            let needed = match scopes.as_slice() {
                [one] => format!("Needs the scope `{one}`."),
                several => format!("Needs one of the scopes `{}`.", several.join("`, `")),
            };
            let described = operation.description.take();
            let described = described.filter(|it| !it.is_empty());
            operation.description = Some(match described {
                Some(text) => format!("{text}\n\n{needed}"),
                None => needed,
            });
        }
    }
}

pub(super) fn add_problem(operation: &mut Operation, status: u16) {
    let problem = RefOr::Ref(Ref::from_response_name(common::problem(status)));
    let responses = &mut operation.responses.responses;
    responses.entry(status.to_string()).or_insert(problem);
}

fn operations(item: &mut PathItem) -> Vec<(HttpMethod, &mut Operation)> {
    let all = [
        (HttpMethod::Get, &mut item.get),
        (HttpMethod::Post, &mut item.post),
        (HttpMethod::Patch, &mut item.patch),
        (HttpMethod::Delete, &mut item.delete),
    ];
    let there = all.into_iter();
    there
        .filter_map(|(method, it)| Some((method, it.as_mut()?)))
        .collect()
}
