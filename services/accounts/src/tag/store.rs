//! All SQL of tags.

use db::Conn;

use crate::Error;

const ALL: &str = "
select tag.name
  from tag
 where exists (select from account where tags <> '{}' and tags @> array[tag.name])
    or exists (select from member where tags <> '{}' and tags @> array[tag.name])
 order by tag.name";

/// Every tag in use, by name.
pub(crate) async fn all(conn: &mut Conn) -> Result<Vec<String>, Error> {
    Ok(sqlx::query_scalar(ALL).fetch_all(conn).await?)
}
