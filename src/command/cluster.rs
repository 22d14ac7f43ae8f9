//! CLUSTER and its kin, as a server answers them that is no node of a cluster.

use super::{Args, CONTAINER, Context, FAST, Keys, NO_KEYSPACE, NO_SCRIPT, Spec, container, spec};
use crate::error::{Error, Result};

const APART: u32 = NO_KEYSPACE;

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name                           arity keys        flags              handler
    spec("asking",                          1, Keys::None, FAST | APART,      disabled),
    spec("cluster",                        -2, Keys::None, CONTAINER,         container),
    spec("cluster|addslots",               -3, Keys::None, APART,             disabled),
    spec("cluster|addslotsrange",          -4, Keys::None, APART,             disabled),
    spec("cluster|bumpepoch",               2, Keys::None, APART,             disabled),
    spec("cluster|count-failure-reports",   3, Keys::None, APART,             disabled),
    spec("cluster|countkeysinslot",         3, Keys::None, APART,             disabled),
    spec("cluster|delslots",               -3, Keys::None, APART,             disabled),
    spec("cluster|delslotsrange",          -4, Keys::None, APART,             disabled),
    spec("cluster|failover",               -2, Keys::None, APART,             disabled),
    spec("cluster|flushslots",              2, Keys::None, APART,             disabled),
    spec("cluster|forget",                  3, Keys::None, APART,             disabled),
    spec("cluster|getkeysinslot",           4, Keys::None, APART,             disabled),
    spec("cluster|help",                    2, Keys::None, APART,             disabled),
    spec("cluster|info",                    2, Keys::None, APART,             disabled),
    spec("cluster|keyslot",                 3, Keys::None, APART,             disabled),
    spec("cluster|links",                   2, Keys::None, APART,             disabled),
    spec("cluster|meet",                   -4, Keys::None, APART,             disabled),
    spec("cluster|myid",                    2, Keys::None, APART,             disabled),
    spec("cluster|myshardid",               2, Keys::None, APART,             disabled),
    spec("cluster|nodes",                   2, Keys::None, APART,             disabled),
    spec("cluster|replicas",                3, Keys::None, APART,             disabled),
    spec("cluster|replicate",               3, Keys::None, APART,             disabled),
    spec("cluster|reset",                  -2, Keys::None, APART | NO_SCRIPT, disabled),
    spec("cluster|saveconfig",              2, Keys::None, APART,             disabled),
    spec("cluster|set-config-epoch",        3, Keys::None, APART,             disabled),
    spec("cluster|setslot",                -4, Keys::None, APART,             disabled),
    spec("cluster|shards",                  2, Keys::None, APART,             disabled),
    spec("cluster|slaves",                  3, Keys::None, APART,             disabled),
    spec("cluster|slot-stats",             -4, Keys::None, APART,             disabled),
    spec("cluster|slots",                   2, Keys::None, APART,             disabled),
    spec("readonly",                        1, Keys::None, FAST | APART,      read_mode),
    spec("readwrite",                       1, Keys::None, FAST | APART,      read_mode),
];

fn disabled(_cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    Err(Error::Plain("ERR This instance has cluster support disabled"))
}

/// `READONLY` and `READWRITE` say whether a replica may be read from: here nobody is one.
fn read_mode(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    cx.out.ok();
    Ok(())
}
