//! Every reason this service gives, and its class.

use std::fmt::Write;

use inventory::Error;
use inventory::category::CategoryId;
use inventory::error::Blame;
use inventory::product::ProductId;
use inventory::reservation::ReservationId;
use kit::{Fault, Refusal};
use types::{Violation, Violations};

#[test]
fn every_reason_has_its_class() {
    let blame = || Blame::on("lines[0].product_id", "is wrong");
    let errors = [
        Error::ProductNotFound(ProductId::new()),
        Error::CategoryNotFound(CategoryId::new()),
        Error::ReservationNotFound(ReservationId::new()),
        Error::SkuTaken("x".to_owned()),
        Error::BarcodeTaken("x".to_owned()),
        Error::ProductChanged,
        Error::CategoryChanged,
        Error::CategoryCycle,
        Error::CategoryTooDeep { field: "category.parent_id" },
        Error::CategoryUnknown(blame()),
        Error::ProductUnknown(blame()),
        Error::ProductDiscontinued(blame()),
        Error::ProductNotStocked(blame()),
        Error::ProductActive { label: "x".to_owned() },
        Error::StockRemains { label: "x".to_owned(), quantity: "1".to_owned() },
        Error::LocationUnknown(blame()),
        Error::OutOfStock(blame()),
        Error::StockReserved(blame()),
        Error::StockTooLarge(blame()),
        Error::ReservationDiffers,
        Error::SaleVoided,
        Error::SaleBusy,
        Error::Invalid(Violations::default()),
        Error::Field(Violation::new("x", "is wrong")),
        Error::Fault(Fault::new("x")),
        Error::Db(db::Error::RowNotFound),
    ];
    let mut lines = String::new();
    for error in errors {
        let blames = if error.violations().is_some() { " with fields" } else { "" };
        writeln!(lines, "inventory {} {:?}{blames}", error.reason(), error.class()).unwrap();
    }
    insta::assert_snapshot!(lines);
}
