//! INFO: what tools read about a store.
//!
//! Fields keep Redis' names and order. What a store inside a process does not have (replicas,
//! files, buffers of sockets) is told where tools ask for it, at its neutral value, and left out
//! otherwise.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use super::connection::REDIS_VERSION;
use super::{Args, Context, info_stats};
use crate::bytes::is_word;
use crate::error::Result;
use crate::hub::acl::Reason;
use crate::hub::config::{MAXCLIENTS, MAXMEMORY, PORT};
use crate::hub::pubsub::Sort;
use crate::store::{DATABASES, NEVER, Table};

type Section = (&'static str, fn(&Context<'_>) -> String);

/// Every section, in the order in which they are told.
const SECTIONS: &[Section] = &[
    ("Server", server),
    ("Clients", clients),
    ("Memory", memory),
    ("Persistence", persistence),
    ("Stats", stats),
    ("Replication", replication),
    ("CPU", cpu),
    ("Commandstats", info_stats::commands),
    ("Errorstats", info_stats::errors),
    ("Latencystats", info_stats::latencies),
    ("Cluster", cluster),
    ("Keyspace", keyspace),
];

/// Told only to who asks for them, or for everything.
const ON_DEMAND: [&str; 2] = ["Commandstats", "Latencystats"];

/// How many shards are asked for the average time to live.
const TTL_SAMPLES: usize = 64;

/// `INFO [section ...]`
pub fn info(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let wanted = args.rest();
    let asks_for = |name: &str| wanted.iter().any(|word| is_word(word, name));
    let everything = asks_for("all") || asks_for("everything");
    let usual = wanted.is_empty() || asks_for("default");
    let mut text = String::new();
    for (name, fields) in SECTIONS {
        if everything || usual && !ON_DEMAND.contains(name) || asks_for(name) {
            if !text.is_empty() {
                text.push_str("\r\n");
            }
            // Writing to a String cannot fail.
            let _ = write!(text, "# {name}\r\n{}", fields(cx));
        }
    }
    cx.out.verbatim(text.as_bytes());
    Ok(())
}

fn lines(fields: &[(&str, String)]) -> String {
    fields.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = write!(text, "{name}:{value}\r\n");
        text
    })
}

fn count(counter: &AtomicU64) -> String {
    counter.load(Ordering::Relaxed).to_string()
}

fn server(cx: &Context<'_>) -> String {
    let now_us = cx.space.clock.now_us();
    let uptime_seconds = (now_us / 1000).saturating_sub(cx.hub.started_ms()) / 1000;
    let program = std::env::current_exe().map(|path| path.display().to_string());
    lines(&[
        ("redis_version", REDIS_VERSION.into()),
        ("server_name", "latchkey".into()),
        ("latchkey_version", env!("CARGO_PKG_VERSION").into()),
        ("redis_git_sha1", "00000000".into()),
        ("redis_git_dirty", "0".into()),
        ("redis_build_id", "0000000000000000".into()),
        ("redis_mode", "standalone".into()),
        ("os", operating_system()),
        ("arch_bits", usize::BITS.to_string()),
        ("process_id", std::process::id().to_string()),
        ("run_id", cx.hub.run_id().into()),
        ("tcp_port", cx.config().get(PORT).to_string()),
        ("server_time_usec", now_us.to_string()),
        ("uptime_in_seconds", uptime_seconds.to_string()),
        ("uptime_in_days", (uptime_seconds / 86_400).to_string()),
        ("hz", "10".into()),
        ("configured_hz", "10".into()),
        ("lru_clock", cx.space.access_clock().to_string()),
        ("executable", program.unwrap_or_default()),
        ("config_file", String::new()),
    ])
}

fn operating_system() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let name = match std::env::consts::OS {
        "linux" => "Linux",
        "macos" => "Darwin",
        "windows" => "Windows",
        other => other,
    };
    let parts = [name, release.trim(), std::env::consts::ARCH];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn clients(cx: &Context<'_>) -> String {
    let all = cx.hub.clients.all();
    let listening = all.iter().filter(|handle| handle.subscriptions() > 0).count();
    let watching = all.iter().filter(|handle| handle.watching.load(Ordering::Relaxed) > 0).count();
    lines(&[
        ("connected_clients", all.len().to_string()),
        ("cluster_connections", "0".into()),
        ("maxclients", cx.config().get(MAXCLIENTS).to_string()),
        ("blocked_clients", (cx.hub.waiting.len() + cx.hub.pause.len()).to_string()),
        ("tracking_clients", cx.hub.tracking.counts().clients.to_string()),
        ("pubsub_clients", listening.to_string()),
        ("watching_clients", watching.to_string()),
        ("total_watched_keys", cx.hub.watch.len().to_string()),
    ])
}

