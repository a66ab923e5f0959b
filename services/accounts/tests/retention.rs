use kit::Service;
use proto::accounts::v1 as pb;
use proto::accounts::v1::account_import::State;

use crate::account_import::{import, imports, upload};
use crate::house;

#[tokio::test]
async fn an_import_that_waits_for_nobody_is_given_up_with_its_content() {
    let house = house().await;
    let mut imports = imports(&house);
    let old = upload(&mut imports, "kind,name\nfamily,Miller\n", true).await;
    let now = house.clock.now();
    sqlx::query("update account_import set updated_at = $1").bind(now).execute(&mut house.sql().await).await.unwrap();
    let run = async |name: &str| {
        let job = house.service.jobs().into_iter().find(|job| job.name == name).unwrap();
        job.run_once(&house.app.db, "accounts").await.unwrap();
    };
    house.clock.set(now + chrono::TimeDelta::days(29));
    run("retention").await;
    assert_eq!(import(&mut imports, &old).await.state(), State::Uploaded);

    house.clock.set(now + chrono::TimeDelta::days(31));
    run("retention").await;
    run("account-imports").await;

    assert_eq!(import(&mut imports, &old).await.state(), State::Discarded);
    let parts: i64 =
        sqlx::query_scalar("select count(*) from account_import_part").fetch_one(&mut house.sql().await).await.unwrap();
    assert_eq!(parts, 0);
    assert_eq!(house.events::<pb::AccountImportChanged>().await.len(), 3);
}
