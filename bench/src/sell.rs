//! Selling with a witness: a till repeats its request with the same key until it is answered for good.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::failure::Result;
use crate::http::{Bases, Client};
use crate::order::Order;
use crate::session::{Session, is_final};
use crate::suite::pause;
use crate::witness::Witness;

/// What came of some sales.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sold {
    pub(crate) sent: u64,
    pub(crate) acked: u64,
    /// Refused for good: it will never be done.
    pub(crate) refused: u64,
    /// Not answered in time.
    pub(crate) open: u64,
    /// Every status that was answered on the way; 0 stands for no answer.
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// Codes of refusals, and of mistakes of ours.
    pub(crate) codes: BTreeMap<String, u64>,
    /// When sales were acknowledged.
    pub(crate) acked_at: Vec<Instant>,
}

impl Sold {
    pub(crate) fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.acked += other.acked;
        self.refused += other.refused;
        self.open += other.open;
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        for (code, count) in other.codes {
            *self.codes.entry(code).or_default() += count;
        }
        self.acked_at.extend(other.acked_at);
    }

    /// What a till must never see while something is only away: any answer but success, 429, 503 and 504.
    pub(crate) fn surprises(&self) -> Vec<String> {
        let plain = |status: &u16| matches!(status, 0 | 200..=299 | 429 | 503 | 504);
        let statuses = self.statuses.iter().filter(|(status, _)| !plain(status));
        let mut told = statuses.map(|(status, count)| format!("{status}×{count}")).collect::<Vec<_>>();
        if !told.is_empty() {
            told.extend(self.codes.iter().map(|(code, count)| format!("{code}×{count}")));
        }
        told
    }

    /// The first acknowledgement at or after an instant.
    pub(crate) fn first_after(&self, instant: Instant) -> Option<Duration> {
        self.acked_at.iter().filter(|at| **at >= instant).min().map(|at| at.duration_since(instant))
    }
}

/// A till: one connection, one customer after the other.
pub(crate) struct Seller<'a> {
    pub(crate) clerk: &'a Session,
    pub(crate) witness: &'a Witness,
    client: Client,
}

impl<'a> Seller<'a> {
    pub(crate) fn new(clerk: &'a Session, bases: &Bases, witness: &'a Witness) -> Self {
        Self { clerk, witness, client: Client::new(bases) }
    }

    /// Sells until the suite has answered for good, or `patience` is over.
    pub(crate) async fn sell(&mut self, order: &Order, patience: Duration) -> Result<Sold> {
        self.witness.sent(order).await?;
        self.insist(order, patience).await
    }

    /// Like `sell`, of an order that was written down before.
    pub(crate) async fn insist(&mut self, order: &Order, patience: Duration) -> Result<Sold> {
        let deadline = Instant::now() + patience;
        let mut sold = Sold { sent: 1, ..Sold::default() };
        let mut attempts = 0;
        loop {
            attempts += 1;
            let draft = order.draft(&self.clerk.bearer().await?)?;
            let answer = self.client.send(&draft).await;
            let status = answer.as_ref().map_or(0, |answer| answer.status);
            *sold.statuses.entry(status).or_default() += 1;
            match answer {
                Ok(answer) if is_final(status) => {
                    self.witness.answered(order, status, &answer.json(), attempts).await?;
                    if answer.is_success() {
                        sold.acked = 1;
                        sold.acked_at.push(Instant::now());
                    } else {
                        sold.refused = 1;
                        *sold.codes.entry(answer.code()).or_default() += 1;
                    }
                    return Ok(sold);
                }
                Ok(answer) if status == 500 => *sold.codes.entry(answer.code()).or_default() += 1,
                Ok(_) | Err(_) => {}
            }
            if Instant::now() > deadline {
                self.witness.gave_up(order, attempts).await?;
                sold.open = 1;
                return Ok(sold);
            }
            pause(u64::from(attempts.min(10)) * 20).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;
    use uuid::Uuid;

    use super::*;
    use crate::http::tests::{AWAY, CREATED, stub};
    use crate::order::{Counter, Good, Till};

    const SIGNED_IN: &str = "HTTP/1.1 200 OK\r\ncontent-length: 38\r\nconnection: close\r\n\r\n{\"accessToken\": \"x\", \"expiresIn\": 600}";

    #[tokio::test]
    async fn a_till_repeats_its_request_until_the_sale_is_confirmed() {
        let (bases, _) = stub(vec![SIGNED_IN, AWAY, "", CREATED]).await;
        let path = std::env::temp_dir().join(format!("witness-{}", Uuid::now_v7()));
        let witness = Witness::begin(&path).unwrap();
        let clerk = Session::new(&bases, "clerk@demo.test");
        let till = Till { register: "r".into(), location: "l".into(), tax: None };
        let goods = (1..=3).map(|n| Good { id: Uuid::from_u128(n), price: 100 }).collect();
        let counter = Counter { tills: vec![till], goods, digits: 2 };
        let order = counter.order(&mut StdRng::seed_from_u64(1));
        let mut seller = Seller::new(&clerk, &bases, &witness);
        let sold = seller.sell(&order, Duration::from_secs(5)).await.unwrap();
        assert_eq!((sold.acked, sold.refused, sold.open), (1, 0, 0));
        assert!(sold.surprises().is_empty());
        assert!(witness.recall().unwrap()[&order.key].is_acked());
        std::fs::remove_file(&path).unwrap();
    }
}
