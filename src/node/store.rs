//! Stores as JavaScript opens them, and the table it makes its methods from.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, OnceLock, Weak};

use napi::Either;
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use parking_lot::Mutex;

use super::wall::let_go;
use crate::engine::{ClockOption, Engine, Options};
use crate::hub::Config;

/// The stores of this process, by id. Clients and `Store` objects keep them alive.
static STORES: LazyLock<Mutex<HashMap<u32, Weak<Engine>>>> = LazyLock::new(Mutex::default);

static NEXT_ID: AtomicU32 = AtomicU32::new(0);

/// Where a manual clock starts unless told otherwise: the first second of 2025.
const MANUAL_START_MS: u64 = 1_735_689_600_000;

/// The store of this id, if it is open.
pub fn by_id(id: u32) -> Option<Arc<Engine>> {
    STORES.lock().get(&id)?.upgrade()
}

fn open(options: &Options) -> (u32, Arc<Engine>) {
    let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
    let engine = Engine::open(options);
    let mut stores = STORES.lock();
    stores.retain(|_, engine| engine.strong_count() > 0);
    stores.insert(id, Arc::downgrade(&engine));
    (id, engine)
}

/// The options of `new Store(options)`.
#[napi(object)]
pub struct StoreOptions {
    /// The most memory the store may use: bytes, or text such as `'256mb'`. 0 means no limit.
    pub maxmemory: Option<Either<f64, String>>,
    /// What goes when the limit is reached; `noeviction` refuses writes instead.
    pub maxmemory_policy: Option<String>,
    /// Makes everything random foretellable, for tests.
    pub seed: Option<f64>,
    /// `'system'`, or `'manual'` for a clock that stands still until it is moved.
    pub clock: Option<String>,
    /// Where a manual clock starts, in milliseconds since the epoch.
    pub start_time: Option<f64>,
    /// The file that holds the users (ACL LOAD, ACL SAVE).
    pub aclfile: Option<String>,
}

fn read_options(given: Option<StoreOptions>) -> Result<Options, String> {
    let mut options = Options::default();
    let Some(given) = given else { return Ok(options) };
    if let Some(limit) = given.maxmemory {
        let text = match limit {
            Either::A(bytes) if bytes >= 0.0 && bytes.trunc() == bytes => format!("{bytes}"),
            Either::A(bytes) => {
                return Err(format!("maxmemory must be a whole number of bytes, not {bytes}"));
            }
            Either::B(text) => text,
        };
        options.setting("maxmemory", &text)?;
    }
    if let Some(policy) = given.maxmemory_policy {
        options.setting("maxmemory-policy", &policy)?;
    }
    options.seed = given.seed.map(f64::to_bits);
    options.clock = match given.clock.as_deref() {
        None | Some("system") => ClockOption::System,
        Some("manual") => {
            ClockOption::Manual(given.start_time.map_or(MANUAL_START_MS, |ms| ms as u64))
        }
        Some(other) => return Err(format!("clock must be 'system' or 'manual', not '{other}'")),
    };
    Ok(options)
}

/// A store of its own, apart from the one that the process shares.
#[napi]
pub struct Store {
    id: u32,
    engine: Option<Arc<Engine>>,
}

#[napi]
impl Store {
    /// Opens an empty store.
    #[napi(constructor, catch_unwind)]
    pub fn new(options: Option<StoreOptions>) -> napi::Result<Self> {
        let acl_file = options.as_ref().and_then(|given| given.aclfile.clone());
        let options = read_options(options).map_err(napi::Error::from_reason)?;
        let (id, engine) = open(&options);
        if let Some(path) = acl_file {
            engine.use_acl_file(&path).map_err(napi::Error::from_reason)?;
        }
        Ok(Self { id, engine: Some(engine) })
    }

    /// The number by which any thread of the process reaches the store.
    #[napi(getter, catch_unwind)]
    pub fn id(&self) -> u32 {
        self.id
    }

    pub(super) fn engine(&self) -> napi::Result<&Arc<Engine>> {
        self.engine.as_ref().ok_or_else(|| napi::Error::from_reason("the store is closed"))
    }

    /// Moves a manual clock forward and does what has become due.
    #[napi(catch_unwind)]
    pub fn advance(&self, ms: f64) -> napi::Result<()> {
        manual(self.engine()?.advance(ms.max(0.0) as u64))
    }

    /// Sets a manual clock, in milliseconds since the epoch.
    #[napi(catch_unwind)]
    pub fn set_time(&self, ms: f64) -> napi::Result<()> {
        manual(self.engine()?.set_time(ms.max(0.0) as u64))
    }

    /// The store's time, in milliseconds since the epoch.
    #[napi(catch_unwind)]
    pub fn now(&self) -> napi::Result<f64> {
        Ok(self.engine()?.space.now_ms() as f64)
    }

    /// Bytes the allocator holds for this store.
    #[napi(catch_unwind)]
    pub fn used_memory(&self) -> napi::Result<f64> {
        Ok(self.engine()?.space.used_bytes() as f64)
    }

    /// Lets go of the store: it ends when its last client has.
    #[napi(catch_unwind)]
    pub fn close(&mut self) {
        if let Some(engine) = self.engine.take() {
            let_go(engine);
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

fn manual(moved: bool) -> napi::Result<()> {
    if moved {
        return Ok(());
    }
    Err(napi::Error::from_reason(
        "this store runs on the system's clock; open it with { clock: 'manual' } to move time",
    ))
}

/// The store that every `new Redis()` of the process shares, in all threads.
#[napi(catch_unwind)]
pub fn default_store() -> Store {
    static DEFAULT: OnceLock<(u32, Arc<Engine>)> = OnceLock::new();
    let (id, engine) = DEFAULT.get_or_init(|| open(&Options::default()));
    Store { id: *id, engine: Some(Arc::clone(engine)) }
}

/// Every command, as JSON.
#[napi(catch_unwind)]
pub fn command_table() -> String {
    crate::command::table_json()
}

#[napi]
impl Store {
    /// A setting as CONFIG GET shows it.
    #[napi(catch_unwind)]
    pub fn setting(&self, name: String) -> napi::Result<Option<String>> {
        let config = &self.engine()?.hub.config;
        let name = name.into_bytes();
        Ok(Config::find(&name).map(|parameter| config.show(parameter)))
    }

    /// The file that CONFIG REWRITE writes.
    #[napi(catch_unwind)]
    pub fn set_config_file(&self, path: String) -> napi::Result<()> {
        *self.engine()?.hub.config.file.lock() = path.into();
        Ok(())
    }

    /// Takes the users from the ACL file that was configured; answers what is wrong with it.
    #[napi(catch_unwind)]
    pub fn load_users(&self) -> napi::Result<Option<String>> {
        Ok(self.engine()?.load_users().err())
    }

    /// Sets what a line of a configuration file names; answers what is wrong with it.
    #[napi(catch_unwind)]
    pub fn configure(&self, words: Vec<Buffer>) -> napi::Result<Option<String>> {
        let words: Vec<Vec<u8>> = words.into_iter().map(Into::into).collect();
        Ok(self.engine()?.configure(&words).err())
    }
}

/// The words of a line of a configuration file; null if its quotes are not closed.
#[napi(catch_unwind)]
pub fn words_of_line(line: Buffer) -> Option<Vec<Buffer>> {
    let line: Vec<u8> = line.into();
    let words = crate::quoting::words(&line).ok()?;
    Some(words.into_iter().map(Into::into).collect())
}
