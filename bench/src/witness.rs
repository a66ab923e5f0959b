//! The witness: every request and answer in a file, on disk before the next step is taken, so that what was promised
//! to a customer is known whatever happens to any process.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::failure::{Failure, Result, While};
use crate::order::Order;

/// Writes lines on a thread of its own; many lines share one sync.
#[derive(Clone)]
pub(crate) struct Witness {
    lines: mpsc::Sender<(String, oneshot::Sender<()>)>,
    path: PathBuf,
}

/// One line of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    /// Microseconds since 1970.
    at: i64,
    key: String,
    sale: Uuid,
    what: What,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
enum What {
    /// It is about to be sent for the first time.
    Sent { request: Value },
    /// A final answer came.
    Answered { status: u16, total: Option<String>, number: Option<String>, attempts: u32 },
    /// No final answer came.
    GaveUp { attempts: u32 },
}

/// What is known of one key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) sale: Uuid,
    /// Ten-thousandths of each product.
    pub(crate) lines: BTreeMap<Uuid, i64>,
    /// The final answer.
    pub(crate) status: Option<u16>,
    /// As it was answered, such as "97.43".
    pub(crate) total: Option<String>,
    pub(crate) number: Option<String>,
}

impl Known {
    /// A customer was told that it is done.
    pub(crate) fn is_acked(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

impl Witness {
    /// Begins a new file.
    pub(crate) fn begin(path: &Path) -> Result<Self> {
        let doing = format!("writing {}", path.display());
        let mut file = OpenOptions::new().create(true).write(true).truncate(true).open(path).when(&doing)?;
        let (lines, waiting) = mpsc::channel::<(String, oneshot::Sender<()>)>();
        let write = move || {
            while let Ok(first) = waiting.recv() {
                let batch = std::iter::once(first).chain(waiting.try_iter()).collect::<Vec<_>>();
                let text = batch.iter().map(|(line, _)| line.as_str()).collect::<String>();
                if file.write_all(text.as_bytes()).and_then(|()| file.sync_data()).is_err() {
                    // Whoever waits hears that nobody answers any more.
                    return;
                }
                for (_, written) in batch {
                    // Who asked may have gone away.
                    let _ = written.send(());
                }
            }
        };
        std::thread::Builder::new().name("witness".into()).spawn(write)?;
        Ok(Self { lines, path: path.to_owned() })
    }

    pub(crate) async fn sent(&self, order: &Order) -> Result<()> {
        let request = serde_json::from_slice(&order.body)?;
        self.write(order, What::Sent { request }).await
    }

    pub(crate) async fn answered(&self, order: &Order, status: u16, answer: &Value, attempts: u32) -> Result<()> {
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        self.write(order, What::Answered { status, total: text("total"), number: text("number"), attempts }).await
    }

    pub(crate) async fn gave_up(&self, order: &Order, attempts: u32) -> Result<()> {
        self.write(order, What::GaveUp { attempts }).await
    }

    /// Reads back what is on disk.
    pub(crate) fn recall(&self) -> Result<BTreeMap<String, Known>> {
        recall(&self.path)
    }

    async fn write(&self, order: &Order, what: What) -> Result<()> {
        let at = chrono::Utc::now().timestamp_micros();
        let line = Line { at, key: order.key.clone(), sale: order.sale, what };
        let (written, done) = oneshot::channel();
        let lost = |_| Failure::new(format!("{} cannot be written", self.path.display()));
        self.lines.send((serde_json::to_string(&line)? + "\n", written)).map_err(|_| lost(()))?;
        done.await.map_err(|_| lost(()))
    }
}

fn recall(path: &Path) -> Result<BTreeMap<String, Known>> {
    let file = File::open(path).when(format!("reading {}", path.display()))?;
    let mut all = BTreeMap::<String, Known>::new();
    for line in BufReader::new(file).lines() {
        let Line { key, sale, what, .. } = serde_json::from_str(&line?)?;
        let known = all.entry(key).or_default();
        known.sale = sale;
        match what {
            What::Sent { request } => known.lines = quantities(&request),
            What::Answered { status, total, number, .. } => {
                known.status = Some(status);
                (known.total, known.number) = (total, number);
            }
            What::GaveUp { .. } => {}
        }
    }
    Ok(all)
}

fn quantities(request: &Value) -> BTreeMap<Uuid, i64> {
    let mut sum = BTreeMap::new();
    for line in request["lines"].as_array().into_iter().flatten() {
        let product = line["productId"].as_str().and_then(|id| id.parse().ok());
        if let Some(product) = product {
            *sum.entry(product).or_default() += crate::order::tenthousandths(line["quantity"].as_str().unwrap_or("0"));
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn order(body: &Value) -> Order {
        let sale = Uuid::now_v7();
        Order { sale, key: format!("k-{sale}"), body: body.to_string().into() }
    }

    #[tokio::test]
    async fn what_was_promised_is_read_back_from_disk() {
        let path = std::env::temp_dir().join(format!("witness-{}", Uuid::now_v7()));
        let witness = Witness::begin(&path).unwrap();
        let product = Uuid::now_v7();
        let line = json!({"productId": product, "quantity": "2"});
        let (paid, lost) = (order(&json!({"lines": [line]})), order(&json!({"lines": []})));
        witness.sent(&paid).await.unwrap();
        witness.sent(&lost).await.unwrap();
        witness.answered(&paid, 201, &json!({"total": "97.43", "number": "20261121-0042"}), 3).await.unwrap();
        witness.gave_up(&lost, 9).await.unwrap();
        let all = witness.recall().unwrap();
        assert_eq!(all.len(), 2);
        let known = &all[&paid.key];
        assert!(known.is_acked());
        assert_eq!((known.sale, known.total.as_deref()), (paid.sale, Some("97.43")));
        assert_eq!(known.lines, BTreeMap::from([(product, 20_000)]));
        assert!(!all[&lost.key].is_acked());
        std::fs::remove_file(&path).unwrap();
    }

    #[tokio::test]
    async fn customers_that_come_together_are_all_written_down() {
        let path = std::env::temp_dir().join(format!("witness-{}", Uuid::now_v7()));
        let witness = Witness::begin(&path).unwrap();
        let orders = (0..50).map(|_| order(&json!({}))).collect::<Vec<_>>();
        let writing = orders.iter().map(|order| witness.sent(order));
        for written in futures_util::future::join_all(writing).await {
            written.unwrap();
        }
        assert_eq!(witness.recall().unwrap().len(), 50);
        std::fs::remove_file(&path).unwrap();
    }
}
