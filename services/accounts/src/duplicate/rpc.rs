//! Duplicates on the wire.

use async_trait::async_trait;
use db::Db;
use kit::{Reply, read};
use proto::accounts::v1 as pb;
use proto::accounts::v1::duplicate_service_server::DuplicateService;
use tonic::Request;

use super::{Candidate, Sought, Why, store};
use crate::Error;
use crate::change::text;

pub(crate) struct Rpc {
    pub(crate) db: Db,
}

#[async_trait]
impl DuplicateService for Rpc {
    async fn list_possible_duplicates(
        &self,
        request: Request<pb::ListPossibleDuplicatesRequest>,
    ) -> Reply<pb::ListPossibleDuplicatesResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let sought = Sought {
                name: text(message.name.as_deref()),
                email: text(message.email.as_deref()),
                phone: text(message.phone.as_deref()),
            };
            let data = store::candidates(conn, &sought).await?.into_iter().map(Into::into).collect();
            Ok::<_, Error>(pb::ListPossibleDuplicatesResponse { data })
        })
        .await
    }
}

impl From<Candidate> for pb::PossibleDuplicate {
    fn from(candidate: Candidate) -> Self {
        let Candidate { id, number, name, why } = candidate;
        let why = why.into_iter().map(|why| pb::possible_duplicate::Why::from(why).into()).collect();
        Self { account_id: id.to_string(), number: number.to_string(), name, why }
    }
}

impl From<Why> for pb::possible_duplicate::Why {
    fn from(why: Why) -> Self {
        match why {
            Why::Email => Self::Email,
            Why::Phone => Self::Phone,
            Why::Name => Self::Name,
        }
    }
}
