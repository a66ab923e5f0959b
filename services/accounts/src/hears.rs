//! What identity tells: in which time zone a birthday is, above all.

use kit::{Heard, Tx};
use proto::Event;
use proto::identity::v1::{LocationChanged, ShopChanged};

use crate::Error;

pub(crate) async fn hear(tx: &mut Tx, heard: &Heard) -> Result<(), Error> {
    match heard.kind.as_str() {
        ShopChanged::KIND => shop::hear_shop(tx, &heard.decode()?).await?,
        LocationChanged::KIND => shop::hear_location(tx, &heard.decode()?).await?,
        _ => {}
    }
    Ok(())
}
