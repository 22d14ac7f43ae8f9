//! DEBUG's looks inside: how a value is kept, how large tables are.

use super::super::{Args, Context};
use super::add;
use crate::bytes::parse_int;
use crate::error::{Error, Result};
use crate::hub::config::LIST_MAX_LISTPACK_SIZE;
use crate::memory::good_size;
use crate::persist::rdb;
use crate::store::{DATABASES, Entry, encoding, evict};
use crate::types::hash::Hash;
use crate::types::list::{List, Node};
use crate::types::listpack::{Element, Listpack};
use crate::types::set::Set;
use crate::types::sorted_set::SortedSet;

fn entry<'a>(cx: &'a Context<'_>, key: &[u8]) -> Result<&'a Entry> {
    cx.db.peek(key).ok_or(Error::NoSuchKey)
}

/// Counts what would be written.
struct Length(usize);

impl rdb::Sink for Length {
    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }
}

/// `DEBUG OBJECT key [fast]`
pub(super) fn object(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let entry = entry(cx, args.key()?)?;
    let fast = args.option("FAST");
    if !fast {
        cx.cost(crate::store::work(entry))?;
    }
    let at = std::ptr::from_ref(entry);
    let mut text = format!("Value at:{at:p} refcount:1 encoding:{}", encoding(entry));
    if !fast {
        let mut length = Length(0);
        rdb::write_value(&mut length, entry);
        add(&mut text, format_args!(" serializedlength:{}", length.0));
    }
    let (idle, count) = if cx.config().policy().counts_uses() {
        (0, evict::frequency(cx.space, entry))
    } else {
        (evict::idle_seconds(cx.space, entry), 0)
    };
    add(&mut text, format_args!(" lru:{} lru_seconds_idle:{idle}", entry.access()));
    let minutes = entry.access() >> 8;
    add(&mut text, format_args!(" lfu_freq:{count} lfu_access_time_minutes:{minutes}"));
    if let Some(list) = entry.as_collection::<List>().filter(|list| list.encoding() == "quicklist")
    {
        let nodes = list.nodes().count();
        let average = list.len() as f64 / nodes.max(1) as f64;
        let fill = cx.config().get(LIST_MAX_LISTPACK_SIZE);
        add(&mut text, format_args!(" ql_nodes:{nodes} ql_avg_node:{average:.2}"));
        add(&mut text, format_args!(" ql_listpack_max:{fill} ql_compressed:0"));
        if !fast {
            let bytes: usize = list.nodes().map(node_bytes).sum();
            add(&mut text, format_args!(" ql_uncompressed_size:{bytes}"));
        }
    }
    cx.out.status(&text);
    Ok(())
}

fn node_bytes(node: Node<'_>) -> usize {
    match node {
        Node::Packed(elements) => elements.byte_len(),
        Node::Plain(element) => element.len(),
    }
}

/// `DEBUG SDSLEN key`
pub(super) fn sdslen(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let entry = entry(cx, key)?;
    let Some(text) = entry.as_str().filter(|_| entry.string_encoding() != "int") else {
        return Err(Error::Plain("ERR Not an sds encoded string."));
    };
    let (key_len, len) = (key.len(), text.len());
    cx.out.status(&format!(
        "key_sds_len:{key_len}, key_sds_avail:0, key_zmalloc: {}, \
         val_sds_len:{len}, val_sds_avail:0, val_zmalloc: {}",
        good_size(key_len),
        good_size(len),
    ));
    Ok(())
}

/// `DEBUG LISTPACK key`: servers print this to their own output.
pub(super) fn listpack(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let entry = entry(cx, args.key()?)?;
    let list = listpack_of(entry).ok_or(Error::Plain("ERR Not a listpack encoded object."))?;
    cx.cost(crate::store::work(entry))?;
    let mut text = format!("{} bytes, {} elements\n", list.byte_len(), list.len());
    show_elements(&mut text, list);
    cx.out.verbatim(text.as_bytes());
    Ok(())
}

