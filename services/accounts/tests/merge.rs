use std::collections::BTreeSet;

use accounts::{Follows, OWNED};
use kit::task::spawn;
use proto::accounts::v1 as pb;
use proto::accounts::v1::tax_exemption_service_client::TaxExemptionServiceClient;
use testing::list_behaves;
use tonic::Code;
use tonic_types::StatusExt;

use crate::{desk, family, fields, house, mask, person, reason};

fn tagged(name: &str, tags: &[&str]) -> pb::Account {
    pb::Account { tags: tags.iter().map(|tag| (*tag).to_owned()).collect(), ..family(name) }
}

#[tokio::test]
async fn everything_goes_over_and_the_old_id_and_number_lead_to_what_stands() {
    let house = house().await;
    let mut desk = desk(&house);
    let target = desk.open(tagged("Miller", &["vip"])).await;
    let source = desk.open(tagged("Millar", &["band", "vip"])).await;
    let ann = desk.add(person(&target, "Ann", "Miller")).await;
    let ben = desk.add(person(&source, "Ben", "Millar")).await;
    let kept = desk.keep_card(&target.id, "pm_00000001").await;
    let gave_way = desk.keep_card(&source.id, "pm_00000002").await;
    let reference = desk.refer(&source.id, "77").await;
    let link = desk.link(&source.id, "cus_77").await;

    let merge = desk.merge(&target.id, &source.id).await.unwrap();

    let moved: BTreeSet<(&str, &str)> = merge.moved.iter().map(|row| (row.kind.as_str(), row.id.as_str())).collect();
    let expected = [
        ("external_reference", reference.id.as_str()),
        ("member", ben.id.as_str()),
        ("payment_method", gave_way.id.as_str()),
        ("processor_link", link.id.as_str()),
    ];
    assert_eq!(moved, BTreeSet::from(expected));
    for old in [source.id.clone(), source.number.clone(), source.id.to_uppercase()] {
        let found = desk.account(&old).await;
        assert_eq!((found.id.as_str(), found.redirected_from.as_deref()), (target.id.as_str(), Some(old.as_str())));
    }
    let now = desk.account(&target.number).await;
    assert_eq!((now.member_count, now.redirected_from), (2, None));
    assert_eq!(now.tags, ["band", "vip"]);
    assert_eq!(desk.member(&ben.id).await.account_id, target.id);
    assert_eq!(desk.member(&ann.id).await, ann, "who was there is left as he was");
    let request = pb::ListAccountMembersRequest { account_id: source.id.clone(), ..Default::default() };
    assert_eq!(desk.members.list_account_members(request).await.unwrap().into_inner().data.len(), 2);
    let request = pb::ListAccountPaymentMethodsRequest { account_id: source.id.clone(), ..Default::default() };
    let methods = desk.methods.list_account_payment_methods(request).await.unwrap().into_inner().data;
    let defaults: Vec<(&str, bool)> = methods.iter().map(|one| (one.id.as_str(), one.is_default)).collect();
    assert_eq!(defaults, [(kept.id.as_str(), true), (gave_way.id.as_str(), false)]);
    let request = pb::ListAccountsRequest { state: Some(pb::account::State::Merged.into()), ..Default::default() };
    let tombstones = desk.accounts.list_accounts(request).await.unwrap().into_inner().data;
    assert_eq!((tombstones[0].id.as_str(), tombstones[0].merged_into.as_ref()), (source.id.as_str(), Some(&target.id)));

    let told = &house.events::<pb::AccountMerged>().await[0];
    assert_eq!((told.source_id.as_str(), told.target_id.as_str()), (source.id.as_str(), target.id.as_str()));
    assert_eq!((&told.merge_id, told.member_ids.as_slice()), (&merge.id, std::slice::from_ref(&ben.id)));
    let copies = house.events::<pb::AccountChanged>().await;
    let tombstone = copies.iter().rfind(|copy| copy.account.as_ref().unwrap().id == source.id).unwrap();
    assert_eq!((tombstone.version, tombstone.account.as_ref()), (told.version, Some(&tombstones[0])));
    let copies = house.events::<pb::MemberChanged>().await;
    assert_eq!(copies.last().unwrap().member.as_ref().unwrap().account_id, target.id);
}

