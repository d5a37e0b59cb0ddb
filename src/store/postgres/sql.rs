//! The texts of statements, with the types of their parameters.
//!
//! What a file sends stands in its `statements!`: a test prepares all of it on a server, and
//! compares the types. A statement that takes rows has an `input!`: one list of columns makes the
//! `unnest`, its parameters and their order.

use tokio_postgres::types::Type;

/// A column of the rows that a statement takes.
pub(super) struct Column {
    pub(super) name: &'static str,
    /// The type of one value.
    pub(super) sql_type: Type,
    /// Whether the values are of such a type.
    #[cfg(test)]
    pub(super) accepts: fn(&Type) -> bool,
}

/// Columns as rows of a query. The first is the parameter of this number.
pub(super) fn unnest<'c>(
    first: usize,
    columns: impl Iterator<Item = (&'static str, &'c Type)>,
) -> String {
    let (mut parameters, mut names) = (Vec::new(), Vec::new());
    for (number, (name, sql_type)) in (first..).zip(columns) {
        parameters.push(format!("${number}::{}[]", sql_type.name()));
        names.push(name);
    }
    let (parameters, names) = (parameters.join(", "), names.join(", "));
    format!("unnest({parameters}) AS input ({names})")
}

/// A statement, for the test.
#[cfg(test)]
pub(super) struct Sql {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
    /// The types of the parameters before the input.
    pub(super) types: Vec<Type>,
    pub(super) input: &'static [Column],
}

/// The statements of a file: of each its name, the types of its parameters, and its text. Behind
/// the types may stand its input, which is `{input}` in the text.
macro_rules! statements {
    ($(
        $(#[$meta:meta])*
        $vis:vis $name:ident($($type:ident),* $(; $input:ident)?) = $text:expr;
    )+) => {
        $(statements!(@one $(#[$meta])* $vis $name [$($type)*] [$($input)?] $text);)+

        #[cfg(test)]
        pub(in crate::store::postgres) fn statements() -> Vec<$crate::store::postgres::sql::Sql> {
            vec![$($crate::store::postgres::sql::Sql {
                name: stringify!($name),
                text: &$name,
                types: vec![$(tokio_postgres::types::Type::$type),*],
                input: statements!(@input $($input)?),
            }),+]
        }
    };
    (@one $(#[$meta:meta])* $vis:vis $name:ident [$($type:ident)*] [] $text:expr) => {
        $(#[$meta])*
        $vis const $name: &str = $text;
    };
    (@one $(#[$meta:meta])* $vis:vis $name:ident [$($type:ident)*] [$input:ident] $text:expr) => {
        $(#[$meta])*
        $vis static $name: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
            let before: &[&str] = &[$(stringify!($type)),*];
            let columns = $input::COLUMNS.iter().map(|it| (it.name, &it.sql_type));
            let input = $crate::store::postgres::sql::unnest(before.len() + 1, columns);
            $text.replace("{input}", &input)
        });
    };
    (@input) => { &[] };
    (@input $input:ident) => { $input::COLUMNS };
}
pub(super) use statements;

/// Rows for a statement, as columns: of each its name, the type of its values, and that in SQL.
macro_rules! input {
    ($(#[$meta:meta])* $name:ident $(<$of:lifetime>)? {
        $($column:ident: $value:ty = $type:ident,)+
    }) => {
        $(#[$meta])*
        #[derive(Default)]
        pub(super) struct $name $(<$of>)? {
            $(pub(super) $column: Vec<$value>,)+
        }

        impl $(<$of>)? $name $(<$of>)? {
            pub(super) const COLUMNS: &'static [$crate::store::postgres::sql::Column] = &[
                $($crate::store::postgres::sql::Column {
                    name: stringify!($column),
                    sql_type: tokio_postgres::types::Type::$type,
                    #[cfg(test)]
                    accepts: <$value as tokio_postgres::types::ToSql>::accepts,
                },)+
            ];

            /// The parameters, in the order of the columns.
            pub(super) fn parameters(
                &self,
            ) -> [&(dyn tokio_postgres::types::ToSql + Sync); [$(stringify!($column)),+].len()] {
                [$(&self.$column),+]
            }

            /// The same, with their types.
            #[allow(dead_code, reason = "not every statement is sent with its types")]
            pub(super) fn typed(&self) -> Vec<$crate::store::postgres::link::Parameter<'_>> {
                let values = self.parameters().into_iter();
                let types = Self::COLUMNS.iter();
                let types = types.map(|it| $crate::store::postgres::link::array_of(&it.sql_type));
                values.zip(types).collect()
            }
        }
    };
}
pub(super) use input;
