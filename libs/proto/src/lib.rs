//! The generated wire types of every service, the descriptor set, and what is derived from the proto options.

pub mod check;

use types::Violations;

#[allow(clippy::all, clippy::pedantic, unreachable_pub, elided_lifetimes_in_paths, missing_docs)]
mod generated {
    use super::*;
    include!(concat!(env!("OUT_DIR"), "/messages.rs"));
    include!(concat!(env!("OUT_DIR"), "/derived.rs"));
}
pub use generated::google;
pub use generated::lunarfront::{accounts, common, identity, inventory, ledger, pos};
pub use generated::{EVENTS, RPCS};

/// The encoded `FileDescriptorSet` with all options and imports, without comments.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/lunarfront.bin"));

/// The same with the comments, which the OpenAPI document is made of. Decoded they are most of the set, so that no
/// process keeps them.
pub const COMMENTED_DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/commented.bin"));

/// One RPC, and what its options say.
#[derive(Clone, Copy, Debug)]
pub struct Rpc {
    /// As on the wire: `/lunarfront.pos.v1.SaleService/CreateSale`.
    pub path: &'static str,
    pub access: Access,
    /// What it does may need this permission, or the approval of somebody who has it.
    pub approval: Option<&'static str>,
    /// Services that may call it for themselves; `*` means any.
    pub callers: &'static [&'static str],
    /// Who beside the staff may call it when any signed-in user may: `key`, `portal`.
    pub open_to: &'static [&'static str],
    /// It has a REST route, so the gateway may call it.
    pub routed: bool,
    pub idempotency_key_required: bool,
    /// It is closed to who came by a PIN.
    pub full_sign_in: bool,
    pub secret_answer: bool,
    pub secret_request: bool,
    pub each_service: bool,
    /// The longest upload, of an RPC that takes one.
    pub upload_bytes_max: Option<u64>,
    /// How long it may take, where that is not the usual.
    pub deadline_seconds: Option<u64>,
}

/// Who may call an RPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A user who holds the permission or a stronger one.
    Permission(&'static str),
    /// Any signed-in user.
    SignedIn,
    /// Anyone.
    Public,
    /// Only the services named by `callers`.
    Service,
}

/// The RPC with this wire path.
pub fn rpc(path: &str) -> Option<&'static Rpc> {
    RPCS.binary_search_by(|rpc| rpc.path.cmp(path)).ok().map(|index| &RPCS[index])
}

/// A message that is told to others.
pub trait Event: prost::Message + Default {
    /// The routing key, such as `pos.sale.completed`.
    const KIND: &'static str;
}

/// A request of the one list convention.
pub trait ListRequest {
    /// The five fields that every list request has.
    fn list(&self) -> ListFields<'_>;
}

/// What every list request says.
#[derive(Clone, Copy, Debug)]
pub struct ListFields<'a> {
    pub page: i32,
    pub limit: i32,
    pub q: &'a str,
    pub sort: &'a str,
    pub descending: bool,
}

/// An answer of the one list convention.
pub trait ListResponse {
    type Item;
    fn new(data: Vec<Self::Item>, pagination: common::v1::Pagination) -> Self;
}

/// A message whose stream is an upload: the first one says what it is about, and all of them hold parts of the file.
pub trait Upload: prost::Message + Default + Validate {
    /// Takes the part of the file out of the message.
    fn take_part(&mut self) -> Option<google::api::HttpBody>;
}

/// The field rules of a message.
pub trait Validate {
    /// All fields, by proto name.
    const FIELDS: &'static [&'static str];
    /// Fields that an update may not name.
    const FIXED: &'static [&'static str];
    /// Adds what is wrong below the path `at`; with a mask only the fields named are looked at.
    fn check(&self, at: &str, mask: Option<&[String]>, out: &mut Violations);

    /// Everything that is wrong with the message.
    fn validate(&self) -> Result<(), Violations> {
        let mut out = Violations::default();
        self.check("", None, &mut out);
        out.into_result()
    }
}

impl From<types::Money> for common::v1::Money {
    fn from(money: types::Money) -> Self {
        Self { minor_units: money.minor_units() }
    }
}

impl From<common::v1::Money> for types::Money {
    fn from(money: common::v1::Money) -> Self {
        Self::minor(money.minor_units)
    }
}

/// A timestamp of the wire, in UTC.
pub fn timestamp(at: chrono::DateTime<chrono::Utc>) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.timestamp(), nanos: i32::try_from(at.timestamp_subsec_nanos()).unwrap_or(0) }
}
