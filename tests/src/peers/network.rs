//! Latency between the tools and the emulator.

use std::{
    net::{Ipv4Addr, TcpStream},
    time::Duration,
};

use anyhow::Context;

use super::{MiniStack, Peers};
use crate::{
    leash::{Leash, Service},
    loopback::{free_port, wait_until},
};

/// Time until the relay listens; it takes milliseconds.
const READY_LIMIT: Duration = Duration::from_secs(10);

/// A relay in front of the emulator that delays every request. It stops when this is dropped.
pub struct Network {
    port: u16,
    leash: Leash,
}

impl Network {
    /// Starts one: the bare client's relay, which is built for release and passes bytes on without reading them.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub fn start(peers: &Peers, emulator: &MiniStack, delay: Duration) -> anyhow::Result<Self> {
        let port = free_port()?;
        let numbers = [u128::from(port), u128::from(emulator.port()), delay.as_millis()];
        let mut command = vec![peers.bare_client().into(), "delay".into()];
        command.extend(numbers.map(|number| number.to_string().into()));
        let service = Service {
            name: "network",
            command,
            environment: Vec::new(),
            folder: emulator.run.folder().to_owned(),
            account: None,
            stop: ("SIGKILL", 0.0), // it keeps nothing
        };
        let leash = Leash::start(&peers.python, &emulator.run, service)?;
        wait_until("the relay listens", READY_LIMIT, || {
            leash.check(&emulator.run)?;
            Ok(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok())
        })
        .with_context(|| emulator.run.explain("network"))?;
        Ok(Self { port, leash })
    }

    /// What the tools talk to instead of the emulator.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.leash.stop();
    }
}
