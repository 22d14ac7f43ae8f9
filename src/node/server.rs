//! Servers as JavaScript opens them: a store's door for clients of other processes.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use napi::bindgen_prelude::{AsyncTask, Buffer, Function};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi::{Env, Task};
use napi_derive::napi;
use tokio_rustls::TlsAcceptor;

use super::store::Store;
use crate::hub::config::MAXCLIENTS;
use crate::server::tls::{self, Clients};
use crate::server::{Address, Options, Server};

/// How long `close` waits for connections in the middle of a command.
const CLOSE_MOST: Duration = Duration::from_secs(10);

/// Where to listen; names have been looked up.
#[napi(object)]
pub struct ListenOptions {
    pub hosts: Vec<String>,
    pub port: Option<u16>,
    pub backlog: Option<i32>,
    pub path: Option<String>,
    /// The permissions of the socket at `path`; 0 leaves them as they are.
    pub permissions: Option<u32>,
    pub maxclients: Option<u32>,
    /// The default user's, as `requirepass` sets it.
    pub password: Option<String>,
    pub tls: Option<ListenTls>,
}

/// The texts of certificates, as PEM.
#[napi(object)]
pub struct ListenTls {
    pub cert: Buffer,
    pub key: Buffer,
    pub ca: Option<Buffer>,
    /// `'no'`, `'yes'` or `'optional'`, as `tls-auth-clients` has it.
    pub clients: String,
}

fn acceptor(given: &ListenTls) -> napi::Result<TlsAcceptor> {
    let clients = match given.clients.as_str() {
        "no" => Clients::Unasked,
        "optional" => Clients::MayShow,
        _ => Clients::MustShow,
    };
    tls::acceptor(&given.cert, &given.key, given.ca.as_deref(), clients)
        .map_err(|why| napi::Error::from_reason(format!("EINVAL: {why}")))
}

/// One address of a server.
#[napi(object)]
pub struct ListenAddress {
    pub address: String,
    pub family: String,
    pub port: u16,
}

/// A server that listens.
#[napi]
pub struct Listener {
    server: Arc<Server>,
    path: Option<String>,
}

#[napi]
impl Listener {
    /// Listens, or throws an error whose words begin with the system's code.
    #[napi(constructor, catch_unwind)]
    pub fn new(store: &Store, options: ListenOptions) -> napi::Result<Self> {
        let mut addresses = Vec::new();
        let ListenOptions { hosts, port, backlog, path, permissions, maxclients, password, tls } =
            options;
        let tls = tls.as_ref().map(acceptor).transpose()?;
        for host in &hosts {
            let ip: IpAddr = host
                .parse()
                .map_err(|_| napi::Error::from_reason(format!("EINVAL: '{host}' is no address")))?;
            addresses.extend(port.map(|port| Address {
                at: SocketAddr::new(ip, port),
                tls: tls.clone(),
                is_optional: false,
            }));
        }
        let path = path.map(|path| (path.into(), permissions.unwrap_or(0)));
        let (backlog, threads) = (backlog.unwrap_or(511), 0);
        let options = Options { addresses, backlog, threads, path };
        let engine = store.engine()?;
        if let Some(password) = &password {
            engine.hub.acl.require_password(password.as_bytes());
        }
        if let Some(most) = maxclients {
            engine.hub.config.set(MAXCLIENTS, i64::from(most));
        }
        let server = Server::listen(Arc::clone(engine), &options)
            .map_err(|error| napi::Error::from_reason(words(&error)))?;
        Ok(Self { server, path: options.path.map(|(path, _)| path.display().to_string()) })
    }

    /// Listens where the store's settings say.
    #[napi(factory, catch_unwind)]
    pub fn from_settings(store: &Store) -> napi::Result<Self> {
        let failed = |error: std::io::Error| napi::Error::from_reason(words(&error));
        let engine = store.engine()?;
        let options = Options::of(&engine.hub.config).map_err(failed)?;
        let server = Server::listen(Arc::clone(engine), &options).map_err(failed)?;
        Ok(Self { server, path: options.path.map(|(path, _)| path.display().to_string()) })
    }

    /// Every address it listens at.
    #[napi(catch_unwind)]
    pub fn addresses(&self) -> Vec<ListenAddress> {
        let told = |address: &SocketAddr| ListenAddress {
            address: address.ip().to_string(),
            family: if address.is_ipv4() { "IPv4" } else { "IPv6" }.into(),
            port: address.port(),
        };
        self.server.addresses().iter().map(told).collect()
    }

    /// The path of its Unix socket.
    #[napi(catch_unwind)]
    pub fn path(&self) -> Option<String> {
        self.path.clone()
    }

    /// Who is told when a client has ended the server (SHUTDOWN).
    #[napi(catch_unwind)]
    pub fn on_shutdown(&self, callback: Function<'_, (), ()>) -> napi::Result<()> {
        let call = callback.build_threadsafe_function().weak::<true>().build()?;
        self.server.on_shutdown(Box::new(move || {
            call.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }));
        Ok(())
    }

    /// Lets nobody in any more and ends every connection; done when the last one has ended.
    #[napi(catch_unwind)]
    pub fn close(&self) -> AsyncTask<Closing> {
        self.server.close();
        AsyncTask::new(Closing(Arc::clone(&self.server)))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.server.close();
    }
}

/// Waits on a thread of Node's pool.
pub struct Closing(Arc<Server>);

impl Task for Closing {
    type Output = ();
    type JsValue = ();

    fn compute(&mut self) -> napi::Result<()> {
        self.0.wait(CLOSE_MOST);
        Ok(())
    }

    fn resolve(&mut self, _env: Env, (): ()) -> napi::Result<()> {
        Ok(())
    }
}

/// An error of the system in the words of Node.js: `EADDRINUSE: address already in use`.
fn words(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    let code = match error.kind() {
        ErrorKind::AddrInUse => "EADDRINUSE",
        ErrorKind::AddrNotAvailable => "EADDRNOTAVAIL",
        ErrorKind::PermissionDenied => "EACCES",
        ErrorKind::NotFound => "ENOENT",
        ErrorKind::InvalidInput => "EINVAL",
        _ => "EIO",
    };
    format!("{code}: {error}")
}
