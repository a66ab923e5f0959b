//! F26: broken requests on every RPC, as JSON over REST and as protobuf over gRPC-web. None may be our mistake.

mod frame;
mod rpc;

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{Field, Verdict};
use crate::failure::{Failure, Result};
use crate::http::{Answer, Client, NoAnswer};
use crate::suite::{GATEWAY, SERVICES};
use rpc::Rpc;

const LANES: u64 = 8;

/// gRPC's UNKNOWN, INTERNAL and DATA_LOSS.
const MISTAKES: [u16; 3] = [2, 13, 15];

/// What came of the frames of one lane.
#[derive(Default)]
struct Lane {
    sent: u64,
    accepted: u64,
    statuses: BTreeMap<String, u64>,
    wrong: Vec<String>,
}

pub(super) async fn run(field: &Field<'_>) -> Result<Verdict> {
    let rpcs = rpc::all()?;
    let frames = field.scale(10_000, 1_000);
    let before = pids(field)?;
    let each = frames / LANES;
    let lanes = try_join_all((0..LANES).map(|number| lane(field, &rpcs, number, each))).await?;
    let mut verdict = Verdict::default();
    let (mut accepted, mut statuses) = (0, BTreeMap::<String, u64>::new());
    for lane in lanes {
        verdict.others += lane.sent;
        accepted += lane.accepted;
        verdict.wrong.extend(lane.wrong);
        for (status, count) in lane.statuses {
            *statuses.entry(status).or_default() += count;
        }
    }
    verdict.must(before == pids(field)?, || "a process died of it".to_owned());
    verdict.note("rpcs", rpcs.len());
    verdict.note("accepted", accepted);
    let told = statuses.iter().map(|(status, count)| format!("{status}×{count}")).collect::<Vec<_>>();
    verdict.note("statuses", told.join(","));
    Ok(verdict)
}

/// Sends one frame after the other, each RPC in its turn.
async fn lane(field: &Field<'_>, rpcs: &[Rpc], number: u64, frames: u64) -> Result<Lane> {
    let mut random = StdRng::seed_from_u64(field.seed.wrapping_add(number));
    let mut client = Client::new(&field.owner.bases);
    let mut lane = Lane::default();
    for turn in 0..frames {
        let at = usize::try_from(turn * LANES + number).unwrap_or(0) % rpcs.len();
        let rpc = &rpcs[at];
        let grpc = random.random_bool(0.4);
        // Signing out would end the test, and signing in is rationed.
        let bearer = if rpc.is_about_sessions() { None } else { Some(field.owner.bearer().await?) };
        let draft = if grpc { rpc.grpc_web(&mut random, bearer)? } else { rpc.rest(&mut random, bearer)? };
        let answer = client.send(&draft).await;
        lane.sent += 1;
        let (status, mistake) = judge(&answer, grpc);
        lane.accepted += u64::from(status == "200" || status == "201" || status == "grpc0");
        *lane.statuses.entry(status.clone()).or_default() += 1;
        if mistake {
            let how = if grpc { "gRPC-web" } else { "REST" };
            let body = String::from_utf8_lossy(&draft.body).chars().take(200).collect::<String>();
            let path = draft.path.chars().take(200).collect::<String>();
            let said = answer.map_or_else(|why| format!("{why:?}"), |answer| said(&answer));
            lane.wrong
                .push(format!("{} by {how} answers {status}: {} {path} {body:?}: {said}", rpc.name, draft.method));
        }
    }
    Ok::<_, Failure>(lane)
}

/// The status, and whether it is a mistake of ours.
fn judge(answer: &Result<Answer, NoAnswer>, grpc: bool) -> (String, bool) {
    match answer {
        // The gateway may hang up on what is not HTTP any more; our frames are.
        Err(why) => (format!("{why:?}"), true),
        Ok(answer) if grpc && answer.status == 200 => match frame::grpc_status(answer) {
            Some(status) => (format!("grpc{status}"), MISTAKES.contains(&status)),
            None => ("grpc-none".to_owned(), true),
        },
        Ok(answer) => (answer.status.to_string(), answer.status >= 500),
    }
}

fn said(answer: &Answer) -> String {
    let message = answer.headers.get("grpc-message").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let body = String::from_utf8_lossy(&answer.body).chars().take(200).collect::<String>();
    format!("{message} {body:?}")
}

fn pids(field: &Field<'_>) -> Result<Vec<u32>> {
    SERVICES.into_iter().chain([GATEWAY]).map(|name| Ok(field.suite.process(name)?.pid)).collect()
}
