use crate::support::*;
use kit::Service;
#[tokio::test]
async fn speed() {
    let house = open().await;
    for batch in [1usize, 10, 100] {
        let n = 2000;
        let heard: Vec<_> = (0..n).map(|_| {
            use proto::Event as _; use prost::Message;
            let mut s = sale(5000);
            s.tenders = vec![tendered(proto::pos::v1::tender::Kind::Cash, 6000, 500)];
            s.tax = money(500); s.total = money(5500);
            let e = completed(&s);
            events::Heard::for_test("pos.sale.completed", db::Subject{id: s.id.parse().unwrap(), version: 1}, e.encode_to_vec(), house.clock.now())
        }).collect();
        let begun = std::time::Instant::now();
        for part in heard.chunks(batch) {
            let mut tx = house.app.db.begin_background(db::Context::of_service("ledger","x",house.clock.now())).await.unwrap();
            for h in part { house.service.hear(&mut tx, h).await.unwrap(); }
            house.app.db.commit(tx).await.unwrap();
        }
        println!("batch {batch}: {} entries/s", n as u128 * 1000 / begun.elapsed().as_millis());
    }
    let begun = std::time::Instant::now();
    let n: i64 = sqlx::query_scalar("select count(*) from journal_entry").fetch_one(&mut house.sql().await).await.unwrap();
    println!("{n} {:?}", begun.elapsed());
}
