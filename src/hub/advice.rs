//! Settings of servers that change nothing here: how files are written that latchkey has not,
//! when replicas of which there are none are given up, how loud a log is.
//!
//! A server's configuration shall be read whole, so these are taken, checked for their form and
//! told again. What would promise something if it were taken is not among them: those have one
//! value (`config::FIXED`).

use std::collections::HashMap;

use parking_lot::Mutex;

use super::config::{Format, Refusal};

/// One such setting.
pub struct Advice {
    pub name: &'static str,
    pub format: Format,
    pub default: &'static str,
    /// No server changes it while it runs.
    pub is_immutable: bool,
}

/// What was advised.
#[derive(Default)]
pub struct Given(Mutex<HashMap<&'static str, String>>);

impl Given {
    pub fn show(&self, advice: &Advice) -> String {
        let given = self.0.lock();
        given.get(advice.name).cloned().unwrap_or_else(|| advice.default.to_owned())
    }

    /// Takes a value of the right form.
    pub fn take(&self, advice: &'static Advice, value: &[u8]) -> Result<(), Refusal> {
        let shown = match advice.format {
            Format::Text => String::from_utf8_lossy(value).into_owned(),
            Format::YesNo | Format::Choice(_) => {
                advice.format.parse(value)?;
                String::from_utf8_lossy(value).to_ascii_lowercase()
            }
            format => format.parse(value)?.to_string(),
        };
        self.0.lock().insert(advice.name, shown);
        Ok(())
    }
}

/// The setting of this name, in any case.
pub fn find(name: &[u8]) -> Option<&'static Advice> {
    ADVICE.iter().find(|advice| name.eq_ignore_ascii_case(advice.name.as_bytes()))
}

const NUMBER: Format = Format::Number { min: 0, max: i64::MAX };
const BYTES: Format = Format::Memory { min: 0, max: i64::MAX };
const YES_NO: Format = Format::YesNo;
const TEXT: Format = Format::Text;
const ENDPOINTS: Format = Format::Choice(&["ip", "hostname", "unknown-endpoint"]);
const WHO: Format = Format::Choice(&["no", "yes", "local"]);
const FAULTS: Format = Format::Choice(&["ignore", "panic", "panic-on-replicas"]);

const fn row(name: &'static str, format: Format, default: &'static str) -> Advice {
    Advice { name, format, default, is_immutable: false }
}

const fn once(name: &'static str, format: Format, default: &'static str) -> Advice {
    Advice { name, format, default, is_immutable: true }
}

