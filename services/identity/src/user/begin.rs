//! The first user, from the settings; there is no other default account.

use db::Context;
use kit::App;

use super::{UserId, rpc, store};
use crate::password::Password;
use crate::password::hasher::Hasher;
use crate::password::rpc::around;
use crate::{Error, NAME, Settings, role};

/// Adds the first user when the settings name one and there is nobody yet.
///
/// # Errors
/// A sentence for the operator.
pub(crate) async fn open(app: &App, hasher: &Hasher, settings: &Settings) -> Result<(), String> {
    let Some(first) = settings.initial_user()? else { return Ok(()) };
    let failed = |error: Error| format!("the first user cannot be made: {error}");
    make(app, hasher, &first).await.map_err(failed)
}

async fn make(app: &App, hasher: &Hasher, first: &proto::identity::v1::CreateUserRequest) -> Result<(), Error> {
    if store::any(&mut *app.db.read().await?).await? {
        return Ok(());
    }
    let person = rpc::person(first)?;
    let around = around(&mut *app.db.read().await?, &person).await?;
    let hash = hasher.hash(Password::parse(first.password.as_deref().unwrap_or_default(), &around)?).await?;
    let mut tx = app.db.begin(Context::of_service(NAME, "begin", app.clock.now())).await?;
    store::lock_beginning(&mut tx).await?;
    // Another replica may have been quicker.
    if store::any(&mut tx).await? {
        return Ok(());
    }
    let roles = role::store::hold_named(&mut tx, "roles", &first.roles).await?;
    rpc::create(&mut tx, UserId::new(), &person, &roles, Some(&hash)).await?;
    app.db.commit(tx).await?;
    tracing::info!("the first user was made from the settings");
    Ok(())
}
