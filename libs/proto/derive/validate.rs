//! Field rules: the standard `buf.validate` rules and `google.api.field_behavior`, as plain code per message.
//!
//! The well-kept runtime checker needs `protoc` to build, which nothing else here does; the few rules in use are
//! cheaper to generate than to interpret.

use std::fmt::Write;

use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

use super::access::rust_path;

const REQUIRED: i32 = 2;
const OUTPUT_ONLY: i32 = 3;
const IMMUTABLE: i32 = 5;
const IDENTIFIER: i32 = 8;

pub(crate) fn code(pool: &DescriptorPool) -> String {
    let mut code = String::new();
    for message in pool.all_messages().filter(|m| m.full_name().starts_with("lunarfront.") && !m.is_map_entry()) {
        message_code(pool, &message, &mut code);
    }
    code
}

fn message_code(pool: &DescriptorPool, message: &MessageDescriptor, code: &mut String) {
    let mut body = String::new();
    let mut fixed = Vec::new();
    let mut known = Vec::new();
    let masked = message.get_field_by_name("update_mask").is_some();
    for field in message.fields() {
        let behavior = behavior(pool, &field);
        known.push(field.name().to_owned());
        if behavior.iter().any(|b| [OUTPUT_ONLY, IMMUTABLE, IDENTIFIER].contains(b)) {
            fixed.push(field.name().to_owned());
        }
        // What only the service writes is not read, so it need not hold.
        if behavior.contains(&OUTPUT_ONLY) || field.name() == "update_mask" {
            continue;
        }
        let rules = rules(pool, &field);
        let mut checks = field_code(&field, behavior.contains(&REQUIRED), rules.as_ref(), masked);
        checks.push_str(&card_code(pool, &field));
        if !checks.is_empty() {
            let name = field.name();
            writeln!(body, "        if check::asked(mask, {name:?}) {{\n{checks}        }}")
                .expect("a string takes all");
        }
    }
    writeln!(
        code,
        "impl Validate for {} {{\n    const FIELDS: &'static [&'static str] = &{known:?};\n    const FIXED: &'static \
         [&'static str] = &{fixed:?};\n    #[allow(unused_variables)]\n    fn check(&self, at: &str, mask: \
         Option<&[String]>, out: &mut Violations) {{\n{body}    }}\n}}",
        rust_path(message.full_name())
    )
    .expect("a string takes all");
}

fn field_code(field: &FieldDescriptor, required: bool, rules: Option<&DynamicMessage>, masked: bool) -> String {
    let name = field.name();
    let rust = rust_name(field);
    let mut code = String::new();
    let mut line = |text: String| writeln!(code, "            {text}").expect("a string takes all");
    if field.is_list() {
        let items = rules.and_then(|rules| part(rules, "repeated"));
        let min = items.as_ref().and_then(|r| number(r, "min_items")).unwrap_or_else(|| i64::from(required));
        let max = items.as_ref().and_then(|r| number(r, "max_items")).unwrap_or(1000);
        line(format!("check::items(at, {name:?}, self.{rust}.len(), {min}, {max}, out);"));
        match field.kind() {
            Kind::Message(inner) if ours(&inner) => line(format!(
                "for (i, item) in self.{rust}.iter().enumerate() {{ item.check(&check::index(at, {name:?}, i), None, out); }}"
            )),
            Kind::String => line(format!(
                "for (i, item) in self.{rust}.iter().enumerate() {{ check::text(&check::index(at, {name:?}, i), \"\", item, 0, 300, out); }}"
            )),
            _ => {}
        }
        return code;
    }
    match field.kind() {
        Kind::String => {
            let text = rules.and_then(|rules| part(rules, "string"));
            let limit = |key| text.as_ref().and_then(|r| number(r, key));
            let min = limit("min_len").unwrap_or_else(|| i64::from(required));
            let max = limit("max_len").unwrap_or(300);
            let value = if field.supports_presence() { "value" } else { "&self" };
            let value = if value == "&self" { format!("&self.{rust}") } else { value.to_owned() };
            let mut checks = format!("check::text(at, {name:?}, {value}, {min}, {max}, out);");
            if text.as_ref().is_some_and(|r| r.get_field_by_name("email").is_some_and(|v| v.as_bool() == Some(true))) {
                write!(checks, " check::email(at, {name:?}, {value}, out);").expect("a string takes all");
            }
            let pattern =
                text.as_ref().and_then(|r| r.get_field_by_name("pattern").and_then(|v| v.as_str().map(str::to_owned)));
            if let Some(pattern) = pattern.filter(|p| !p.is_empty()) {
                write!(
                    checks,
                    " {{ static PATTERN: check::Pattern = std::sync::LazyLock::new(|| check::compile({pattern:?})); check::matches(at, {name:?}, {value}, &PATTERN, out); }}"
                )
                .expect("a string takes all");
            }
            line(if field.supports_presence() {
                format!("if let Some(value) = &self.{rust} {{ {checks} }}")
            } else {
                checks
            });
        }
        Kind::Int32 => {
            let int = rules.and_then(|rules| part(rules, "int32"));
            let min = int.as_ref().and_then(|r| number(r, "gte"));
            let max = int.as_ref().and_then(|r| number(r, "lte"));
            if min.is_some() || max.is_some() {
                let value =
                    if field.supports_presence() { format!("self.{rust}") } else { format!("Some(self.{rust})") };
                let (min, max) =
                    (min.unwrap_or_else(|| i64::from(i32::MIN)), max.unwrap_or_else(|| i64::from(i32::MAX)));
                line(format!("check::range(at, {name:?}, {value}, {min}, {max}, out);"));
            }
        }
        Kind::Enum(kind) => {
            let forbid_zero = rules
                .and_then(|rules| part(rules, "enum"))
                .and_then(|r| r.get_field_by_name("not_in").map(|v| v.as_list().is_some_and(|l| !l.is_empty())))
                .unwrap_or(false);
            let numbers: Vec<i32> =
                kind.values().map(|v| v.number()).filter(|number| !(forbid_zero && *number == 0)).collect();
            let value = if field.supports_presence() { format!("self.{rust}") } else { format!("Some(self.{rust})") };
            line(format!("check::one_of(at, {name:?}, {value}, &{numbers:?}, out);"));
        }
        Kind::Message(inner) => {
            if required {
                line(format!("check::present(at, {name:?}, self.{rust}.is_some(), out);"));
            }
            if ours(&inner) {
                let mask =
                    if masked { "check::mask(at, FIELD, self.update_mask.as_ref(), out, &inner)" } else { "None" };
                let mask = mask
                    .replace("FIELD", &format!("{name:?}"))
                    .replace("&inner", &format!("{}::FIELDS, {0}::FIXED", rust_path(inner.full_name())));
                line(format!(
                    "if let Some(value) = &self.{rust} {{ let mask = {mask}; value.check(&check::join(at, {name:?}), mask, out); }}"
                ));
            }
        }
        _ => {}
    }
    code
}

