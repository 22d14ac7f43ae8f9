//! Where a server listens: as its opener says, or as the settings of its store do.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use tokio_rustls::TlsAcceptor;

use super::tls::{self, Clients};
use crate::hub::Config;
use crate::hub::config::{
    BIND, IO_THREADS, PORT, TCP_BACKLOG, TLS_AUTH_CLIENTS, TLS_CA_CERT_FILE, TLS_CERT_FILE,
    TLS_KEY_FILE, TLS_PORT, UNIXSOCKET, UNIXSOCKETPERM,
};
use crate::hub::texts::text_of;

/// Where to listen.
#[derive(Clone, Default)]
pub struct Options {
    pub addresses: Vec<Address>,
    pub backlog: i32,
    /// How many threads serve connections, if the process has none yet; 0 is as many as fit.
    pub threads: usize,
    /// A Unix socket, and its permissions unless they are 0.
    pub path: Option<(PathBuf, u32)>,
}

/// One address to listen at.
#[derive(Clone)]
pub struct Address {
    pub at: SocketAddr,
    pub tls: Option<TlsAcceptor>,
    /// The machine may not have it: then it is left out.
    pub is_optional: bool,
}

impl From<SocketAddr> for Address {
    fn from(at: SocketAddr) -> Self {
        Self { at, tls: None, is_optional: false }
    }
}

impl Options {
    /// What the settings `bind`, `port`, `tls-port`, `unixsocket` and their kin say.
    pub fn of(config: &Config) -> io::Result<Self> {
        let bind = text_of(config.get(BIND));
        let hosts: Vec<_> = bind.split_whitespace().map(host).collect::<Result<_, _>>()?;
        let mut addresses = Vec::new();
        for (setting, is_tls) in [(PORT, false), (TLS_PORT, true)] {
            let port = config.get(setting) as u16;
            if port == 0 {
                continue;
            }
            let tls = if is_tls { Some(acceptor(config)?) } else { None };
            addresses.extend(hosts.iter().map(|(ip, is_optional)| Address {
                at: SocketAddr::new(*ip, port),
                tls: tls.clone(),
                is_optional: *is_optional,
            }));
        }
        let path = text_of(config.get(UNIXSOCKET));
        let path =
            (!path.is_empty()).then(|| (PathBuf::from(&*path), config.get(UNIXSOCKETPERM) as u32));
        let (backlog, threads) = (config.get(TCP_BACKLOG) as i32, config.get(IO_THREADS) as usize);
        Ok(Self { addresses, backlog, threads, path })
    }
}

/// An address as `bind` writes it: a leading minus lets it be missing, a star means all.
fn host(word: &str) -> io::Result<(IpAddr, bool)> {
    let (word, is_optional) = match word.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (word, false),
    };
    let ip = match word {
        "*" => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        "::*" => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        other => other.parse().map_err(|_| wrong(format!("'{other}' is no address to bind to")))?,
    };
    Ok((ip, is_optional))
}

fn acceptor(config: &Config) -> io::Result<TlsAcceptor> {
    let file = |setting| {
        let path = text_of(config.get(setting));
        fs::read(&*path).map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))
    };
    let clients = match config.get(TLS_AUTH_CLIENTS) {
        0 => Clients::Unasked,
        1 => Clients::MustShow,
        _ => Clients::MayShow,
    };
    let ca = if clients == Clients::Unasked { None } else { Some(file(TLS_CA_CERT_FILE)?) };
    tls::acceptor(&file(TLS_CERT_FILE)?, &file(TLS_KEY_FILE)?, ca.as_deref(), clients)
        .map_err(wrong)
}

pub fn wrong(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}
