//! What the hosting service knows of a person, from the list that it declares.

use async_trait::async_trait;
use proto::common::v1 as pb;
use proto::common::v1::personal_data_source_service_server::PersonalDataSourceService;
use serde_json::{Map, Value};
use sqlx::AssertSqlSafe;
use tonic::Request;
use types::id::parse_uuid;

use crate::refusal::Common;
use crate::{App, Reply, read};

/// Where a service knows something of a person: what it is, and a query of it with the member's id as `$1`.
pub type Personal = (&'static str, &'static str);

/// Implements `PersonalDataSourceService` for any service.
#[derive(Clone, Debug)]
pub(crate) struct PersonalRpc {
    app: App,
    known: &'static [Personal],
}

impl PersonalRpc {
    pub(crate) fn new(app: App, known: &'static [Personal]) -> Self {
        Self { app, known }
    }
}

#[async_trait]
impl PersonalDataSourceService for PersonalRpc {
    async fn tell_personal_data(
        &self,
        request: Request<pb::TellPersonalDataRequest>,
    ) -> Reply<pb::TellPersonalDataResponse> {
        let known = self.known;
        read(&self.app.db, request, async |conn, _caller, message| {
            let id = parse_uuid("member_id", &message.member_id)?;
            let mut document = Map::new();
            for (what, query) in known {
                let rows = AssertSqlSafe(format!("select coalesce(jsonb_agg(to_jsonb(t)), '[]') from ({query}) t"));
                let rows: Value =
                    sqlx::query_scalar(rows).bind(id).fetch_one(&mut *conn).await.map_err(Common::from)?;
                document.insert((*what).to_owned(), rows);
            }
            Ok::<_, Common>(pb::TellPersonalDataResponse { document: Value::Object(document).to_string() })
        })
        .await
    }
}