fn memory(cx: &Context<'_>) -> String {
    let used = cx.space.used_bytes() as u64;
    let peak = cx.space.peak_bytes() as u64;
    let resident = proc_kilobytes("/proc/self/status", "VmRSS:").unwrap_or(used);
    let total = proc_kilobytes("/proc/meminfo", "MemTotal:").unwrap_or(0);
    let limit = cx.config().get(MAXMEMORY) as u64;
    let (scripts, functions) = cx.scripts.figures();
    let lua = scripts.lua_bytes() as u64;
    let all_lua = lua + functions.lua_bytes() as u64;
    let texts = (scripts.bytes() + functions.bytes()) as u64;
    let ratio = |of: u64, to: u64| if to == 0 { 0.0 } else { of as f64 / to as f64 };
    lines(&[
        ("used_memory", used.to_string()),
        ("used_memory_human", human(used)),
        ("used_memory_rss", resident.to_string()),
        ("used_memory_rss_human", human(resident)),
        ("used_memory_peak", peak.to_string()),
        ("used_memory_peak_human", human(peak)),
        ("used_memory_peak_perc", format!("{:.2}%", ratio(used, peak) * 100.0)),
        ("used_memory_overhead", "0".into()),
        ("used_memory_startup", "0".into()),
        ("used_memory_dataset", used.to_string()),
        ("used_memory_dataset_perc", "100.00%".into()),
        ("total_system_memory", total.to_string()),
        ("total_system_memory_human", human(total)),
        ("used_memory_lua", lua.to_string()),
        ("used_memory_vm_eval", lua.to_string()),
        ("used_memory_lua_human", human(lua)),
        ("used_memory_scripts_eval", scripts.bytes().to_string()),
        ("number_of_cached_scripts", scripts.count().to_string()),
        ("number_of_functions", functions.functions().to_string()),
        ("number_of_libraries", functions.count().to_string()),
        ("used_memory_vm_functions", functions.lua_bytes().to_string()),
        ("used_memory_vm_total", all_lua.to_string()),
        ("used_memory_vm_total_human", human(all_lua)),
        ("used_memory_functions", functions.bytes().to_string()),
        ("used_memory_scripts", texts.to_string()),
        ("used_memory_scripts_human", human(texts)),
        ("maxmemory", limit.to_string()),
        ("maxmemory_human", human(limit)),
        ("maxmemory_policy", cx.config().policy().name().into()),
        ("mem_fragmentation_ratio", format!("{:.2}", ratio(resident, used))),
        ("mem_fragmentation_bytes", (resident as i64 - used as i64).to_string()),
        ("mem_allocator", "mimalloc".into()),
        ("active_defrag_running", "0".into()),
        ("lazyfree_pending_objects", cx.space.trash_len().to_string()),
    ])
}

