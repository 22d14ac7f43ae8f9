//! LATENCY: when something took long, and how long commands take.

use std::fmt::Write as _;

use super::help::write_help;
use super::{
    Args, CONTAINER, Context, Keys, NO_KEYSPACE, NO_SCRIPT, Spec, TABLE as ALL, container, spec,
};
use crate::bytes::lossy;
use crate::error::{Error, Result};
use crate::hub::config::{LATENCY_MONITOR_THRESHOLD, SLOWLOG_LOG_SLOWER_THAN};
use crate::hub::slowlog::{Sample, Series};

const APART: u32 = NO_KEYSPACE | NO_SCRIPT;

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name              arity keys        flags        handler
    spec("latency",           -2, Keys::None, CONTAINER,   container),
    spec("latency|doctor",     2, Keys::None, APART,       doctor),
    spec("latency|graph",      3, Keys::None, APART,       graph),
    spec("latency|help",       2, Keys::None, NO_KEYSPACE, help),
    spec("latency|histogram", -2, Keys::None, APART,       histogram),
    spec("latency|history",    3, Keys::None, APART,       history),
    spec("latency|latest",     2, Keys::None, APART,       latest),
    spec("latency|reset",     -2, Keys::None, APART,       reset),
];

/// `LATENCY LATEST`: each event with when it was last seen, how long it took then and at most.
fn latest(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    let events = cx.hub.latency.all();
    cx.out.array(events.len());
    for (event, series) in &events {
        let (at_s, took_ms) = series.samples.back().copied().unwrap_or_default();
        cx.out.array(4);
        cx.out.bulk(event.as_bytes());
        cx.out.int(at_s as i64);
        cx.out.int(took_ms as i64);
        cx.out.int(series.longest_ms as i64);
    }
    Ok(())
}

/// `LATENCY HISTORY event`
fn history(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let series = cx.hub.latency.of(args.next()?).unwrap_or_default();
    cx.out.array(series.samples.len());
    for (at_s, took_ms) in series.samples {
        cx.out.array(2);
        cx.out.int(at_s as i64);
        cx.out.int(took_ms as i64);
    }
    Ok(())
}

/// `LATENCY RESET [event ...]`: how many events were forgotten.
fn reset(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let forgotten = cx.hub.latency.reset(args.rest());
    cx.out.len(forgotten);
    Ok(())
}

/// `LATENCY GRAPH event`: the history as a picture of letters.
fn graph(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let event = args.next()?;
    let Some(series) = cx.hub.latency.of(event) else {
        return Err(Error::text(format!("ERR No samples available for event '{}'", lossy(event))));
    };
    let took = || series.samples.iter().map(|(_, took_ms)| *took_ms);
    let (high, low) = (took().max().unwrap_or(0), took().min().unwrap_or(0));
    let mut text = format!(
        "{} - high {high} ms, low {low} ms (all time high {} ms)\n{}\n",
        lossy(event),
        series.longest_ms,
        "-".repeat(80)
    );
    draw(&mut text, &series, cx.db.now_ms() / 1000, low, high);
    cx.out.verbatim(text.as_bytes());
    Ok(())
}

/// Rows of a picture, and the signs of which one row can show.
const ROWS: u64 = 4;
const SIGNS: [char; 3] = ['_', 'o', '#'];
const COLUMNS: usize = 80;

/// Bars from left to right, and below each how long ago it was, from top to bottom.
fn draw(text: &mut String, series: &Series, now_s: u64, low: u64, high: u64) {
    let samples: Vec<Sample> = series.samples.iter().copied().collect();
    let signs = SIGNS.len() as u64;
    let steps = ROWS * signs;
    for part in samples.chunks(COLUMNS) {
        let step = |took_ms: u64| ((took_ms - low) * steps / (high - low).max(1)).min(steps - 1);
        for row in (0..ROWS).rev() {
            for (_, took_ms) in part {
                let (step, base) = (step(*took_ms), row * signs);
                text.push(match step.checked_sub(base) {
                    None => ' ',
                    Some(above) => SIGNS.get(above as usize).copied().unwrap_or('|'),
                });
            }
            text.push('\n');
        }
        let labels: Vec<Vec<char>> = part
            .iter()
            .map(|(at_s, _)| ago(now_s.saturating_sub(*at_s)).chars().collect())
            .collect();
        // An empty line first.
        let _ = writeln!(text, "{}", " ".repeat(part.len()));
        for line in 0..labels.iter().map(Vec::len).max().unwrap_or(0) {
            text.extend(labels.iter().map(|label| label.get(line).copied().unwrap_or(' ')));
            text.push('\n');
        }
    }
}

