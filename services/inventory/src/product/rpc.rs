//! Products on the wire.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use db::{Audit, List, Subject, Tx};
use kit::{App, Reply, read, write};
use proto::inventory::v1 as pb;
use proto::inventory::v1::product_service_server::ProductService;
use serde_json::Value;
use tonic::Request;
use types::{Money, Violation, Violations};

use super::store::Narrow;
use super::{Kind, Product, ProductId, State, store};
use crate::Error;
use crate::category::CategoryId;
use crate::change::{difference, named};
use crate::quantity::Quantity;

pub(crate) struct Rpc {
    pub(crate) app: App,
}

#[async_trait]
impl ProductService for Rpc {
    async fn list_products(&self, request: Request<pb::ListProductsRequest>) -> Reply<pb::ListProductsResponse> {
        read(&self.app.db, request, async |conn, _caller, message| {
            let list = List::parse(&message)?;
            let narrow = Narrow {
                state: match message.state() {
                    pb::product::State::Discontinued => State::Discontinued,
                    pb::product::State::Active | pb::product::State::Unspecified => State::Active,
                },
                category: CategoryId::parse_some("category_id", message.category_id.as_deref())?,
                kind: kind(message.kind()),
                barcode: blank_is_none(message.barcode.as_deref()),
            };
            Ok::<_, Error>(store::list(conn, &narrow, &list).await?.answer(&list))
        })
        .await
    }

    async fn get_product(&self, request: Request<pb::GetProductRequest>) -> Reply<pb::GetProductResponse> {
        read(&self.app.db, request, async |conn, _caller, message| {
            let product = store::get(conn, ProductId::parse("id", &message.id)?).await?;
            Ok::<_, Error>(pb::GetProductResponse { product: Some(product.into()) })
        })
        .await
    }

    async fn create_product(&self, request: Request<pb::CreateProductRequest>) -> Reply<pb::CreateProductResponse> {
        write(&self.app.db, request, async |tx, caller, message| {
            let wire = message.product.as_ref().ok_or_else(|| Violation::new("product", "is required"))?;
            let product = draft(wire, caller.now)?;
            store::insert(tx, std::slice::from_ref(&product)).await?;
            let product = store::get(tx, product.id).await?;
            tell(tx, &product);
            tx.audit(Audit::created("product", product.id, product.record()));
            Ok::<_, Error>(pb::CreateProductResponse { product: Some(product.into()) })
        })
        .await
    }

    async fn update_product(&self, request: Request<pb::UpdateProductRequest>) -> Reply<pb::UpdateProductResponse> {
        write(&self.app.db, request, async |tx, caller, message| {
            let wire = message.product.as_ref().ok_or_else(|| Violation::new("product", "is required"))?;
            let id = ProductId::parse("product.id", &wire.id)?;
            let before = store::lock(tx, id).await?;
            kit::expect_etag(caller.if_match.as_deref(), before.version, || Error::ProductChanged)?;
            let mut after = before.clone();
            change(&mut after, wire, message.update_mask.as_ref().map(|mask| mask.paths.as_slice()))?;
            let Some((from, to)) = difference(&before.record(), &after.record()) else {
                return Ok(pb::UpdateProductResponse { product: Some(before.into()) });
            };
            store::save(tx, &after).await?;
            let after = store::get(tx, id).await?;
            tell(tx, &after);
            tx.audit(Audit::changed("product", id, from, to));
            Ok::<_, Error>(pb::UpdateProductResponse { product: Some(after.into()) })
        })
        .await
    }

    async fn discontinue_product(
        &self,
        request: Request<pb::DiscontinueProductRequest>,
    ) -> Reply<pb::DiscontinueProductResponse> {
        write(&self.app.db, request, async |tx, caller, message| {
            let id = ProductId::parse("id", &message.id)?;
            let before = store::lock(tx, id).await?;
            kit::expect_etag(caller.if_match.as_deref(), before.version, || Error::ProductChanged)?;
            let was = before.record();
            let after = before.discontinue()?;
            let after = changed(tx, &was, &after).await?;
            Ok::<_, Error>(pb::DiscontinueProductResponse { product: Some(after.into()) })
        })
        .await
    }