fn listpack_of(entry: &Entry) -> Option<&Listpack> {
    if let Some(list) = entry.as_collection::<List>() {
        return match list.nodes().next() {
            Some(Node::Packed(elements)) if list.encoding() == "listpack" => Some(elements),
            _ => None,
        };
    }
    match entry.as_collection::<Set>() {
        Some(Set::Listpack(list)) => return Some(list),
        Some(_) => return None,
        None => {}
    }
    if let Some(set) = entry.as_collection::<SortedSet>() {
        return set.as_listpack();
    }
    let hash = entry.as_collection::<Hash>()?;
    hash.as_listpack().or_else(|| hash.as_triples())
}

fn show_elements(text: &mut String, list: &Listpack) {
    for (i, (_, element)) in list.iter().enumerate() {
        match element {
            Element::Int(value) => add(text, format_args!("{i}: {value}\n")),
            Element::Bytes(bytes) => {
                add(text, format_args!("{i}: \"{}\"\n", bytes.escape_ascii()));
            }
        }
    }
}

/// `DEBUG QUICKLIST key [0|1]`: with 1 the elements too. Servers print this to their own output.
pub(super) fn quicklist(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let entry = entry(cx, args.key()?)?;
    let full = args.peek().and_then(parse_int).is_some_and(|level| level != 0);
    let list = entry.as_collection::<List>().filter(|list| list.encoding() == "quicklist");
    let list = list.ok_or(Error::Plain("ERR Not a quicklist encoded object."))?;
    cx.cost(crate::store::work(entry))?;
    let mut text = format!("{} nodes, {} elements\n", list.nodes().count(), list.len());
    for (i, node) in list.nodes().enumerate() {
        let bytes = node_bytes(node);
        match node {
            Node::Plain(_) => add(&mut text, format_args!("node {i}: plain, {bytes} bytes\n")),
            Node::Packed(elements) => {
                let count = elements.len();
                add(&mut text, format_args!("node {i}: packed, {bytes} bytes, {count} elements\n"));
                if full {
                    show_elements(&mut text, elements);
                }
            }
        }
    }
    cx.out.verbatim(text.as_bytes());
    Ok(())
}

/// How large a table is, in a server's words; nothing for one that is empty.
fn table(text: &mut String, slots: usize, len: usize) {
    if len > 0 {
        text.push_str("Hash table 0 stats (main hash table):\n");
        add(text, format_args!(" table size: {slots}\n number of elements: {len}\n"));
    }
}

/// `DEBUG HTSTATS db [full]`. Keys with a deadline stand in the one table there is.
pub(super) fn htstats(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let index = args.int()?;
    let index = usize::try_from(index).ok().filter(|index| *index < DATABASES);
    let index = index.ok_or(Error::Plain("ERR Out of range database"))?;
    let entered = cx.entered.ok_or(Error::Alone)?;
    let (mut main, mut mortal) = (String::new(), String::new());
    if let Some(found) = cx.space.table(entered, index) {
        let slots = found.slots();
        table(&mut main, slots, found.len());
        table(&mut mortal, slots, found.with_deadline());
    }
    let text = format!("[Dictionary HT]\n{main}[Expires HT]\n{mortal}");
    cx.out.verbatim(text.as_bytes());
    Ok(())
}

/// `DEBUG HTSTATS-KEY key [full]`
pub(super) fn htstats_key(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let entry = entry(cx, args.key()?)?;
    let shape = match (
        entry.as_collection::<Set>(),
        entry.as_collection::<SortedSet>(),
        entry.as_collection::<Hash>(),
    ) {
        (Some(Set::Table(table)), ..) => Some((table.slots(), table.len())),
        (_, Some(set), _) => set.table_slots().map(|slots| (slots, set.len())),
        (.., Some(hash)) => hash.table_slots().map(|slots| (slots, hash.len())),
        _ => None,
    };
    let (slots, len) = shape.ok_or(Error::Plain(
        "ERR The value stored at the specified key is not represented using an hash table",
    ))?;
    let mut text = String::new();
    table(&mut text, slots, len);
    cx.out.verbatim(text.as_bytes());
    Ok(())
}
