use accounts::Accounts;
use kit::Service;
use proto::accounts::v1 as pb;
use sqlx::Row;
use testing::Builder;

use crate::{desk, settings};

#[tokio::test]
async fn the_demo_shop_is_filled_once() {
    let house = Builder::default().at("2026-11-21T12:00:00Z").open::<Accounts>(settings()).await;

    house.service.seed().await.unwrap();
    house.service.seed().await.unwrap();

    let mut sql = house.sql().await;
    let counted = sqlx::query(
        "select (select count(*) from account) as accounts,
                (select count(*) from account where kind = 'family') as families,
                (select count(*) from account where kind = 'individual') as individuals,
                (select count(*) from account where kind = 'business') as businesses,
                (select count(*) from member) as members,
                (select count(*) from member where is_under_age(born_on, age_override, '2008-11-21')) as minors,
                (select count(*) from member where born_on is null) as unknown,
                (select count(*) from responsible_adult) as responsible,
                (select count(*) from contact) as contacts,
                (select count(*) from address) as addresses,
                (select count(*) from phone_number) as numbers,
                (select count(*) from consent_now where state = 'granted') as granted,
                (select count(*) from tax_exemption where state = 'approved') as exempt,
                (select count(*) from member where awaits_adult and born_on > '2008-11-21') as awaiting,
                (select count(*) from account a where member_count <> (select count(*) from member where account_id = a.id))
                    as miscounted,
                (select count(*) from account where member_count = 0) as empty,
                (select count(*) from (select email, phone from account union all select email, phone from member) x
                  where email not like '%@example.test' or phone !~ '^\\([0-9]{3}\\) 555-01[0-9]{2}$') as strange,
                (select time_zone from shop_copy) as time_zone,
                (select count(*) from location_copy) as locations",
    )
    .fetch_one(&mut sql)
    .await
    .unwrap();
    let count = |name: &str| counted.get::<i64, _>(name);
    assert!(count("accounts") >= 220 && count("members") >= 460, "{} and {}", count("accounts"), count("members"));
    assert!(count("families") >= 100 && count("individuals") >= 50 && count("businesses") >= 30);
    assert!(count("minors") >= 150 && count("minors") < count("members") / 2 + 50, "{} minors", count("minors"));
    assert!(count("responsible") > 150, "{} responsible", count("responsible"));
    assert!((1..20).contains(&count("awaiting")), "{} await somebody", count("awaiting"));
    assert!((5..50).contains(&count("unknown")), "{} unknown", count("unknown"));
    assert_eq!((count("miscounted"), count("empty"), count("strange"), count("locations")), (0, 0, 0, 2));
    assert_eq!(counted.get::<String, _>("time_zone"), "America/Chicago");

    let mut desk = desk(&house);
    let first = desk.account(&types::id::demo_id(3, 1).to_string()).await;
    assert_eq!(first.number, "100001");
    assert_eq!(desk.member(&types::id::demo_id(4, 1).to_string()).await.account_id, first.id);
    let copies = house.events::<pb::AccountChanged>().await;
    let newest = copies.iter().filter(|copy| copy.version == 2).count();
    assert_eq!(i64::try_from(newest).unwrap(), count("accounts"), "each account is told with its members counted");
    assert_eq!(i64::try_from(house.events::<pb::MemberChanged>().await.len()).unwrap(), count("members"));
    for (kind, counted) in [
        ("account", count("accounts")),
        ("member", count("members")),
        ("responsible_adult", count("responsible")),
        ("consent_document", 2),
    ] {
        let audited = house.audited().await.into_iter().filter(|(_, audited)| audited == kind).count();
        assert_eq!(i64::try_from(audited).unwrap(), counted, "{kind}");
    }
    assert!(count("contacts") >= 30 && count("addresses") >= 20 && count("numbers") >= 20);
    assert!(count("granted") >= 20 && count("exempt") >= 5, "{} granted, {} exempt", count("granted"), count("exempt"));
}
