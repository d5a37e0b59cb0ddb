//! Options are set by methods, so that they can grow.

/// Makes a method for each field, which returns the options with another value of it.
macro_rules! setters {
    ($($with:ident: $field:ident, $type:ty;)+) => {$(
        #[doc = concat!("The same with another [`", stringify!($field), "`](Self::", stringify!($field), ").")]
        #[must_use]
        pub fn $with(mut self, $field: $type) -> Self {
            self.$field = $field;
            self
        }
    )+};
}

pub(crate) use setters;
