//! Every RPC with a route: requests that could be meant, and what breaks them.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, IF_MATCH};
use http::{HeaderName, HeaderValue, Method};
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, Value,
};
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::json;
use uuid::Uuid;

use super::frame;
use crate::failure::{Failure, Result};
use crate::http::Draft;
use crate::session::IDEMPOTENCY_KEY;
use crate::suite::SERVICES;

/// Messages in messages in messages; deeper ones are left out.
const DEPTH_MAX: u32 = 4;

/// An RPC with a REST route.
pub(super) struct Rpc {
    /// Such as `lunarfront.pos.v1.SaleService/CreateSale`.
    pub(super) name: String,
    method: Method,
    /// Such as `/v1/sales/{id}/void`.
    template: String,
    /// `*`, a field, or nothing.
    body: String,
    input: MessageDescriptor,
    each_service: bool,
}

/// All of them, in the order of the descriptors.
pub(super) fn all() -> Result<Vec<Rpc>> {
    let pool = DescriptorPool::decode(proto::DESCRIPTORS)?;
    let http = pool.get_extension_by_name("google.api.http").ok_or_else(|| Failure::new("no google.api.http"))?;
    let methods = pool.services().flat_map(|service| service.methods().collect::<Vec<_>>());
    let rpcs = methods.filter_map(|rpc| {
        let options = rpc.options();
        let rule = options.has_extension(&http).then(|| options.get_extension(&http).into_owned())?;
        read(&rpc, rule.as_message()?)
    });
    Ok(rpcs.collect())
}

fn read(rpc: &MethodDescriptor, rule: &DynamicMessage) -> Option<Rpc> {
    let text = |name: &str| rule.get_field_by_name(name)?.as_str().map(str::to_owned).filter(|text| !text.is_empty());
    let methods = ["get", "post", "put", "patch", "delete"];
    let (method, template) = methods.iter().find_map(|method| Some((method, text(method)?)))?;
    Some(Rpc {
        name: format!("{}/{}", rpc.parent_service().full_name(), rpc.name()),
        method: method.to_uppercase().parse().ok()?,
        each_service: template.contains("{service}"),
        template,
        body: text("body").unwrap_or_default(),
        input: rpc.input(),
    })
}

impl Rpc {
    pub(super) fn is_about_sessions(&self) -> bool {
        ["AuthService/Logout", "AuthService/Login", "AuthService/Refresh"].iter().any(|name| self.name.ends_with(name))
    }

    /// A broken REST request.
    pub(super) fn rest(&self, random: &mut StdRng, bearer: Option<HeaderValue>) -> Result<Draft> {
        let mut path = self.path(random);
        if self.body.is_empty() && random.random_bool(0.8) {
            path = format!("{path}?{}", self.query(random));
        }
        let mut draft = self.headed(Draft::new(self.method.clone(), path), random, bearer)?;
        if !self.body.is_empty() {
            let body = broken_json(&self.json(random), random);
            draft = draft.json(body);
        }
        Ok(draft)
    }

    /// A broken gRPC-web request.
    pub(super) fn grpc_web(&self, random: &mut StdRng, bearer: Option<HeaderValue>) -> Result<Draft> {
        let place = if self.each_service { format!("/{}", any(&SERVICES, random)) } else { String::new() };
        let mut message = prost::Message::encode_to_vec(&message(&self.input, random, 0));
        if random.random_bool(0.8) {
            message = frame::broken(&message, random);
        }
        let draft = Draft::new(Method::POST, format!("{place}/{}", self.name));
        let draft = Draft { body: frame::grpc_web(&message, random), ..self.headed(draft, random, bearer)? };
        Ok(draft.with(CONTENT_TYPE, HeaderValue::from_static("application/grpc-web+proto")))
    }

