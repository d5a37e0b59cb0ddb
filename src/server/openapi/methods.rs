//! The methods of each route, in words.

use utoipa::openapi::OpenApi;

/// The methods of each route of a document, such as `GET or HEAD`.
pub(in crate::server) struct Methods(Vec<(String, String)>);

impl Methods {
    pub(in crate::server) fn of_routes(document: &OpenApi) -> Self {
        let routes = document.paths.paths.iter();
        Self(
            routes
                .map(|(path, item)| {
                    let all = [
                        ("GET", item.get.is_some()),
                        ("HEAD", item.get.is_some()),
                        ("POST", item.post.is_some()),
                        ("PATCH", item.patch.is_some()),
                        ("DELETE", item.delete.is_some()),
                    ];
                    let taken = all.into_iter().filter(|(_, is_taken)| *is_taken);
                    let taken: Vec<_> = taken.map(|(method, _)| method).collect();
                    (path.clone(), taken.join(" or "))
                })
                .collect(),
        )
    }

    /// The methods of a route, which may be nested in another router. A route that the document
    /// does not have is read only.
    pub(in crate::server) fn of(&self, route: &str) -> &str {
        let known = self.0.iter().find(|(path, _)| route.ends_with(path));
        known.map_or("GET or HEAD", |(_, methods)| methods)
    }
}
