//! INFO commandstats, errorstats and latencystats: the store's tally in a server's words.

use std::fmt::Write as _;

use super::{Context, TABLE as ALL};
use crate::hub::tally::Told;

/// The share of calls that were no slower, as it is named and as the histogram takes it.
const SHARES: [(&str, f64); 3] = [("50", 50.0), ("99", 99.0), ("99.9", 99.9)];

/// One line for each command that was called, or refused.
pub fn commands(cx: &Context<'_>) -> String {
    let mut text = String::new();
    for (id, spec) in ALL.iter().enumerate() {
        let told = cx.hub.tally.of(id);
        if told == Told::default() {
            continue;
        }
        let each = told.micros as f64 / told.calls.max(1) as f64;
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "cmdstat_{}:calls={},usec={},usec_per_call={each:.2},rejected_calls={},\
             failed_calls={}\r\n",
            spec.name, told.calls, told.micros, told.rejected, told.failed,
        );
    }
    text
}

/// One line for each kind of error.
pub fn errors(cx: &Context<'_>) -> String {
    cx.hub.tally.errors().iter().fold(String::new(), |mut text, (kind, count)| {
        let _ = write!(text, "errorstat_{kind}:count={count}\r\n");
        text
    })
}

/// One line for each command of which there is a histogram.
pub fn latencies(cx: &Context<'_>) -> String {
    let mut text = String::new();
    for (id, spec) in ALL.iter().enumerate() {
        let shares = cx.hub.tally.look(id, |histogram| {
            SHARES.map(|(name, share)| {
                let micros = histogram.value_at_percentile(share) as f64 / 1000.0;
                format!("p{name}={micros:.3}")
            })
        });
        if let Some(shares) = shares {
            let _ = write!(text, "latency_percentiles_usec_{}:{}\r\n", spec.name, shares.join(","));
        }
    }
    text
}
