//! Payloads of RESTORE: each is refused, or becomes a value that commands can work with and that
//! can be dumped and restored again.
//!
//! The input is a payload without its checksum: kind, value, version.
#![no_main]

use std::sync::{Arc, LazyLock};

use latchkey::engine::{ClockOption, Engine, Options, Outcome};
use latchkey::hub::client::Protocol;
use latchkey::hub::{Delivery, Handle, Mailbox};
use latchkey::persist::rdb::{self, Checksums, Settings};
use latchkey::reply::{Reply, Token};
use latchkey::store::Patience;
use latchkey::types::limits::Limits;
use latchkey::types::list::Fill;
use libfuzzer_sys::fuzz_target;

struct Nobody;

impl Mailbox for Nobody {
    fn deliver(&self, _: &Handle, _: Delivery) {}
}

static ENGINE: LazyLock<Arc<Engine>> = LazyLock::new(|| {
    let clock = ClockOption::Manual(1_700_000_000_000);
    Engine::open(&Options { clock, seed: Some(1), ..Options::default() })
});

/// What is done with the value; most of it is refused for its type.
const TRAFFIC: &[&str] = &[
    "OBJECT ENCODING k",
    "MEMORY USAGE k",
    "COPY k copy REPLACE",
    "STRLEN k",
    "APPEND k x",
    "LRANGE k 0 -1",
    "LSET k 1 set",
    "LINSERT k AFTER set inserted",
    "LREM k 0 x",
    "LPUSH k a 1",
    "LPOP k 3",
    "RPOP k",
    "SMEMBERS k",
    "SISMEMBER k 5",
    "SADD k 5 five",
    "SPOP k 2",
    "SREM k 1 2 3",
    "HGETALL k",
    "HSET k f v 5 6",
    "HINCRBY k n 1",
    "HPEXPIRE k 100 FIELDS 1 f",
    "HPERSIST k FIELDS 1 f",
    "HDEL k f 1",
    "HRANDFIELD k 3 WITHVALUES",
    "ZRANGE k 0 -1 WITHSCORES",
    "ZADD k 1 a 2 5",
    "ZINCRBY k 1 a",
    "ZRANGEBYSCORE k -inf +inf",
    "ZRANK k a",
    "ZPOPMIN k",
    "ZPOPMAX k",
    "XRANGE k - +",
    "XREVRANGE k + - COUNT 5",
    "XINFO STREAM k FULL",
    "XADD k * f v",
    "XDEL k 1-1 1-2 5-0",
    "XTRIM k MAXLEN 2",
    "XREADGROUP GROUP g c STREAMS k >",
    "XREADGROUP GROUP g c STREAMS k 0",
    "XPENDING k g - + 5",
    "XAUTOCLAIM k g other 0 0",
    "XACK k g 1-1",
    "XGROUP DELCONSUMER k g c",
];

fuzz_target!(|data: &[u8]| {
    let payload = [data, &[0; 8]].concat();
    let settings =
        Settings { limits: Limits::new(1), fill: Fill::default(), checksums: Checksums::Ignored };
    let Ok(value) = rdb::restore(&payload, &settings) else { return };
    let dumped = rdb::dump(&value.into_entry(b"k", None));
    let again = rdb::restore(&dumped, &settings).unwrap_or_else(|_| panic!("refuses its own dump"));
    drop(again);

    let mut client = Some(ENGINE.connect(Arc::new(Nobody), Protocol::Resp3));
    let mut say = |words: &[&[u8]]| {
        let mut out = Reply::new();
        let outcome = ENGINE.call(&mut client, None, words, &mut out, Patience::Waits);
        assert_eq!(outcome, Outcome::Done);
        out
    };
    let restore: [&[u8]; 5] = [b"RESTORE", b"k", b"0", &dumped, b"REPLACE"];
    for line in TRAFFIC {
        assert_eq!(say(&restore).first(), Some(Token::Ok), "its own dump");
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        say(&words);
        say(&[b"DUMP", b"k"]);
    }
    say(&restore);
    for line in TRAFFIC {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        say(&words);
    }
    say(&[b"FLUSHALL"]);
    if let Some(client) = client {
        ENGINE.disconnect(client);
    }
});
