//! F05: the same request many times at once, and the same key with another request.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::{Field, Verdict};
use crate::failure::Result;
use crate::http::{Answer, Client, NoAnswer};
use crate::sell::Sold;
use crate::witness::Witness;

const PARALLEL: usize = 50;

pub(super) async fn run(field: &Field<'_>, witness: &Witness) -> Result<Verdict> {
    let mut random = StdRng::seed_from_u64(field.seed);
    let mut clients = (0..PARALLEL).map(|_| Client::new(&field.clerk.bases)).collect::<Vec<_>>();
    let mut verdict = Verdict::default();
    let keys = field.scale(200, 20);
    for _ in 0..keys {
        let order = field.counter.order(&mut random);
        witness.sent(&order).await?;
        let draft = order.draft(&field.clerk.bearer().await?)?;
        let answers = join_all(clients.iter_mut().map(|client| client.send(&draft))).await;
        let mut sold = Sold { sent: 1, ..Sold::default() };
        let mut bodies = BTreeSet::new();
        let mut first = None;
        for answer in &answers {
            *sold.statuses.entry(answer.as_ref().map_or(0, |answer| answer.status)).or_default() += 1;
            if let Ok(answer) = answer.as_ref()
                && answer.is_success()
            {
                bodies.insert(answer.body.clone());
                first = first.or(Some(answer));
            }
        }
        if let Some(answer) = first {
            witness.answered(&order, answer.status, &answer.json(), u32::try_from(PARALLEL).unwrap_or(0)).await?;
            sold.acked = 1;
            sold.acked_at.push(Instant::now());
        }
        verdict.must(bodies.len() == 1, || format!("{}: {} different answers", order.key, bodies.len()));
        verdict.must(answers.iter().all(is_served_or_told_to_wait), || {
            format!("{}: not all were served: {}", order.key, crate::figures::told(&sold.statuses))
        });
        verdict.others += PARALLEL as u64 - 1;
        verdict.sold.add(sold);
        let altered = order.altered()?.draft(&field.clerk.bearer().await?)?;
        let answer = clients[0].send(&altered).await;
        let code = answer.as_ref().map_or(String::new(), Answer::code);
        verdict.must(code == "IDEMPOTENCY_KEY_REUSED" && answer.is_ok_and(|answer| answer.status == 409), || {
            format!("{}: another request under the same key was answered {code}", order.key)
        });
    }
    verdict.recovery = Duration::ZERO;
    verdict.note("keys", keys);
    verdict.note("parallel", PARALLEL);
    Ok(verdict)
}

/// A twin may be asked to come back while the first is at work.
fn is_served_or_told_to_wait(answer: &Result<Answer, NoAnswer>) -> bool {
    answer.as_ref().is_ok_and(|answer| answer.is_success() || matches!(answer.status, 409 | 429 | 503))
}
