//! Typed ids.

/// Makes one newtype over a UUIDv7 per name; a sale's id is never taken for a product's.
///
/// Each has `new`, `parse` with the field to blame, `Display`, and is a transparent sqlx type.
#[macro_export]
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type)]
        #[sqlx(transparent)]
        pub struct $name($crate::uuid::Uuid);

        #[allow(dead_code)]
        impl $name {
            /// A new id; later ones sort after earlier ones.
            #[expect(clippy::new_without_default, reason = "an id is made on purpose")]
            pub fn new() -> Self {
                Self($crate::uuid::Uuid::now_v7())
            }

            /// # Errors
            /// A violation of the field when the text is no UUID.
            pub fn parse(field: &str, text: &str) -> Result<Self, $crate::Violation> {
                $crate::id::parse_uuid(field, text).map(Self)
            }

            /// The id in an optional field; absent and blank are none.
            ///
            /// # Errors
            /// A violation of the field when the text is no UUID.
            pub fn parse_some(field: &str, text: Option<&str>) -> Result<Option<Self>, $crate::Violation> {
                text.filter(|text| !text.is_empty()).map(|text| Self::parse(field, text)).transpose()
            }

            pub const fn from_uuid(id: $crate::uuid::Uuid) -> Self {
                Self(id)
            }

            pub const fn uuid(self) -> $crate::uuid::Uuid {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

/// # Errors
/// A violation of the field when the text is no UUID.
pub fn parse_uuid(field: &str, text: &str) -> Result<uuid::Uuid, crate::Violation> {
    match uuid::Uuid::try_parse(text) {
        Ok(id) if !id.is_nil() => Ok(id),
        _ => Err(crate::Violation::new(field, if text.is_empty() { "is required" } else { "must be an id (UUID)" })),
    }
}

/// The id of the demo shop's nth thing of a kind, so that the services' seeds agree without asking each other.
pub const fn demo_id(kind: u16, n: u32) -> uuid::Uuid {
    uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 | ((kind as u128) << 32) | n as u128)
}
