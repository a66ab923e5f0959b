//! Card numbers in every text of every request of a service.

use kit::Service;
use prost::Message;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, Value,
};
use proto::{Access, RPCS, Rpc};
use tonic::client::Grpc;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use crate::{House, RawCodec};

/// Deeper messages are not looked into.
const DEPTH_MAX: usize = 3;
const BEHAVIOR: &str = "google.api.field_behavior";
const OUTPUT_ONLY: i32 = 3;

impl<S: Service> House<S> {
    /// Puts this many card numbers into the texts of this service's requests, all of them in turn; each is refused, and
    /// its field is named.
    ///
    /// # Panics
    /// When one is let in.
    pub async fn refuses_card_numbers(&self, times: usize) {
        let pool = DescriptorPool::decode(proto::DESCRIPTORS).unwrap();
        let package = format!("/lunarfront.{}.v1.", S::NAME);
        let mut places = Vec::new();
        for rpc in RPCS.iter().filter(|rpc| rpc.path.starts_with(&package)) {
            let method = method(&pool, rpc.path);
            if !method.is_client_streaming() && !method.is_server_streaming() {
                let mut paths = Vec::new();
                texts(&pool, &method.input(), &mut Vec::new(), &mut paths);
                places.extend(paths.into_iter().map(|path| (rpc, method.input(), path)));
            }
        }
        assert!(!places.is_empty(), "{} reads texts", S::NAME);
        for turn in 0..times {
            let (rpc, input, path) = &places[turn % places.len()];
            let number = number(turn, path.last().is_some_and(|field| is_barcode(&pool, field)));
            let message = holding(input, path, &number);
            let refused = self.call_with_everything(rpc, &message).await.unwrap_err();
            let field = path.last().unwrap().name();
            let named = refused.get_details_bad_request().is_some_and(|bad| {
                bad.field_violations.iter().any(|v| v.field.contains(field) && v.description.contains("card number"))
            });
            assert!(
                refused.code() == Code::InvalidArgument && named,
                "{} let {number} into {field}: {refused:?}",
                rpc.path
            );
        }
    }

    async fn call_with_everything(&self, rpc: &Rpc, message: &DynamicMessage) -> Result<(), Status> {
        let words = ["identity", "accounts", "inventory", "pos", "ledger"].map(|domain| format!("{domain}.admin"));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let key = uuid::Uuid::now_v7().to_string();
        let voice = match rpc.access {
            Access::Service => self.service(rpc.callers.iter().find(|name| **name != "*").unwrap_or(&"gateway")),
            _ => self.user_with(&words, &[("idempotency-key", &key)]),
        };
        let mut grpc = Grpc::new(voice);
        grpc.ready().await.unwrap();
        let request = Request::new(message.encode_to_vec());
        grpc.unary(request, rpc.path.parse().unwrap(), RawCodec).await.map(|_| ())
    }
}

fn method(pool: &DescriptorPool, path: &str) -> MethodDescriptor {
    let (service, name) = path.trim_start_matches('/').split_once('/').unwrap();
    pool.get_service_by_name(service).unwrap().methods().find(|method| method.name() == name).unwrap()
}

/// The paths to all texts that a request may hold.
fn texts(
    pool: &DescriptorPool,
    message: &MessageDescriptor,
    at: &mut Vec<FieldDescriptor>,
    out: &mut Vec<Vec<FieldDescriptor>>,
) {
    for field in message.fields().filter(|field| !field.is_map() && !is_output(pool, field)) {
        at.push(field.clone());
        match field.kind() {
            Kind::String => out.push(at.clone()),
            Kind::Message(inner) if inner.full_name().starts_with("lunarfront.") && at.len() < DEPTH_MAX => {
                texts(pool, &inner, at, out);
            }
            _ => {}
        }
        at.pop();
    }
}

fn is_output(pool: &DescriptorPool, field: &FieldDescriptor) -> bool {
    let extension = pool.get_extension_by_name(BEHAVIOR).unwrap();
    let options = field.options();
    let value = options.get_extension(&extension);
    value.as_list().is_some_and(|list| list.iter().any(|b| b.as_enum_number() == Some(OUTPUT_ONLY)))
}

fn is_barcode(pool: &DescriptorPool, field: &FieldDescriptor) -> bool {
    let extension = pool.get_extension_by_name("lunarfront.options.v1.barcode").unwrap();
    field.options().get_extension(&extension).as_bool() == Some(true)
}

/// A request that is empty but for one text.
fn holding(message: &MessageDescriptor, path: &[FieldDescriptor], text: &str) -> DynamicMessage {
    let (field, rest) = path.split_first().unwrap();
    let value = match rest {
        [] => Value::String(text.to_owned()),
        _ => {
            let Kind::Message(inner) = field.kind() else { panic!("{} holds no message", field.full_name()) };
            Value::Message(holding(&inner, rest, text))
        }
    };
    let value = if field.is_list() { Value::List(vec![value]) } else { value };
    let mut whole = DynamicMessage::new(message.clone());
    whole.set_field(field, value);
    whole
}

/// The next number: issuers, lengths and ways of writing in turn, the digits by chance.
fn number(turn: usize, long: bool) -> String {
    const ISSUERS: [(&str, usize); 14] = [
        ("4", 16),
        ("51", 16),
        ("37", 15),
        ("6011", 16),
        ("2221", 16),
        ("62", 17),
        ("4", 19),
        ("3528", 16),
        ("65", 16),
        ("2720", 16),
        ("4", 13),
        ("36", 14),
        ("305", 14),
        ("6763", 12),
    ];
    let issuers = if long { &ISSUERS[..10] } else { &ISSUERS[..] };
    let (first, length) = issuers[turn % issuers.len()];
    let mut digits: Vec<u32> = first.chars().filter_map(|c| c.to_digit(10)).collect();
    let mut chance = uuid::Uuid::now_v7().as_u128() ^ (turn as u128) << 64;
    while digits.len() < length - 1 {
        digits.push(u32::try_from(chance % 10).unwrap());
        chance /= 10;
    }
    let sum: u32 =
        digits.iter().rev().enumerate().map(|(at, d)| if at % 2 == 0 { (d * 2) % 10 + d / 5 } else { *d }).sum();
    digits.push((10 - sum % 10) % 10);
    let digits: String = digits.iter().map(u32::to_string).collect();
    let grouped = |by: &str| {
        let groups: Vec<&str> = digits.as_bytes().chunks(4).map(|group| std::str::from_utf8(group).unwrap()).collect();
        groups.join(by)
    };
    match turn % 4 {
        0 => digits,
        1 => grouped(" "),
        2 => grouped("-"),
        _ => format!("paid with {digits}."),
    }
}
