//! Uploads: the message of every RPC that takes a stream.

use std::collections::BTreeSet;
use std::fmt::Write;

use prost_reflect::{DescriptorPool, Kind, MessageDescriptor};

use super::access::rust_path;

const HTTP_BODY: &str = "google.api.HttpBody";

pub(crate) fn code(pool: &DescriptorPool) -> String {
    let rpcs = pool.services().filter(|service| service.full_name().starts_with("lunarfront."));
    let rpcs = rpcs.flat_map(|service| service.methods().collect::<Vec<_>>());
    let names: BTreeSet<String> =
        rpcs.filter(|rpc| rpc.is_client_streaming()).map(|rpc| rpc.input().full_name().to_owned()).collect();
    let mut code = String::new();
    for name in names {
        let message = pool.get_message_by_name(&name).expect("an RPC's request is known");
        let field = part(&message).unwrap_or_else(|| panic!("{name}: an upload holds one google.api.HttpBody"));
        writeln!(
            code,
            "impl Upload for {} {{\n    fn take_part(&mut self) -> Option<google::api::HttpBody> {{ self.{field}.take() }}\n}}",
            rust_path(&name)
        )
        .expect("a string takes all");
    }
    code
}

fn part(message: &MessageDescriptor) -> Option<String> {
    let mut parts =
        message.fields().filter(|field| matches!(field.kind(), Kind::Message(inner) if inner.full_name() == HTTP_BODY));
    let part = parts.next()?;
    parts.next().is_none().then(|| part.name().to_owned())
}