#[tokio::test]
async fn undoing_puts_back_exactly_what_went_over() {
    let house = house().await;
    let mut desk = desk(&house);
    let target = desk.open(tagged("Miller", &["vip"])).await;
    let source = desk.open(tagged("Millar", &["band", "vip"])).await;
    let [ben, cat] =
        [desk.add(person(&source, "Ben", "Millar")).await, desk.add(person(&source, "Cat", "Millar")).await];
    desk.keep_card(&target.id, "pm_00000001").await;
    let mine = desk.keep_card(&source.id, "pm_00000002").await;
    let gone = desk.keep_card(&source.id, "pm_00000003").await;
    let merge = desk.merge(&target.id, &source.id).await.unwrap();

    // Life goes on: somebody comes, somebody goes elsewhere, a card is removed.
    let dan = desk.add(person(&target, "Dan", "Miller")).await;
    let other = desk.open(family("Okafor")).await;
    let request = pb::MoveMemberRequest { id: cat.id.clone(), account_id: other.id.clone() };
    desk.members.move_member(request).await.unwrap();
    desk.methods.delete_payment_method(pb::DeletePaymentMethodRequest { id: gone.id.clone() }).await.unwrap();
    let undone = desk.undo(&merge.id).await.unwrap();

    let left: Vec<(&str, i32)> =
        undone.moved.iter().filter_map(|row| row.left.map(|left| (row.id.as_str(), left))).collect();
    let (elsewhere, removed) = (pb::moved_row::Left::Elsewhere.into(), pb::moved_row::Left::Gone.into());
    assert_eq!(BTreeSet::from_iter(left), BTreeSet::from([(cat.id.as_str(), elsewhere), (gone.id.as_str(), removed)]));
    assert_eq!((undone.state(), undone.undone_by_name.is_some()), (pb::account_merge::State::Undone, true));
    let back = desk.account(&source.id).await;
    assert_eq!(
        (back.id.as_str(), back.member_count, back.state()),
        (source.id.as_str(), 1, pb::account::State::Active)
    );
    assert_eq!((back.tags, back.merged_into), (source.tags, None));
    let stayed = desk.account(&target.id).await;
    assert_eq!((stayed.member_count, stayed.tags), (1, target.tags));
    assert_eq!(desk.member(&ben.id).await.account_id, source.id);
    assert_eq!(desk.member(&dan.id).await.account_id, target.id);
    assert_eq!(desk.member(&cat.id).await.account_id, other.id);
    let card = pb::GetPaymentMethodRequest { id: mine.id };
    let card = desk.methods.get_payment_method(card).await.unwrap().into_inner().payment_method.unwrap();
    assert_eq!((card.account_id.as_str(), card.is_default), (source.id.as_str(), true));

    let request = pb::GetAccountMergeRequest { id: merge.id.clone() };
    let read = desk.merges.get_account_merge(request).await.unwrap().into_inner().account_merge.unwrap();
    assert_eq!(read.moved.len(), undone.moved.len());
    assert_eq!((read.state(), read.etag), (undone.state(), undone.etag));
    let told = &house.events::<pb::AccountUnmerged>().await[0];
    assert_eq!((told.source_id.as_str(), told.member_ids.as_slice()), (source.id.as_str(), [ben.id].as_slice()));
    assert!(told.version > house.events::<pb::AccountMerged>().await[0].version);
    let refused = desk.undo(&merge.id).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "ALREADY_UNDONE"));
}

#[tokio::test]
async fn chains_of_merges_lead_on_and_are_taken_back_from_the_end() {
    let house = house().await;
    let mut desk = desk(&house);
    let (a, b, c) = (desk.open(family("A")).await, desk.open(family("B")).await, desk.open(family("C")).await);
    let ann = desk.add(person(&a, "Ann", "Miller")).await;
    let first = desk.merge(&b.id, &a.id).await.unwrap();
    let second = desk.merge(&c.id, &b.id).await.unwrap();

    assert_eq!(desk.account(&a.number).await.id, c.id);
    assert_eq!(desk.member(&ann.id).await.account_id, c.id);
    let refused = desk.undo(&first.id).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "MERGED_ONWARD"));
    desk.undo(&second.id).await.unwrap();
    assert_eq!(desk.member(&ann.id).await.account_id, b.id);
    desk.undo(&first.id).await.unwrap();
    assert_eq!(desk.member(&ann.id).await.account_id, a.id);
    assert_eq!(desk.account(&a.id).await.id, a.id);
    // It can be merged again, the other way round.
    desk.merge(&a.id, &b.id).await.unwrap();
    assert_eq!(desk.account(&b.id).await.id, a.id);
}

