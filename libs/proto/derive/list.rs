//! Lists: every request with the five list fields, every answer with `data` and `pagination`.

use std::fmt::Write;

use prost_reflect::{DescriptorPool, Kind, MessageDescriptor};

use super::access::rust_path;

pub(crate) fn code(pool: &DescriptorPool) -> String {
    let mut code = String::new();
    for message in pool.all_messages().filter(|message| message.full_name().starts_with("lunarfront.")) {
        let has = |name: &str| message.get_field_by_name(name).is_some();
        let rust = rust_path(message.full_name());
        if ["page", "limit", "q", "sort", "order"].into_iter().all(has) {
            writeln!(
                code,
                "impl ListRequest for {rust} {{\n    fn list(&self) -> ListFields<'_> {{\n        ListFields {{ page: \
                 self.page, limit: self.limit, q: &self.q, sort: &self.sort, descending: self.order == 2 }}\n    }}\n}}"
            )
            .expect("a string takes all");
        }
        if let Some(item) = item(&message).filter(|_| has("pagination")) {
            writeln!(
                code,
                "impl ListResponse for {rust} {{\n    type Item = {item};\n    fn new(data: Vec<{item}>, pagination: \
                 lunarfront::common::v1::Pagination) -> Self {{\n        Self {{ data, pagination: Some(pagination) }}\n    }}\n}}"
            )
            .expect("a string takes all");
        }
    }
    code
}

fn item(message: &MessageDescriptor) -> Option<String> {
    match message.get_field_by_name("data")?.kind() {
        Kind::Message(item) => Some(rust_path(item.full_name())),
        _ => None,
    }
}
