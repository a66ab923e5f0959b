//! What an RPC's own options say.

use std::fmt;
use std::time::Duration;

use prost_reflect::{DescriptorPool, MethodDescriptor, Value};

const PACKAGE: &str = "lunarfront.options.v1";
/// How long an upload or a download may take unless its option says otherwise.
const STREAM_SECONDS: u64 = 300;

#[derive(Clone, Debug)]
pub struct Options {
    pub access: Access,
    /// What it does may need this permission, or the approval of somebody who has it.
    pub approval: Option<String>,
    /// A field that a browser may keep in a cookie.
    pub cookie: Option<String>,
    pub key_required: bool,
    pub secret_answer: bool,
    pub each_service: bool,
    /// What the file is that it answers, where the path does not say so.
    pub media_type: Option<String>,
    /// What an upload may be.
    pub upload_media_types: Vec<String>,
    /// The longest upload, in bytes.
    pub upload_bytes_max: Option<usize>,
    /// How long it may take, where that is not the usual.
    pub deadline: Option<Duration>,
}

/// Who may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    Permission(String),
    SignedIn,
    Public,
    /// Other services; nobody from outside.
    Service,
}

impl Options {
    pub fn of(pool: &DescriptorPool, rpc: &MethodDescriptor) -> Self {
        let flag = |name: &str| value(pool, rpc, name).is_some_and(|value| value.as_bool() == Some(true));
        let text = |name: &str| value(pool, rpc, name).and_then(|value| value.as_str().map(str::to_owned));
        let texts = |name: &str| -> Vec<String> {
            let value = value(pool, rpc, name);
            let list = value.as_ref().and_then(Value::as_list).into_iter().flatten();
            list.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let number = |name: &str| {
            let value = value(pool, rpc, name)?;
            let number = value.as_i64().or_else(|| value.as_i32().map(i64::from))?;
            u64::try_from(number).ok()
        };
        let streams = rpc.is_client_streaming() || rpc.is_server_streaming();
        let access = match text("permission") {
            Some(word) => Access::Permission(word),
            None if flag("public") => Access::Public,
            None if flag("signed_in") => Access::SignedIn,
            None => Access::Service,
        };
        Self {
            access,
            approval: text("approval"),
            cookie: text("cookie"),
            key_required: flag("idempotency_key_required"),
            secret_answer: flag("secret_answer"),
            each_service: flag("each_service"),
            media_type: text("media_type"),
            upload_media_types: texts("upload_media_types"),
            upload_bytes_max: number("upload_bytes_max").and_then(|number| usize::try_from(number).ok()),
            deadline: number("deadline_seconds").or_else(|| streams.then_some(STREAM_SECONDS)).map(Duration::from_secs),
        }
    }

    /// Somebody tries a secret here, so it is limited more tightly.
    pub fn is_sign_in(&self) -> bool {
        self.access == Access::Public && self.secret_answer
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Permission(word) => word,
            Self::SignedIn => "signed-in",
            Self::Public => "public",
            Self::Service => "services",
        })
    }
}

fn value(pool: &DescriptorPool, rpc: &MethodDescriptor, name: &str) -> Option<Value> {
    let extension = pool.get_extension_by_name(&format!("{PACKAGE}.{name}"))?;
    let options = rpc.options();
    options.has_extension(&extension).then(|| options.get_extension(&extension).into_owned())
}
