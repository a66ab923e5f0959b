//! What others must know to trust a token: public keys, and what was revoked.

pub(crate) mod rpc;
pub(crate) mod told;
