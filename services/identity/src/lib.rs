//! identity: the shop, its locations, its staff, what each may do, and who is signed in.

mod access;
mod api_key;
mod approval;
mod change;
mod error;
mod hears;
mod invitation;
mod location;
mod name;
mod password;
mod pin;
mod portal;
mod role;
mod second_factor;
mod seed;
mod session;
mod settings;
mod shop;
mod sign_in;
mod signing_key;
mod trust;
mod user;

use std::sync::Arc;

use async_trait::async_trait;
use cipher::{Column, Keys};
use kit::{App, Command, Fault, Heard, Job, Personal, Service, Tx};
use mail::Carrier;
use proto::identity::v1::access_service_server::AccessServiceServer;
use proto::identity::v1::api_key_service_server::ApiKeyServiceServer;
use proto::identity::v1::approval_service_server::ApprovalServiceServer;
use proto::identity::v1::auth_service_server::AuthServiceServer;
use proto::identity::v1::invitation_service_server::InvitationServiceServer;
use proto::identity::v1::location_service_server::LocationServiceServer;
use proto::identity::v1::password_service_server::PasswordServiceServer;
use proto::identity::v1::permission_service_server::PermissionServiceServer;
use proto::identity::v1::pin_service_server::PinServiceServer;
use proto::identity::v1::portal_user_service_server::PortalUserServiceServer;
use proto::identity::v1::role_service_server::RoleServiceServer;
use proto::identity::v1::second_factor_service_server::SecondFactorServiceServer;
use proto::identity::v1::session_service_server::SessionServiceServer;
use proto::identity::v1::shop_service_server::ShopServiceServer;
use proto::identity::v1::trust_service_server::TrustServiceServer;
use proto::identity::v1::user_service_server::UserServiceServer;
use sqlx::migrate::Migrator;
use tonic::service::RoutesBuilder;

pub use api_key::ApiKeyId;
pub use error::Error;
pub use location::LocationId;
pub use portal::MemberId;
pub use role::RoleId;
pub use session::SessionId;
pub use settings::Settings;
pub use user::UserId;

use password::hasher::Hasher;
use pin::desk::Desk;
use second_factor::check::Factors;
use session::tokens::Tokens;
use sign_in::examine::Examiner;
use sign_in::guard::Guard;
use signing_key::rotate::Rotation;
use trust::told::Told;

static MIGRATIONS: Migrator = sqlx::migrate!();

/// The name in refusals and contexts.
pub(crate) const NAME: &str = "identity";

/// The identity service.
pub struct Identity {
    app: App,
    tokens: Arc<Tokens>,
    hasher: Hasher,
    told: Arc<Told>,
    sign_in: sign_in::rpc::Rpc,
    examiner: Examiner,
    factors: Factors,
    desk: Desk,
    rotation: Rotation,
    carrier: Arc<dyn Carrier>,
    /// Where the pages are that letters link to.
    web_url: Arc<str>,
}

