//! How many digits money has: the shop's own setting, kept up to date.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use proto::identity::v1::GetShopRequest;
use proto::identity::v1::shop_service_client::ShopServiceClient;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::upstream::Upstream;

/// What most currencies have; it holds until the shop has been read.
const DIGITS_DEFAULT: u32 = 2;
const DIGITS_MAX: u32 = 4;

/// The shop's currency.
#[derive(Debug)]
pub struct Currency {
    digits: AtomicU32,
    known: AtomicBool,
}

impl Default for Currency {
    fn default() -> Self {
        Self { digits: AtomicU32::new(DIGITS_DEFAULT), known: AtomicBool::new(false) }
    }
}

impl Currency {
    pub fn digits(&self) -> u32 {
        self.digits.load(Ordering::Relaxed)
    }

    /// Whether the shop has been read.
    pub fn is_known(&self) -> bool {
        self.known.load(Ordering::Relaxed)
    }

    pub fn set(&self, digits: u32) {
        self.digits.store(digits.min(DIGITS_MAX), Ordering::Relaxed);
        self.known.store(true, Ordering::Relaxed);
    }

    /// Keeps reading the shop's profile, until stopped.
    pub async fn keep(self: Arc<Self>, identity: Arc<Upstream>, every: Duration, stop: CancellationToken) {
        // Nobody is served before it is known, so the first reading is tried more often.
        let impatient = Duration::from_millis(250).min(every);
        loop {
            match read(&identity).await {
                Ok(digits) => self.set(digits),
                Err(status) => tracing::debug!(error = %status, "the shop's profile cannot be read"),
            }
            let pause = if self.is_known() { every } else { impatient };
            #[expect(clippy::disallowed_methods, reason = "a pause between readings")]
            let pause = tokio::time::sleep(pause);
            if stop.run_until_cancelled(pause).await.is_none() {
                return;
            }
        }
    }
}

async fn read(identity: &Upstream) -> Result<u32, Status> {
    let mut client = ShopServiceClient::new(identity.calls());
    let answer = client.get_shop(identity.own_request(GetShopRequest {})?).await?.into_inner();
    let shop = answer.shop.ok_or_else(|| Status::not_found("there is no shop"))?;
    u32::try_from(shop.currency_digits).map_err(|_| Status::internal("the shop's currency has negative digits"))
}
