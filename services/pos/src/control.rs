//! What other services ask about sales and cash.

pub(crate) mod rpc;
