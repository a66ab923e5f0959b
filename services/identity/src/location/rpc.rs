//! Locations on the wire.

use async_trait::async_trait;
use db::{Audit, List, Subject, Tx};
use kit::{App, Reply, etag, expect_etag, read, write};
use proto::identity::v1 as pb;
use tonic::Request;
use types::Violation;

use super::{Address, Draft, Location, LocationId, store};
use crate::Error;
use crate::change::{difference, means};
use crate::name::name;
use crate::shop::parse_time_zone;

pub(crate) struct Rpc {
    pub(crate) app: App,
}

#[async_trait]
impl pb::location_service_server::LocationService for Rpc {
    async fn list_locations(&self, request: Request<pb::ListLocationsRequest>) -> Reply<pb::ListLocationsResponse> {
        read(&self.app.db, request, async |conn, _caller, message| {
            let list = List::parse(&message)?;
            Ok::<_, Error>(store::list(conn, &list).await?.answer(&list))
        })
        .await
    }

    async fn list_all_locations(
        &self,
        request: Request<pb::ListAllLocationsRequest>,
    ) -> Reply<pb::ListAllLocationsResponse> {
        read(&self.app.db, request, async |conn, _caller, _message| {
            let data = store::all(conn).await?.into_iter().map(Into::into).collect();
            Ok::<_, Error>(pb::ListAllLocationsResponse { data })
        })
        .await
    }

    async fn get_location(&self, request: Request<pb::GetLocationRequest>) -> Reply<pb::GetLocationResponse> {
        read(&self.app.db, request, async |conn, _caller, message| {
            let id = LocationId::parse("id", &message.id)?;
            Ok::<_, Error>(pb::GetLocationResponse { location: Some(store::get(conn, id).await?.into()) })
        })
        .await
    }

    async fn create_location(&self, request: Request<pb::CreateLocationRequest>) -> Reply<pb::CreateLocationResponse> {
        write(&self.app.db, request, async |tx, _caller, message| {
            let nothing = Draft { name: String::new(), address: None, time_zone: None };
            let draft = changed(nothing, message.location.as_ref(), None)?;
            let location = create(tx, LocationId::new(), &draft).await?;
            Ok::<_, Error>(pb::CreateLocationResponse { location: Some(location.into()) })
        })
        .await
    }

    async fn update_location(&self, request: Request<pb::UpdateLocationRequest>) -> Reply<pb::UpdateLocationResponse> {
        write(&self.app.db, request, async |tx, caller, message| {
            let named = message.location.as_ref().map(|location| location.id.as_str()).unwrap_or_default();
            let location = store::lock(tx, LocationId::parse("location.id", named)?).await?;
            expect_etag(caller.if_match.as_deref(), location.version, || Error::LocationChanged)?;
            let mask = message.update_mask.as_ref().map(|mask| mask.paths.as_slice());
            let draft = changed(location.draft.clone(), message.location.as_ref(), mask)?;
            let location = save(tx, location, &draft).await?;
            Ok::<_, Error>(pb::UpdateLocationResponse { location: Some(location.into()) })
        })
        .await
    }
}

/// Opens a location, tells it and records it.
pub(crate) async fn create(tx: &mut Tx, id: LocationId, draft: &Draft) -> Result<Location, Error> {
    let location = store::insert(tx, id, draft).await?;
    tell(tx, &location);
    tx.audit(Audit::created("location", id, location.draft.fields()));
    Ok(location)
}

async fn save(tx: &mut Tx, location: Location, draft: &Draft) -> Result<Location, Error> {
    let Some((before, after)) = difference(location.draft.fields(), draft.fields()) else { return Ok(location) };
    let location = store::save(tx, location.id, draft).await?;
    tell(tx, &location);
    tx.audit(Audit::changed("location", location.id, before, after));
    Ok(location)
}

fn tell(tx: &mut Tx, location: &Location) {
    let event = pb::LocationChanged { location: Some(location.clone().into()), version: location.version };
    tx.publish(Subject { id: location.id.uuid(), version: location.version }, &event);
}

fn changed(mut draft: Draft, message: Option<&pb::Location>, mask: Option<&[String]>) -> Result<Draft, Violation> {
    let message = message.ok_or_else(|| Violation::new("location", "is required"))?;
    if means(mask, "name") {
        draft.name = name("location.name", &message.name)?;
    }
    if means(mask, "address") {
        let address = message.address.clone().map(Address::from);
        draft.address = address.map(|address| address.checked("location.address")).transpose()?;
    }
    if means(mask, "time_zone") {
        let zone = message.time_zone.as_deref().filter(|zone| !zone.is_empty());
        draft.time_zone = zone.map(|zone| parse_time_zone("location.time_zone", zone)).transpose()?;
    }
    Ok(draft)
}

impl From<Location> for pb::Location {
    fn from(location: Location) -> Self {
        let Location { id, draft: Draft { name, address, time_zone }, version, created_at, updated_at } = location;
        Self {
            id: id.to_string(),
            name,
            address: address.map(Into::into),
            time_zone: time_zone.map(|zone| zone.name().to_owned()),
            created_at: Some(proto::timestamp(created_at)),
            updated_at: Some(proto::timestamp(updated_at)),
            etag: etag(version),
        }
    }
}

impl From<proto::common::v1::Address> for Address {
    fn from(address: proto::common::v1::Address) -> Self {
        let proto::common::v1::Address { line1, line2, city, region, postal_code, country } = address;
        Self { line1, line2, city, region, postal_code, country }
    }
}

impl From<Address> for proto::common::v1::Address {
    fn from(address: Address) -> Self {
        let Address { line1, line2, city, region, postal_code, country } = address;
        Self { line1, line2, city, region, postal_code, country }
    }
}
