//! What identity tells: in which time zone a birthday is, above all.

use kit::{Heard, Tx};
use proto::Event;
use proto::identity::v1::ShopChanged;

use crate::Error;

pub(crate) async fn hear(tx: &mut Tx, heard: &Heard) -> Result<(), Error> {
    if heard.kind == ShopChanged::KIND {
        shop::hear_shop(tx, &heard.decode()?).await?;
    }
    Ok(())
}
