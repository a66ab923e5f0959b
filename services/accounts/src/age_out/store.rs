//! All SQL of coming of age.

use db::Conn;
use types::Date;

use crate::Error;
use crate::member::{Ages, Member, MemberId};

const DUE: &str = "
select m.id
  from member m
 where m.state = 'active' and m.born_on <= $1
   and m.born_on > coalesce((select born_by from age_out_mark), $1 - 1)
   and not is_under_age(m.born_on, m.age_override, $1)
   and not exists (select from came_of_age where member_id = m.id)
 order by m.id
 limit 200";

/// Some of those who came of age since everybody was last looked at; missed days are among them.
pub(crate) async fn due(conn: &mut Conn, ages: Ages) -> Result<Vec<MemberId>, Error> {
    Ok(sqlx::query_scalar(DUE).bind(ages.adults_born_by).fetch_all(conn).await?)
}

/// Everybody born by a day was looked at.
pub(crate) async fn mark(conn: &mut Conn, born_by: Date) -> Result<(), Error> {
    sqlx::query(
        "insert into age_out_mark (born_by) values ($1)
         on conflict (one) do update set born_by = greatest(age_out_mark.born_by, excluded.born_by)",
    )
    .bind(born_by)
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that somebody came of age; false when that is known.
pub(crate) async fn note(conn: &mut Conn, id: MemberId, today: Date) -> Result<bool, Error> {
    let noted = sqlx::query("insert into came_of_age (member_id, noticed_on) values ($1, $2) on conflict do nothing")
        .bind(id)
        .bind(today)
        .execute(conn)
        .await?;
    Ok(noted.rows_affected() == 1)
}

/// The next version of a locked member, so that copies learn what time has changed.
pub(crate) async fn touch(conn: &mut Conn, id: MemberId) -> Result<Member, Error> {
    let touched =
        sqlx::query_as("update member set version = version + 1, updated_at = now() where id = $1 returning member.*");
    Ok(touched.bind(id).fetch_one(conn).await?)
}