#[tokio::test]
async fn an_archived_account_comes_back_archived() {
    let house = house().await;
    let mut desk = desk(&house);
    let (target, source) = (desk.open(family("Miller")).await, desk.open(family("Millar")).await);
    desk.refer(&source.id, "77").await;
    desk.accounts.archive_account(pb::ArchiveAccountRequest { id: source.id.clone() }).await.unwrap();
    let refused = desk.merge(&source.id, &target.id).await.unwrap_err();
    assert_eq!(reason(&refused), "ACCOUNT_ARCHIVED");
    let merge = desk.merge(&target.id, &source.id).await.unwrap();
    desk.undo(&merge.id).await.unwrap();
    assert_eq!(desk.account(&source.id).await.state(), pb::account::State::Archived);
    // What it is called elsewhere is free, as before.
    desk.refer(&target.id, "77").await;
}

#[tokio::test]
async fn a_merged_account_does_nothing_any_more() {
    let house = house().await;
    let mut desk = desk(&house);
    let (target, source) = (desk.open(family("Miller")).await, desk.open(family("Millar")).await);
    desk.merge(&target.id, &source.id).await.unwrap();

    let update = pb::Account { id: source.id.clone(), name: "X".to_owned(), ..Default::default() };
    let update = pb::UpdateAccountRequest { account: Some(update), update_mask: mask(&["name"]) };
    let id = || source.id.clone();
    let member = pb::CreateMemberRequest { member: Some(person(&source, "Ann", "Millar")) };
    for refused in [
        desk.accounts.update_account(update).await.map(drop),
        desk.accounts.archive_account(pb::ArchiveAccountRequest { id: id() }).await.map(drop),
        desk.accounts.restore_account(pb::RestoreAccountRequest { id: id() }).await.map(drop),
        desk.members.create_member(member).await.map(drop),
        desk.merge(&target.id, &source.id).await.map(drop),
        desk.merge(&source.id, &target.id).await.map(drop),
    ] {
        let refused = refused.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "ACCOUNT_MERGED"));
    }
    let refused = desk.merge(&target.id, &target.id).await.unwrap_err();
    assert_eq!((refused.code(), fields(&refused)), (Code::InvalidArgument, vec!["source_id".to_owned()]));
}

#[tokio::test]
async fn a2_the_database_keeps_tombstones_as_they_are() {
    let house = house().await;
    let mut desk = desk(&house);
    let (target, source) = (desk.open(family("Miller")).await, desk.open(family("Millar")).await);
    let other = desk.open(family("Okafor")).await;
    desk.merge(&target.id, &source.id).await.unwrap();
    let mut sql = house.sql().await;
    for (statement, id, constraint) in [
        ("update account set state = 'merged' where id = $1::uuid", &target.id, "account_merged_into_check"),
        ("update account set state = 'active' where id = $1::uuid", &source.id, "account_merged_check"),
        ("update account set merged_into = id where id = $1::uuid", &target.id, "account_merged_check"),
        ("update account set name = 'X' where id = $1::uuid", &source.id, "account_merged_final_check"),
        (
            "insert into member (id, account_id, first_name, last_name) values (gen_random_uuid(), $1::uuid, 'A', 'B')",
            &source.id,
            "account_stands_check",
        ),
        (
            "insert into processor_link (id, account_id, processor, customer_id)
             values (gen_random_uuid(), $1::uuid, 'stripe', 'cus_1')",
            &source.id,
            "account_stands_check",
        ),
    ] {
        let refused = sqlx::query(statement).bind(id).execute(&mut sql).await.unwrap_err();
        assert!(db::violates(&refused, constraint), "{statement}: {refused}");
    }
    let into = "update account set state = 'merged', merged_into = $2::uuid where id = $1::uuid";
    for (id, into_id, constraint) in
        [(&target.id, &target.id, "account_merged_self_check"), (&other.id, &source.id, "account_merged_into_check")]
    {
        let refused = sqlx::query(into).bind(id).bind(into_id).execute(&mut sql).await.unwrap_err();
        assert!(db::violates(&refused, constraint), "{refused}");
    }
}

