//! Following identity: keys and revocations, twice a second. When identity is away, what is known still holds.

use std::time::Duration;

use chrono::{DateTime, Utc};
use proto::identity::v1::trust_service_client::TrustServiceClient;
use proto::identity::v1::{GetTrustRequest, GetTrustResponse};
use uuid::Uuid;

use crate::App;
use crate::auth::{Revoked, Trust};
use crate::client::Peer;

/// Revocations are to be refused everywhere within two seconds.
const EVERY: Duration = Duration::from_millis(500);

pub(crate) fn follow(app: &App, identity: Peer) {
    let (trust, stop) = (app.trust.clone(), app.tasks.stopping());
    app.tasks.spawn(async move { follow_until(&trust, &identity, stop).await });
}

/// Follows until stopped; also for the gateway, which has no [`App`].
pub async fn follow_until(trust: &Trust, identity: &Peer, stop: tokio_util::sync::CancellationToken) {
    let mut client = TrustServiceClient::new(identity.channel());
    let mut pace = tokio::time::interval(EVERY);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut heard_last = true;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = pace.tick() => {}
        }
        let asked = async {
            let mut request = identity.request(None, GetTrustRequest {}).map_err(|fault| fault.to_string())?;
            // A frozen replica must not hide what another would tell.
            request.set_timeout(Duration::from_secs(1));
            client.get_trust(request).await.map_err(|status| status.message().to_owned())
        };
        match asked.await {
            Ok(answer) => {
                tell(trust, &answer.into_inner());
                heard_last = true;
            }
            Err(error) => {
                if std::mem::take(&mut heard_last) {
                    tracing::warn!(error, "identity does not answer; what is known of tokens still holds");
                }
            }
        }
    }
}

fn tell(trust: &Trust, answer: &GetTrustResponse) {
    let keys: Vec<(String, String)> = answer.keys.iter().map(|key| (key.kid.clone(), key.x.clone())).collect();
    let revoked: Vec<Revoked> = answer
        .revocations
        .iter()
        .filter_map(|revocation| {
            let at = revocation.revoked_at?;
            Some(Revoked {
                session_id: Uuid::try_parse(&revocation.session_id).ok(),
                user_id: Uuid::try_parse(&revocation.user_id).ok()?,
                at: DateTime::<Utc>::from_timestamp(at.seconds, at.nanos.cast_unsigned())?,
            })
        })
        .collect();
    trust.tell(&keys, &revoked);
}
