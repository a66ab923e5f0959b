//! What the published figures do not show, and what must hold for every document.

#![expect(clippy::unwrap_used, reason = "a test may stop")]

use proptest::prelude::*;
use rust_decimal::Decimal;
use tax::*;

fn d(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn line(quantity: &str, price: &str, rules: Vec<Rule>) -> Line {
    Line { quantity: d(quantity), unit_price: d(price), discount: Discount::None, rules }
}

fn vat(rate: &str, included: bool) -> Rule {
    Rule { included, ..Rule::new("VAT", Amount::Percent(d(rate))) }
}

fn document(lines: Vec<Line>, discount: Option<DocumentDiscount>) -> Document {
    Document { digits: 2, rounding: Rounding::Line, lines, discount }
}

#[test]
fn a_returned_line_mirrors_its_sale() {
    for discount in [Discount::Percent(d("12.5")), Discount::Amount(d("3.33"))] {
        let [sold, returned] = ["3", "-3"].map(|quantity| {
            let line = Line { discount, ..line(quantity, "19.99", vec![vat("21", true), vat("2", false)]) };
            compute(&document(vec![line], Some(DocumentDiscount::Gross(d("5"))))).unwrap()
        });
        assert_eq!((sold.net, sold.tax, sold.total), (-returned.net, -returned.tax, -returned.total));
        assert!(sold.total < d("59.97"));
    }
}

#[test]
fn a_discount_on_the_ticket_leaves_a_returned_line_at_its_price() {
    let lines = vec![line("1", "100", vec![vat("21", true)]), line("-1", "52.50", vec![vat("12", true)])];
    let totals = compute(&document(lines, Some(DocumentDiscount::Gross(d("10"))))).unwrap();
    assert_eq!(totals.lines[0].gross, d("90"));
    assert_eq!((totals.lines[1].net, totals.lines[1].gross), (d("-46.87"), d("-52.50")));
}

#[test]
fn tax_taken_out_of_a_price_may_itself_be_taxed() {
    let city = Rule { compounds: true, ..vat("10", true) };
    let totals = compute(&document(vec![line("1", "1.00", vec![city, vat("20", true)])], None)).unwrap();
    let amounts: Vec<Decimal> = totals.taxes.iter().map(|tax| tax.amount).collect();
    assert_eq!(amounts, [d("0.08"), d("0.17")], "0.17 of 1.00, then 0.08 of the 0.83 left");
    assert_eq!(totals.net, d("0.75"));
}

#[test]
fn half_a_cent_survives_an_endless_quotient() {
    let rules = vec![vat("6", true), vat("2", true)];
    let totals = compute(&document(vec![line("1", "0.09", rules)], None)).unwrap();
    assert_eq!(totals.taxes[0].amount, d("0.01"), "6 % of 0.08333… is half a cent");
}

#[test]
fn two_taxes_of_one_name_and_rate_stay_two() {
    let rules = vec![vat("6", false), vat("6", false)];
    let lines = vec![line("1", "15.89", rules); 2];
    let totals = compute(&Document { rounding: Rounding::Document, ..document(lines, None) }).unwrap();
    let amounts: Vec<Decimal> = totals.taxes.iter().map(|tax| tax.amount).collect();
    assert_eq!(amounts, [d("1.91"), d("1.91")]);
    assert_eq!(totals.lines[0].tax, d("1.92"), "the odd cent of each is on the first line");
}

#[test]
fn what_cannot_be_reckoned_is_refused() {
    let refused = |line: Line, discount| compute(&document(vec![line], discount)).unwrap_err();
    let plain = || line("1", "10", vec![]);
    let off = |discount| Line { discount, ..plain() };
    assert_eq!(refused(off(Discount::Amount(d("10.01"))), None), Error::LineDiscount { line: 0 });
    assert_eq!(refused(off(Discount::Percent(d("100.1"))), None), Error::LineDiscount { line: 0 });
    assert_eq!(refused(plain(), Some(DocumentDiscount::Net(d("11")))), Error::DocumentDiscount);
    assert_eq!(refused(plain(), Some(DocumentDiscount::Percent(d("101")))), Error::DocumentDiscount);
    assert_eq!(refused(line("1", "10", vec![vat("-100", true)]), None), Error::IncludedTaxes { line: 0 });
    let endless = Line { quantity: Decimal::MAX, unit_price: Decimal::MAX, ..plain() };
    assert_eq!(refused(endless, None), Error::Overflow);
    assert_eq!(compute(&Document { digits: 9, ..document(vec![], None) }), Err(Error::Digits));
}

#[test]
fn an_odd_cent_goes_to_the_largest() {
    let split = |amount: &str, weights: &[&str]| {
        let weights: Vec<Decimal> = weights.iter().map(|weight| d(weight)).collect();
        allocate(d(amount), &weights, 2).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(split("10", &["1", "1", "1"]), ["3.34", "3.33", "3.33"]);
    assert_eq!(split("0.05", &["1", "1", "4", "1"]), ["0.01", "0.01", "0.02", "0.01"]);
    assert_eq!(split("-10", &["3", "3", "3.01"]), ["-3.33", "-3.33", "-3.34"]);
    assert_eq!(split("1", &["0", "0"]), ["0.50", "0.50"]);
    assert!(split("1", &[]).is_empty());
}

fn decimal(units: std::ops::Range<i64>, scale: u32) -> impl Strategy<Value = Decimal> {
    units.prop_map(move |units| Decimal::new(units, scale))
}

fn rule() -> impl Strategy<Value = Rule> {
    let amount = prop_oneof![
        4 => decimal(-1500..3000, 2).prop_map(Amount::Percent),
        1 => decimal(-200..500, 3).prop_map(Amount::Fixed),
    ];
    ("[ab]", amount, any::<[bool; 3]>(), 0..3).prop_map(|(name, amount, [included, compounds, compounded], order)| {
        Rule { name, amount, included, order, compounds, compounded }
    })
}

fn any_line() -> impl Strategy<Value = Line> {
    let discount = prop_oneof![Just(Discount::None), decimal(0..10_001, 2).prop_map(Discount::Percent)];
    (decimal(-20_000..20_000, 3), decimal(-500..100_000, 2), discount, prop::collection::vec(rule(), 0..5))
        .prop_map(|(quantity, unit_price, discount, rules)| Line { quantity, unit_price, discount, rules })
}

fn any_document() -> impl Strategy<Value = Document> {
    let amount = || decimal(0..2_000, 2);
    let discount = prop_oneof![
        3 => Just(None),
        1 => amount().prop_map(|amount| Some(DocumentDiscount::Net(amount))),
        1 => amount().prop_map(|amount| Some(DocumentDiscount::Gross(amount))),
        1 => amount().prop_map(|percent| Some(DocumentDiscount::Percent(percent))),
        1 => amount().prop_map(|percent| Some(DocumentDiscount::PercentOfSum(percent))),
    ];
    let rounding = prop_oneof![Just(Rounding::Line), Just(Rounding::Document)];
    (0_u32..4, rounding, prop::collection::vec(any_line(), 0..8), discount)
        .prop_map(|(digits, rounding, lines, discount)| Document { digits, rounding, lines, discount })
}

fn wild() -> impl Strategy<Value = Decimal> {
    any::<(u32, u32, u32, bool, u32)>()
        .prop_map(|(low, middle, high, negative, scale)| Decimal::from_parts(low, middle, high, negative, scale % 29))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_parts_add_up(document in any_document()) {
        let Ok(totals) = compute(&document) else { return Ok(()) };
        prop_assert_eq!(totals.net + totals.tax, totals.total);
        prop_assert_eq!(totals.lines.iter().map(|line| line.net).sum::<Decimal>(), totals.net);
        prop_assert_eq!(totals.lines.iter().map(|line| line.tax).sum::<Decimal>(), totals.tax);
        prop_assert_eq!(totals.taxes.iter().map(|tax| tax.amount).sum::<Decimal>(), totals.tax);
        for line in &totals.lines {
            prop_assert_eq!(line.net + line.tax, line.gross);
            prop_assert_eq!(line.taxes.iter().map(|tax| tax.amount).sum::<Decimal>(), line.tax);
            prop_assert_eq!(line.gross, round_half_up(line.gross, document.digits));
        }
    }

    #[test]
    fn included_tax_is_its_share_of_the_price_to_the_cent(
        prices in prop::collection::vec(0_i64..10_000_000, 1..20),
        rate in 0_i64..10_000,
    ) {
        let share = |price: i64| (2 * price * rate + 10_000 + rate).div_euclid(2 * (10_000 + rate));
        let rule = Rule { included: true, ..Rule::new("VAT", Amount::Percent(Decimal::new(rate, 2))) };
        let one = |price: &i64| Line {
            quantity: Decimal::ONE,
            unit_price: Decimal::new(*price, 2),
            discount: Discount::None,
            rules: vec![rule.clone()],
        };
        let mut document = document(prices.iter().map(one).collect(), None);
        let by_line = compute(&document).unwrap();
        prop_assert_eq!(by_line.tax, Decimal::new(prices.iter().copied().map(share).sum(), 2));
        document.rounding = Rounding::Document;
        prop_assert_eq!(compute(&document).unwrap().tax, Decimal::new(share(prices.iter().sum()), 2));
    }

    #[test]
    fn a_price_with_all_its_taxes_is_what_is_paid(mut document in any_document()) {
        document.discount = None;
        for line in &mut document.lines {
            line.discount = Discount::None;
            line.rules.iter_mut().for_each(|rule| rule.included = true);
        }
        let Ok(totals) = compute(&document) else { return Ok(()) };
        for (line, totals) in document.lines.iter().zip(&totals.lines) {
            prop_assert_eq!(totals.gross, round_half_up(line.quantity * line.unit_price, document.digits));
        }
    }

    #[test]
    fn a_discount_takes_off_what_it_says(mut document in any_document(), off in decimal(0..500, 2)) {
        document.digits = 2;
        document.discount = None;
        let Ok(before) = compute(&document) else { return Ok(()) };
        document.discount = Some(DocumentDiscount::Net(off));
        if let Ok(after) = compute(&document) {
            prop_assert_eq!((before.net - after.net).abs(), off);
        }
        document.discount = Some(DocumentDiscount::Gross(off));
        if let Ok(after) = compute(&document) {
            prop_assert_eq!((before.total - after.total).abs(), off);
        }
    }

    #[test]
    fn rounding_over_the_document_stays_near_each_line(mut document in any_document()) {
        document.discount = None;
        document.rounding = Rounding::Line;
        let Ok(by_line) = compute(&document) else { return Ok(()) };
        document.rounding = Rounding::Document;
        let by_document = compute(&document).unwrap();
        for (a, b) in by_line.lines.iter().zip(&by_document.lines) {
            for (a, b) in a.taxes.iter().zip(&b.taxes) {
                prop_assert!((a.amount - b.amount).abs() <= Decimal::new(3, document.digits), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn the_parts_of_a_split_add_up(
        amount in decimal(-1_000_000..1_000_000, 3),
        weights in prop::collection::vec(decimal(-1_000..100_000, 2), 1..12),
    ) {
        let parts = allocate(amount, &weights, 2);
        prop_assert_eq!(parts.iter().sum::<Decimal>(), amount);
        let total: Decimal = weights.iter().map(Decimal::abs).sum();
        for (part, weight) in parts.iter().zip(&weights).filter(|_| !total.is_zero()) {
            prop_assert!((part - amount * weight.abs() / total).abs() <= Decimal::new(25, 3));
        }
    }

    #[test]
    fn no_number_breaks_it(
        numbers in prop::collection::vec(wild(), 8),
        mut document in any_document(),
        digits in any::<u32>(),
    ) {
        for line in &mut document.lines {
            (line.quantity, line.unit_price) = (numbers[0], numbers[1]);
            line.discount = Discount::Amount(numbers[2]);
            for rule in &mut line.rules {
                rule.amount = if rule.included { Amount::Percent(numbers[3]) } else { Amount::Fixed(numbers[4]) };
            }
        }
        document.discount = Some(DocumentDiscount::Net(numbers[5]));
        for digits in [digits, digits % 10] {
            document.digits = digits;
            let _ = compute(&document);
            let _ = allocate(numbers[0], &numbers[1..], digits);
            let _ = round_half_up(numbers[0], digits);
        }
        let _ = cash_round(numbers[6], numbers[7]);
    }
}

#[test]
fn a_percentage_off_the_sum_is_rounded_once_and_falls_on_sales_and_returns_apart() {
    let off = |lines| compute(&document(lines, Some(DocumentDiscount::PercentOfSum(d("10"))))).unwrap();
    assert_eq!(off(vec![line("1", "9.99", vec![]); 10]).net, d("89.91"));
    assert_eq!(off(vec![line("1", "0.04", vec![]); 100]).net, d("3.60"));
    let mixed = [vec![line("1", "0.04", vec![]); 100], vec![line("-1", "0.04", vec![]); 50]].concat();
    let totals = off(mixed);
    let net = |lines: &[LineTotals]| lines.iter().map(|line| line.net).sum::<Decimal>();
    assert_eq!((net(&totals.lines[..100]), net(&totals.lines[100..])), (d("3.60"), d("-1.80")));
    // The residual goes to the largest line.
    let totals = off(vec![line("1", "0.04", vec![]), line("1", "0.04", vec![]), line("1", "5.05", vec![])]);
    assert_eq!(totals.lines.iter().map(|line| line.document_discount).collect::<Vec<_>>(), [d("0"), d("0"), d("0.51")]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_percentage_off_the_sum_leaves_every_line_on_its_side_of_nothing(
        cents in prop::collection::vec(-40_i64..40, 1..60),
        percent in 0_i64..=10_000,
    ) {
        let lines = cents.iter().map(|cents| line("1", &Decimal::new(*cents, 2).to_string(), vec![])).collect();
        let discount = DocumentDiscount::PercentOfSum(Decimal::new(percent, 2));
        let totals = compute(&document(lines, Some(discount))).unwrap();
        for (cents, line) in cents.iter().zip(&totals.lines) {
            let price = Decimal::new(*cents, 2);
            prop_assert!(line.net.abs() <= price.abs() && (line.net.is_zero() || (line.net > d("0")) == (price > d("0"))));
        }
        for sign in [1, -1] {
            let side = |amount: i64| amount.signum() == sign;
            let whole = Decimal::new(cents.iter().copied().filter(|cents| side(*cents)).sum(), 2);
            let pairs = cents.iter().zip(&totals.lines).filter(|(cents, _)| side(**cents));
            let off = pairs.map(|(_, line)| line.document_discount).sum::<Decimal>();
            prop_assert_eq!(off, round_half_up(whole * Decimal::new(percent, 4), 2));
        }
    }
}