#[async_trait]
impl Service for Identity {
    const NAME: &'static str = NAME;
    const APPEND_ONLY: &'static [&'static str] = &["approval"];
    const PERSONAL: &'static [Personal] = portal::store::PERSONAL;
    type Settings = Settings;
    type Error = Error;

    fn migrations() -> &'static Migrator {
        &MIGRATIONS
    }

    async fn open(app: App, settings: Settings) -> Result<Self, String> {
        let first = Tokens::first(&settings)?;
        let tokens = Arc::new(Tokens::new(&settings, &first)?);
        let keys = Keys::load(&app, signing_key::begin::PURPOSE, &settings.field_key).await?;
        signing_key::begin::open(&app, &keys, &first).await.map_err(|error| error.to_string())?;
        let hasher = Hasher::new(settings.breached()?).await.map_err(|error| error.to_string())?;
        shop::begin::open(&app, &settings).await?;
        user::begin::open(&app, &hasher, &settings).await?;
        let told =
            Told::open(app.clone(), Arc::clone(&tokens), keys.clone()).await.map_err(|error| error.to_string())?;
        let guard = Guard::new(&app, settings.limits());
        let examiner = Examiner { app: app.clone(), hasher: hasher.clone(), guard: Arc::clone(&guard) };
        let factor_keys = Keys::load(&app, second_factor::check::PURPOSE, &settings.field_key).await?;
        let factors = Factors { app: app.clone(), keys: factor_keys };
        let desk = Desk { app: app.clone(), hasher: hasher.clone(), guard };
        let sign_in = sign_in::rpc::Rpc::new(&app, &tokens, &told, &examiner, &factors);
        let rotation = Rotation { app: app.clone(), keys, told: Arc::clone(&told) };
        let carrier = mail::carrier(&settings.mail_url, &settings.mail_from)?;
        let web_url = Arc::from(settings.web_url);
        Ok(Self { app, tokens, hasher, told, sign_in, examiner, factors, desk, rotation, carrier, web_url })
    }

    fn routes(&self, routes: &mut RoutesBuilder) {
        let (app, told) = (self.app.clone(), Arc::clone(&self.told));
        let (tokens, examiner) = (Arc::clone(&self.tokens), self.examiner.clone());
        let approvals = approval::rpc::Rpc {
            app: app.clone(),
            tokens: Arc::clone(&tokens),
            examiner: examiner.clone(),
            factors: self.factors.clone(),
            desk: self.desk.clone(),
        };
        let passwords = password::rpc::Rpc {
            app: app.clone(),
            web_url: self.web_url.to_string(),
            examiner: examiner.clone(),
            told: Arc::clone(&told),
        };
        let factors = second_factor::rpc::Rpc {
            app: app.clone(),
            examiner: examiner.clone(),
            factors: self.factors.clone(),
            told: Arc::clone(&told),
        };
        let pins =
            pin::rpc::Rpc { app: app.clone(), tokens, examiner, desk: self.desk.clone(), told: Arc::clone(&told) };
        let (hasher, guard) = (self.hasher.clone(), Arc::clone(&self.examiner.guard));
        let web_url = || Arc::clone(&self.web_url);
        let invitations = invitation::rpc::Rpc { app: app.clone(), hasher: hasher.clone(), guard: Arc::clone(&guard) };
        let users = user::rpc::Rpc { app: app.clone(), hasher, told: Arc::clone(&told), web_url: web_url() };
        let customers = portal::rpc::Rpc { app: app.clone(), told: Arc::clone(&told), web_url: web_url() };
        let keys =
            api_key::rpc::Rpc { app: app.clone(), tokens: Arc::clone(&self.tokens), told: Arc::clone(&told), guard };
        let roles = role::rpc::Rpc { app: app.clone(), told: Arc::clone(&told) };
        routes
            .add_service(ShopServiceServer::new(shop::rpc::Rpc { app: app.clone() }))
            .add_service(LocationServiceServer::new(location::rpc::Rpc { app: app.clone() }))
            .add_service(UserServiceServer::new(users))
            .add_service(RoleServiceServer::new(roles.clone()))
            .add_service(PermissionServiceServer::new(roles))
            .add_service(AccessServiceServer::new(access::rpc::Rpc { app: app.clone() }))
            .add_service(InvitationServiceServer::new(invitations))
            .add_service(PortalUserServiceServer::new(customers))
            .add_service(ApiKeyServiceServer::new(keys))
            .add_service(AuthServiceServer::new(self.sign_in.clone()))
            .add_service(ApprovalServiceServer::new(approvals))
            .add_service(SecondFactorServiceServer::new(factors))
            .add_service(PinServiceServer::new(pins))
            .add_service(PasswordServiceServer::new(passwords))
            .add_service(SessionServiceServer::new(session::rpc::Rpc { app: app.clone(), told }))
            .add_service(TrustServiceServer::new(trust::rpc::Rpc { app, tokens: Arc::clone(&self.tokens) }));
    }

    async fn hear(&self, tx: &mut Tx, heard: &Heard) -> Result<(), Error> {
        hears::hear(tx, heard).await
    }

    fn jobs(&self) -> Vec<Job> {
        vec![session::tidy::job(&self.app), self.rotation.job(), mail::job(&self.app, Arc::clone(&self.carrier))]
    }

    fn commands(&self) -> Vec<Command> {
        let sealed = Column { table: "signing_key", column: "sealed", id: "id" };
        let secrets = Column { table: "totp", column: "secret", id: "user_id" };
        let mut commands = self.rotation.commands();
        commands.push(cipher::command(vec![
            (self.rotation.keys.clone(), vec![sealed]),
            (self.factors.keys.clone(), vec![secrets]),
        ]));
        commands
    }

    async fn seed(&self) -> Result<(), Fault> {
        seed::seed(&self.app, &self.hasher).await
    }
}