#[tokio::test]
async fn a2_who_comes_while_accounts_are_merged_is_on_the_one_that_stands() {
    let house = house().await;
    let mut desk = desk(&house);
    for n in 0..20 {
        let (target, source) = (desk.open(family("Miller")).await, desk.open(family("Millar")).await);
        let mut members = desk.members.clone();
        let request = pb::CreateMemberRequest { member: Some(person(&source, &format!("Nr {n}"), "Millar")) };
        let added = spawn(async move { members.create_member(request).await });
        desk.merge(&target.id, &source.id).await.unwrap();
        match added.await.unwrap() {
            Ok(added) => {
                let id = added.into_inner().member.unwrap().id;
                assert_eq!(desk.member(&id).await.account_id, target.id);
                assert_eq!(desk.account(&target.id).await.member_count, 1);
            }
            Err(refused) => assert_eq!(reason(&refused), "ACCOUNT_MERGED"),
        }
    }
    let stray: i64 = sqlx::query_scalar(
        "select count(*) from member m join account a on a.id = m.account_id where a.state = 'merged'",
    )
    .fetch_one(&mut house.sql().await)
    .await
    .unwrap();
    assert_eq!(stray, 0);
}

#[tokio::test]
async fn of_two_merges_in_both_directions_at_once_one_comes_about() {
    let house = house().await;
    let mut desk = desk(&house);
    for _ in 0..20 {
        let (one, two) = (desk.open(family("Miller")).await, desk.open(family("Millar")).await);
        let both = [(&one, &two), (&two, &one)].map(|(target, source)| {
            let mut merges = desk.merges.clone();
            let request = pb::MergeAccountsRequest {
                id: target.id.clone(),
                source_id: source.id.clone(),
                reason: "the same family".to_owned(),
            };
            spawn(async move { merges.merge_accounts(request).await })
        });
        let mut done = 0;
        for one in both {
            match one.await.unwrap() {
                Ok(_) => done += 1,
                Err(refused) => assert_eq!(reason(&refused), "ACCOUNT_MERGED"),
            }
        }
        assert_eq!(done, 1);
    }
}

#[tokio::test]
async fn a3_conflicts_are_told_with_their_rows_and_nothing_goes_over() {
    let house = house().await;
    let mut desk = desk(&house);
    let rule = "create unique index one_of_a_processor on accounts.processor_link (account_id, processor)";
    sqlx::query(rule).execute(&mut house.sql().await).await.unwrap();
    let (target, source) = (desk.open(family("Miller")).await, desk.open(family("Millar")).await);
    let ben = desk.add(person(&source, "Ben", "Millar")).await;
    desk.link(&target.id, "cus_1").await;
    let clash = desk.link(&source.id, "cus_2").await;

    let refused = desk.merge(&target.id, &source.id).await.unwrap_err();

    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "MERGE_CONFLICTS"));
    assert_eq!(fields(&refused), [format!("processor_link[{}]", clash.id)]);
    assert_eq!(desk.member(&ben.id).await, ben);
    assert_eq!(desk.account(&source.id).await.redirected_from, None);
    assert_eq!(house.events::<pb::AccountMerged>().await, []);
    // Settled by hand, it goes through.
    desk.links.delete_processor_link(pb::DeleteProcessorLinkRequest { id: clash.id }).await.unwrap();
    desk.merge(&target.id, &source.id).await.unwrap();
}