fn ago(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// `LATENCY DOCTOR`: what was seen, in words.
fn doctor(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    let threshold_ms = cx.config().get(LATENCY_MONITOR_THRESHOLD);
    let events = cx.hub.latency.all();
    let mut text = String::new();
    // Writing to a String cannot fail.
    if threshold_ms == 0 {
        text.push_str(
            "Nothing is measured: latency-monitor-threshold is 0. Set it to the milliseconds from \
             which on an event counts as slow, with CONFIG SET latency-monitor-threshold.\n",
        );
    } else if events.is_empty() {
        let _ = writeln!(text, "No event took {threshold_ms} ms or longer.");
    }
    for (number, (event, series)) in events.iter().enumerate() {
        let count = series.samples.len() as u64;
        let mean = series.samples.iter().map(|(_, took_ms)| took_ms).sum::<u64>() / count.max(1);
        let _ = writeln!(
            text,
            "{}. {event}: slow in {count} different seconds, {mean} ms on average, {} ms at most.",
            number + 1,
            series.longest_ms
        );
    }
    if events.contains_key("command") || events.contains_key("fast-command") {
        let slower_us = cx.config().get(SLOWLOG_LOG_SLOWER_THAN);
        if slower_us < 0 || slower_us / 1000 > threshold_ms {
            let _ = writeln!(
                text,
                "The slow log does not show commands as quick as these: CONFIG SET \
                 slowlog-log-slower-than {}.",
                threshold_ms * 1000
            );
        } else {
            text.push_str("SLOWLOG GET shows the commands that were slow.\n");
        }
    }
    cx.out.verbatim(text.as_bytes());
    Ok(())
}

/// `LATENCY HISTOGRAM [command ...]`: how many calls took no longer than so many microseconds.
/// Only what was called since `latency-tracking` is on.
fn histogram(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let asked: Vec<String> =
        args.rest().iter().map(|name| lossy(name).to_ascii_lowercase()).collect();
    let is_asked = |spec: &Spec| {
        asked.is_empty()
            || asked.iter().any(|name| name == spec.name || Some(&**name) == spec.container())
    };
    let at = cx.out.map_later();
    let mut told = 0;
    for (id, spec) in ALL.iter().enumerate().filter(|(_, spec)| is_asked(spec)) {
        let Some((calls, buckets)) = cx.hub.tally.look(id, buckets) else { continue };
        cx.out.bulk(spec.name.as_bytes());
        cx.out.map(2);
        cx.out.bulk(b"calls");
        cx.out.int(calls as i64);
        cx.out.bulk(b"histogram_usec");
        cx.out.map(buckets.len());
        for (micros, count) in buckets {
            cx.out.int(micros as i64);
            cx.out.int(count as i64);
        }
        told += 1;
    }
    cx.out.close(at, told);
    Ok(())
}

/// How many calls there were, and how many of them took no longer than each power of two of
/// 1024 ns, where that makes a difference.
fn buckets(histogram: &hdrhistogram::Histogram<u64>) -> (u64, Vec<(u64, u64)>) {
    let mut found: Vec<(u64, u64)> = Vec::new();
    let mut seen = 0;
    for power in 10..=30 {
        let limit_ns = histogram.highest_equivalent(1 << power);
        let count = histogram.count_between(0, limit_ns);
        if count > seen {
            found.push((limit_ns / 1000, count));
            seen = count;
        }
    }
    (histogram.len(), found)
}

/// `LATENCY HELP`
fn help(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    write_help(
        cx,
        &[
            ("DOCTOR", "What was slow, in words."),
            ("GRAPH <event>", "How long an event took, as a picture."),
            ("HISTOGRAM [<command> ...]", "How many calls took how long."),
            ("HISTORY <event>", "When an event was slow, and how slow."),
            ("LATEST", "When each event was slow last."),
            ("RESET [<event> ...]", "Forgets these events, or all."),
        ],
    );
    Ok(())
}