#[rustfmt::skip]
pub static ADVICE: &[Advice] = &[
    row("active-defrag-cycle-max", NUMBER, "25"),
    row("active-defrag-cycle-min", NUMBER, "1"),
    row("active-defrag-ignore-bytes", BYTES, "104857600"),
    row("active-defrag-max-scan-fields", NUMBER, "1000"),
    row("active-defrag-threshold-lower", NUMBER, "10"),
    row("active-defrag-threshold-upper", NUMBER, "100"),
    row("active-expire-effort", NUMBER, "1"),
    row("activerehashing", YES_NO, "yes"),
    once("always-show-logo", YES_NO, "no"),
    row("aof-load-truncated", YES_NO, "yes"),
    row("aof-rewrite-incremental-fsync", YES_NO, "yes"),
    row("aof-timestamp-enabled", YES_NO, "no"),
    row("aof-use-rdb-preamble", YES_NO, "yes"),
    once("aof_rewrite_cpulist", TEXT, ""),
    once("appenddirname", TEXT, "appendonlydir"),
    once("appendfilename", TEXT, "appendonly.aof"),
    row("appendfsync", Format::Choice(&["always", "everysec", "no"]), "everysec"),
    row("auto-aof-rewrite-min-size", BYTES, "67108864"),
    row("auto-aof-rewrite-percentage", NUMBER, "100"),
    once("bgsave_cpulist", TEXT, ""),
    row("bind-source-addr", TEXT, ""),
    once("bio_cpulist", TEXT, ""),
    row("cluster-allow-pubsubshard-when-down", YES_NO, "yes"),
    row("cluster-allow-reads-when-down", YES_NO, "no"),
    row("cluster-allow-replica-migration", YES_NO, "yes"),
    row("cluster-announce-bus-port", NUMBER, "0"),
    row("cluster-announce-hostname", TEXT, ""),
    row("cluster-announce-human-nodename", TEXT, ""),
    row("cluster-announce-ip", TEXT, ""),
    row("cluster-announce-port", NUMBER, "0"),
    row("cluster-announce-tls-port", NUMBER, "0"),
    once("cluster-config-file", TEXT, "nodes.conf"),
    row("cluster-link-sendbuf-limit", BYTES, "0"),
    row("cluster-migration-barrier", NUMBER, "1"),
    row("cluster-node-timeout", NUMBER, "15000"),
    once("cluster-port", NUMBER, "0"),
    row("cluster-preferred-endpoint-type", ENDPOINTS, "ip"),
    row("cluster-replica-no-failover", YES_NO, "no"),
    row("cluster-replica-validity-factor", NUMBER, "10"),
    row("cluster-require-full-coverage", YES_NO, "yes"),
    row("crash-log-enabled", YES_NO, "yes"),
    row("crash-memcheck-enabled", YES_NO, "yes"),
    once("disable-thp", YES_NO, "yes"),
    row("dynamic-hz", YES_NO, "yes"),
    once("io-threads-do-reads", YES_NO, "no"),
    row("jemalloc-bg-thread", YES_NO, "yes"),
    row("lazyfree-lazy-eviction", YES_NO, "no"),
    row("lazyfree-lazy-expire", YES_NO, "no"),
    row("lazyfree-lazy-server-del", YES_NO, "no"),
    row("lazyfree-lazy-user-del", YES_NO, "no"),
    row("lazyfree-lazy-user-flush", YES_NO, "no"),
    row("locale-collate", TEXT, ""),
    row("maxmemory-eviction-tenacity", NUMBER, "10"),
    row("min-replicas-max-lag", NUMBER, "10"),
    row("min-replicas-to-write", NUMBER, "0"),
    row("min-slaves-max-lag", NUMBER, "10"),
    row("min-slaves-to-write", NUMBER, "0"),
    row("no-appendfsync-on-rewrite", YES_NO, "no"),
    row("oom-score-adj", Format::Choice(&["no", "yes", "relative", "absolute"]), "no"),
    row("oom-score-adj-values", TEXT, "0 200 800"),
    row("proc-title-template", TEXT, "{title} {listen-addr} {server-mode}"),
    row("propagation-error-behavior", FAULTS, "ignore"),
    row("rdb-del-sync-files", YES_NO, "no"),
    row("rdb-save-incremental-fsync", YES_NO, "yes"),
    once("rdbchecksum", YES_NO, "yes"),
    row("rdbcompression", YES_NO, "yes"),
    row("repl-backlog-size", BYTES, "1048576"),
    row("repl-backlog-ttl", NUMBER, "3600"),
    row("repl-disable-tcp-nodelay", YES_NO, "no"),
    row("repl-diskless-load", Format::Choice(&["disabled", "on-empty-db", "swapdb"]), "disabled"),
    row("repl-diskless-sync", YES_NO, "yes"),
    row("repl-diskless-sync-delay", NUMBER, "5"),
    row("repl-diskless-sync-max-replicas", NUMBER, "0"),
    row("repl-ping-replica-period", NUMBER, "10"),
    row("repl-ping-slave-period", NUMBER, "10"),
    row("repl-timeout", NUMBER, "60"),
    row("replica-announce-ip", TEXT, ""),
    row("replica-announce-port", NUMBER, "0"),
    row("replica-announced", YES_NO, "yes"),
    row("replica-ignore-disk-write-errors", YES_NO, "no"),
    row("replica-ignore-maxmemory", YES_NO, "yes"),
    row("replica-lazy-flush", YES_NO, "no"),
    row("replica-priority", NUMBER, "100"),
    row("replica-read-only", YES_NO, "yes"),
    row("replica-serve-stale-data", YES_NO, "yes"),
    row("sanitize-dump-payload", Format::Choice(&["no", "yes", "clients"]), "no"),
    once("server_cpulist", TEXT, ""),
    once("set-proc-title", YES_NO, "yes"),
    row("shutdown-on-sigint", TEXT, "default"),
    row("shutdown-on-sigterm", TEXT, "default"),
    row("shutdown-timeout", NUMBER, "10"),
    row("slave-announce-ip", TEXT, ""),
    row("slave-announce-port", NUMBER, "0"),
    row("slave-ignore-maxmemory", YES_NO, "yes"),
    row("slave-lazy-flush", YES_NO, "no"),
    row("slave-priority", NUMBER, "100"),
    row("slave-read-only", YES_NO, "yes"),
    row("slave-serve-stale-data", YES_NO, "yes"),
    once("socket-mark-id", NUMBER, "0"),
    row("stop-writes-on-bgsave-error", YES_NO, "yes"),
    once("supervised", Format::Choice(&["no", "upstart", "systemd", "auto"]), "no"),
    once("syslog-facility", TEXT, "local0"),
    once("syslog-ident", TEXT, "redis"),
    row("tls-session-cache-size", NUMBER, "20480"),
    row("tls-session-cache-timeout", NUMBER, "300"),
    row("tls-session-caching", YES_NO, "yes"),
    once("aof-rewrite-cpulist", TEXT, ""),
    once("bgsave-cpulist", TEXT, ""),
    once("bio-cpulist", TEXT, ""),
    once("server-cpulist", TEXT, ""),
    once("dbfilename", TEXT, "dump.rdb"),
    once("enable-debug-command", WHO, "no"),
    once("enable-module-command", WHO, "no"),
    once("enable-protected-configs", WHO, "no"),
    row("aof-disable-auto-gc", YES_NO, "no"),
    row("availability-zone", TEXT, ""),
    row("cluster-announce-client-ipv4", TEXT, ""),
    row("cluster-announce-client-ipv6", TEXT, ""),
    row("cluster-blacklist-ttl", NUMBER, "60"),
    row("cluster-slave-no-failover", YES_NO, "no"),
    row("cluster-slave-validity-factor", NUMBER, "10"),
    row("cluster-slot-stats-enabled", YES_NO, "no"),
    row("dual-channel-replication-enabled", YES_NO, "no"),
    row("events-per-io-thread", NUMBER, "2"),
    row("hide-user-data-from-log", YES_NO, "yes"),
    row("ignore-warnings", TEXT, ""),
    row("latency-monitor-threshold", NUMBER, "0"),
    row("latency-tracking", YES_NO, "yes"),
    row("latency-tracking-info-percentiles", TEXT, "50 99 99.9"),
    row("masterauth", TEXT, ""),
    row("masteruser", TEXT, ""),
    row("max-new-connections-per-cycle", NUMBER, "10"),
    row("max-new-tls-connections-per-cycle", NUMBER, "1"),
    row("prefetch-batch-max-size", NUMBER, "16"),
    row("primaryauth", TEXT, ""),
    row("primaryuser", TEXT, ""),
    row("slowlog-log-slower-than", Format::Number { min: -1, max: i64::MAX }, "10000"),
    row("slowlog-max-len", NUMBER, "128"),
    row("tls-client-cert-file", TEXT, ""),
    row("tls-client-key-file", TEXT, ""),
    row("tls-client-key-file-pass", TEXT, ""),
];
