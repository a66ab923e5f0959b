//! F04: clients go away at any moment, by closing their connection and by resetting their stream.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::timeout;
use uuid::Uuid;

use super::{Field, Verdict};
use crate::failure::{Failure, Result};
use crate::http::{Client, Draft};
use crate::order::Order;
use crate::sell::Seller;
use crate::session::IDEMPOTENCY_KEY;
use crate::suite::pause;
use crate::witness::Witness;

const LANES: u64 = 20;

/// Half of the clients wait no longer than this, the others eight times as long: a debug build is slow.
const WAIT_MAX_MS: u64 = 50;

/// What a lane did.
#[derive(Default)]
struct Lane {
    requests: u64,
    cancelled: u64,
    orders: Vec<Order>,
}

/// How a lane speaks; the second is what browsers and gRPC clients do.
enum Line {
    Http1(Client),
    Http2(Option<http2::SendRequest<Full<bytes::Bytes>>>),
}

pub(super) async fn run(field: &Field<'_>, witness: &Witness) -> Result<Verdict> {
    let each = field.scale(5_000, 500) / LANES;
    let lanes = try_join_all((0..LANES).map(|number| lane(field, witness, number, each))).await?;
    let mut verdict = Verdict::default();
    verdict.must(idle(field).await? == 0, || "a transaction was left open".to_owned());
    let (requests, cancelled) =
        lanes.iter().fold((0, 0), |(all, cut), lane| (all + lane.requests, cut + lane.cancelled));
    let began = Instant::now();
    // Whoever went away comes back with the same key.
    let finishing = lanes.iter().map(|lane| async {
        let mut seller = Seller::new(field.clerk, &field.clerk.bases, witness);
        let mut sold = Vec::new();
        for order in &lane.orders {
            sold.push(seller.insist(order, Duration::from_secs(60)).await?);
        }
        Ok::<_, Failure>(sold)
    });
    let sold = try_join_all(finishing).await?;
    sold.into_iter().flatten().for_each(|sold| verdict.sold.add(sold));
    verdict.recovery = verdict.sold.first_after(began).unwrap_or_default();
    verdict.others = requests - verdict.sold.sent;
    verdict.note("cancelled", cancelled);
    verdict.all_served();
    Ok(verdict)
}

async fn lane(field: &Field<'_>, witness: &Witness, number: u64, requests: u64) -> Result<Lane> {
    let mut random = StdRng::seed_from_u64(field.seed.wrapping_add(number));
    let mut line = match number % 2 {
        0 => Line::Http1(Client::new(&field.clerk.bases)),
        _ => Line::Http2(None),
    };
    let mut lane = Lane { requests, ..Lane::default() };
    for _ in 0..requests {
        let draft = match random.random_range(0..10) {
            0..6 => {
                let order = field.counter.order(&mut random);
                witness.sent(&order).await?;
                let draft = order.draft(&field.clerk.bearer().await?)?;
                lane.orders.push(order);
                draft
            }
            6..8 => field.clerk.draft(Method::GET, "/v1/accounts?limit=25&q=an").await?,
            8 => field.clerk.draft(Method::GET, "/v1/products?limit=100").await?,
            _ => receipt(field, &mut random).await?,
        };
        let longest = WAIT_MAX_MS * 1000 * if random.random_bool(0.5) { 1 } else { 8 };
        let wait = Duration::from_micros(random.random_range(0..longest));
        let answered = timeout(wait, line.send(field.clerk.bases.first(), &draft)).await;
        lane.cancelled += u64::from(answered.is_err());
    }
    Ok(lane)
}

/// Goods that come in: another write, of another service.
async fn receipt(field: &Field<'_>, random: &mut StdRng) -> Result<Draft> {
    let good = &field.counter.goods[random.random_range(0..field.counter.goods.len())];
    let line = json!({"productId": good.id, "quantity": "1", "unitCost": "1.25"});
    let body = json!({"locationId": field.counter.tills[0].location, "lines": [line]}).to_string();
    let key = HeaderValue::from_str(&Uuid::now_v7().to_string())?;
    Ok(field.owner.draft(Method::POST, "/v1/stock-receipts").await?.with(IDEMPOTENCY_KEY, key).json(body))
}

impl Line {
    /// Sends and waits; whoever drops this closes the connection or resets the stream.
    async fn send(&mut self, authority: &str, draft: &Draft) {
        match self {
            Self::Http1(client) => drop(client.send(draft).await),
            Self::Http2(sender) => drop(over_http2(sender, authority, draft).await),
        }
    }
}

async fn over_http2(
    sender: &mut Option<http2::SendRequest<Full<bytes::Bytes>>>,
    authority: &str,
    draft: &Draft,
) -> Result<()> {
    let mut ready = match sender.take().filter(|sender| !sender.is_closed()) {
        Some(sender) => sender,
        None => {
            let stream = TcpStream::connect(authority).await?;
            stream.set_nodelay(true)?;
            let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            sender
        }
    };
    ready.ready().await?;
    *sender = Some(ready.clone());
    let mut request = Request::new(Full::new(draft.body.clone()));
    *request.method_mut() = draft.method.clone();
    *request.uri_mut() = format!("http://{authority}{}", draft.path).parse::<Uri>()?;
    *request.headers_mut() = draft.headers.clone();
    ready.send_request(request).await?.into_body().collect().await?;
    Ok(())
}

/// Transactions that nobody works in, once those of cancelled requests had a moment to end.
async fn idle(field: &Field<'_>) -> Result<i64> {
    let mut db = field.suite.database().await?;
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let idle: i64 = sqlx::query_scalar(
            "select count(*) from pg_stat_activity
              where state like 'idle in transaction%' and clock_timestamp() - state_change > interval '1 second'",
        )
        .fetch_one(&mut db)
        .await?;
        if idle == 0 || Instant::now() > deadline {
            return Ok(idle);
        }
        pause(100).await;
    }
}
