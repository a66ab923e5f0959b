use accounts::Accounts;
use kit::Service;
use kit::task::spawn;
use proto::accounts::v1 as pb;
use proto::accounts::v1::account_import::State;
use proto::accounts::v1::account_import_service_client::AccountImportServiceClient;
use testing::{House, Voice, eventually, list_behaves};
use tonic::Code;

use crate::{desk, fields, house, reason};

pub(crate) const HEADER: &str = "account,kind,name,email,phone,address_line1,city,postal_code,country,member_first_name,\
                      member_last_name,member_born_on\n";

pub(crate) type Imports = AccountImportServiceClient<Voice>;

pub(crate) fn imports(house: &House<Accounts>) -> Imports {
    AccountImportServiceClient::new(house.user(&["accounts.admin"]))
}

pub(crate) async fn upload(imports: &mut Imports, content: &str, dry_run: bool) -> String {
    let wanted = pb::AccountImport { file_name: "accounts.csv".to_owned(), dry_run, ..Default::default() };
    let request = pb::CreateAccountImportRequest { account_import: Some(wanted) };
    let id = imports.create_account_import(request).await.unwrap().into_inner().account_import.unwrap().id;
    let pieces: Vec<&[u8]> = content.as_bytes().chunks(100_000).collect();
    let mut offset = 0;
    for (n, piece) in pieces.iter().enumerate() {
        let last = n + 1 == pieces.len();
        let request = pb::UploadAccountImportPartRequest { id: id.clone(), offset, data: piece.to_vec(), last };
        imports.upload_account_import_part(request).await.unwrap();
        offset += i64::try_from(piece.len()).unwrap();
    }
    id
}

pub(crate) async fn work(house: &House<Accounts>) -> Result<(), kit::Fault> {
    let job = house.service.jobs().into_iter().find(|job| job.name == "account-imports").unwrap();
    job.run_once(&house.app.db, "accounts").await
}

pub(crate) async fn import(imports: &mut Imports, id: &str) -> pb::AccountImport {
    let request = pb::GetAccountImportRequest { id: id.to_owned() };
    imports.get_account_import(request).await.unwrap().into_inner().account_import.unwrap()
}

pub(crate) async fn errors(imports: &mut Imports, id: &str) -> Vec<(i64, String, String)> {
    let request =
        pb::ListAccountImportErrorsRequest { account_import_id: id.to_owned(), limit: 100, ..Default::default() };
    let answer = imports.list_account_import_errors(request).await.unwrap().into_inner();
    answer.data.into_iter().map(|error| (error.line, error.field, error.message)).collect()
}

pub(crate) async fn count(house: &House<Accounts>, table: &'static str) -> i64 {
    let count = sqlx::AssertSqlSafe(format!("select count(*) from {table}"));
    sqlx::query_scalar(count).fetch_one(&mut house.sql().await).await.unwrap()
}

/// Accounts with two members each.
pub(crate) fn families(number: usize) -> String {
    let mut content = HEADER.to_owned();
    for n in 0..number {
        content.push_str(&format!(
            "{n},family,Family {n},f{n}@example.test,,{n} Elm Street,Chicago,60614,us,Ann,Of{n},\n"
        ));
        content.push_str(&format!("{n},,,,,,,,,Ben,Of{n},2015-03-0{}\n", 1 + n % 9));
    }
    content
}