/// A card number is refused in every text. What looks like a short one may be a barcode where one is expected.
fn card_code(pool: &DescriptorPool, field: &FieldDescriptor) -> String {
    if !matches!(field.kind(), Kind::String) || field.is_map() {
        return String::new();
    }
    let check = if flag(pool, field, "lunarfront.options.v1.barcode") { "no_long_card" } else { "no_card" };
    let (name, rust) = (field.name(), rust_name(field));
    if field.is_list() {
        format!(
            "            for (i, item) in self.{rust}.iter().enumerate() {{ check::{check}(&check::index(at, {name:?}, i), \"\", item, out); }}\n"
        )
    } else if field.supports_presence() {
        format!("            if let Some(value) = &self.{rust} {{ check::{check}(at, {name:?}, value, out); }}\n")
    } else {
        format!("            check::{check}(at, {name:?}, &self.{rust}, out);\n")
    }
}

fn rust_name(field: &FieldDescriptor) -> String {
    let name = field.name();
    if ["type", "use", "ref", "self"].contains(&name) { format!("r#{name}") } else { name.to_owned() }
}

fn flag(pool: &DescriptorPool, field: &FieldDescriptor, name: &str) -> bool {
    let Some(extension) = pool.get_extension_by_name(name) else { return false };
    field.options().get_extension(&extension).as_bool() == Some(true)
}

fn ours(message: &MessageDescriptor) -> bool {
    message.full_name().starts_with("lunarfront.")
}

fn behavior(pool: &DescriptorPool, field: &FieldDescriptor) -> Vec<i32> {
    let Some(extension) = pool.get_extension_by_name("google.api.field_behavior") else { return Vec::new() };
    let options = field.options();
    let value = options.get_extension(&extension);
    value.as_list().into_iter().flatten().filter_map(Value::as_enum_number).collect()
}

fn rules(pool: &DescriptorPool, field: &FieldDescriptor) -> Option<DynamicMessage> {
    let extension = pool.get_extension_by_name("buf.validate.field")?;
    let options = field.options();
    options.has_extension(&extension).then(|| options.get_extension(&extension).as_message().cloned())?
}

fn part(rules: &DynamicMessage, name: &str) -> Option<DynamicMessage> {
    rules.has_field_by_name(name).then(|| rules.get_field_by_name(name)?.as_message().cloned())?
}

fn number(rules: &DynamicMessage, name: &str) -> Option<i64> {
    if !rules.has_field_by_name(name) {
        return None;
    }
    let value = rules.get_field_by_name(name)?;
    value.as_u64().and_then(|n| i64::try_from(n).ok()).or_else(|| value.as_i32().map(i64::from))
}
