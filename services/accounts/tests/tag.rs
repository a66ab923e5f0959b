use proto::accounts::v1 as pb;
use proto::accounts::v1::tag_service_client::TagServiceClient;
use testing::{House, list_behaves};
use tonic::Code;

use crate::account_import::{errors, imports, upload, work};
use crate::{desk, family, fields, house, mask, person};

fn tagged(name: &str, tags: &[&str]) -> pb::Account {
    pb::Account { tags: tags.iter().map(|tag| (*tag).to_owned()).collect(), ..family(name) }
}

async fn in_use(house: &House<accounts::Accounts>) -> Vec<String> {
    let mut tags = TagServiceClient::new(house.user(&["accounts.view"]));
    let answer = tags.list_all_tags(pb::ListAllTagsRequest {}).await.unwrap().into_inner();
    answer.data.into_iter().map(|tag| tag.name).collect()
}

#[tokio::test]
async fn accounts_and_people_are_found_by_their_tags_whatever_the_capitals() {
    let house = house().await;
    let mut desk = desk(&house);
    let miller = desk.open(tagged("Miller", &["VIP", " vip", "Orchestra"])).await;
    desk.open(tagged("Okafor", &["orchestra"])).await;
    desk.open(tagged("Silva", &[])).await;
    let ann = pb::Member { tags: vec!["Cello".to_owned()], ..person(&miller, "Ann", "Miller") };
    let ann = desk.add(ann).await;
    desk.add(person(&miller, "Ben", "Miller")).await;

    assert_eq!(miller.tags, ["orchestra", "vip"]);
    assert_eq!(in_use(&house).await, ["cello", "orchestra", "vip"]);
    for (tag, q, names) in [
        ("ORCHESTRA", "", vec!["Miller", "Okafor"]),
        ("vip", "", vec!["Miller"]),
        ("vip", "okafor", vec![]),
        ("orchestra", "okafor", vec!["Okafor"]),
        ("orchestra", "okafro", vec!["Okafor"]),
        ("brass", "", vec![]),
    ] {
        let request = pb::ListAccountsRequest { tag: Some(tag.to_owned()), q: q.to_owned(), ..Default::default() };
        let answer = desk.accounts.list_accounts(request).await.unwrap().into_inner();
        let found: Vec<String> = answer.data.into_iter().map(|account| account.name).collect();
        assert_eq!(found, names, "tag={tag} q={q}");
        assert_eq!(answer.pagination.unwrap().total, i64::try_from(names.len()).unwrap());
    }
    let request = pb::ListMembersRequest { tag: Some("cello".to_owned()), ..Default::default() };
    assert_eq!(desk.members.list_members(request).await.unwrap().into_inner().data, [ann]);
    let request = pb::ListMembersRequest { tag: Some("cello".to_owned()), q: "ben".to_owned(), ..Default::default() };
    assert!(desk.members.list_members(request).await.unwrap().into_inner().data.is_empty());
}

#[tokio::test]
async fn a_tag_that_nobody_has_any_more_is_not_offered() {
    let house = house().await;
    let mut desk = desk(&house);
    let miller = desk.open(tagged("Miller", &["vip"])).await;

    let update = pb::Account { id: miller.id, tags: vec!["Band".to_owned()], ..Default::default() };
    let request = pb::UpdateAccountRequest { account: Some(update), update_mask: mask(&["tags"]) };
    let changed = desk.accounts.update_account(request).await.unwrap().into_inner().account.unwrap();

    assert_eq!((changed.name.as_str(), changed.tags), ("Miller", vec!["band".to_owned()]));
    assert_eq!(in_use(&house).await, ["band"]);
}

#[tokio::test]
async fn what_is_no_tag_is_refused() {
    let house = house().await;
    let mut desk = desk(&house);
    for wrong in [vec![""], vec!["x", "  "], vec!["a tag that is much longer than anybody would want to read"]] {
        let request = pb::CreateAccountRequest { account: Some(tagged("Miller", &wrong)), ..Default::default() };
        let refused = desk.accounts.create_account(request).await.unwrap_err();
        assert_eq!((refused.code(), fields(&refused)), (Code::InvalidArgument, vec!["account.tags".to_owned()]));
    }
}

#[tokio::test]
async fn tagged_accounts_and_members_are_listed_by_the_convention() {
    let house = house().await;
    let mut desk = desk(&house);
    for name in ["Abel", "Bohm", "Cruz", "Diaz"] {
        let account = desk.open(tagged(name, &["vip"])).await;
        desk.add(pb::Member { tags: vec!["vip".to_owned()], ..person(&account, "Ann", name) }).await;
    }
    desk.open(family("Endo")).await;
    for list in ["AccountService/ListAccounts", "MemberService/ListMembers"] {
        list_behaves(house.user(&["accounts.view"]), &format!("accounts.v1.{list}"), &[("tag", "vip")]).await;
    }
}

#[tokio::test]
async fn a_tag_with_a_line_break_or_a_semicolon_is_refused_on_accounts_on_people_and_in_files() {
    let house = house().await;
    let mut desk = desk(&house);
    let miller = desk.open(tagged("Miller", &[])).await;
    for tag in ["b\na", "a\nb", "a;b", "a\u{1}b"] {
        let request = pb::CreateAccountRequest { account: Some(tagged("Okafor", &[tag])), ..Default::default() };
        let refused = desk.accounts.create_account(request).await.unwrap_err();
        assert_eq!(
            (refused.code(), fields(&refused)),
            (Code::InvalidArgument, vec!["account.tags".to_owned()]),
            "{tag:?}"
        );
        let member = pb::Member { tags: vec![tag.to_owned()], ..person(&miller, "Ann", "Miller") };
        let refused = desk.members.create_member(pb::CreateMemberRequest { member: Some(member) }).await.unwrap_err();
        assert_eq!(
            (refused.code(), fields(&refused)),
            (Code::InvalidArgument, vec!["member.tags".to_owned()]),
            "{tag:?}"
        );
    }
    let mut imports = imports(&house);
    let content = "kind,name,tags,member_first_name,member_last_name,member_tags\nfamily,A,\"b\na\",Ann,A,x\n\
                   family,B,x;y,Ben,B,\"a\nb\"\n";
    let id = upload(&mut imports, content, false).await;
    work(&house).await.unwrap();
    let blamed: Vec<_> = errors(&mut imports, &id).await.into_iter().map(|(line, field, _)| (line, field)).collect();
    assert_eq!(blamed, [(2, "tags".to_owned()), (4, "member_tags".to_owned())]);
}
