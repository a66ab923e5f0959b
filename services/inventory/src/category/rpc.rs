//! Categories on the wire.

use async_trait::async_trait;
use db::{Audit, Conn, List, Subject, Tx};
use kit::{App, Reply, read, write};
use proto::inventory::v1 as pb;
use proto::inventory::v1::category_service_server::CategoryService;
use tonic::Request;
use types::Violation;

use super::{Category, CategoryId, Lineage, store};
use crate::Error;
use crate::change::{difference, named};
use crate::error::Blame;

pub(crate) struct Rpc {
    pub(crate) app: App,
}

#[async_trait]
impl CategoryService for Rpc {
    async fn list_categories(&self, request: Request<pb::ListCategoriesRequest>) -> Reply<pb::ListCategoriesResponse> {
        read(&self.app.db, request, async |conn, _caller, message| {
            let list = List::parse(&message)?;
            let parent = CategoryId::parse_some("parent_id", message.parent_id.as_deref())?;
            Ok::<_, Error>(store::list(conn, parent, &list).await?.answer(&list))
        })
        .await
    }

    async fn list_all_categories(
        &self,
        request: Request<pb::ListAllCategoriesRequest>,
    ) -> Reply<pb::ListAllCategoriesResponse> {
        read(&self.app.db, request, async |conn, _caller, _message| {
            let all = store::all(conn).await?;
            Ok::<_, Error>(pb::ListAllCategoriesResponse { data: all.into_iter().map(Into::into).collect() })
        })
        .await
    }

    async fn get_category(&self, request: Request<pb::GetCategoryRequest>) -> Reply<pb::GetCategoryResponse> {
        read(&self.app.db, request, async |conn, _caller, message| {
            let category = store::get(conn, CategoryId::parse("id", &message.id)?).await?;
            Ok::<_, Error>(pb::GetCategoryResponse { category: Some(category.into()) })
        })
        .await
    }

    async fn create_category(&self, request: Request<pb::CreateCategoryRequest>) -> Reply<pb::CreateCategoryResponse> {
        write(&self.app.db, request, async |tx, caller, message| {
            let wire = message.category.as_ref().ok_or_else(|| Violation::new("category", "is required"))?;
            store::lock_tree(tx).await?;
            let mut category = Category::new(CategoryId::new(), &wire.name, wire.sort_order, caller.now);
            category.place(parent(tx, wire).await?.as_ref(), 0)?;
            store::insert(tx, std::slice::from_ref(&category)).await?;
            let category = store::get(tx, category.id).await?;
            tell(tx, &category);
            tx.audit(Audit::created("category", category.id, category.record()));
            Ok::<_, Error>(pb::CreateCategoryResponse { category: Some(category.into()) })
        })
        .await
    }

    async fn update_category(&self, request: Request<pb::UpdateCategoryRequest>) -> Reply<pb::UpdateCategoryResponse> {
        write(&self.app.db, request, async |tx, caller, message| {
            let wire = message.category.as_ref().ok_or_else(|| Violation::new("category", "is required"))?;
            let mask = message.update_mask.as_ref().map(|mask| mask.paths.as_slice());
            let id = CategoryId::parse("category.id", &wire.id)?;
            store::lock_tree(tx).await?;
            let before = store::get(tx, id).await?;
            kit::expect_etag(caller.if_match.as_deref(), before.version, || Error::CategoryChanged)?;
            let mut after = before.clone();
            if named(mask, "name") {
                wire.name.trim().clone_into(&mut after.name);
            }
            if named(mask, "sort_order") {
                after.sort_order = wire.sort_order;
            }
            let above = if named(mask, "parent_id") {
                parent(tx, wire).await?
            } else {
                match before.parent_id {
                    Some(parent) => store::lineage(tx, parent).await?,
                    None => None,
                }
            };
            // Where it stays, what lies below it stays too, however deep that once came to be.
            let stays = above.as_ref().and_then(|above| above.ids.last()) == before.parent_id.as_ref();
            let levels_below = if stays { 0 } else { store::levels_below(tx, id).await? };
            after.place(above.as_ref(), levels_below)?;
            let Some((from, to)) = difference(&before.record(), &after.record()) else {
                return Ok(pb::UpdateCategoryResponse { category: Some(before.into()) });
            };
            store::save(tx, &after).await?;
            if after.path != before.path {
                for below in store::rename_below(tx, id).await? {
                    tell(tx, &below);
                }
            }
            let after = store::get(tx, id).await?;
            tell(tx, &after);
            tx.audit(Audit::changed("category", id, from, to));
            Ok::<_, Error>(pb::UpdateCategoryResponse { category: Some(after.into()) })
        })
        .await
    }
}

/// The parent that a request names, with all above it.
async fn parent(conn: &mut Conn, wire: &pb::Category) -> Result<Option<Lineage>, Error> {
    let Some(id) = CategoryId::parse_some("category.parent_id", wire.parent_id.as_deref())? else { return Ok(None) };
    let unknown = || Error::CategoryUnknown(Blame::on("category.parent_id", format!("no category {id}")));
    store::lineage(conn, id).await?.ok_or_else(unknown).map(Some)
}

/// Tells the others how a category now is.
pub(crate) fn tell(tx: &mut Tx, category: &Category) {
    let copy = pb::CategoryChanged { category: Some(category.clone().into()), version: category.version };
    tx.publish(Subject { id: category.id.uuid(), version: category.version }, &copy);
}

impl From<Category> for pb::Category {
    fn from(category: Category) -> Self {
        let Category { id, name, parent_id, sort_order, path, version, created_at, updated_at } = category;
        Self {
            id: id.to_string(),
            name,
            parent_id: parent_id.map(|id| id.to_string()),
            sort_order,
            path,
            created_at: Some(proto::timestamp(created_at)),
            updated_at: Some(proto::timestamp(updated_at)),
            etag: kit::etag(version),
        }
    }
}
