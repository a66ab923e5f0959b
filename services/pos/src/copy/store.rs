//! SQL of the copies; an older version never replaces a newer one.

use db::Conn;
use kit::Personal;
use proto::accounts::v1 as accounts;
use proto::ledger::v1 as ledger;
use types::id::parse_uuid;
use types::{parse_date, parse_decimal};

use crate::error::Error;

/// What is known here of a member.
pub(crate) const PERSONAL: &[Personal] = &[
    ("member", "select id, account_id, name, active from member_copy where id = $1"),
    (
        "sale",
        "select id, number, state, business_on, account_id, account_name, total, taxes, receipt, created_at
           from sale where member_id = $1",
    ),
];

pub(crate) async fn keep_tax_rate(tx: &mut Conn, rate: &ledger::TaxRate, version: i64) -> Result<(), Error> {
    sqlx::query(
        "insert into tax_rate_copy (id, version, location_id, tax_category, name, rate, included, position, compounds, active)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             on conflict (id) do update
            set version = excluded.version, name = excluded.name, rate = excluded.rate, included = excluded.included,
                position = excluded.position, compounds = excluded.compounds, active = excluded.active
          where tax_rate_copy.version < excluded.version",
    )
    .bind(parse_uuid("tax_rate.id", &rate.id)?)
    .bind(version)
    .bind(parse_uuid("tax_rate.location_id", &rate.location_id)?)
    .bind(&rate.tax_category)
    .bind(&rate.name)
    .bind(parse_decimal("tax_rate.rate", &rate.rate, 6)?)
    .bind(rate.included)
    .bind(rate.position)
    .bind(rate.compounds)
    .bind(rate.state == i32::from(ledger::tax_rate::State::Active))
    .execute(tx)
    .await?;
    Ok(())
}

pub(crate) async fn keep_account(tx: &mut Conn, account: &accounts::Account, version: i64) -> Result<(), Error> {
    sqlx::query(
        "insert into account_copy (id, version, number, name, active)
         values ($1, $2, $3, $4, $5)
             on conflict (id) do update
            set version = excluded.version, number = excluded.number, name = excluded.name, active = excluded.active
          where account_copy.version < excluded.version",
    )
    .bind(parse_uuid("account.id", &account.id)?)
    .bind(version)
    .bind(&account.number)
    .bind(&account.name)
    .bind(account.state == i32::from(accounts::account::State::Active))
    .execute(tx)
    .await?;
    Ok(())
}

pub(crate) async fn keep_member(tx: &mut Conn, member: &accounts::Member, version: i64) -> Result<(), Error> {
    sqlx::query(
        "insert into member_copy (id, version, account_id, name, active)
         values ($1, $2, $3, $4, $5)
             on conflict (id) do update
            set version = excluded.version, account_id = excluded.account_id, name = excluded.name, active = excluded.active
          where member_copy.version < excluded.version",
    )
    .bind(parse_uuid("member.id", &member.id)?)
    .bind(version)
    .bind(parse_uuid("member.account_id", &member.account_id)?)
    .bind(format!("{} {}", member.first_name, member.last_name))
    .bind(member.state == i32::from(accounts::member::State::Active))
    .execute(tx)
    .await?;
    Ok(())
}

pub(crate) async fn keep_tax_exemption(
    tx: &mut Conn,
    exemption: &accounts::TaxExemption,
    version: i64,
) -> Result<(), Error> {
    let expires_on =
        exemption.expires_on.as_deref().map(|day| parse_date("tax_exemption.expires_on", day)).transpose()?;
    sqlx::query(
        "insert into tax_exemption_copy (id, version, account_id, approved, certificate_number, expires_on)
         values ($1, $2, $3, $4, $5, $6)
             on conflict (id) do update
            set version = excluded.version, account_id = excluded.account_id, approved = excluded.approved,
                certificate_number = excluded.certificate_number, expires_on = excluded.expires_on
          where tax_exemption_copy.version < excluded.version",
    )
    .bind(parse_uuid("tax_exemption.id", &exemption.id)?)
    .bind(version)
    .bind(parse_uuid("tax_exemption.account_id", &exemption.account_id)?)
    .bind(exemption.state == i32::from(accounts::tax_exemption::State::Approved))
    .bind(&exemption.certificate_number)
    .bind(expires_on)
    .execute(tx)
    .await?;
    Ok(())
}
