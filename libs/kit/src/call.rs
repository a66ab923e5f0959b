//! A command is a closure in a transaction; a question is a closure on a connection.

use prost::Message;
use proto::Validate;
use tonic::{Request, Response, Status};

use db::Remembered;

use crate::refusal::Common;
use crate::{Caller, Class, Conn, Db, Fault, Refusal, Tx, refuse};

/// What an RPC answers.
pub type Reply<T> = Result<Response<T>, Status>;

/// How often a serialization failure or deadlock is tried again.
const TRIES: usize = 3;

/// The response metadata that marks a replayed answer.
pub(crate) const REPLAYED: &str = "idempotency-replayed";

/// Checks the field rules of a request before anything else is done with it.
///
/// # Errors
/// INVALID_ARGUMENT with every violation.
pub fn check<M: Validate>(request: &Request<M>) -> Result<(&Caller, &M), Status> {
    let caller = caller(request)?;
    match request.get_ref().validate() {
        Ok(()) => Ok((caller, request.get_ref())),
        Err(violations) => Err(refuse(service(caller), &Common::Invalid(violations))),
    }
}

/// Answers a question on a connection, outside of any transaction.
pub async fn read<M, R, E>(
    db: &Db,
    request: Request<M>,
    work: impl AsyncFnOnce(&mut Conn, &Caller, M) -> Result<R, E>,
) -> Reply<R>
where
    M: Validate,
    E: Refusal,
{
    let caller = check(&request)?.0.clone();
    let name = service(&caller);
    let mut conn = db.read().await.map_err(|error| refuse(name, &E::from(error)))?;
    let answer = work(&mut conn, &caller, request.into_inner()).await.map_err(|error| refuse(name, &error))?;
    Ok(Response::new(answer))
}

/// Runs a command in a transaction that commits itself; an error rolls everything back.
///
/// With an `Idempotency-Key` the answer is kept in the same transaction, and the same request is answered with it again.
/// A serialization failure or deadlock runs the whole command again, so `work` must do nothing but write to `tx`.
/// `work` must not capture anything (its future would not be `Send`); what it needs comes through [`write_with`].
pub async fn write<M, R, E>(
    db: &Db,
    request: Request<M>,
    work: impl AsyncFn(&mut Tx, &Caller, &M) -> Result<R, E>,
) -> Reply<R>
where
    M: Validate + Message,
    R: Message + Default,
    E: Refusal,
{
    let (caller, name) = begin(&request)?;
    let message = request.into_inner();
    let mut tries = 1;
    loop {
        let done = attempt(db, &caller, name, &message, async |tx| work(tx, &caller, &message).await).await;
        match again(done, name, tries) {
            Some(reply) => return reply,
            None => tries += 1,
        }
    }
}

/// The same with something that was prepared before the transaction, such as another service's answer.
pub async fn write_with<M, R, E, P>(
    db: &Db,
    request: Request<M>,
    prepared: &P,
    work: impl AsyncFn(&mut Tx, &Caller, &M, &P) -> Result<R, E>,
) -> Reply<R>
where
    M: Validate + Message,
    R: Message + Default,
    E: Refusal,
{
    let (caller, name) = begin(&request)?;
    let message = request.into_inner();
    let mut tries = 1;
    loop {
        let done = attempt(db, &caller, name, &message, async |tx| work(tx, &caller, &message, prepared).await).await;
        match again(done, name, tries) {
            Some(reply) => return reply,
            None => tries += 1,
        }
    }
}

fn begin<M: Validate>(request: &Request<M>) -> Result<(Caller, &'static str), Status> {
    let caller = check(request)?.0.clone();
    let name = service(&caller);
    if caller.rpc.idempotency_key_required && caller.idempotency_key.is_none() {
        return Err(refuse(name, &Common::IdempotencyKeyRequired));
    }
    Ok((caller, name))
}

/// The reply, unless the attempt met another transaction and may be made again.
fn again<R, E: Refusal>(done: Result<Response<R>, Attempt<E>>, name: &'static str, tries: usize) -> Option<Reply<R>> {
    match done {
        Ok(response) => Some(Ok(response)),
        Err(Attempt::Refused(error)) if error.class() == Class::Stale && retryable(&error) => collided(name, tries),
        Err(Attempt::Common(error)) if error.class() == Class::Stale && retryable(&error) => collided(name, tries),
        Err(Attempt::Refused(error)) => Some(Err(refuse(name, &error))),
        Err(Attempt::Common(error)) => Some(Err(refuse(name, &error))),
    }
}

