//! The ports of one suite, all on 127.0.0.1.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};

use crate::failure::{Failure, Result};
use crate::settings::{GATEWAY, SERVICES};

#[derive(Clone)]
pub(crate) struct Ports {
    pub(crate) gateway: u16,
    /// gRPC, by service.
    pub(crate) grpc: BTreeMap<&'static str, u16>,
    /// Metrics and health, by service.
    pub(crate) http: BTreeMap<&'static str, u16>,
    pub(crate) postgres: u16,
    pub(crate) amqp: u16,
    pub(crate) epmd: u16,
    /// Erlang's own protocol between nodes.
    pub(crate) distribution: u16,
}

impl Ports {
    /// Those of `make run`, always the same.
    pub(crate) fn fixed(gateway: u16) -> Self {
        let row = |first: u16| SERVICES.into_iter().zip(first..).collect();
        Self { gateway, grpc: row(8101), http: row(8201), postgres: 8432, amqp: 8672, epmd: 8674, distribution: 8675 }
    }

    /// Any that nobody uses.
    pub(crate) fn free() -> Result<Self> {
        let mut ports = free(2 * SERVICES.len() + 5)?.into_iter();
        let mut next = || ports.next().unwrap_or_default();
        Ok(Self {
            gateway: next(),
            grpc: SERVICES.iter().map(|service| (*service, next())).collect(),
            http: SERVICES.iter().map(|service| (*service, next())).collect(),
            postgres: next(),
            amqp: next(),
            epmd: next(),
            distribution: next(),
        })
    }

    /// Fails with the names of those that somebody else uses.
    pub(crate) fn check<'a>(&self, wanted: impl Iterator<Item = (&'a str, u16)>) -> Result<()> {
        let taken = wanted.filter(|(_, port)| !is_free(*port)).map(|(name, port)| format!("{port} ({name})"));
        let taken = taken.collect::<Vec<_>>();
        match taken.is_empty() {
            true => Ok(()),
            false => Err(Failure::new(format!("another program listens on port {}: stop it first", taken.join(", ")))),
        }
    }

    pub(crate) fn of_servers(&self) -> [(&'static str, u16); 4] {
        [
            ("PostgreSQL", self.postgres),
            ("RabbitMQ", self.amqp),
            ("Erlang's port mapper", self.epmd),
            ("Erlang's distribution", self.distribution),
        ]
    }

    pub(crate) fn of_services(&self) -> impl Iterator<Item = (&'static str, u16)> {
        let pairs = self.grpc.iter().chain(&self.http).map(|(name, port)| (*name, *port));
        pairs.chain([(GATEWAY, self.gateway)])
    }
}

/// Free ports below the range from which the kernel gives ports to outgoing connections: one of those could
/// take the port of a service that is just being restarted.
fn free(count: usize) -> Result<Vec<u16>> {
    let first = rand::random_range(20_000..30_000);
    let found = (first..32_700).chain(20_000..first).filter(|port| is_free(*port)).take(count).collect::<Vec<_>>();
    match found.len() == count {
        true => Ok(found),
        false => Err(Failure::new("too few free ports on 127.0.0.1")),
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_processes_share_a_port() {
        for ports in [Ports::fixed(8000), Ports::free().unwrap()] {
            let mut all = ports.of_services().chain(ports.of_servers()).map(|(_, port)| port).collect::<Vec<_>>();
            let count = all.len();
            all.sort_unstable();
            all.dedup();
            assert_eq!((count, all.len()), (15, 15));
        }
    }

    #[test]
    fn a_busy_port_is_named_with_its_use() {
        let ports = Ports::free().unwrap();
        let _busy = TcpListener::bind((Ipv4Addr::LOCALHOST, ports.amqp)).unwrap();
        let refusal = ports.check(ports.of_servers().into_iter()).unwrap_err().to_string();
        assert!(refusal.contains(&format!("{} (RabbitMQ)", ports.amqp)), "{refusal}");
    }
}