    fn headed(&self, draft: Draft, random: &mut StdRng, bearer: Option<HeaderValue>) -> Result<Draft> {
        let key = match random.random_range(0..8) {
            0 => "k".repeat(300),
            1 => "a b".to_owned(),
            _ => Uuid::now_v7().to_string(),
        };
        let mut draft = draft.with(IDEMPOTENCY_KEY, HeaderValue::from_str(&key)?);
        if let Some(bearer) = bearer {
            draft = draft.with(AUTHORIZATION, bearer);
        }
        // The shop must be the same afterwards.
        if self.name.ends_with("/UpdateShop") || random.random_range(0..8) == 0 {
            draft = draft.with(IF_MATCH, HeaderValue::from_static("\"999999999\""));
        }
        if random.random_range(0..16) == 0 {
            let odd = HeaderValue::from_bytes(b"00-\xe9-bad")?;
            draft = draft.with(HeaderName::from_static("traceparent"), odd);
        }
        Ok(draft)
    }

    fn path(&self, random: &mut StdRng) -> String {
        let segments = self.template.split('/').map(|segment| match segment {
            "{service}" => (*any(&SERVICES, random)).to_owned(),
            variable if variable.starts_with('{') => match random.random_range(0..6) {
                0 => escaped(&text("x", random)),
                1 => "%00%ff%C0%AF".to_owned(),
                _ => Uuid::now_v7().to_string(),
            },
            literal => literal.to_owned(),
        });
        segments.collect::<Vec<_>>().join("/")
    }

    fn query(&self, random: &mut StdRng) -> String {
        let names = self.input.fields().map(|field| field.json_name().to_owned()).collect::<Vec<_>>();
        let parts = (0..random.random_range(1..5)).map(|_| {
            let known = !names.is_empty() && random.random_bool(0.9);
            let name = if known { names[random.random_range(0..names.len())].clone() } else { "nobody".to_owned() };
            let numbers = ["-1", "0", "99999999999999999999", "1e9", "0x10", "NaN", "%31", "", "2147483648"];
            let value = match random.random_range(0..4) {
                0 => (*any(&numbers, random)).to_owned(),
                1 => "%ff%fe".to_owned(),
                2 => "%E2%80%8B%00'%22;--".to_owned(),
                _ => escaped(&text(&name, random)),
            };
            format!("{name}={value}")
        });
        parts.collect::<Vec<_>>().join("&")
    }

    /// A body that could be meant.
    fn json(&self, random: &mut StdRng) -> serde_json::Value {
        if self.body == "*" {
            return object(&self.input, random, 0);
        }
        let field = self.input.get_field_by_name(&self.body).map(|field| field.kind());
        match field {
            Some(Kind::Message(inner)) => object(&inner, random, 0),
            _ => json!({}),
        }
    }
}

fn object(message: &MessageDescriptor, random: &mut StdRng, depth: u32) -> serde_json::Value {
    match message.full_name() {
        "lunarfront.common.v1.Money" => return json!(any(&["12.34", "0.00", "-5.00", "999999999999.99"], random)),
        "google.protobuf.Timestamp" => return json!("2026-11-21T12:00:00Z"),
        "google.protobuf.FieldMask" => return json!("name"),
        _ => {}
    }
    let mut fields = serde_json::Map::new();
    for field in message.fields().filter(|_| depth < DEPTH_MAX) {
        if random.random_bool(0.7) {
            let one = |random: &mut StdRng| value(&field, random, depth);
            let value = match field.is_list() {
                true => (0..random.random_range(0..3)).map(|_| one(random)).collect(),
                false => one(random),
            };
            fields.insert(field.json_name().to_owned(), value);
        }
    }
    serde_json::Value::Object(fields)
}

fn value(field: &FieldDescriptor, random: &mut StdRng, depth: u32) -> serde_json::Value {
    match field.kind() {
        Kind::Bool => json!(random.random_bool(0.5)),
        Kind::String => json!(text(field.name(), random)),
        Kind::Bytes => json!("AAEC"),
        Kind::Enum(kind) => {
            let names = kind.values().map(|value| value.name().to_lowercase()).collect::<Vec<_>>();
            let name = &names[random.random_range(0..names.len())];
            json!(name.rsplit('_').next().unwrap_or(name))
        }
        Kind::Message(inner) => object(&inner, random, depth + 1),
        _ => json!(any(&[0, 1, -1, 25, i64::from(i32::MAX), i64::MAX], random)),
    }
}

