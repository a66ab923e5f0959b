//! Inventory: products and categories, what lies where and what it cost, and what is promised to sales.

pub mod category;
pub mod change;
pub mod error;
mod hears;
pub mod product;
pub mod quantity;
pub mod reservation;
mod seed;
pub mod shelf;
pub mod stock;
pub mod totals;

use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use kit::client::Peer;
use kit::{App, Fault, Heard, Job, Service, Tx};
use proto::inventory::v1 as pb;
use serde::Deserialize;
use sqlx::migrate::Migrator;
use tonic::service::RoutesBuilder;

pub use error::Error;

static MIGRATIONS: Migrator = sqlx::migrate!();

/// The service.
pub struct Inventory {
    app: App,
    settings: Settings,
    /// Absent only while nothing is served, as in `migrate` and `seed`.
    pos: Option<Peer>,
}

/// Settings of its own.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    /// How long stock is promised to a sale that does not complete.
    #[serde(default = "fifteen")]
    pub reservation_minutes: u16,
    /// How often overdue promises are looked after.
    #[serde(default = "ten")]
    pub reservation_sweep_seconds: u16,
}

impl Default for Settings {
    fn default() -> Self {
        Self { reservation_minutes: fifteen(), reservation_sweep_seconds: ten() }
    }
}

fn fifteen() -> u16 {
    15
}

fn ten() -> u16 {
    10
}

#[async_trait]
impl Service for Inventory {
    const NAME: &'static str = "inventory";
    const APPEND_ONLY: &'static [&'static str] = &["stock_move", "stock_receipt", "stock_adjustment"];
    type Settings = Settings;
    type Error = Error;

    fn migrations() -> &'static Migrator {
        &MIGRATIONS
    }

    async fn open(app: App, settings: Settings) -> Result<Self, String> {
        let pos = app.peer("pos").ok();
        Ok(Self { app, settings, pos })
    }

    fn routes(&self, routes: &mut RoutesBuilder) {
        let app = || self.app.clone();
        let hold = TimeDelta::minutes(i64::from(self.settings.reservation_minutes));
        routes
            .add_service(pb::category_service_server::CategoryServiceServer::new(category::rpc::Rpc { app: app() }))
            .add_service(pb::product_service_server::ProductServiceServer::new(product::rpc::Rpc { app: app() }))
            .add_service(pb::stock_service_server::StockServiceServer::new(stock::rpc::Rpc { app: app() }))
            .add_service(pb::reservation_service_server::ReservationServiceServer::new(reservation::rpc::Rpc {
                app: app(),
                hold,
            }))
            .add_service(pb::inventory_control_service_server::InventoryControlServiceServer::new(totals::rpc::Rpc {
                app: app(),
            }));
    }

    async fn hear(&self, tx: &mut Tx, heard: &Heard) -> Result<(), Error> {
        hears::hear(tx, heard).await
    }

    fn jobs(&self) -> Vec<Job> {
        let every = Duration::from_secs(u64::from(self.settings.reservation_sweep_seconds.max(1)));
        let (app, pos) = (self.app.clone(), self.pos.clone());
        vec![Job::new("sweep-reservations", every, move || {
            let (app, pos) = (app.clone(), pos.clone());
            async move { reservation::sweep::sweep(&app, pos.as_ref()).await }
        })]
    }

    async fn seed(&self) -> Result<(), Fault> {
        seed::fill(&self.app).await.map_err(Fault::new)
    }
}
