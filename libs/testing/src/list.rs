//! One generic test for every list: paging, limits, order, unknown sorts, text that finds nothing.

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, ReflectMessage, Value};
use tonic::client::Grpc;
use tonic::{Code, Request, Status};

use crate::{RawCodec, Voice};

/// Exercises a list RPC such as `inventory.v1.ProductService/ListProducts`, which must have at least three rows.
///
/// `fixed` sets fields that the list needs, such as the parent's id.
///
/// # Panics
/// When the list departs from the convention.
pub async fn list_behaves(voice: Voice, rpc: &str, fixed: &[(&str, &str)]) {
    let list = Lister::new(voice, rpc, fixed);
    let all = list.page(&[("limit", Value::I32(100))]).await.unwrap();
    assert!(all.total >= 3, "{rpc}: a list wants at least three rows to be tried");
    let total = usize::try_from(all.total).unwrap();
    assert_eq!(all.ids.len(), total.min(100), "{rpc}: one page holds what it can");
    assert_eq!(all.page, 1);

    let first = list.page(&[("limit", Value::I32(2)), ("page", Value::I32(1))]).await.unwrap();
    let second = list.page(&[("limit", Value::I32(2)), ("page", Value::I32(2))]).await.unwrap();
    assert_eq!(
        [first.ids.as_slice(), second.ids.as_slice()].concat(),
        all.ids[..4.min(total)],
        "{rpc}: pages follow each other"
    );
    assert_eq!(first.total, all.total, "{rpc}: the total is that of the whole list");
    assert_eq!(i64::from(first.pages), (all.total + 1) / 2, "{rpc}: pages are counted");

    let beyond = list.page(&[("page", Value::I32(100_000))]).await.unwrap();
    assert!(beyond.ids.is_empty() && beyond.total == all.total, "{rpc}: beyond the end is an empty page");
    let coerced = list.page(&[("limit", Value::I32(5000))]).await.unwrap();
    assert_eq!(coerced.limit, 100, "{rpc}: more than 100 is 100");
    assert_eq!(list.page(&[]).await.unwrap().limit, 25, "{rpc}: 25 is the default");

    let up = list.page(&[("limit", Value::I32(100)), ("order", Value::EnumNumber(1))]).await.unwrap();
    let down = list.page(&[("limit", Value::I32(100)), ("order", Value::EnumNumber(2))]).await.unwrap();
    if total <= 100 {
        assert_eq!(
            up.ids.iter().rev().collect::<Vec<_>>(),
            down.ids.iter().collect::<Vec<_>>(),
            "{rpc}: order turns the list"
        );
    }

    let none = list.page(&[("q", Value::String("qqzzxxyyqq%_\\'".to_owned()))]).await.unwrap();
    assert_eq!((none.ids.len(), none.total), (0, 0), "{rpc}: nonsense finds nothing");
    for bad in [
        ("sort", Value::String("id; drop table outbox".to_owned())),
        ("sort", Value::String("nothing_like_it".to_owned())),
        ("page", Value::I32(-1)),
        ("limit", Value::I32(-1)),
        ("order", Value::EnumNumber(77)),
        ("q", Value::String("x".repeat(1000))),
        ("q", Value::String("a\0b".to_owned())),
    ] {
        let name = bad.0;
        let refused = list.page(&[bad]).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{rpc}: a bad {name} is refused");
    }
}

struct Lister<'a> {
    voice: Voice,
    rpc: &'a str,
    request: DynamicMessage,
    pool: DescriptorPool,
}

#[derive(Debug)]
struct Answer {
    ids: Vec<String>,
    total: i64,
    page: i32,
    pages: i32,
    limit: i32,
}

impl<'a> Lister<'a> {
    fn new(voice: Voice, rpc: &'a str, fixed: &[(&str, &str)]) -> Self {
        let pool = DescriptorPool::decode(proto::DESCRIPTORS).unwrap();
        let (service, method) = rpc.split_once('/').unwrap();
        let service = pool.get_service_by_name(&format!("lunarfront.{service}")).unwrap();
        let method = service.methods().find(|known| known.name() == method).unwrap();
        let mut request = DynamicMessage::new(method.input());
        for (name, value) in fixed {
            request.set_field_by_name(name, Value::String((*value).to_owned()));
        }
        Self { voice, rpc, request, pool }
    }

    async fn page(&self, fields: &[(&str, Value)]) -> Result<Answer, Status> {
        let mut request = self.request.clone();
        for (name, value) in fields {
            request.set_field_by_name(name, value.clone());
        }
        let mut grpc = Grpc::new(self.voice.clone());
        grpc.ready().await.unwrap();
        let path = format!("/lunarfront.{}", self.rpc).parse().unwrap();
        let bytes = grpc.unary(Request::new(request.encode_to_vec()), path, RawCodec).await?.into_inner();
        let (service, method) = self.rpc.split_once('/').unwrap();
        let service = self.pool.get_service_by_name(&format!("lunarfront.{service}")).unwrap();
        let output = service.methods().find(|known| known.name() == method).unwrap().output();
        let answer = DynamicMessage::decode(output, bytes.as_slice()).unwrap();
        let data = answer.get_field_by_name("data").unwrap().into_owned();
        let ids = data.as_list().unwrap().iter().map(|row| id(row.as_message().unwrap())).collect();
        let pagination = answer.get_field_by_name("pagination").unwrap().into_owned();
        let pagination = pagination.as_message().unwrap();
        let int = |name: &str| pagination.get_field_by_name(name).unwrap().as_i32().unwrap();
        Ok(Answer {
            ids,
            total: pagination.get_field_by_name("total").unwrap().as_i64().unwrap(),
            page: int("page"),
            pages: int("total_pages"),
            limit: int("limit"),
        })
    }
}

/// The id of a row, or all of its text when it has none.
fn id(row: &DynamicMessage) -> String {
    match row.get_field_by_name("id") {
        Some(value) => value.as_str().unwrap().to_owned(),
        None => row
            .descriptor()
            .fields()
            .filter(|field| matches!(field.kind(), Kind::String))
            .map(|field| row.get_field(&field).as_str().unwrap_or_default().to_owned())
            .collect(),
    }
}
