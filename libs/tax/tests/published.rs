//! Figures published by others; the numbers are those of the shop's table of cases.

#![expect(clippy::unwrap_used, reason = "a test may stop")]

use rust_decimal::Decimal;
use tax::*;

fn d(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn percent(rate: &str) -> Rule {
    Rule::new(format!("{rate} %"), Amount::Percent(d(rate)))
}

fn fixed(amount: &str) -> Rule {
    Rule::new(format!("{amount} each"), Amount::Fixed(d(amount)))
}

fn included(rule: Rule) -> Rule {
    Rule { included: true, ..rule }
}

fn compounding(rule: Rule) -> Rule {
    Rule { compounds: true, ..rule }
}

/// Its base is the net, whatever compounds before it.
fn on_net(rule: Rule) -> Rule {
    Rule { compounded: false, ..rule }
}

fn line(quantity: &str, price: &str, rules: &[Rule]) -> Line {
    Line { quantity: d(quantity), unit_price: d(price), discount: Discount::None, rules: rules.to_vec() }
}

fn document(rounding: Rounding, lines: Vec<Line>) -> Document {
    Document { digits: 2, rounding, lines, discount: None }
}

fn on_lines(lines: Vec<Line>) -> Totals {
    compute(&document(Rounding::Line, lines)).unwrap()
}

fn on_document(lines: Vec<Line>) -> Totals {
    compute(&document(Rounding::Document, lines)).unwrap()
}

fn discounted(rounding: Rounding, discount: DocumentDiscount, lines: Vec<Line>) -> Totals {
    compute(&Document { discount: Some(discount), ..document(rounding, lines) }).unwrap()
}

#[track_caller]
fn comes_to(case: &str, totals: &Totals, net: &str, tax: &str, total: &str) {
    let [net, tax, total] = [net, tax, total].map(d);
    assert_eq!((totals.net, totals.tax, totals.total), (net, tax, total), "{case}");
}

#[track_caller]
fn taxes_are(case: &str, totals: &Totals, taxes: &[&str]) {
    let amounts: Vec<Decimal> = totals.taxes.iter().map(|tax| tax.amount).collect();
    assert_eq!(amounts, taxes.iter().map(|amount| d(amount)).collect::<Vec<_>>(), "{case}");
}

#[track_caller]
fn bases_are(case: &str, totals: &Totals, bases: &[&str]) {
    let amounts: Vec<Decimal> = totals.taxes.iter().map(|tax| tax.base).collect();
    assert_eq!(amounts, bases.iter().map(|base| d(base)).collect::<Vec<_>>(), "{case}");
}

#[test]
fn included_tax_is_rounded_first_and_the_net_is_the_rest() {
    for (case, gross, rate, net, tax) in [
        ("T1", "11.90", "21", "9.83", "2.07"),
        ("T1b", "2.80", "21", "2.31", "0.49"),
        ("T2", "52.50", "12", "46.87", "5.63"),
        ("T2 brought back", "-52.50", "12", "-46.87", "-5.63"),
    ] {
        let sale = vec![line("1", gross, &[included(percent(rate))])];
        comes_to(case, &on_lines(sale.clone()), net, tax, gross);
        comes_to(case, &on_document(sale), net, tax, gross);
    }
}

#[test]
fn a_currency_may_have_no_digits_or_many() {
    let totals = |digits: u32, price: &str, rule: Rule| {
        let lines = vec![line("1", price, &[rule])];
        compute(&Document { digits, ..document(Rounding::Line, lines) }).unwrap()
    };
    comes_to("T4", &totals(0, "22689", percent("19")), "22689", "4311", "27000");
    comes_to("T4", &totals(0, "9176", percent("19")), "9176", "1743", "10919");
    comes_to("T4", &totals(0, "27000", included(percent("19"))), "22689", "4311", "27000");
    comes_to("T4", &totals(0, "10920", included(percent("19"))), "9176", "1744", "10920");
    comes_to("T18", &totals(0, "50000", included(percent("10"))), "45455", "4545", "50000");
    comes_to("three", &totals(3, "1.234", percent("5")), "1.234", "0.062", "1.296");
    comes_to("six", &totals(6, "399.999999", included(percent("20"))), "333.333332", "66.666667", "399.999999");
    assert_eq!(totals(2, "1", percent("5")).total.to_string(), "1.05");
    assert_eq!(totals(3, "2", percent("5")).net.to_string(), "2.000", "all digits are shown");
}

#[test]
fn included_tax_and_tax_on_top_share_the_net() {
    let totals = on_lines(vec![line("1", "2300.00", &[percent("15"), included(percent("5.5"))])]);
    comes_to("T6", &totals, "2180.09", "446.92", "2627.01");
    taxes_are("T6", &totals, &["327.01", "119.91"]);
}

#[test]
fn several_included_taxes_share_the_net_unless_they_compound() {
    let free = on_lines(vec![line("1", "124.40", &[included(percent("8")), included(percent("0"))])]);
    comes_to("8 % and 0 %", &free, "115.19", "9.21", "124.40");

    let ten = || percent("10");
    let rules = [compounding(included(ten())), ten(), included(ten()), ten(), included(ten())];
    let mixed = on_lines(vec![line("1", "132.00", &rules)]);
    comes_to("five of 10 %", &mixed, "100", "54", "154");
    taxes_are("five of 10 %", &mixed, &["10", "11", "11", "11", "11"]);
    bases_are("five of 10 %", &mixed, &["100", "110", "110", "110", "110"]);
}

#[test]
fn a_tax_that_compounds_is_taxed_by_the_next() {
    let totals = on_lines(vec![line("1", "200.00", &[compounding(fixed("10")), percent("10")])]);
    comes_to("T7", &totals, "200", "31", "231");
    taxes_are("T7", &totals, &["10", "21"]);
    let given_backwards = [Rule { order: 2, ..percent("10") }, Rule { order: 1, ..compounding(fixed("10")) }];
    taxes_are("T7 by order", &on_lines(vec![line("1", "200.00", &given_backwards)]), &["10", "21"]);
}

#[test]
fn a_fixed_tax_counts_units() {
    let rules = [compounding(fixed("1")), percent("21"), fixed("2")];
    let totals = on_lines(vec![line("5", "19.00", &rules)]);
    comes_to("T9", &totals, "95", "36", "131");
    taxes_are("T9", &totals, &["5", "21", "10"]);
    comes_to("T9 brought back", &on_lines(vec![line("-5", "19.00", &rules)]), "-95", "-36", "-131");

    for (quantity, price, net, tax, total) in [
        ("-2", "-10", "20", "2", "22"),
        ("2", "-10", "-20", "-2", "-22"),
        ("-1", "0", "0", "-1", "-1"),
        ("1", "0", "0", "1", "1"),
    ] {
        comes_to("fixed tax follows the money", &on_lines(vec![line(quantity, price, &[fixed("1")])]), net, tax, total);
    }
    let deposit = compounding(included(fixed("0.05")));
    comes_to("included in nothing", &on_lines(vec![line("1", "0", &[deposit])]), "-0.05", "0.05", "0");
}

#[test]
fn fixed_and_included_taxes_mix() {
    let vat = || included(percent("21"));
    for (case, price, first, second, total, bases) in [
        ("taxed deposit", "120", compounding(fixed("1")), vat(), "123", ["99", "100", "100"]),
        ("deposit on top", "121", fixed("1"), compounding(vat()), "124", ["100", "100", "121"]),
        ("deposit inside", "122", included(fixed("1")), vat(), "124", ["100", "100", "100"]),
        (
            "taxed deposit inside",
            "121",
            compounding(included(fixed("1"))),
            compounding(vat()),
            "123",
            ["99", "100", "121"],
        ),
    ] {
        let totals = on_lines(vec![line("1", price, &[first, second, fixed("2")])]);
        assert_eq!(totals.total, d(total), "{case}");
        taxes_are(case, &totals, &["1", "21", "2"]);
        bases_are(case, &totals, &bases);
    }
}

#[test]
fn a_withheld_tax_is_negative() {
    let rules = [percent("-20"), compounding(percent("4")), percent("22")];
    let totals = on_lines(vec![line("1", "50.00", &rules)]);
    comes_to("withholding", &totals, "50", "3.44", "53.44");
    taxes_are("withholding", &totals, &["-10", "2", "11.44"]);
    for contained in [false, true] {
        let reversed = [percent("21"), percent("-21")].map(|rule| Rule { included: contained, ..rule });
        let totals = on_lines(vec![line("1", "100", &reversed)]);
        comes_to("T20", &totals, "100", "0", "100");
        taxes_are("T20", &totals, &["21", "-21"]);
    }
}

fn three_taxes(contained: bool) -> [Rule; 3] {
    let first = Rule { included: contained, ..compounding(percent("6")) };
    [first.clone(), on_net(first), percent("3")]
}

#[test]
fn rounding_by_line_and_by_document_differ_by_cents() {
    let two = || vec![line("1", "15.89", &three_taxes(false)); 2];
    comes_to("T10 line", &on_lines(two()), "31.78", "4.86", "36.64");
    taxes_are("T10 line", &on_lines(two()), &["1.90", "1.90", "1.06"]);
    comes_to("T10 document", &on_document(two()), "31.78", "4.89", "36.67");
    taxes_are("T10 document", &on_document(two()), &["1.91", "1.91", "1.07"]);

    let contained = || vec![line("1", "17.79", &three_taxes(true)); 2];
    comes_to("contained, line", &on_lines(contained()), "31.78", "4.86", "36.64");
    taxes_are("contained, document", &on_document(contained()), &["1.91", "1.91", "1.07"]);

    let deposit = [compounding(included(fixed("1"))), included(percent("21"))];
    let cans = || vec![line("1", "21.53", &deposit); 2];
    comes_to("cans, line", &on_lines(cans()), "33.58", "9.48", "43.06");
    comes_to("cans, document", &on_document(cans()), "33.59", "9.47", "43.06");

    let prices = ["1199", "1999", "1699", "11999", "11999", "11999", "10999"];
    let phones = || prices.iter().map(|price| line("1", price, &[included(percent("16"))])).collect::<Vec<_>>();
    comes_to("phones, line", &on_lines(phones()), "44735.37", "7157.63", "51893.00");
    comes_to("phones, document", &on_document(phones()), "44735.34", "7157.66", "51893.00");
}

#[test]
fn a_discount_off_the_net_taxes_what_is_left_and_one_off_the_total_lowers_what_is_paid() {
    let sale = || vec![line("100", "50.00", &[included(percent("14"))])];
    for rounding in [Rounding::Line, Rounding::Document] {
        comes_to("T12", &compute(&document(rounding, sale())).unwrap(), "4385.96", "614.04", "5000.00");
        let net = discounted(rounding, DocumentDiscount::Net(d("100")), sale());
        comes_to("T12 off the net", &net, "4285.96", "600.03", "4885.99");
        let gross = discounted(rounding, DocumentDiscount::Gross(d("100")), sale());
        comes_to("T12 off the total", &gross, "4298.25", "601.75", "4900.00");
        assert_eq!(gross.lines[0].document_discount, d("100"));
    }
}

#[test]
fn a_sale_and_a_return_on_one_ticket_are_rounded_apart() {
    let ten_off = |line: Line| Line { discount: Discount::Percent(d("10")), ..line };
    let rules = [included(percent("21"))];
    let totals = on_document(vec![ten_off(line("1", "12.10", &rules)), ten_off(line("-1", "6.05", &rules))]);
    assert_eq!((totals.lines[0].net, totals.lines[0].tax), (d("9.00"), d("1.89")), "T13 sale");
    assert_eq!((totals.lines[1].net, totals.lines[1].tax), (d("-4.50"), d("-0.95")), "T13 return");
    comes_to("T13 cash", &totals, "4.50", "0.94", "5.44");

    let five_off = |line: Line| Line { discount: Discount::Percent(d("5")), ..line };
    let totals = on_document(vec![five_off(line("6", "11.80", &rules)), five_off(line("-6", "15.30", &rules))]);
    assert_eq!((totals.lines[0].net, totals.lines[0].tax), (d("55.59"), d("11.67")));
    assert_eq!((totals.lines[1].net, totals.lines[1].tax), (d("-72.07"), d("-15.14")));
    assert_eq!(totals.total, d("-19.95"));
}

fn strings(rules: [&[Rule]; 5]) -> Vec<Line> {
    ["84", "54", "288", "144", "430"].iter().zip(rules).map(|(count, rules)| line(count, "4.60", rules)).collect()
}

#[test]
fn lines_of_one_document_may_be_taxed_differently() {
    let vat = [percent("19")];
    comes_to("five lines", &on_document(strings([&vat; 5])), "4600", "874.00", "5474.00");

    let template = |duty: &str, cess: &str, higher: &str| {
        [("duty", duty), ("cess", cess), ("higher", higher)]
            .map(|(name, rate)| Rule::new(name, Amount::Percent(d(rate))))
    };
    let [a, b, c, e] = ["11", "12", "15", "20"].map(|duty| template(duty, "0", "3"));
    let totals = on_document(strings([&a, &b, &c, &e, &template("5", "10", "15")]));
    comes_to("T16", &totals, "4600", "1075.57", "5675.57");
    for (name, amount) in [("duty", "502.41"), ("cess", "197.80"), ("higher", "375.36")] {
        let of_name = totals.taxes.iter().filter(|tax| tax.name == name);
        assert_eq!(of_name.map(|tax| tax.amount).sum::<Decimal>(), d(amount), "T16 {name}");
    }
    assert_eq!(cash_round(totals.total, d("1")) - totals.total, d("0.43"), "T16");
}

#[test]
fn a_discount_on_the_document_is_split_by_size_before_tax() {
    let lines = ["75", "500", "200", "100", "50", "50"].map(|price| line("1", price, &[percent("24")])).to_vec();
    let totals = discounted(Rounding::Document, DocumentDiscount::Net(d("75")), lines);
    comes_to("T15", &totals, "900.00", "216.00", "1116.00");
    let nets: Vec<String> = totals.lines.iter().map(|line| line.net.to_string()).collect();
    assert_eq!(nets, ["69.23", "461.54", "184.62", "92.31", "46.15", "46.15"], "T15");
}

#[test]
fn the_parts_of_a_sale_add_up_to_what_is_paid() {
    let vat = [included(percent("21"))];
    let pedals = on_lines(vec![line("1", "379.00", &vat); 2]);
    comes_to("T17", &pedals, "626.44", "131.56", "758.00");
    assert!(pedals.lines.iter().all(|line| line.net == d("313.22")), "T17");

    let seven = [included(percent("7"))];
    let totals = on_lines(vec![line("20", "800", &seven), line("10", "1000", &seven)]);
    comes_to("T19", &totals, "24299.06", "1700.94", "26000.00");
    assert_eq!((totals.lines[0].net, totals.lines[1].net), (d("14953.27"), d("9345.79")), "T19");

    let strings = || vec![line("500", "12.00", &vat), line("1", "36.00", &vat)];
    for totals in [on_lines(strings()), on_document(strings())] {
        comes_to("P6", &totals, "4988.43", "1047.57", "6036.00");
    }
}

#[test]
fn a_day_of_orders_adds_up_per_tax() {
    let a = |quantity: &str| line(quantity, "10", &[percent("7")]);
    let b = |quantity: &str| line(quantity, "20", &[included(percent("10"))]);
    let c = |quantity: &str| line(quantity, "30", &[included(percent("10")), percent("7")]);
    for reckon in [on_lines, on_document] {
        let orders = [vec![a("10"), b("5")], vec![b("7"), c("4")], vec![a("1"), c("5"), b("3")]].map(reckon);
        assert_eq!(orders.each_ref().map(|order| order.total), ["207", "267.64", "230.25"].map(d), "D5");
        let of = |rate: &str| {
            let taxes = orders.iter().flat_map(|order| &order.taxes);
            taxes.filter(|tax| tax.rate == Amount::Percent(d(rate))).map(|tax| tax.amount).sum::<Decimal>()
        };
        assert_eq!((of("7"), of("10")), (d("24.89"), d("51.82")), "D5");
    }
}

#[test]
fn cash_is_rounded_to_coins() {
    let totals = on_lines(vec![line("1", "13.67", &[percent("15")])]);
    comes_to("C1", &totals, "13.67", "2.05", "15.72");
    let five_cents = d("0.05");
    assert_eq!(cash_round(totals.total, five_cents).to_string(), "15.70", "C1");
    assert_eq!(cash_round(-totals.total, five_cents), d("-15.70"), "C1 refund");
    let by_bank = d("5.68");
    assert_eq!(by_bank + cash_round(totals.total - by_bank, five_cents), d("15.73"), "C2 rounds only the cash");
    for (total, increment, cash) in [("0.025", "0.05", "0.05"), ("-0.025", "0.05", "-0.05"), ("7.31", "0", "7.31")] {
        assert_eq!(cash_round(d(total), d(increment)), d(cash), "{total} to {increment}");
    }
}
