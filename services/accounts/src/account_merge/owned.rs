//! What belongs to an account: every table that names one.

/// A table that names an account.
#[derive(Clone, Copy, Debug)]
pub struct Owned {
    pub table: &'static str,
    pub follows: Follows,
}

/// What becomes of the rows when their account is merged.
#[derive(Clone, Copy, Debug)]
pub enum Follows {
    /// They go over to the target.
    Moves {
        /// What one row of an account at most may be; the target's stays it.
        one: Option<One>,
        /// They have a version and the time of their last change.
        versioned: bool,
    },
    /// They keep the account that they name, for the reason given.
    Stays(&'static str),
}

/// Something that one row of an account at most may be, such as the default.
#[derive(Clone, Copy, Debug)]
pub struct One {
    /// The column that is true for it.
    pub column: &'static str,
    /// One for each value of this column.
    pub per: Option<&'static str>,
}

const fn moves(table: &'static str) -> Owned {
    Owned { table, follows: Follows::Moves { one: None, versioned: true } }
}

const fn plain(table: &'static str) -> Owned {
    Owned { table, follows: Follows::Moves { one: None, versioned: false } }
}

const fn with_one(table: &'static str, column: &'static str, per: Option<&'static str>) -> Owned {
    Owned { table, follows: Follows::Moves { one: Some(One { column, per }), versioned: true } }
}

pub(crate) const MEMBER: &str = "member";
pub(crate) const TAX_EXEMPTION: &str = "tax_exemption";

/// All of them: a test compares this with the database. A new one wants the trigger `refuse_merged_account` too.
pub const OWNED: &[Owned] = &[
    moves(MEMBER),
    with_one("payment_method", "is_default", None),
    with_one("contact", "preferred", None),
    with_one("address", "is_default", Some("kind")),
    with_one("phone_number", "preferred", None),
    plain("payer_share"),
    plain("external_reference"),
    plain("processor_link"),
    plain("note"),
    moves(TAX_EXEMPTION),
    Owned { table: "account_import_row", follows: Follows::Stays("the account is only about to be opened") },
];
