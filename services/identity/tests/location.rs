//! Locations.

use prost_types::FieldMask;
use proto::common::v1::Address;
use proto::identity::v1 as pb;
use proto::identity::v1::location_service_client::LocationServiceClient;
use testing::{Voice, list_behaves};
use tonic::{Code, Status};

use crate::staff::{ALL, open, reason};

async fn create(voice: Voice, location: pb::Location) -> Result<pb::Location, Status> {
    let request = pb::CreateLocationRequest { location: Some(location) };
    Ok(LocationServiceClient::new(voice).create_location(request).await?.into_inner().location.unwrap())
}

fn named(name: &str) -> pb::Location {
    pb::Location { name: name.to_owned(), ..pb::Location::default() }
}

#[tokio::test]
async fn a_location_is_opened_told_and_found_again() {
    let house = open().await;
    let address =
        Address { line1: "214 Main Street".into(), city: "Chicago".into(), country: "US".into(), ..Address::default() };
    let draft =
        pb::Location { address: Some(address), time_zone: Some("America/Denver".into()), ..named("Main Street") };
    let location = create(house.user(&["identity.admin"]), draft.clone()).await.unwrap();
    assert_eq!(
        (location.address.as_ref(), location.time_zone.as_deref()),
        (draft.address.as_ref(), Some("America/Denver"))
    );

    let mut viewer = LocationServiceClient::new(house.user(&["identity.view"]));
    let found = viewer.get_location(pb::GetLocationRequest { id: location.id.clone() }).await.unwrap().into_inner();
    assert_eq!(found.location.as_ref(), Some(&location));
    let told = house.events::<pb::LocationChanged>().await;
    assert_eq!((told.len(), told[0].location.as_ref(), told[0].version), (1, Some(&location), 1));
    let anybody = LocationServiceClient::new(house.user(&[])).list_all_locations(pb::ListAllLocationsRequest {}).await;
    assert_eq!(anybody.unwrap().into_inner().data, [location]);
}

#[tokio::test]
async fn two_locations_do_not_share_a_name() {
    let house = open().await;
    create(house.user(&ALL), named("Main Street")).await.unwrap();
    let refused = create(house.user(&ALL), named("MAIN STREET")).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::AlreadyExists, "LOCATION_NAME_TAKEN"));
    for bad in [
        pb::Location { time_zone: Some("Nowhere".to_owned()), ..named("A") },
        pb::Location { address: Some(Address { country: "usa".to_owned(), ..Address::default() }), ..named("B") },
        pb::Location { address: Some(Address { country: "us".to_owned(), ..Address::default() }), ..named("C") },
        named("  "),
    ] {
        assert_eq!(create(house.user(&ALL), bad).await.unwrap_err().code(), Code::InvalidArgument);
    }
}

#[tokio::test]
async fn only_the_named_fields_of_a_location_change() {
    let house = open().await;
    let draft = pb::Location { time_zone: Some("America/Denver".to_owned()), ..named("Riverside") };
    let location = create(house.user(&ALL), draft).await.unwrap();
    let renamed = pb::Location { id: location.id.clone(), ..named("Riverfront") };
    let request = |location: &pb::Location, fields: &[&str]| pb::UpdateLocationRequest {
        location: Some(location.clone()),
        update_mask: Some(FieldMask { paths: fields.iter().map(|field| (*field).to_owned()).collect() }),
    };
    let mut admin = LocationServiceClient::new(house.user_with(&ALL, &[("if-match", "1")]));
    let changed = admin.update_location(request(&renamed, &["name"])).await.unwrap().into_inner().location.unwrap();
    assert_eq!((changed.name.as_str(), changed.time_zone.as_deref()), ("Riverfront", Some("America/Denver")));
    let stale = admin.update_location(request(&renamed, &["name"])).await.unwrap_err();
    assert_eq!(reason(&stale), "LOCATION_CHANGED");

    let mut admin = LocationServiceClient::new(house.user(&ALL));
    let bare = admin.update_location(request(&renamed, &["time_zone"])).await.unwrap().into_inner().location.unwrap();
    assert_eq!((bare.time_zone, bare.etag.as_str()), (None, "3"));
    let fixed = admin.update_location(request(&renamed, &["id"])).await.unwrap_err();
    assert_eq!(fixed.code(), Code::InvalidArgument);
    let nobody = pb::Location { id: types::uuid::Uuid::now_v7().to_string(), ..named("X") };
    let missing = admin.update_location(request(&nobody, &["name"])).await.unwrap_err();
    assert_eq!((missing.code(), reason(&missing).as_str()), (Code::NotFound, "LOCATION_NOT_FOUND"));
    assert_eq!(house.events::<pb::LocationChanged>().await.len(), 3);
}

#[tokio::test]
async fn the_list_of_locations_behaves() {
    let house = open().await;
    for name in ["Main Street", "Riverside", "Airport", "Old Town"] {
        create(house.user(&ALL), named(name)).await.unwrap();
    }
    list_behaves(house.user(&["identity.view"]), "identity.v1.LocationService/ListLocations", &[]).await;
    let mut viewer = LocationServiceClient::new(house.user(&["identity.view"]));
    for sort in ["", "name", "createdAt", "updated_at"] {
        let request = pb::ListLocationsRequest { sort: sort.to_owned(), q: "S".to_owned(), ..Default::default() };
        assert_eq!(viewer.list_locations(request).await.unwrap().into_inner().data.len(), 2, "{sort}");
    }
}
