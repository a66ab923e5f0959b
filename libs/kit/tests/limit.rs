use prost::Message;
use proto::common::v1::ListAuditRecordsRequest;
use testing::RawCodec;
use tonic::client::Grpc;
use tonic::{Code, Request};

use crate::stand::house;

#[tokio::test]
async fn a_message_of_more_than_a_mebibyte_is_refused_at_the_door() {
    let house = house().await;
    let ask = async |length: usize| {
        let mut grpc = Grpc::new(house.user(&["audit.view"]));
        grpc.ready().await.unwrap();
        let path = "/lunarfront.common.v1.AuditService/ListAuditRecords".parse().unwrap();
        let mut message = ListAuditRecordsRequest { service: "kit".to_owned(), ..Default::default() }.encode_to_vec();
        // An unknown field of so many bytes.
        message.extend([0xfa, 0x7f]);
        let mut left = length;
        while left >= 0x80 {
            message.push(u8::try_from(left & 0x7f).unwrap() | 0x80);
            left >>= 7;
        }
        message.push(u8::try_from(left).unwrap());
        message.resize(message.len() + length, b'x');
        grpc.unary(Request::new(message), path, RawCodec).await.map(|_| ()).map_err(|status| status.code())
    };
    assert_eq!(ask(2 << 20).await, Err(Code::OutOfRange));
    assert_eq!(ask(1 << 19).await, Ok(()));
}
