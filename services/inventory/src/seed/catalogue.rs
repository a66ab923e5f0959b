//! What the demo's music store sells. Prices come first, as pos knows them; names are found to fit them.

use chrono::{DateTime, Utc};
use types::Money;

use super::{GOODS, PRODUCTS, category_id, price, product_id};
use crate::Error;
use crate::category::{Category, Lineage};
use crate::product::{Kind, Product, State};
use crate::quantity::Quantity;

/// Who delivers.
pub(super) const SUPPLIERS: [&str; 4] =
    ["Northwind Instruments", "Cremona Trading", "Blue Note Supply", "Tonewood & Sons"];

/// Name, and the number of the parent; numbers count from 1.
const CATEGORIES: [(&str, Option<u32>); 14] = [
    ("Guitars", None),
    ("Acoustic guitars", Some(1)),
    ("Electric guitars", Some(1)),
    ("Basses", Some(1)),
    ("Orchestral strings", None),
    ("Violins and violas", Some(5)),
    ("Cellos and double basses", Some(5)),
    ("Pianos and keyboards", None),
    ("Winds and brass", None),
    ("Drums and percussion", None),
    ("Strings and sets", None),
    ("Sheet music and books", None),
    ("Accessories", None),
    ("Services", None),
];

/// A price in minor units, and the names of what costs no more: each with the number of its category and a prefix for
/// the SKU.
type Band = (i64, &'static [(&'static str, u32, &'static str)]);

/// Goods for every price, the cheapest first.
const GOODS_UP_TO: [Band; 5] = [
    (
        6_000,
        &[
            ("Violin string set", 11, "STR"),
            ("Guitar string set", 11, "STR"),
            ("Piano album", 12, "SHT"),
            ("Violin method", 12, "SHT"),
            ("Rosin", 13, "ACC"),
            ("Clip-on tuner", 13, "ACC"),
            ("Capo", 13, "ACC"),
        ],
    ),
    (
        30_000,
        &[
            ("Soprano ukulele", 2, "UKU"),
            ("Violin case", 13, "CAS"),
            ("Concert score set", 12, "SHT"),
            ("Guitar gig bag", 13, "CAS"),
            ("Music stand", 13, "ACC"),
            ("Descant recorder", 9, "REC"),
            ("Cajon", 10, "PER"),
            ("Cello string set", 11, "STR"),
        ],
    ),
    (
        90_000,
        &[
            ("Classical guitar", 2, "GTR"),
            ("Western guitar", 2, "GTR"),
            ("Student violin outfit", 6, "VLN"),
            ("Student viola outfit", 6, "VLA"),
            ("Clarinet in B flat", 9, "CLR"),
            ("Flute", 9, "FLT"),
            ("Stage keyboard", 8, "KEY"),
            ("Snare drum", 10, "DRM"),
            ("Short-scale bass", 4, "BAS"),
        ],
    ),
    (
        160_000,
        &[
            ("Electric guitar", 3, "EGT"),
            ("Jazz bass", 4, "BAS"),
            ("Violin", 6, "VLN"),
            ("Viola", 6, "VLA"),
            ("Student cello outfit", 7, "VCL"),
            ("Trumpet in B flat", 9, "TRP"),
            ("Alto saxophone", 9, "SAX"),
            ("Digital piano", 8, "PNO"),
            ("Drum kit", 10, "DRM"),
        ],
    ),
    (
        i64::MAX,
        &[
            ("Archtop guitar", 3, "EGT"),
            ("Concert guitar", 2, "GTR"),
            ("Master violin", 6, "VLN"),
            ("Cello", 7, "VCL"),
            ("Double bass", 7, "DBS"),
            ("Tenor saxophone", 9, "SAX"),
            ("French horn", 9, "HRN"),
            ("Stage piano", 8, "PNO"),
            ("Vibraphone", 10, "PER"),
        ],
    ),
];

const SERIES: [&str; 14] = [
    "Prelude",
    "Etude",
    "Sonata",
    "Aria",
    "Nocturne",
    "Rondo",
    "Toccata",
    "Fantasia",
    "Serenade",
    "Ballade",
    "Capriccio",
    "Scherzo",
    "Rhapsody",
    "Intermezzo",
];

/// From the cheapest to the dearest.
const SERVICES: [&str; 20] = [
    "Restring a ukulele",
    "Restring a guitar",
    "Clean and polish a violin",
    "Trial lesson",
    "Rehair a bow",
    "Set up a guitar",
    "Set up an electric bass",
    "Replace a violin bridge",
    "Lesson card, 10 lessons",
    "Tune a piano",
    "Tune a grand piano",
    "Overhaul a clarinet",
    "Overhaul a flute",
    "Level and dress frets",
    "Lesson card, 30 lessons",
    "Overhaul a saxophone",
    "Refret a guitar",
    "Repair a cello top",
    "Regulate a piano action",
    "Restore a violin",
];

/// The tree, parents first.
pub(super) fn categories(now: DateTime<Utc>) -> Result<Vec<Category>, Error> {
    let mut tree: Vec<Category> = Vec::with_capacity(CATEGORIES.len());
    for ((name, parent), n) in CATEGORIES.into_iter().zip(1_u32..) {
        let mut category = Category::new(category_id(n), name, i32::try_from(n).unwrap_or_default(), now);
        let above = parent.and_then(|parent| tree.iter().find(|known| known.id == category_id(parent)));
        category.place(above.map(|above| Lineage { ids: vec![above.id], path: above.path.clone() }).as_ref(), 0)?;
        tree.push(category);
    }
    Ok(tree)
}

/// All products, in the order of their numbers.
pub(super) fn products(now: DateTime<Utc>) -> Vec<Product> {
    let mut used = [0_usize; GOODS_UP_TO.len()];
    let goods = (1..=GOODS).map(|n| {
        let band = GOODS_UP_TO.iter().position(|(up_to, _)| price(n) <= *up_to).unwrap_or_default();
        let names = GOODS_UP_TO[band].1;
        let turn = used[band];
        used[band] += 1;
        let (name, category, prefix) = names[turn % names.len()];
        let series = SERIES[turn / names.len() % SERIES.len()];
        let name = format!("{name} {series}");
        product(n, name, category, &format!("{prefix}-{n:04}"), Kind::Stock, now)
    });
    let mut products: Vec<Product> = goods.collect();
    let mut by_price: Vec<u32> = (GOODS + 1..=PRODUCTS).collect();
    by_price.sort_by_key(|n| price(*n));
    let mut services: Vec<(u32, &str)> = by_price.into_iter().zip(SERVICES).collect();
    services.sort_unstable();
    let service = |(n, name): (u32, &str)| product(n, name.to_owned(), 14, &format!("SRV-{n:04}"), Kind::Service, now);
    products.extend(services.into_iter().map(service));
    products
}

fn product(n: u32, name: String, category: u32, sku: &str, kind: Kind, now: DateTime<Utc>) -> Product {
    Product {
        id: product_id(n),
        sku: sku.to_owned(),
        barcode: (kind == Kind::Stock).then(|| barcode(n)),
        name,
        description: None,
        category_id: Some(category_id(category)),
        kind,
        tax_category: if kind == Kind::Stock { "goods" } else { "service" }.to_owned(),
        price: Money::minor(price(n)),
        state: State::Active,
        quantity_on_hand: Quantity::ZERO,
        version: 1,
        created_at: now,
        updated_at: now,
    }
}

/// An EAN-13 of the range that shops give out themselves.
fn barcode(n: u32) -> String {
    let digits = format!("20{n:010}");
    let weighted = digits.bytes().zip([1_u32, 3].into_iter().cycle()).map(|(digit, by)| u32::from(digit - b'0') * by);
    format!("{digits}{}", (10 - weighted.sum::<u32>() % 10) % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_name_sku_and_barcode_is_its_own() {
        let products = products(DateTime::UNIX_EPOCH);
        assert_eq!(products.len(), 320);
        let unique =
            |get: fn(&Product) -> Option<String>| products.iter().filter_map(get).collect::<HashSet<_>>().len();
        assert_eq!(unique(|product| Some(product.name.clone())), 320);
        assert_eq!(unique(|product| Some(product.sku.clone())), 320);
        assert_eq!(unique(|product| product.barcode.clone()), 300);
        assert_eq!(barcode(1), "2000000000015");
    }

    #[test]
    fn the_tree_has_paths() {
        let tree = categories(DateTime::UNIX_EPOCH).unwrap();
        assert_eq!(tree.len(), 14);
        assert_eq!(tree[1].path, "Guitars / Acoustic guitars");
    }
}