#[tokio::test]
async fn a_file_becomes_accounts_and_members_in_its_order() {
    let house = house().await;
    let mut imports = imports(&house);
    let content = HEADER.to_owned()
        + "7,family,Miller Family,ann@example.test,(312) 555-0100,1 Elm Street,Chicago,60614,us,Ann,Miller,1980-05-01\n"
        + "7,,,,,,,,,Ben,Miller,2015-03-01\r\n"
        + ",individual,\"Okafor, Ada\",,,,,,,Ada,Okafor,\n"
        + "9,business,Lakeside School,,,,,,,,,\n";

    let id = upload(&mut imports, &content, false).await;
    assert_eq!(import(&mut imports, &id).await.state(), State::Uploaded);
    work(&house).await.unwrap();

    let done = import(&mut imports, &id).await;
    assert_eq!(done.state(), State::Published);
    assert_eq!([done.rows, done.accounts, done.members, done.errors], [4, 3, 3, 0]);
    assert_eq!((done.bytes, done.checked_bytes), (content.len() as i64, content.len() as i64));
    let mut desk = desk(&house);
    let request = pb::ListAccountsRequest { sort: "number".to_owned(), ..Default::default() };
    let listed = desk.accounts.list_accounts(request).await.unwrap().into_inner().data;
    let listed: Vec<_> = listed.iter().map(|a| (a.number.as_str(), a.name.as_str(), a.member_count)).collect();
    assert_eq!(
        listed,
        [("100001", "Miller Family", 2), ("100002", "Okafor, Ada", 1), ("100003", "Lakeside School", 0)]
    );
    let members = desk.members.list_members(pb::ListMembersRequest::default()).await.unwrap().into_inner().data;
    let members: Vec<_> = members.iter().map(|m| (m.number.as_str(), m.first_name.as_str(), m.is_minor)).collect();
    assert_eq!(members, [("100001", "Ann", false), ("100002", "Ben", true), ("100003", "Ada", true)]);
    assert_eq!(desk.found("ann@example.test").await.0, ["Miller Family"]);
    let told: Vec<String> =
        house.events::<pb::AccountChanged>().await.into_iter().map(|event| event.account.unwrap().number).collect();
    assert_eq!(told, ["100001", "100002", "100003"]);
    assert_eq!(house.events::<pb::MemberChanged>().await.len(), 3);
    let audited = house.audited().await;
    assert!(audited.iter().all(|(_, subject)| subject == "account_import"), "{audited:?}");
    assert_eq!(audited.iter().filter(|(action, _)| action == "publish-account-imports").count(), 1);
    assert_eq!([count(&house, "account_import_part").await, count(&house, "account_import_row").await], [0, 0]);
}

#[tokio::test]
async fn bad_rows_are_named_by_line_and_column_and_nothing_is_published() {
    let house = house().await;
    let mut imports = imports(&house);
    let content = HEADER.to_owned()
        + "1,family,Miller Family,no address,,,,,,Ann,Miller,\n"
        + "1,family,Other Name,,,,,,,Ben,Miller,\n"
        + "2,club,\"A\nB\",,,,,,,,,\n"
        + "3,individual,Good,,,,,,,Ada,,2091-01-01\n"
        + "4,individual,,,,x,,,USA,,,\n"
        + "4,,,,,,,,,Ann,Of4,\n"
        + "5,individual\n"
        + "6,individual,Fine,,,,,,,,,\n"
        + "3,individual,Good,,,,,,,,,\n"
        + "6,individual,Fine,,,,,,,,,\n";

    let id = upload(&mut imports, &content, false).await;
    work(&house).await.unwrap();

    let rejected = import(&mut imports, &id).await;
    assert_eq!((rejected.state(), rejected.rows), (State::Rejected, 10));
    let errors = errors(&mut imports, &id).await;
    let named: Vec<(i64, &str)> = errors.iter().map(|(line, field, _)| (*line, field.as_str())).collect();
    assert_eq!(rejected.errors as usize, errors.len());
    assert_eq!(
        named,
        [
            (2, "email"),
            (3, "account"),
            (4, "kind"),
            (6, "member_last_name"),
            (7, "name"),
            (7, "country"),
            (9, "account"),
            (12, "account")
        ]
    );
    assert!(errors[1].2.contains("line 2") && errors[7].2.contains("line 10"), "{errors:?}");
    assert_eq!([count(&house, "account").await, count(&house, "member").await], [0, 0]);
    let request = pb::PublishAccountImportRequest { id };
    let refused = imports.publish_account_import(request).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "IMPORT_IN_OTHER_STATE"));
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_rejected_with_the_reason() {
    let house = house().await;
    let mut imports = imports(&house);
    for (content, blamed) in [
        ("account,name\n1,Miller\n".to_owned(), vec![(1, "kind")]),
        ("kind,name,nmae,name\n".to_owned(), vec![(1, "name"), (1, "nmae")]),
        (HEADER.to_owned(), vec![(1, "account")]),
        (format!("{HEADER}1,\"{}", "x".repeat(70_000)), vec![(2, "account")]),
    ] {
        let id = upload(&mut imports, &content, false).await;
        work(&house).await.unwrap();
        assert_eq!(import(&mut imports, &id).await.state(), State::Rejected);
        let mut errors = errors(&mut imports, &id).await;
        errors.sort();
        let errors: Vec<(i64, &str)> = errors.iter().map(|(line, field, _)| (*line, field.as_str())).collect();
        assert_eq!(errors, blamed);
    }
}