/// A text that fits the name of its field, more or less.
fn text(name: &str, random: &mut StdRng) -> String {
    let odd = ["", " ", "\u{0}", "é\u{301}\u{202e}", "'; drop table sale; --", "%_\\", "🎻", "null", "\u{feff}"];
    match random.random_range(0..6) {
        0 => (*any(&odd, random)).to_owned(),
        1 => "x".repeat(random.random_range(1..6000)),
        _ if name.ends_with("id") || name.ends_with("Id") => Uuid::now_v7().to_string(),
        _ if name.ends_with("_on") || name.ends_with("On") => (*any(&["2026-11-21", "2026-02-30"], random)).to_owned(),
        _ if name.contains("quantity") || name.contains("rate") || name.contains("cost") => "1.5".to_owned(),
        _ if name == "email" => "fuzz@demo.test".to_owned(),
        _ => "Fuzz".to_owned(),
    }
}

/// Breaks a body as text, or by what stands in it.
fn broken_json(body: &serde_json::Value, random: &mut StdRng) -> Bytes {
    let text = body.to_string();
    match random.random_range(0..10) {
        0 => return "[".repeat(random.random_range(1..20_000)).into(),
        1 => return format!("{{\"a\":{}", "{\"a\":".repeat(random.random_range(1..5_000))).into(),
        2 => {
            return (*any(&["", "null", "7", "\"x\"", "[]", "{", "\u{feff}{}", "{}{}", "{\"a\":1e999}"], random))
                .into();
        }
        3 => return text.replacen('"', "\"\\ud800", 1).into(),
        4 => return text.replacen(':', ": 00012,", 1).into(),
        5..8 => return frame::broken(text.as_bytes(), random).into(),
        _ => {}
    }
    let mut body = body.clone();
    if let serde_json::Value::Object(fields) = &mut body {
        let odd = [json!(null), json!([]), json!({}), json!(-1), json!("1e400"), json!(u64::MAX), json!([[[[]]]])];
        if let Some(name) = fields.keys().nth(random.random_range(0..8)).cloned() {
            fields.insert(name, any(&odd, random).clone());
        }
        if random.random_bool(0.3) {
            fields.insert("nobody".to_owned(), json!(1));
        }
    }
    body.to_string().into()
}

fn message(descriptor: &MessageDescriptor, random: &mut StdRng, depth: u32) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    for field in descriptor.fields().filter(|_| depth < DEPTH_MAX) {
        if field.is_map() || random.random_bool(0.3) {
            continue;
        }
        let value = match field.is_list() {
            true => Value::List((0..random.random_range(0..3)).map(|_| wire(&field, random, depth)).collect()),
            false => wire(&field, random, depth),
        };
        message.set_field(&field, value);
    }
    message
}

fn wire(field: &FieldDescriptor, random: &mut StdRng, depth: u32) -> Value {
    match field.kind() {
        Kind::Bool => Value::Bool(random.random_bool(0.5)),
        Kind::String => Value::String(text(field.name(), random)),
        Kind::Bytes => Value::Bytes(Bytes::from_static(b"\x00\x01")),
        Kind::Enum(_) => Value::EnumNumber(random.random_range(-1..9)),
        Kind::Message(inner) => Value::Message(message(&inner, random, depth + 1)),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(*any(&[0, 1, -1, 25, i32::MAX, i32::MIN], random)),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(*any(&[0, 1, -1, 500, i64::MAX, i64::MIN], random)),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(random.random()),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(random.random()),
        Kind::Float | Kind::Double => Value::default_value(&field.kind()),
    }
}

fn any<'a, T>(choices: &'a [T], random: &mut StdRng) -> &'a T {
    &choices[random.random_range(0..choices.len())]
}

fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn every_route_gets_requests_that_can_be_sent() {
        let rpcs = all().unwrap();
        assert!(rpcs.len() > 50, "{}", rpcs.len());
        let mut random = StdRng::seed_from_u64(1);
        for rpc in &rpcs {
            for _ in 0..20 {
                for draft in [rpc.rest(&mut random, None).unwrap(), rpc.grpc_web(&mut random, None).unwrap()] {
                    draft.request("127.0.0.1:1").unwrap();
                    assert!(draft.path.starts_with('/') && !draft.path.contains('{'), "{}", draft.path);
                }
            }
        }
    }
}