#[tokio::test]
async fn a3_two_exemptions_cannot_both_hold_and_one_alone_goes_over() {
    let house = house().await;
    let mut desk = desk(&house);
    let (target, source) = (desk.open(family("Miller")).await, desk.open(family("Millar")).await);
    let mut exemptions = TaxExemptionServiceClient::new(house.user(&["accounts.admin"]));
    let mut ids = Vec::new();
    for account in [&target, &source] {
        let tax_exemption =
            pb::TaxExemption { account_id: account.id.clone(), reason: "a school".to_owned(), ..Default::default() };
        let request = pb::CreateTaxExemptionRequest { tax_exemption: Some(tax_exemption) };
        ids.push(exemptions.create_tax_exemption(request).await.unwrap().into_inner().tax_exemption.unwrap().id);
    }
    let refused = desk.merge(&target.id, &source.id).await.unwrap_err();
    assert_eq!(fields(&refused), [format!("tax_exemption[{}]", ids[1])]);
    let said = &refused.get_details_bad_request().unwrap().field_violations[0].description;
    assert!(said.contains("tax exemption") && !said.contains("_key"), "a clerk reads it: {said}");
    let request = pb::RevokeTaxExemptionRequest { id: ids[0].clone(), reason: "not a school".to_owned() };
    exemptions.revoke_tax_exemption(request).await.unwrap();
    desk.merge(&target.id, &source.id).await.unwrap();
    let told = house.events::<pb::TaxExemptionChanged>().await;
    let last = told.last().unwrap().tax_exemption.as_ref().unwrap();
    assert_eq!((last.id.as_str(), last.account_id.as_str()), (ids[1].as_str(), target.id.as_str()));
}

#[tokio::test]
async fn a3_every_table_that_names_an_account_is_known() {
    let house = house().await;
    let mut sql = house.sql().await;
    let tables: Vec<String> = sqlx::query_scalar(
        "select table_name::text from information_schema.columns
          where table_schema = 'accounts' and column_name = 'account_id' order by 1",
    )
    .fetch_all(&mut sql)
    .await
    .unwrap();
    let mut known: Vec<&str> = OWNED.iter().map(|owned| owned.table).collect();
    known.sort_unstable();
    assert_eq!(tables, known, "src/account_merge/owned.rs must say what becomes of each when accounts are merged");
    for owned in OWNED {
        let Follows::Moves { one, versioned } = owned.follows else { continue };
        let (guarded, updatable, columns): (bool, bool, Vec<String>) = sqlx::query_as(
            "select exists (select from pg_trigger t join pg_proc p on p.oid = t.tgfoid
                             where t.tgrelid = $1::regclass and p.proname = 'refuse_merged_account'),
                    has_column_privilege('accounts_rt', $1::regclass, 'account_id', 'update'),
                    array(select attname::text from pg_attribute where attrelid = $1::regclass and attnum > 0)",
        )
        .bind(format!("accounts.{}", owned.table))
        .fetch_one(&mut sql)
        .await
        .unwrap();
        assert!(guarded, "{} lets rows in on merged accounts", owned.table);
        assert!(updatable, "the service may not move {}", owned.table);
        let has = |name: &str| columns.iter().any(|column| column == name);
        let one = one.is_none_or(|one| has(one.column) && one.per.is_none_or(has));
        assert!(has("id") && (!versioned || has("version")) && one, "{}", owned.table);
    }
}

#[tokio::test]
async fn merges_are_listed_by_the_convention() {
    let house = house().await;
    let mut desk = desk(&house);
    let target = desk.open(family("Miller")).await;
    let other = desk.open(family("Okafor")).await;
    let mut ids = Vec::new();
    for n in 0..5 {
        let source = desk.open(family(&format!("Millar {n}"))).await;
        let into = if n == 4 { &other } else { &target };
        ids.push(desk.merge(&into.id, &source.id).await.unwrap().id);
    }
    desk.undo(&ids[0]).await.unwrap();
    let voice = || house.user(&["accounts.view"]);
    let rpc = "accounts.v1.AccountMergeService/ListAccountMerges";
    list_behaves(voice(), rpc, &[]).await;
    list_behaves(voice(), rpc, &[("account_id", &target.id)]).await;
    let request = pb::ListAccountMergesRequest {
        account_id: Some(target.id),
        state: Some(pb::account_merge::State::Merged.into()),
        ..Default::default()
    };
    let listed = desk.merges.list_account_merges(request).await.unwrap().into_inner().data;
    assert_eq!(listed.iter().map(|merge| merge.id.clone()).collect::<Vec<_>>(), ids[1..4]);
}