#[tokio::test]
async fn a_dry_run_publishes_when_it_is_asked_to_and_once() {
    let house = house().await;
    let mut imports = imports(&house);
    let id = upload(&mut imports, &families(3), true).await;
    work(&house).await.unwrap();
    assert_eq!(import(&mut imports, &id).await.state(), State::Checked);
    assert_eq!(count(&house, "account").await, 0);

    let asked: Vec<_> = (0..10)
        .map(|_| {
            let (mut imports, id) = (self::imports(&house), id.clone());
            spawn(async move { imports.publish_account_import(pb::PublishAccountImportRequest { id }).await })
        })
        .collect();
    let mut taken = 0;
    for asked in asked {
        taken += usize::from(asked.await.unwrap().is_ok());
    }
    assert_eq!(taken, 1);
    work(&house).await.unwrap();
    work(&house).await.unwrap();
    assert_eq!(import(&mut imports, &id).await.state(), State::Published);
    assert_eq!([count(&house, "account").await, count(&house, "member").await], [3, 6]);
    let refused = imports.discard_account_import(pb::DiscardAccountImportRequest { id }).await.unwrap_err();
    assert_eq!(reason(&refused), "IMPORT_IN_OTHER_STATE");
}

#[tokio::test]
async fn what_is_sent_twice_is_taken_once() {
    let house = house().await;
    let voice = house.token_with(&house.keys.token(&["accounts.admin"]), &[("idempotency-key", "k-1")]);
    let mut imports = AccountImportServiceClient::new(voice);
    let wanted = pb::AccountImport { file_name: "a.csv".to_owned(), ..Default::default() };
    let request = pb::CreateAccountImportRequest { account_import: Some(wanted) };
    let first = imports.create_account_import(request.clone()).await.unwrap().into_inner().account_import.unwrap();
    let again = imports.create_account_import(request).await.unwrap().into_inner().account_import.unwrap();
    assert_eq!(again, first);

    let mut imports = self::imports(&house);
    let content = families(2).into_bytes();
    let part = |offset: usize, end: usize, last| pb::UploadAccountImportPartRequest {
        id: first.id.clone(),
        offset: offset as i64,
        data: content[offset..end].to_vec(),
        last,
    };
    for request in
        [part(0, 50, false), part(0, 50, false), part(50, content.len(), true), part(50, content.len(), true)]
    {
        imports.upload_account_import_part(request).await.unwrap();
    }
    work(&house).await.unwrap();
    imports.upload_account_import_part(part(50, content.len(), true)).await.unwrap();
    work(&house).await.unwrap();
    assert_eq!([count(&house, "account").await, count(&house, "member").await], [2, 4]);

    let id = self::upload(&mut imports, "x", true).await;
    let request = pb::UploadAccountImportPartRequest { id, offset: 5, data: vec![1], last: false };
    let refused = imports.upload_account_import_part(request).await.unwrap_err();
    assert_eq!(reason(&refused), "IMPORT_IN_OTHER_STATE");
    let wanted = pb::AccountImport::default();
    let request = pb::CreateAccountImportRequest { account_import: Some(wanted) };
    let refused = imports.create_account_import(request).await.unwrap_err();
    assert_eq!(fields(&refused), ["account_import.file_name"]);
}

#[tokio::test]
async fn thousands_of_rows_are_published_at_once() {
    let house = house().await;
    let mut imports = imports(&house);
    let id = upload(&mut imports, &families(2501), false).await;
    work(&house).await.unwrap();

    let done = import(&mut imports, &id).await;
    assert_eq!((done.state(), done.accounts, done.members), (State::Published, 2501, 5002));
    let (transactions, counted): (i64, i64) = sqlx::query_as(
        "select count(distinct account.xmin::text),
                count(*) filter (where member_count = (select count(*) from member where account_id = account.id))
           from account",
    )
    .fetch_one(&mut house.sql().await)
    .await
    .unwrap();
    assert_eq!((transactions, counted), (1, 2501));
    assert_eq!(house.events::<pb::AccountChanged>().await.len(), 2501);
    assert_eq!(house.events::<pb::MemberChanged>().await.len(), 5002);
}

