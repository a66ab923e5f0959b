//! Explanations on the wire.

use async_trait::async_trait;
use kit::{App, Conn, Fault, Reply, read};
use proto::identity::v1 as pb;
use proto::identity::v1::explanation;
use tonic::Request;
use types::Violation;

use super::{Bearer, Demand, Explanation, Grant, Rule, explain};
use crate::Error;
use crate::role::store as roles;
use crate::user::{User, UserId, store as users};

pub(crate) struct Rpc {
    pub(crate) app: App,
}

#[async_trait]
impl pb::access_service_server::AccessService for Rpc {
    async fn explain_access(&self, request: Request<pb::ExplainAccessRequest>) -> Reply<pb::ExplainAccessResponse> {
        read(&self.app.db, request, async |conn, caller, message| {
            let demand = demand(conn, message.permission.as_deref(), message.rpc.as_deref()).await?;
            let user = users::get(conn, UserId::parse("id", &message.id)?).await?.at(caller.now);
            let explanation = explained(conn, &user, demand, None).await?;
            Ok::<_, Error>(pb::ExplainAccessResponse { explanation: Some(explanation) })
        })
        .await
    }

    async fn explain_own_access(
        &self,
        request: Request<pb::ExplainOwnAccessRequest>,
    ) -> Reply<pb::ExplainOwnAccessResponse> {
        read(&self.app.db, request, async |conn, caller, message| {
            let demand = demand(conn, message.permission.as_deref(), message.rpc.as_deref()).await?;
            let own = caller.user.as_ref().ok_or_else(|| Fault::new("the door lets nobody through without a user"))?;
            let user = users::get(conn, UserId::from_uuid(own.id)).await?.at(caller.now);
            let bearer = Bearer { permissions: own.permissions.clone(), by_pin: own.by_pin };
            let explanation = explained(conn, &user, demand, Some(&bearer)).await?;
            Ok::<_, Error>(pb::ExplainOwnAccessResponse { explanation: Some(explanation) })
        })
        .await
    }
}

/// What is asked about: a word of the registry, or what an RPC demands.
async fn demand<'a>(conn: &mut Conn, permission: Option<&'a str>, rpc: Option<&str>) -> Result<Demand<'a>, Error> {
    match (permission.filter(|word| !word.is_empty()), rpc.filter(|path| !path.is_empty())) {
        (Some(word), None) => {
            roles::registered(conn, "permission", &[word.to_owned()]).await?;
            Ok(Demand::Permission(word))
        }
        (None, Some(path)) => {
            let known = proto::rpc(&format!("/lunarfront.{path}"));
            let known = known.ok_or_else(|| Violation::new("rpc", "must be one such as pos.v1.SaleService/GetSale"))?;
            Ok(Demand::Rpc(known))
        }
        _ => Err(Violation::new("permission", "is required, or an rpc instead").into()),
    }
}

async fn explained(
    conn: &mut Conn,
    user: &User,
    demand: Demand<'_>,
    bearer: Option<&Bearer>,
) -> Result<pb::Explanation, Error> {
    Ok(explain(user, &roles::all(conn).await?, demand, bearer).into())
}

impl From<Rule> for explanation::Rule {
    fn from(rule: Rule) -> Self {
        match rule {
            Rule::Role => Self::Role,
            Rule::NoRole => Self::NoRole,
            Rule::NotActive => Self::NotActive,
            Rule::SignedIn => Self::SignedIn,
            Rule::Public => Self::Public,
            Rule::Services => Self::Services,
            Rule::StaffOnly => Self::StaffOnly,
            Rule::FullSignIn => Self::FullSignIn,
            Rule::Approval(_) => Self::Approval,
        }
    }
}

impl From<Explanation> for pb::Explanation {
    fn from(explanation: Explanation) -> Self {
        let Explanation { rule, reason, permission, state, granted_by, would_be_granted_by } = explanation;
        let grants = |grants: Vec<Grant>| {
            grants.into_iter().map(|Grant { role, permission }| pb::Grant { role, permission }).collect()
        };
        Self {
            allowed: rule.allows(),
            rule: explanation::Rule::from(rule).into(),
            reason,
            permission,
            state: pb::user::State::from(state).into(),
            granted_by: grants(granted_by),
            would_be_granted_by: grants(would_be_granted_by),
        }
    }
}
