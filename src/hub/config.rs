//! Settings that CONFIG GET and SET know.
//!
//! A parameter is here only if it has an effect: what would be swallowed silently is refused as
//! unknown instead. Values are atomics, so a running command never waits for a setting.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::advice;
use super::notify;
use super::texts::{self, OutputLimits};
use crate::store::evict::Policy;

/// How a parameter is written and read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A whole number in a range.
    Number { min: i64, max: i64 },
    /// Bytes, at least so many, with `kb`, `mb`, `gb` understood.
    Memory { min: i64, max: i64 },
    /// One of the eviction policies.
    Policy,
    /// Classes of keyspace events, a letter each.
    Events,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// `yes` or `no`.
    YesNo,
    /// Bytes, or a part of `maxmemory` in percent, which is kept below zero.
    MemoryOrPercent,
    /// Limits for classes of clients, kept as a text.
    OutputLimits,
    /// Any text.
    Text,
    /// Permissions of a file.
    Octal,
}

/// One parameter.
pub struct Parameter {
    pub name: &'static str,
    /// The older name it also answers to.
    pub alias: Option<&'static str>,
    pub format: Format,
    pub default: i64,
    /// Its place in `Config::values`.
    index: usize,
}

/// The settings of one store.
pub struct Config {
    values: [AtomicU64; PARAMETERS.len()],
    /// Held while several parameters change together.
    pub changing: Mutex<()>,
    /// The file that the settings were read from, if there is one.
    pub file: Mutex<PathBuf>,
    /// What changes nothing here.
    pub advice: advice::Given,
}

macro_rules! parameters {
    ($( $constant:ident $name:literal $alias:expr, $format:expr, $default:expr; )*) => {
        #[expect(non_camel_case_types, reason = "only used to number the constants")]
        #[expect(clippy::upper_case_acronyms, reason = "only used to number the constants")]
        enum Index { $( $constant ),* }
        $(
            #[doc = concat!("Where `", $name, "` is kept.")]
            pub const $constant: usize = Index::$constant as usize;
        )*
        /// Every parameter, in the order of `Config::values`.
        pub static PARAMETERS: [Parameter; [$( $name ),*].len()] = [
            $( Parameter {
                name: $name,
                alias: $alias,
                format: $format,
                default: $default,
                index: Index::$constant as usize,
            } ),*
        ];
    };
}

/// Lengths are kept in 32 bits, so a word may not be longer.
const WORD: Format = Format::Memory { min: 1 << 20, max: u32::MAX as i64 };

/// Bytes, as many as may be.
const BYTES: Format = Format::Memory { min: 0, max: i64::MAX };
const SECONDS: Format = Format::Number { min: 0, max: i32::MAX as i64 };

const PORTS: Format = Format::Number { min: 0, max: 65_535 };

const ANY: Format = Format::Number { min: 0, max: i64::MAX };
const SMALL: Format = Format::Number { min: 0, max: i32::MAX as i64 };

