//! pos: registers, drawer sessions, sales, tenders, receipts.

mod control;
mod copy;
pub mod drawer;
pub mod error;
mod hears;
pub mod receipt;
pub mod sale;
mod seed;
pub mod tender;

use async_trait::async_trait;
use kit::{App, Fault, Heard, Personal, Service, Tx};
use proto::pos::v1::drawer_session_service_server::DrawerSessionServiceServer;
use proto::pos::v1::pos_control_service_server::PosControlServiceServer;
use proto::pos::v1::register_service_server::RegisterServiceServer;
use proto::pos::v1::sale_service_server::SaleServiceServer;
use sqlx::migrate::Migrator;
use tonic::service::RoutesBuilder;

static MIGRATIONS: Migrator = sqlx::migrate!();

/// The service.
pub struct Pos {
    app: App,
    inventory: Option<kit::client::Peer>,
}

/// Settings of its own: none.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct Settings {}

#[async_trait]
impl Service for Pos {
    const NAME: &'static str = "pos";
    const APPEND_ONLY: &'static [&'static str] = &["tender"];
    const PERSONAL: &'static [Personal] = copy::store::PERSONAL;
    type Settings = Settings;
    type Error = error::Error;

    fn migrations() -> &'static Migrator {
        &MIGRATIONS
    }

    async fn open(app: App, _settings: Settings) -> Result<Self, String> {
        // Seeding needs nobody else.
        let inventory = app.peer("inventory").ok();
        Ok(Self { app, inventory })
    }

    fn routes(&self, routes: &mut RoutesBuilder) {
        let app = self.app.clone();
        routes
            .add_service(RegisterServiceServer::new(drawer::rpc::RegisterRpc { app: app.clone() }))
            .add_service(DrawerSessionServiceServer::new(drawer::rpc::SessionRpc { app: app.clone() }))
            .add_service(SaleServiceServer::new(sale::rpc::SaleRpc::new(app.clone(), self.inventory.clone())))
            .add_service(PosControlServiceServer::new(control::rpc::ControlRpc { app }));
    }

    async fn hear(&self, tx: &mut Tx, heard: &Heard) -> Result<(), error::Error> {
        hears::hear(tx, heard).await
    }

    async fn seed(&self) -> Result<(), Fault> {
        seed::seed(&self.app).await.map_err(Fault::new)
    }
}
