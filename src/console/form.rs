//! Forms as browsers send them.

/// A form, each of its fields.
pub(super) struct Form(pub(super) Vec<(String, String)>);

impl Form {
    pub(super) fn read(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    /// The first field of this name; empty, if there is none.
    pub(super) fn field(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(it, _)| it == name);
        found.map_or("", |(_, value)| value)
    }

    /// All fields of this name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let is_it = move |it: &&(String, String)| it.0 == name;
        self.0.iter().filter(is_it).map(|(_, value)| value.as_str())
    }
}
