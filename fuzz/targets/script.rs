//! What scripts hand to their libraries: JSON, MessagePack, formats of structures. Each is
//! refused or read, and what was read as JSON can be written and read again.
#![no_main]

use std::sync::{Arc, LazyLock};

use latchkey::engine::{ClockOption, Engine, Options, Outcome};
use latchkey::hub::client::Protocol;
use latchkey::hub::{Delivery, Handle, Mailbox};
use latchkey::reply::{Reply, Token};
use latchkey::store::Patience;
use libfuzzer_sys::fuzz_target;

struct Nobody;

impl Mailbox for Nobody {
    fn deliver(&self, _: &Handle, _: Delivery) {}
}

static ENGINE: LazyLock<Arc<Engine>> = LazyLock::new(|| {
    let clock = ClockOption::Manual(1_700_000_000_000);
    Engine::open(&Options { clock, seed: Some(1), ..Options::default() })
});

const SCRIPT: &[u8] = b"
local data = ARGV[1]
local json = cjson.new()
json.encode_invalid_numbers(true)
local read, value = pcall(json.decode, data)
if read then
  local text = json.encode(value)
  -- The order of keys may change.
  assert(#json.encode(json.decode(text)) == #text, text)
end
pcall(function() return cjson.encode({cmsgpack.unpack(data)}) end)
pcall(function() return cmsgpack.unpack(cmsgpack.pack(cmsgpack.unpack(data))) end)
pcall(function() return cmsgpack.unpack_limit(data, 2, 1) end)
pcall(struct.size, data)
pcall(struct.unpack, data, data, 2)
pcall(function() return struct.pack(data, struct.unpack(data, data)) end)
return 1
";

fuzz_target!(|data: &[u8]| {
    let mut client = Some(ENGINE.connect(Arc::new(Nobody), Protocol::Resp3));
    let mut out = Reply::new();
    let words: [&[u8]; 4] = [b"EVAL", SCRIPT, b"0", data];
    let outcome = ENGINE.call(&mut client, None, &words, &mut out, Patience::Waits);
    assert_eq!(outcome, Outcome::Done);
    assert_eq!(out.first(), Some(Token::Int(1)));
    if let Some(client) = client {
        ENGINE.disconnect(client);
    }
});