#[tokio::test]
async fn a_check_that_was_killed_begins_again() {
    let house = house().await;
    let mut imports = imports(&house);
    let id = upload(&mut imports, &families(5000), true).await;
    let app = (house.service.clone(), house.app.db.clone());
    let killed = spawn(async move {
        let job = app.0.jobs().into_iter().find(|job| job.name == "account-imports").unwrap();
        job.run_once(&app.1, "accounts").await
    });
    eventually("some rows are stored", async || (count(&house, "account_import_row").await > 0).then_some(())).await;
    // Its connections end as those of a process that is gone do.
    killed.abort();
    sqlx::query("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")
        .execute(&mut house.sql().await)
        .await
        .unwrap();

    eventually("the check is done", async || {
        let _ = work(&house).await;
        let request = pb::GetAccountImportRequest { id: id.clone() };
        let import = self::imports(&house).get_account_import(request).await.ok()?.into_inner().account_import?;
        (import.state() == State::Checked).then_some(())
    })
    .await;
    assert_eq!(count(&house, "account_import_row").await, 10_000);
}

#[tokio::test]
async fn publishing_that_breaks_off_leaves_nothing_and_is_tried_again_a_few_times() {
    let house = house().await;
    let mut imports = imports(&house);
    let mut sql = house.sql().await;
    sqlx::raw_sql(
        "create function break() returns trigger language plpgsql as $$ begin raise exception 'broken'; end $$;
         create trigger break before insert on member for each row when (new.last_name = 'Of1200') execute function break();",
    )
    .execute(&mut sql)
    .await
    .unwrap();
    let id = upload(&mut imports, &families(1300), false).await;

    work(&house).await.unwrap_err();
    assert_eq!(import(&mut imports, &id).await.state(), State::Publishing);
    let counts = [count(&house, "account").await, count(&house, "member").await];
    assert_eq!((counts, house.events::<pb::AccountChanged>().await.len()), ([0, 0], 0));
    sqlx::raw_sql("drop trigger break on member").execute(&mut sql).await.unwrap();
    work(&house).await.unwrap();
    assert_eq!(import(&mut imports, &id).await.state(), State::Published);

    sqlx::raw_sql("create trigger break before insert on member for each row execute function break()")
        .execute(&mut sql)
        .await
        .unwrap();
    let id = upload(&mut imports, &families(1), false).await;
    for _ in 0..3 {
        work(&house).await.unwrap_err();
    }
    work(&house).await.unwrap();
    let failed = import(&mut imports, &id).await;
    assert_eq!(failed.state(), State::Failed);
    assert!(failed.failure.is_some());
    assert_eq!([count(&house, "account").await, count(&house, "account_import_row").await], [1300, 0]);
}

#[tokio::test]
async fn the_database_publishes_nothing_that_was_not_checked() {
    let house = house().await;
    let mut imports = imports(&house);
    let id = upload(&mut imports, &families(1), true).await;
    let mut sql = house.sql().await;
    for state in ["checked", "publishing", "published", "rejected"] {
        let refused = sqlx::query("update account_import set state = $1 where id = $2::uuid")
            .bind(state)
            .bind(&id)
            .execute(&mut sql)
            .await
            .unwrap_err();
        let refused = refused.as_database_error().unwrap().constraint().unwrap_or_default().to_owned();
        assert_eq!(refused, "account_import_transition_check", "{state}");
    }
}

#[tokio::test]
async fn imports_and_their_errors_are_listed_by_the_convention() {
    let house = house().await;
    let mut imports = imports(&house);
    let mut id = String::new();
    for _ in 0..4 {
        id = upload(&mut imports, &format!("{HEADER}1,,,,,,,,,,,\n2,,,,,,,,,,,\n"), false).await;
    }
    work(&house).await.unwrap();
    let voice = || house.user(&["accounts.admin"]);
    list_behaves(voice(), "accounts.v1.AccountImportService/ListAccountImports", &[]).await;
    let of = [("account_import_id", id.as_str())];
    list_behaves(voice(), "accounts.v1.AccountImportService/ListAccountImportErrors", &of).await;
}
