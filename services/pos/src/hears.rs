//! Events of others.

use kit::{Heard, Tx};
use proto::Event;
use proto::accounts::v1::{AccountChanged, AccountMerged, AccountUnmerged, MemberChanged, TaxExemptionChanged};
use proto::identity::v1::{LocationChanged, ShopChanged};
use proto::ledger::v1::TaxRateChanged;

use crate::copy::store;
use crate::error::Error;

/// Keeps copies: every event carries the whole, and the newest version wins.
pub(crate) async fn hear(tx: &mut Tx, heard: &Heard) -> Result<(), Error> {
    match heard.kind.as_str() {
        ShopChanged::KIND => shop::hear_shop(tx, &heard.decode()?).await?,
        LocationChanged::KIND => shop::hear_location(tx, &heard.decode()?).await?,
        TaxRateChanged::KIND => {
            let event: TaxRateChanged = heard.decode()?;
            if let Some(rate) = &event.tax_rate {
                store::keep_tax_rate(tx, rate, event.version).await?;
            }
        }
        AccountChanged::KIND => {
            let event: AccountChanged = heard.decode()?;
            if let Some(account) = &event.account {
                store::keep_account(tx, account, event.version).await?;
            }
        }
        AccountMerged::KIND => redirect::hear_merged(tx, &heard.decode()?).await?,
        AccountUnmerged::KIND => redirect::hear_unmerged(tx, &heard.decode()?).await?,
        TaxExemptionChanged::KIND => {
            let event: TaxExemptionChanged = heard.decode()?;
            if let Some(exemption) = &event.tax_exemption {
                store::keep_tax_exemption(tx, exemption, event.version).await?;
            }
        }
        MemberChanged::KIND => {
            let event: MemberChanged = heard.decode()?;
            if let Some(member) = &event.member {
                store::keep_member(tx, member, event.version).await?;
            }
        }
        _ => {}
    }
    Ok(())
}