    async fn restore_product(&self, request: Request<pb::RestoreProductRequest>) -> Reply<pb::RestoreProductResponse> {
        write(&self.app.db, request, async |tx, caller, message| {
            let id = ProductId::parse("id", &message.id)?;
            let before = store::lock(tx, id).await?;
            kit::expect_etag(caller.if_match.as_deref(), before.version, || Error::ProductChanged)?;
            let was = before.record();
            let after = before.restore()?;
            let after = changed(tx, &was, &after).await?;
            Ok::<_, Error>(pb::RestoreProductResponse { product: Some(after.into()) })
        })
        .await
    }
}

/// Saves a product that is in another state than its record says, tells and records it.
async fn changed(tx: &mut Tx, was: &Value, product: &Product) -> Result<Product, Error> {
    store::save(tx, product).await?;
    let after = store::get(tx, product.id).await?;
    tell(tx, &after);
    if let Some((from, to)) = difference(was, &after.record()) {
        tx.audit(Audit::changed("product", after.id, from, to));
    }
    Ok(after)
}

/// A new product as a request describes it.
fn draft(wire: &pb::Product, now: DateTime<Utc>) -> Result<Product, Error> {
    let mut product = Product {
        id: ProductId::new(),
        sku: String::new(),
        barcode: None,
        name: String::new(),
        description: None,
        category_id: None,
        kind: kind(wire.kind()).ok_or_else(|| Violation::new("product.kind", "is required"))?,
        tax_category: String::new(),
        price: Money::ZERO,
        state: State::Active,
        quantity_on_hand: Quantity::ZERO,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    change(&mut product, wire, None)?;
    Ok(product)
}

/// Takes over the fields that are meant. Their forms were checked at the door.
fn change(product: &mut Product, wire: &pb::Product, mask: Option<&[String]>) -> Result<(), Error> {
    let mut wrong = Violations::default();
    if named(mask, "sku") {
        wire.sku.trim().clone_into(&mut product.sku);
    }
    if named(mask, "barcode") {
        product.barcode = blank_is_none(wire.barcode.as_deref());
    }
    if named(mask, "name") {
        wire.name.trim().clone_into(&mut product.name);
    }
    if named(mask, "description") {
        product.description = blank_is_none(wire.description.as_deref());
    }
    if named(mask, "category_id") {
        let category = CategoryId::parse_some("product.category_id", wire.category_id.as_deref());
        product.category_id = wrong.take(category).flatten();
    }
    if named(mask, "tax_category") {
        product.tax_category.clone_from(&wire.tax_category);
    }
    if named(mask, "price") {
        let price = Money::parse_positive_or_zero("product.price", wire.price.map(Into::into));
        product.price = wrong.take(price).unwrap_or_default();
    }
    if mask.is_none() && kind(wire.kind()) != Some(product.kind) {
        wrong.add("product.kind", "cannot be changed");
    }
    Ok(wrong.into_result()?)
}

fn blank_is_none(text: Option<&str>) -> Option<String> {
    text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn kind(wire: pb::product::Kind) -> Option<Kind> {
    match wire {
        pb::product::Kind::Unspecified => None,
        pb::product::Kind::Stock => Some(Kind::Stock),
        pb::product::Kind::Service => Some(Kind::Service),
    }
}

/// Tells the others how a product now is.
pub(crate) fn tell(tx: &mut Tx, product: &Product) {
    let copy = pb::ProductChanged { product: Some(product.clone().into()), version: product.version };
    tx.publish(Subject { id: product.id.uuid(), version: product.version }, &copy);
}

impl From<Product> for pb::Product {
    fn from(product: Product) -> Self {
        let kind = match product.kind {
            Kind::Stock => pb::product::Kind::Stock,
            Kind::Service => pb::product::Kind::Service,
        };
        let state = match product.state {
            State::Active => pb::product::State::Active,
            State::Discontinued => pb::product::State::Discontinued,
        };
        Self {
            id: product.id.to_string(),
            sku: product.sku,
            barcode: product.barcode,
            name: product.name,
            description: product.description,
            category_id: product.category_id.map(|id| id.to_string()),
            kind: kind.into(),
            tax_category: product.tax_category,
            price: Some(product.price.into()),
            state: state.into(),
            quantity_on_hand: product.quantity_on_hand.to_string(),
            created_at: Some(proto::timestamp(product.created_at)),
            updated_at: Some(proto::timestamp(product.updated_at)),
            etag: kit::etag(product.version),
        }
    }
}