/// A `Name:  123 kB` line of a file of Linux' /proc, in bytes.
pub(super) fn proc_kilobytes(path: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// Bytes as people read them: `1.42M`.
fn human(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    let mut value = bytes as f64;
    let mut unit = ' ';
    for next in ['K', 'M', 'G', 'T', 'P'] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    format!("{value:.2}{unit}")
}

fn persistence(cx: &Context<'_>) -> String {
    lines(&[
        ("loading", "0".into()),
        ("async_loading", "0".into()),
        ("rdb_changes_since_last_save", "0".into()),
        ("rdb_bgsave_in_progress", "0".into()),
        ("rdb_last_save_time", (cx.hub.started_ms() / 1000).to_string()),
        ("rdb_last_bgsave_status", "ok".into()),
        ("rdb_last_bgsave_time_sec", "-1".into()),
        ("rdb_current_bgsave_time_sec", "-1".into()),
        ("aof_enabled", "0".into()),
        ("aof_rewrite_in_progress", "0".into()),
        ("aof_rewrite_scheduled", "0".into()),
        ("aof_last_rewrite_time_sec", "-1".into()),
        ("aof_current_rewrite_time_sec", "-1".into()),
        ("aof_last_bgrewrite_status", "ok".into()),
        ("aof_last_write_status", "ok".into()),
    ])
}

fn stats(cx: &Context<'_>) -> String {
    let stats = cx.space.stats();
    let pubsub = &cx.hub.pubsub;
    let refused = |reason| cx.hub.acl.log.refused(reason).to_string();
    let tracking = cx.hub.tracking.counts();
    let network = &cx.hub.network;
    lines(&[
        ("total_connections_received", cx.hub.clients.total().to_string()),
        ("total_commands_processed", cx.hub.tally.total().to_string()),
        ("instantaneous_ops_per_sec", "0".into()),
        ("total_net_input_bytes", count(&network.bytes_in)),
        ("total_net_output_bytes", count(&network.bytes_out)),
        ("instantaneous_input_kbps", "0.00".into()),
        ("instantaneous_output_kbps", "0.00".into()),
        ("rejected_connections", count(&network.rejected)),
        ("expired_keys", stats.expired.to_string()),
        ("evicted_keys", stats.evicted.to_string()),
        ("evicted_clients", count(&network.evicted)),
        ("evicted_scripts", cx.scripts.figures().0.evicted().to_string()),
        ("keyspace_hits", stats.hits.to_string()),
        ("keyspace_misses", stats.misses.to_string()),
        ("pubsub_channels", pubsub.channel_count(Sort::Channel).to_string()),
        ("pubsub_patterns", pubsub.patterns().to_string()),
        ("pubsubshard_channels", pubsub.channel_count(Sort::Shard).to_string()),
        ("latest_fork_usec", "0".into()),
        ("total_forks", "0".into()),
        ("acl_access_denied_auth", refused(Reason::Auth)),
        ("acl_access_denied_cmd", refused(Reason::Command)),
        ("acl_access_denied_key", refused(Reason::Key)),
        ("acl_access_denied_channel", refused(Reason::Channel)),
        ("total_error_replies", cx.hub.tally.errors().values().sum::<u64>().to_string()),
        ("tracking_total_keys", tracking.keys.to_string()),
        ("tracking_total_items", tracking.items.to_string()),
        ("tracking_total_prefixes", tracking.prefixes.to_string()),
        ("client_query_buffer_limit_disconnections", count(&network.query_limit)),
        ("client_output_buffer_limit_disconnections", count(&network.output_limit)),
    ])
}

fn replication(cx: &Context<'_>) -> String {
    lines(&[
        ("role", "master".into()),
        ("connected_slaves", "0".into()),
        ("replicas_waiting_psync", "0".into()),
        ("master_failover_state", "no-failover".into()),
        ("master_replid", cx.hub.replication_id()),
        ("master_replid2", "0".repeat(40)),
        ("master_repl_offset", "0".into()),
        ("second_repl_offset", "-1".into()),
        ("repl_backlog_active", "0".into()),
        ("repl_backlog_size", "0".into()),
        ("repl_backlog_first_byte_offset", "0".into()),
        ("repl_backlog_histlen", "0".into()),
    ])
}

/// What the whole process used, where the system tells: Linux, in hundredths of a second.
fn cpu(_: &Context<'_>) -> String {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The program's name, in parentheses, may hold anything.
    let fields = stat.rsplit(')').next().unwrap_or("").split_whitespace().skip(11);
    let mut times = fields.map(|ticks| ticks.parse::<f64>().unwrap_or(0.0) / 100.0);
    let mut next = || format!("{:.6}", times.next().unwrap_or(0.0));
    let (user, sys, user_children, sys_children) = (next(), next(), next(), next());
    lines(&[
        ("used_cpu_sys", sys),
        ("used_cpu_user", user),
        ("used_cpu_sys_children", sys_children),
        ("used_cpu_user_children", user_children),
    ])
}

fn cluster(_: &Context<'_>) -> String {
    lines(&[("cluster_enabled", "0".into())])
}

/// One line for each database that holds keys.
fn keyspace(cx: &Context<'_>) -> String {
    let Some(entered) = cx.entered else { return String::new() };
    let mut text = String::new();
    for index in 0..DATABASES {
        let Some(table) = cx.space.table(entered, index).filter(|table| !table.is_empty()) else {
            continue;
        };
        let _ = write!(
            text,
            "db{index}:keys={},expires={},avg_ttl={}\r\n",
            table.len(),
            table.with_deadline(),
            average_ttl_ms(table, cx.db.now_ms()),
        );
    }
    text
}

/// An estimate, as in Redis: the mean of the next deadlines of some shards.
fn average_ttl_ms(table: &Table, now_ms: u64) -> u64 {
    let (mut sum, mut count) = (0, 0);
    let mut next = table.next_with_deadline(0);
    while let Some(shard) = next
        && count < TTL_SAMPLES
    {
        let earliest_ms = table.earliest_ms(shard);
        if earliest_ms != NEVER {
            sum += earliest_ms.saturating_sub(now_ms);
            count += 1;
        }
        next = table.next_with_deadline(shard + 1);
    }
    if count == 0 { 0 } else { sum / count as u64 }
}
