//! Whatever happens in whatever order, the books add up.

use std::sync::Arc;

use db::Pools;
use inventory::Error;
use kit::{Class, Refusal};
use proto::inventory::v1 as pb;
use proto::pos::v1 as pos;
use testing::Builder;
use tonic::Status;

use crate::shop::{Shop, id, reason};

/// A small generator, so that a failed history can be told again by its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(sides).unwrap()).unwrap()
    }

    fn quantity(&mut self) -> String {
        ["1", "2", "3", "0.5", "0.3333", "7"][self.roll(6)].to_owned()
    }
}

/// One thing that happens; what is impossible is refused, and changes nothing.
async fn something(shop: &Shop, goods: &[pb::Product], sales: &mut Vec<pos::Sale>, dice: &mut Dice) {
    let product = &goods[dice.roll(goods.len())];
    match dice.roll(8) {
        0 => {
            let cost = ["1", "0.0049", "3.337", "12.5", "0"][dice.roll(5)];
            shop.receive(&[(product, &dice.quantity(), cost), (product, "1", "2.01")]).await.unwrap();
        }
        1 => possible(shop.adjust("count", &[(product, &format!("-{}", dice.quantity()))]).await),
        2 => possible(shop.adjust("found", &[(product, &dice.quantity())]).await),
        3 | 4 => {
            let (other, quantity) = (&goods[dice.roll(goods.len())], dice.quantity());
            let lines = [(product, quantity.as_str()), (other, "1")];
            let sale = shop.sale(&id(), &lines);
            if dice.roll(3) > 0 {
                possible(shop.reserve(&sale.id, &lines).await);
            }
            sales.push(sale);
        }
        roll if !sales.is_empty() => {
            let sale = &sales[dice.roll(sales.len())];
            match roll {
                5 => applicable(shop.completes(sale).await),
                6 => applicable(shop.reverses(sale).await),
                _ => shop.give_up(&sale.id).await,
            }
        }
        _ => {}
    }
}

/// Done, or refused because the stock is not there.
fn possible<T>(answer: Result<T, Status>) {
    if let Err(refused) = answer {
        assert!(["OUT_OF_STOCK", "STOCK_RESERVED"].contains(&reason(&refused).as_str()), "{refused:?}");
    }
}

/// Applied, or to be tried again when the stock is there.
fn applicable(heard: Result<(), Error>) {
    if let Err(refused) = heard {
        assert_eq!(refused.class(), Class::Conflict, "{refused:?}");
    }
}

#[tokio::test]
async fn any_history_adds_up() {
    for seed in [0x5EED_0001, 0x5EED_0002, 0x5EED_0003] {
        let shop = Shop::open().await;
        let goods = [shop.product("Violin").await, shop.product("Bow").await, shop.product("Rosin").await];
        let (mut dice, mut sales) = (Dice(seed), Vec::new());
        for step in 0..150 {
            something(&shop, &goods, &mut sales, &mut dice).await;
            if step % 25 == 24 {
                shop.adds_up().await;
            }
        }
        // At last every sale is told to be completed and reversed: all that was ever sold is back.
        for sale in &sales {
            shop.reverses(sale).await.unwrap();
            shop.completes(sale).await.unwrap();
            shop.reverses(sale).await.unwrap();
        }
        shop.adds_up().await;
        let out: String = sqlx::query_scalar(
            "select coalesce(sum(quantity), 0) || ' worth ' || coalesce(sum(value), 0) from stock_move where source_kind = 'sale'",
        )
        .fetch_one(&mut shop.house.sql().await)
        .await
        .unwrap();
        assert!(["0 worth 0", "0.0000 worth 0"].contains(&out.as_str()), "seed {seed:x}: {out}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_history_of_several_hands_adds_up() {
    let builder = Builder::default().pools(Pools { requests: 12, background: 8 });
    let shop = Arc::new(Shop::with(builder).await);
    let goods = Arc::new([shop.stocked("Violin", "20", "3.33").await, shop.stocked("Bow", "20", "0.07").await]);
    let mut hands = tokio::task::JoinSet::new();
    for hand in 1..=6 {
        let (shop, goods) = (Arc::clone(&shop), Arc::clone(&goods));
        hands.spawn(async move {
            let (mut dice, mut sales) = (Dice(0xABCD * hand), Vec::new());
            for _ in 0..40 {
                something(&shop, &goods[..], &mut sales, &mut dice).await;
            }
        });
    }
    hands.join_all().await;
    shop.adds_up().await;
}