parameters! {
    MAXMEMORY "maxmemory" None, BYTES, 0;
    MAXMEMORY_POLICY "maxmemory-policy" None, Format::Policy, 7;
    MAXMEMORY_SAMPLES "maxmemory-samples" None, Format::Number { min: 1, max: 64 }, 5;
    PROTO_MAX_BULK_LEN "proto-max-bulk-len" None, WORD, 512 << 20;
    HASH_MAX_LISTPACK_ENTRIES "hash-max-listpack-entries" Some("hash-max-ziplist-entries"),
        ANY, 512;
    HASH_MAX_LISTPACK_VALUE "hash-max-listpack-value" Some("hash-max-ziplist-value"),
        BYTES, 64;
    LIST_MAX_LISTPACK_SIZE "list-max-listpack-size" Some("list-max-ziplist-size"),
        Format::Number { min: i32::MIN as i64, max: i32::MAX as i64 }, -2;
    SET_MAX_INTSET_ENTRIES "set-max-intset-entries" None, ANY, 512;
    SET_MAX_LISTPACK_ENTRIES "set-max-listpack-entries" None, ANY, 128;
    SET_MAX_LISTPACK_VALUE "set-max-listpack-value" None, ANY, 64;
    ZSET_MAX_LISTPACK_ENTRIES "zset-max-listpack-entries" Some("zset-max-ziplist-entries"),
        ANY, 128;
    ZSET_MAX_LISTPACK_VALUE "zset-max-listpack-value" Some("zset-max-ziplist-value"),
        BYTES, 64;
    ACL_PUBSUB_DEFAULT "acl-pubsub-default" None,
        Format::Choice(&["allchannels", "resetchannels"]), 1;
    ACLLOG_MAX_LEN "acllog-max-len" None, ANY, 128;
    HLL_SPARSE_MAX_BYTES "hll-sparse-max-bytes" None, BYTES, 3000;
    CLIENT_OUTPUT_BUFFER_LIMIT "client-output-buffer-limit" None, Format::OutputLimits, 0;
    CLIENT_QUERY_BUFFER_LIMIT "client-query-buffer-limit" None,
        Format::Memory { min: 1 << 20, max: i64::MAX }, 1 << 30;
    MAXCLIENTS "maxclients" None, Format::Number { min: 1, max: u32::MAX as i64 }, 10_000;
    MAXMEMORY_CLIENTS "maxmemory-clients" None, Format::MemoryOrPercent, 0;
    PROTECTED_MODE "protected-mode" None, Format::YesNo, 1;
    BIND "bind" None, Format::Text, 0;
    DIR "dir" None, Format::Text, 0;
    IO_THREADS "io-threads" None, Format::Number { min: 1, max: 128 }, 0;
    LOGFILE "logfile" None, Format::Text, 0;
    LOGLEVEL "loglevel" None,
        Format::Choice(&["debug", "verbose", "notice", "warning", "nothing"]), 2;
    PIDFILE "pidfile" None, Format::Text, 0;
    PORT "port" None, PORTS, 0;
    TCP_BACKLOG "tcp-backlog" None, SECONDS, 511;
    TLS_AUTH_CLIENTS "tls-auth-clients" None, Format::Choice(&["no", "yes", "optional"]), 1;
    TLS_CA_CERT_FILE "tls-ca-cert-file" None, Format::Text, 0;
    TLS_CERT_FILE "tls-cert-file" None, Format::Text, 0;
    TLS_KEY_FILE "tls-key-file" None, Format::Text, 0;
    TLS_PORT "tls-port" None, PORTS, 0;
    BUSY_REPLY_THRESHOLD "busy-reply-threshold" Some("lua-time-limit"), ANY, 5000;
    SCRIPT_MEMORY_LIMIT "script-memory-limit" None, BYTES, 1 << 30;
    SCRIPT_TIME_LIMIT "script-time-limit" None, ANY, 30_000;
    UNIXSOCKET "unixsocket" None, Format::Text, 0;
    UNIXSOCKETPERM "unixsocketperm" None, Format::Octal, 0;
    TCP_KEEPALIVE "tcp-keepalive" None, SECONDS, 300;
    TIMEOUT "timeout" None, SECONDS, 0;
    STREAM_NODE_MAX_BYTES "stream-node-max-bytes" None, BYTES, 4096;
    STREAM_NODE_MAX_ENTRIES "stream-node-max-entries" None, ANY, 100;
    TRACKING_TABLE_MAX_KEYS "tracking-table-max-keys" None, ANY, 1_000_000;
    LFU_LOG_FACTOR "lfu-log-factor" None, SMALL, 10;
    LFU_DECAY_TIME "lfu-decay-time" None, SMALL, 1;
    SLOWLOG_LOG_SLOWER_THAN "slowlog-log-slower-than" None,
        Format::Number { min: -1, max: i64::MAX }, 10_000;
    SLOWLOG_MAX_LEN "slowlog-max-len" None, ANY, 128;
    LATENCY_MONITOR_THRESHOLD "latency-monitor-threshold" None, ANY, 0;
    LATENCY_TRACKING "latency-tracking" None, Format::YesNo, 0;
    ENABLE_DEBUG_COMMAND "enable-debug-command" None, Format::Choice(&["no", "local", "yes"]), 0;
    NOTIFY_KEYSPACE_EVENTS "notify-keyspace-events" None, Format::Events, 0;
}

