//! Sales as a till asks for them: three lines of different products, one tender, paid in one request.

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Method};
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::failure::Result;
use crate::http::Draft;
use crate::session::IDEMPOTENCY_KEY;

/// A place to sell at.
#[derive(Clone, Debug)]
pub(crate) struct Till {
    pub(crate) register: String,
    pub(crate) location: String,
    /// What is charged on goods here, in millionths; none when it is more than one plain tax.
    pub(crate) tax: Option<i64>,
}

/// A product that lies on the shelf.
#[derive(Clone, Debug)]
pub(crate) struct Good {
    pub(crate) id: Uuid,
    /// Minor units.
    pub(crate) price: i64,
}

/// Where sales come from.
#[derive(Clone, Debug)]
pub(crate) struct Counter {
    pub(crate) tills: Vec<Till>,
    /// At least three; a sale takes one of each third, in the order of their ids.
    pub(crate) goods: Vec<Good>,
    /// Of the currency.
    pub(crate) digits: usize,
}

/// One customer's request; it is repeated with the same key until it is answered.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) sale: Uuid,
    pub(crate) key: String,
    pub(crate) body: Bytes,
}

impl Counter {
    /// The next customer: at a till by turn, paying cash or by card.
    pub(crate) fn order(&self, random: &mut StdRng) -> Order {
        let till = &self.tills[random.random_range(0..self.tills.len())];
        let third = self.goods.len() / 3;
        let picks = [0, 1, 2].map(|part| {
            let good = &self.goods[part * third + random.random_range(0..third)];
            (good, random.random_range(1..=3_i64))
        });
        let sale = Uuid::now_v7();
        let net = |(good, quantity): &(&Good, i64)| good.price * quantity;
        let by_card = till.tax.filter(|_| random.random_bool(0.5));
        let tender = match by_card {
            Some(rate) => {
                let total = picks.iter().map(net).map(|net| net + tax(net, rate)).sum();
                json!({"kind": "card", "amount": self.amount(total), "reference": format!("T-{sale}")})
            }
            None => {
                let enough = picks.iter().map(net).sum::<i64>() * 2;
                json!({"kind": "cash", "amount": self.amount(enough.max(100))})
            }
        };
        let lines = picks.map(|(good, quantity)| json!({"productId": good.id, "quantity": quantity.to_string()}));
        let body = json!({
            "id": sale,
            "registerId": till.register,
            "lines": lines,
            "tenders": [tender],
            "complete": true,
        });
        Order { sale, key: format!("bench-{sale}"), body: body.to_string().into() }
    }

    fn amount(&self, minor: i64) -> String {
        decimal(minor, self.digits)
    }
}

impl Order {
    pub(crate) fn draft(&self, bearer: &HeaderValue) -> Result<Draft> {
        let draft = Draft::new(Method::POST, "/v1/sales").with(AUTHORIZATION, bearer.clone());
        Ok(draft.with(IDEMPOTENCY_KEY, HeaderValue::from_str(&self.key)?).json(self.body.clone()))
    }

    /// The same key with something else in the bag.
    pub(crate) fn altered(&self) -> Result<Self> {
        let mut body = serde_json::from_slice::<Value>(&self.body)?;
        body["lines"][0]["quantity"] = json!("7");
        Ok(Self { body: body.to_string().into(), ..self.clone() })
    }
}

/// The tax on an amount, rounded half up; `rate` in millionths.
pub(crate) fn tax(net: i64, rate: i64) -> i64 {
    (net * rate + 500_000).div_euclid(1_000_000)
}

/// Millionths of a percentage such as "8.25".
pub(crate) fn millionths(percent: &str) -> i64 {
    scaled(percent, 4)
}

/// Ten-thousandths of a quantity such as "1.5".
pub(crate) fn tenthousandths(quantity: &str) -> i64 {
    scaled(quantity, 4)
}

/// Minor units of an amount such as "-97.43".
pub(crate) fn minor(amount: &str, digits: usize) -> i64 {
    scaled(amount, digits)
}

fn scaled(text: &str, digits: usize) -> i64 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{part:0<digits$.digits$}").parse().unwrap_or_default()
}

fn decimal(minor: i64, digits: usize) -> String {
    let text = format!("{minor:0>width$}", width = digits + 1);
    let (whole, part) = text.split_at(text.len() - digits);
    if digits == 0 { whole.to_owned() } else { format!("{whole}.{part}") }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng;

    use super::*;

    fn counter(tax: Option<i64>) -> Counter {
        let till = Till { register: "r".into(), location: "l".into(), tax };
        let goods = (1..=9).map(|n| Good { id: Uuid::from_u128(n), price: 333 }).collect();
        Counter { tills: vec![till], goods, digits: 2 }
    }

    #[test]
    fn a_sale_has_three_different_products_in_the_order_of_their_ids() {
        let mut random = StdRng::seed_from_u64(1);
        for _ in 0..200 {
            let order = counter(None).order(&mut random);
            let body = serde_json::from_slice::<Value>(&order.body).unwrap();
            let ids = body["lines"].as_array().unwrap().iter().map(|line| line["productId"].as_str().unwrap());
            let ids = ids.collect::<Vec<_>>();
            assert!(ids.is_sorted());
            assert_eq!(ids.into_iter().collect::<BTreeSet<_>>().len(), 3);
            assert_eq!(body["tenders"][0]["kind"], "cash");
        }
    }

    #[test]
    fn a_card_pays_to_the_cent() {
        let mut random = StdRng::seed_from_u64(2);
        let counter = counter(Some(millionths("8.25")));
        let cards = (0..100).map(|_| serde_json::from_slice::<Value>(&counter.order(&mut random).body).unwrap());
        let cards = cards.filter(|body| body["tenders"][0]["kind"] == "card").collect::<Vec<_>>();
        assert!(cards.len() > 20);
        for body in cards {
            let lines = body["lines"].as_array().unwrap().iter();
            let nets = lines.map(|line| 333 * line["quantity"].as_str().unwrap().parse::<i64>().unwrap());
            let total = nets.map(|net| net + tax(net, 82_500)).sum::<i64>();
            assert_eq!(minor(body["tenders"][0]["amount"].as_str().unwrap(), 2), total);
        }
    }

    #[test]
    fn tax_is_rounded_half_up() {
        for (net, percent, owed) in [(1000, "8.25", 83), (999, "8.25", 82), (200, "0.25", 1), (100, "0", 0)] {
            assert_eq!(tax(net, millionths(percent)), owed, "{percent} % of {net}");
        }
    }

    #[test]
    fn amounts_are_plain_decimals() {
        for (minor_units, digits, text) in [(9743, 2, "97.43"), (5, 2, "0.05"), (1250, 0, "1250"), (1250, 3, "1.250")] {
            assert_eq!(decimal(minor_units, digits), text);
            assert_eq!(minor(text, digits), minor_units);
        }
        assert_eq!(tenthousandths("1.5"), 15_000);
    }

    #[test]
    fn an_altered_order_keeps_its_key() {
        let order = counter(None).order(&mut StdRng::seed_from_u64(3));
        let altered = order.altered().unwrap();
        assert_eq!(altered.key, order.key);
        assert_ne!(altered.body, order.body);
    }
}