/// The database's own words are for nobody outside.
fn collided<R>(name: &'static str, tries: usize) -> Option<Reply<R>> {
    (tries >= TRIES).then(|| Err(refuse(name, &Common::Collision)))
}

enum Attempt<E> {
    Refused(E),
    Common(Common),
}

async fn attempt<M, R, E>(
    db: &Db,
    caller: &Caller,
    name: &'static str,
    message: &M,
    work: impl AsyncFnOnce(&mut Tx) -> Result<R, E>,
) -> Result<Response<R>, Attempt<E>>
where
    M: Message,
    R: Message + Default,
    E: Refusal,
{
    let refused = |error: db::Error| Attempt::Refused(E::from(error));
    let mut tx = db.begin(caller.context(name)).await.map_err(refused)?;
    let key = caller.idempotency_key.as_deref().filter(|_| !caller.rpc.secret_answer);
    let space = caller.key_space();
    if let Some(key) = key {
        let money = caller.rpc.idempotency_key_required;
        match tx.claim(&space, caller.rpc.path, key, &fingerprint(caller, message), money).await.map_err(refused)? {
            Remembered::New => {}
            Remembered::Answered(bytes) => return replayed(&bytes).map_err(Attempt::Common),
            Remembered::OtherRequest => return Err(Attempt::Common(Common::IdempotencyKeyReused)),
        }
    }
    let answer = work(&mut tx).await.map_err(Attempt::Refused)?;
    if let Some(key) = key {
        tx.answer(&space, caller.rpc.path, key, answer.encode_to_vec());
    }
    db.commit(tx).await.map_err(refused)?;
    Ok(Response::new(answer))
}

/// The kept answer of a request that was carried out before, for commands that ask others before they write.
pub async fn replay<M, R>(db: &Db, request: &Request<M>) -> Result<Option<Response<R>>, Status>
where
    M: Message,
    R: Message + Default,
{
    let caller = caller(request)?;
    let name = service(caller);
    let Some(key) = caller.idempotency_key.as_deref() else { return Ok(None) };
    let mut conn = db.read().await.map_err(|error| refuse(name, &Common::from(error)))?;
    let known =
        db::recall(&mut conn, &caller.key_space(), caller.rpc.path, key, &fingerprint(caller, request.get_ref()))
            .await
            .map_err(|error| refuse(name, &Common::from(error)))?;
    match known {
        Remembered::New => Ok(None),
        Remembered::Answered(bytes) => replayed(&bytes).map(Some).map_err(|error| refuse(name, &error)),
        Remembered::OtherRequest => Err(refuse(name, &Common::IdempotencyKeyReused)),
    }
}

/// What makes two requests the same: the message, and the version it was meant for.
fn fingerprint<M: Message>(caller: &Caller, message: &M) -> Vec<u8> {
    let mut bytes = message.encode_to_vec();
    bytes.extend_from_slice(caller.if_match.as_deref().unwrap_or_default().as_bytes());
    if caller.rpc.secret_request { caller.prints.of(&bytes) } else { bytes }
}

fn replayed<R: Message + Default>(bytes: &[u8]) -> Result<Response<R>, Common> {
    let answer = R::decode(bytes).map_err(|error| Common::Fault(Fault::new(error)))?;
    let mut response = Response::new(answer);
    response.metadata_mut().insert(REPLAYED, tonic::metadata::MetadataValue::from_static("true"));
    Ok(response)
}

/// A stale row that the caller named must not be tried again; the database's own conflicts may.
fn retryable<E: Refusal>(error: &E) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        if let Some(database) = error.downcast_ref::<db::Error>() {
            return Class::of_database(database) == Class::Stale;
        }
        source = error.source();
    }
    // `#[error(transparent)]` forwards `source`, so the database's error itself may be hidden: judge by its text form.
    ["DB", "DATABASE"].contains(&error.reason())
}

pub(crate) fn caller<M>(request: &Request<M>) -> Result<&Caller, Status> {
    request
        .extensions()
        .get::<Caller>()
        .ok_or_else(|| refuse("kit", &Common::Fault(Fault::new("a call came in past the door"))))
}

/// The service an RPC belongs to: `lunarfront.pos.v1.…` is `pos`. Shared services answer in the name of their host.
pub(crate) fn service(caller: &Caller) -> &'static str {
    let package = caller.rpc.path.trim_start_matches("/lunarfront.");
    package.split('.').next().unwrap_or("kit")
}