/// What a server is started with and keeps.
const AT_START: &[usize] = &[
    BIND,
    DIR,
    ENABLE_DEBUG_COMMAND,
    IO_THREADS,
    LOGFILE,
    PIDFILE,
    PORT,
    TCP_BACKLOG,
    TLS_AUTH_CLIENTS,
    TLS_CA_CERT_FILE,
    TLS_CERT_FILE,
    TLS_KEY_FILE,
    TLS_PORT,
    UNIXSOCKET,
    UNIXSOCKETPERM,
];

/// A setting that is told but has only one value here.
pub struct Fixed {
    pub name: &'static str,
    pub value: &'static str,
    /// No server changes it while it runs.
    pub is_immutable: bool,
}

const fn fixed(name: &'static str, value: &'static str) -> Fixed {
    Fixed { name, value, is_immutable: false }
}

/// What tools ask for and can be answered truly.
pub static FIXED: &[Fixed] = &[
    Fixed { name: "databases", value: "16", is_immutable: true },
    Fixed { name: "daemonize", value: "no", is_immutable: true },
    Fixed { name: "cluster-enabled", value: "no", is_immutable: true },
    Fixed { name: "replicaof", value: "", is_immutable: true },
    Fixed { name: "slaveof", value: "", is_immutable: true },
    Fixed { name: "syslog-enabled", value: "no", is_immutable: true },
    Fixed { name: "unixsocketgroup", value: "", is_immutable: true },
    fixed("activedefrag", "no"),
    fixed("extended-redis-compatibility", "no"),
    fixed("tls-ca-cert-dir", ""),
    fixed("tls-ciphers", ""),
    fixed("tls-ciphersuites", ""),
    fixed("tls-dh-params-file", ""),
    fixed("tls-key-file-pass", ""),
    fixed("tls-prefer-server-ciphers", "no"),
    fixed("tls-protocols", ""),
    fixed("appendonly", "no"),
    fixed("hz", "10"),
    fixed("latency-tracking-info-percentiles", "50 99 99.9"),
    fixed("list-compress-depth", "0"),
    fixed("save", ""),
    fixed("tls-cluster", "no"),
    fixed("tls-replication", "no"),
];

/// Why a setting was refused, in the server's words after `CONFIG SET failed (…) - `.
pub type Refusal = String;

impl Default for Config {
    fn default() -> Self {
        Self {
            values: std::array::from_fn(|at| AtomicU64::new(PARAMETERS[at].default as u64)),
            changing: Mutex::new(()),
            file: Mutex::default(),
            advice: advice::Given::default(),
        }
    }
}

impl Config {
    /// The number behind a parameter.
    #[inline]
    pub fn get(&self, index: usize) -> i64 {
        self.values[index].load(Ordering::Relaxed) as i64
    }

    pub fn set(&self, index: usize, value: i64) {
        let value = match PARAMETERS[index].format {
            // Classes that were not named keep their limits.
            Format::OutputLimits => {
                let mut limits = OutputLimits::of(self.get(index));
                let _ = limits.change(&texts::text_of(value));
                texts::number_of(&limits.show())
            }
            _ => value,
        };
        self.values[index].store(value as u64, Ordering::Relaxed);
    }

    pub fn policy(&self) -> Policy {
        Policy::from_index(self.get(MAXMEMORY_POLICY) as usize)
    }

    /// A value as CONFIG GET shows it.
    pub fn show(&self, parameter: &Parameter) -> String {
        match parameter.format {
            Format::Policy => self.policy().name().to_owned(),
            Format::YesNo => if self.get(parameter.index) == 0 { "no" } else { "yes" }.to_owned(),
            Format::Events => notify::show(self.get(parameter.index) as u32),
            Format::Choice(words) => words[self.get(parameter.index) as usize].to_owned(),
            Format::OutputLimits => OutputLimits::of(self.get(parameter.index)).show(),
            Format::Octal => format!("{:o}", self.get(parameter.index)),
            Format::Text => texts::text_of(self.get(parameter.index)).as_ref().to_owned(),
            Format::MemoryOrPercent => match self.get(parameter.index) {
                percent @ ..0 => format!("{}%", -percent),
                bytes => bytes.to_string(),
            },
            _ => self.get(parameter.index).to_string(),
        }
    }

