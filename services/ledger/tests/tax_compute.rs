//! Published cases, through the door that anyone can try them at. Numbers are those of domain/retail.md §7.

use ledger::Ledger;
use proto::ledger::v1::compute_tax_request::Rounding;
use proto::ledger::v1::tax_service_client::TaxServiceClient;
use proto::ledger::v1::{ComputeTaxRequest, ComputeTaxResponse, TaxLineInput, TaxRule};
use testing::House;
use tonic::Status;

use crate::support::{fields, open};

async fn ask(house: &House<Ledger>, request: ComputeTaxRequest) -> Result<ComputeTaxResponse, Status> {
    // Any signed-in user may reckon.
    Ok(TaxServiceClient::new(house.user(&[])).compute_tax(request).await?.into_inner())
}

fn one(unit_price: &str, taxes: Vec<TaxRule>) -> ComputeTaxRequest {
    ComputeTaxRequest { lines: vec![line("1", unit_price)], taxes, ..Default::default() }
}

fn line(quantity: &str, unit_price: &str) -> TaxLineInput {
    TaxLineInput { quantity: text(quantity), unit_price: unit_price.to_owned(), ..Default::default() }
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn on_top(percent: &str) -> TaxRule {
    TaxRule { percent: text(percent), ..Default::default() }
}

fn included(percent: &str) -> TaxRule {
    TaxRule { included: true, ..on_top(percent) }
}

fn fixed(amount: &str) -> TaxRule {
    TaxRule { fixed: text(amount), ..Default::default() }
}

/// Net, tax and total.
fn sums(answer: &ComputeTaxResponse) -> [&str; 3] {
    [&answer.net, &answer.tax, &answer.total]
}

fn line_sums(answer: &ComputeTaxResponse) -> Vec<[&str; 3]> {
    answer.lines.iter().map(|line| [line.net.as_str(), &line.tax, &line.gross]).collect()
}

fn amounts(answer: &ComputeTaxResponse) -> Vec<&str> {
    answer.taxes.iter().map(|tax| tax.amount.as_str()).collect()
}

#[tokio::test]
async fn t1_and_t2_included_tax_is_rounded_first_and_the_net_is_the_rest() {
    let house = open().await;
    for (case, price, percent, expected) in [
        ("T1", "11.90", "21", ["9.83", "2.07", "11.90"]),
        ("T1b", "2.80", "21", ["2.31", "0.49", "2.80"]),
        ("T2", "52.50", "12", ["46.87", "5.63", "52.50"]),
    ] {
        let answer = ask(&house, one(price, vec![included(percent)])).await.unwrap();
        assert_eq!(sums(&answer), expected, "{case}");
        assert_eq!(line_sums(&answer), [expected], "{case}");
    }
}

#[tokio::test]
async fn t4_and_t18_a_currency_without_decimals() {
    let house = open().await;
    for (case, price, rule, expected) in [
        ("T4", "22689", on_top("19"), ["22689", "4311", "27000"]),
        ("T4", "9176", on_top("19"), ["9176", "1743", "10919"]),
        ("T4", "27000", included("19"), ["22689", "4311", "27000"]),
        ("T4", "10920", included("19"), ["9176", "1744", "10920"]),
        ("T18", "50000", included("10"), ["45455", "4545", "50000"]),
    ] {
        let request = ComputeTaxRequest { currency_digits: Some(0), ..one(price, vec![rule]) };
        assert_eq!(sums(&ask(&house, request).await.unwrap()), expected, "{case} {price}");
    }
}

#[tokio::test]
async fn t6_one_tax_included_and_one_on_top() {
    let house = open().await;
    let answer = ask(&house, one("2300.00", vec![included("5.5"), on_top("15")])).await.unwrap();
    assert_eq!(sums(&answer), ["2180.09", "446.92", "2627.01"]);
    assert_eq!(amounts(&answer), ["119.91", "327.01"]);
}

#[tokio::test]
async fn t7_and_t9_fixed_taxes_raise_the_base_of_those_that_follow() {
    let house = open().await;
    let first = TaxRule { compounds: true, ..fixed("10") };
    let answer = ask(&house, one("200.00", vec![first, on_top("10")])).await.unwrap();
    assert_eq!(sums(&answer), ["200.00", "31.00", "231.00"], "T7");
    assert_eq!(amounts(&answer), ["10.00", "21.00"], "T7");

    let first = TaxRule { compounds: true, ..fixed("1") };
    // The order is said, not given.
    let taxes = vec![
        TaxRule { order: 3, ..fixed("2") },
        TaxRule { order: 2, ..on_top("21") },
        TaxRule { order: 1, name: text("Levy"), ..first },
    ];
    let request = ComputeTaxRequest { lines: vec![line("5", "19.00")], taxes, ..Default::default() };
    let answer = ask(&house, request).await.unwrap();
    assert_eq!(sums(&answer), ["95.00", "36.00", "131.00"], "T9");
    let taxes: Vec<_> =
        answer.taxes.iter().map(|tax| (tax.name.as_str(), tax.base.as_str(), tax.amount.as_str())).collect();
    assert_eq!(taxes[0], ("Levy", "95.00", "5.00"), "T9");
    assert_eq!(taxes[1], ("21%", "100.00", "21.00"), "T9");
    assert_eq!(taxes[2].2, "10.00", "T9");
}

#[tokio::test]
async fn t10_rounding_per_line_and_over_the_document() {
    let house = open().await;
    let taxes = vec![
        TaxRule { compounds: true, ..on_top("6") },
        TaxRule { compounds: true, ignores_earlier: true, ..on_top("6") },
        on_top("3"),
    ];
    for (rounding, expected, each) in [
        (Rounding::Unspecified, ["31.78", "4.86", "36.64"], ["1.90", "1.90", "1.06"]),
        (Rounding::Line, ["31.78", "4.86", "36.64"], ["1.90", "1.90", "1.06"]),
        (Rounding::Document, ["31.78", "4.89", "36.67"], ["1.91", "1.91", "1.07"]),
    ] {
        let request = ComputeTaxRequest {
            rounding: rounding.into(),
            lines: vec![line("1", "15.89"), line("1", "15.89")],
            taxes: taxes.clone(),
            ..Default::default()
        };
        let answer = ask(&house, request).await.unwrap();
        assert_eq!(sums(&answer), expected, "{rounding:?}");
        assert_eq!(amounts(&answer), each, "{rounding:?}");
    }
}

#[tokio::test]
async fn t12_discounts_off_the_net_and_off_the_total() {
    let house = open().await;
    let plain =
        ComputeTaxRequest { lines: vec![line("100", "50.00")], taxes: vec![included("14")], ..Default::default() };
    let answer = ask(&house, plain.clone()).await.unwrap();
    assert_eq!(sums(&answer), ["4385.96", "614.04", "5000.00"]);
    let net = ComputeTaxRequest { discount_net: text("100"), ..plain.clone() };
    assert_eq!(sums(&ask(&house, net).await.unwrap()), ["4285.96", "600.03", "4885.99"]);
    let gross = ComputeTaxRequest { discount_gross: text("100"), ..plain };
    assert_eq!(sums(&ask(&house, gross).await.unwrap()), ["4298.25", "601.75", "4900.00"]);
}

#[tokio::test]
async fn t13_a_sale_and_a_return_on_one_ticket() {
    let house = open().await;
    let discounted = |quantity, price| TaxLineInput { discount_percent: text("10"), ..line(quantity, price) };
    let request = ComputeTaxRequest {
        rounding: Rounding::Document.into(),
        lines: vec![discounted("1", "12.10"), discounted("-1", "6.05")],
        taxes: vec![included("21")],
        ..Default::default()
    };
    let answer = ask(&house, request.clone()).await.unwrap();
    assert_eq!(line_sums(&answer), [["9.00", "1.89", "10.89"], ["-4.50", "-0.95", "-5.45"]]);
    assert_eq!(answer.total, "5.44");
    let whole = ComputeTaxRequest {
        lines: vec![line("1", "12.10"), line("-1", "6.05")],
        discount_percent: text("10"),
        ..request
    };
    assert_eq!(ask(&house, whole).await.unwrap().total, "5.44");
}

#[tokio::test]
async fn t15_a_discount_off_the_net_is_shared_by_all_lines() {
    let house = open().await;
    let request = ComputeTaxRequest {
        rounding: Rounding::Document.into(),
        lines: ["75", "500", "200", "100", "50", "50"].map(|price| line("1", price)).to_vec(),
        taxes: vec![on_top("24")],
        discount_net: text("75"),
        ..Default::default()
    };
    assert_eq!(sums(&ask(&house, request).await.unwrap()), ["900.00", "216.00", "1116.00"]);
}

#[tokio::test]
async fn t17_and_t19_net_and_tax_always_come_to_the_price() {
    let house = open().await;
    let request = ComputeTaxRequest {
        lines: vec![line("1", "379.00"), line("1", "379.00")],
        taxes: vec![included("21")],
        ..Default::default()
    };
    let answer = ask(&house, request).await.unwrap();
    assert_eq!(sums(&answer), ["626.44", "131.56", "758.00"], "T17");
    assert_eq!(line_sums(&answer), [["313.22", "65.78", "379.00"]; 2], "T17");
    let request = ComputeTaxRequest {
        lines: vec![line("20", "800"), line("10", "1000")],
        taxes: vec![included("7")],
        ..Default::default()
    };
    let answer = ask(&house, request).await.unwrap();
    assert_eq!(sums(&answer), ["24299.06", "1700.94", "26000.00"], "T19");
    assert_eq!((answer.lines[0].net.as_str(), answer.lines[1].net.as_str()), ("14953.27", "9345.79"), "T19");
}

#[tokio::test]
async fn c1_what_is_paid_when_cash_is_rounded() {
    let house = open().await;
    let request = ComputeTaxRequest { cash_rounding: text("0.05"), ..one("13.67", vec![on_top("15")]) };
    let answer = ask(&house, request.clone()).await.unwrap();
    assert_eq!(sums(&answer), ["13.67", "2.05", "15.72"]);
    assert_eq!((answer.cash_total.as_deref(), answer.cash_difference.as_deref()), (Some("15.70"), Some("-0.02")));
    let refund = ComputeTaxRequest { lines: vec![line("-1", "13.67")], ..request };
    let answer = ask(&house, refund).await.unwrap();
    assert_eq!((answer.cash_total.as_deref(), answer.cash_difference.as_deref()), (Some("-15.70"), Some("0.02")));
    let exact = ask(&house, one("13.67", vec![])).await.unwrap();
    assert_eq!((exact.cash_total, exact.cash_difference, exact.tax), (None, None, "0.00".to_owned()));
}

#[tokio::test]
async fn a_line_with_rules_of_its_own_takes_no_others() {
    let house = open().await;
    let own = TaxLineInput { taxes: vec![on_top("5")], ..line("1", "100") };
    let free = TaxLineInput { taxes: vec![on_top("0")], ..line("1", "100") };
    let request = ComputeTaxRequest {
        currency_digits: Some(3),
        lines: vec![own, free, TaxLineInput { discount_amount: text("50.5"), ..line("1", "100") }],
        taxes: vec![on_top("10")],
        ..Default::default()
    };
    let answer = ask(&house, request).await.unwrap();
    let taxes: Vec<_> = answer.lines.iter().map(|line| line.tax.as_str()).collect();
    assert_eq!(taxes, ["5.000", "0.000", "4.950"]);
}

#[tokio::test]
async fn an_exempt_line_is_charged_nothing_beside_shared_rules() {
    let house = open().await;
    let exempt = TaxLineInput { exempt: Some(true), ..line("1", "100") };
    let request = ComputeTaxRequest {
        lines: vec![line("1", "100"), exempt, TaxLineInput { exempt: Some(false), ..line("1", "100") }],
        taxes: vec![on_top("10"), included("5")],
        ..Default::default()
    };
    let answer = ask(&house, request).await.unwrap();
    let taxes: Vec<_> = answer.lines.iter().map(|line| line.tax.as_str()).collect();
    assert_eq!((taxes[1], answer.lines[1].gross.as_str(), answer.lines[1].taxes.len()), ("0.00", "100.00", 0));
    assert_eq!(taxes[0], taxes[2]);
    assert_ne!(taxes[0], "0.00");
}

#[tokio::test]
async fn a_negative_discount_is_no_surcharge_and_may_only_be_written_on_returns() {
    let house = open().await;
    let off = |amount: &str, line: TaxLineInput| TaxLineInput { discount_amount: text(amount), ..line };
    let document = |lines: &[TaxLineInput]| ComputeTaxRequest { lines: lines.to_vec(), ..Default::default() };
    let (sold, back, free) = (line("1", "1"), line("-1", "10"), line("1", "0"));
    for (request, field) in [
        (document(&[sold.clone(), off("-1", sold.clone())]), "lines[1].discount_amount"),
        (document(&[off("-1", free.clone())]), "lines[0].discount_amount"),
        (document(&[off("-1", line("-1", "-10"))]), "lines[0].discount_amount"),
        (ComputeTaxRequest { discount_net: text("-1"), ..document(std::slice::from_ref(&sold)) }, "discount_net"),
        (ComputeTaxRequest { discount_gross: text("-1"), ..document(std::slice::from_ref(&sold)) }, "discount_gross"),
        (ComputeTaxRequest { discount_net: text("-1"), ..document(&[sold, back.clone()]) }, "discount_net"),
        (ComputeTaxRequest { discount_gross: text("-1"), ..document(std::slice::from_ref(&free)) }, "discount_gross"),
    ] {
        let refused = ask(&house, request.clone()).await.unwrap_err();
        assert_eq!(fields(&refused), [field], "{request:?}");
    }
    // A deposit on something free is money that comes in: nothing is added to it either.
    let deposit = TaxLineInput { taxes: vec![fixed("0.05")], ..free.clone() };
    let mixed = ComputeTaxRequest { discount_gross: text("-4"), ..document(&[back.clone(), deposit]) };
    assert_eq!(fields(&ask(&house, mixed).await.unwrap_err()), ["discount_gross"]);
    for sign in ["", "-"] {
        let amount = format!("{sign}4");
        let net = ComputeTaxRequest { discount_net: text(&amount), ..document(&[back.clone(), free.clone()]) };
        let gross = ComputeTaxRequest { discount_gross: text(&amount), ..document(&[line("1", "-10")]) };
        for request in [document(&[off(&amount, back.clone())]), net, gross] {
            assert_eq!(ask(&house, request.clone()).await.unwrap().total, "-6.00", "{request:?}");
        }
    }
}

#[tokio::test]
async fn a_sentence_names_a_field_as_callers_write_it() {
    use tonic_types::StatusExt;
    let house = open().await;
    let two = ComputeTaxRequest { discount_net: text("1"), discount_gross: text("1"), ..one("100", vec![]) };
    let line = TaxLineInput { discount_percent: text("1"), discount_amount: text("1"), ..line("1", "5") };
    let both = ComputeTaxRequest { lines: vec![line], ..Default::default() };
    for (request, sentence) in
        [(two, "cannot be given together with discountNet"), (both, "cannot be given together with discountPercent")]
    {
        let refused = ask(&house, request).await.unwrap_err();
        assert_eq!(refused.get_details_bad_request().unwrap().field_violations[0].description, sentence);
    }
}

#[tokio::test]
async fn what_cannot_be_reckoned_is_refused_with_the_field_to_blame() {
    let house = open().await;
    let blamed = async |request: ComputeTaxRequest| fields(&ask(&house, request).await.unwrap_err());
    let good = || one("100", vec![included("21")]);
    let with_line = |line: TaxLineInput| ComputeTaxRequest { lines: vec![line], ..good() };
    let with_rule = |rule: TaxRule| ComputeTaxRequest { taxes: vec![rule], ..good() };
    let cases = [
        (ComputeTaxRequest { lines: vec![], ..good() }, vec!["lines"]),
        (with_line(line("1", "")), vec!["lines[0].unit_price"]),
        (with_line(line("1e3", "1")), vec!["lines[0].quantity"]),
        (with_line(line("1", "1000000000")), vec!["lines[0].unit_price"]),
        (with_line(line("0.1234567890123", "1")), vec!["lines[0].quantity"]),
        (
            ComputeTaxRequest { lines: vec![line("x", "y"), line("1", "z")], ..good() },
            vec!["lines[0].quantity", "lines[0].unit_price", "lines[1].unit_price"],
        ),
        (with_rule(TaxRule::default()), vec!["taxes[0].percent"]),
        (with_rule(TaxRule { fixed: text("1"), ..on_top("1") }), vec!["taxes[0].fixed"]),
        (with_rule(included("-100")), vec!["taxes"]),
        (with_line(TaxLineInput { taxes: vec![included("-100")], ..line("1", "5") }), vec!["lines[0].taxes"]),
        (with_line(TaxLineInput { discount_amount: text("6"), ..line("1", "5") }), vec!["lines[0].discount_amount"]),
        (
            with_line(TaxLineInput { discount_percent: text("101"), ..line("1", "5") }),
            vec!["lines[0].discount_percent"],
        ),
        (
            with_line(TaxLineInput { discount_percent: text("1"), discount_amount: text("1"), ..line("1", "5") }),
            vec!["lines[0].discount_amount"],
        ),
        (
            with_line(TaxLineInput { exempt: Some(true), taxes: vec![on_top("5")], ..line("1", "5") }),
            vec!["lines[0].taxes"],
        ),
        (ComputeTaxRequest { discount_net: text("1"), discount_gross: text("1"), ..good() }, vec!["discount_gross"]),
        (ComputeTaxRequest { discount_gross: text("100.01"), ..good() }, vec!["discount_gross"]),
        (ComputeTaxRequest { discount_net: text("100"), ..good() }, vec!["discount_net"]),
        (ComputeTaxRequest { cash_rounding: text("0"), ..good() }, vec!["cash_rounding"]),
        (ComputeTaxRequest { cash_rounding: text("0.005"), ..good() }, vec!["cash_rounding"]),
        (ComputeTaxRequest { currency_digits: Some(5), ..good() }, vec!["currency_digits"]),
    ];
    for (request, expected) in cases {
        assert_eq!(blamed(request.clone()).await, expected, "{request:?}");
    }
}