    /// The setting of this name that cannot be changed, in any case.
    pub fn find_fixed(name: &[u8]) -> Option<&'static Fixed> {
        FIXED.iter().find(|fixed| name.eq_ignore_ascii_case(fixed.name.as_bytes()))
    }

    /// The parameter of this name, in any case.
    pub fn find(name: &[u8]) -> Option<&'static Parameter> {
        PARAMETERS.iter().find(|parameter| {
            name.eq_ignore_ascii_case(parameter.name.as_bytes())
                || parameter.alias.is_some_and(|old| name.eq_ignore_ascii_case(old.as_bytes()))
        })
    }
}

impl Parameter {
    pub fn index(&self) -> usize {
        self.index
    }

    /// Which of its names was asked for, as it is spelled here.
    pub fn name_asked(&self, asked: &[u8]) -> &'static str {
        self.alias.filter(|old| asked.eq_ignore_ascii_case(old.as_bytes())).unwrap_or(self.name)
    }

    /// Reads a value as CONFIG SET takes it.
    pub fn parse(&self, value: &[u8]) -> Result<i64, Refusal> {
        self.format.parse(value)
    }

    /// Is it what a server is started with?
    pub fn is_immutable(&self) -> bool {
        AT_START.contains(&self.index)
    }
}

impl Format {
    /// Reads a value of this form.
    pub fn parse(&self, value: &[u8]) -> Result<i64, Refusal> {
        let text = String::from_utf8_lossy(value);
        match *self {
            Format::Memory { min, max } => match parse_memory(&text) {
                None => Err("argument must be a memory value".to_owned()),
                Some(bytes) if bytes < min || bytes > max => {
                    Err(format!("argument must be between {min} and {max} inclusive"))
                }
                Some(bytes) => Ok(bytes),
            },
            Format::Policy => text.parse::<Policy>().map(|p| p.index() as i64).map_err(|()| {
                let names: Vec<_> = Policy::names().collect();
                format!("argument(s) must be one of the following: {}", names.join(", "))
            }),
            Format::Events => notify::parse(value)
                .map(i64::from)
                .ok_or_else(|| "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".to_owned()),
            Format::Choice(words) => {
                let at = words.iter().position(|word| text.eq_ignore_ascii_case(word));
                at.map(|at| at as i64).ok_or_else(|| {
                    format!("argument(s) must be one of the following: {}", words.join(", "))
                })
            }
            Format::YesNo => match text.to_ascii_lowercase().as_str() {
                "yes" => Ok(1),
                "no" => Ok(0),
                _ => Err("argument must be 'yes' or 'no'".to_owned()),
            },
            Format::MemoryOrPercent => memory_or_percent(&text),
            Format::OutputLimits => {
                OutputLimits::default().change(&text).map(|()| texts::number_of(&text))
            }
            Format::Text => Ok(texts::number_of(&text)),
            Format::Octal => i64::from_str_radix(&text, 8)
                .ok()
                .filter(|mode| (0..=0o777).contains(mode))
                .ok_or_else(|| "argument couldn't be parsed as an octal number".to_owned()),
            Format::Number { min, max } => match crate::bytes::parse_int(value) {
                None => Err("argument couldn't be parsed into an integer".to_owned()),
                Some(number) if number < min || number > max => {
                    Err(format!("argument must be between {min} and {max} inclusive"))
                }
                Some(number) => Ok(number),
            },
        }
    }
}

fn memory_or_percent(text: &str) -> Result<i64, Refusal> {
    let wrong = || "argument must be a memory or percent value".to_owned();
    let Some(percent) = text.strip_suffix('%') else {
        return parse_memory(text).ok_or_else(wrong);
    };
    match percent.parse::<i64>() {
        Ok(percent @ 0..=100) => Ok(-percent),
        Ok(101..) => Err("percentage argument must be less or equal to 100".to_owned()),
        _ => Err(wrong()),
    }
}

/// Bytes as configuration files write them: `100`, `64kb`, `1gb`; `k`, `m`, `g` are decimal.
pub fn parse_memory(text: &str) -> Option<i64> {
    let text = text.to_ascii_lowercase();
    if text.is_empty() {
        return Some(0);
    }
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u64 = match &text[digits.len()..] {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    let number: u64 = digits.parse().ok()?;
    i64::try_from(number.checked_mul(unit)?).ok()
}
