//! Streams: deleting entries with regard to the groups that know them (Redis 8.2, Valkey 9.2).

use super::stream::parse_id;
use super::{Args, Context};
use crate::bytes::parse_int;
use crate::error::{Error, Result};
use crate::types::stream::{Stream, StreamId};

/// There is no such entry, or it is not pending.
const NOT_THERE: i64 = -1;
/// It is deleted now.
const DELETED: i64 = 1;
/// It stays, since a group has not done with it.
const STAYS: i64 = 2;

/// What becomes of entries that are pending in groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum References {
    /// KEEPREF: they are deleted, and stay pending.
    Keep,
    /// DELREF: they are deleted, and pending nowhere.
    Delete,
    /// ACKED: they stay, as do those which a group has not read yet.
    Acknowledged,
}

/// The words behind the key and the group.
struct Wanted {
    references: References,
    ids: Vec<StreamId>,
}

impl Wanted {
    fn parse(args: &mut Args<'_>) -> Result<Self> {
        let (mut references, mut ids) = (None, None);
        while !args.is_done() {
            let asked = if args.option("KEEPREF") {
                References::Keep
            } else if args.option("DELREF") {
                References::Delete
            } else if args.option("ACKED") {
                References::Acknowledged
            } else if ids.is_none() && args.left() > 1 && args.option("IDS") {
                ids = Some(parse_ids(args)?);
                continue;
            } else {
                return Err(Error::Syntax);
            };
            if references.replace(asked).is_some() {
                return Err(Error::Syntax);
            }
        }
        let references = references.unwrap_or(References::Keep);
        Ok(Self { references, ids: ids.ok_or(Error::Syntax)? })
    }
}

fn parse_ids(args: &mut Args<'_>) -> Result<Vec<StreamId>> {
    let count = parse_int(args.next()?).and_then(|count| usize::try_from(count).ok());
    let count = count
        .filter(|count| *count > 0)
        .ok_or(Error::Plain("ERR Number of IDs must be a positive integer"))?;
    if count > args.left() {
        return Err(Error::Plain("ERR The `numids` parameter must match the number of arguments"));
    }
    args.take(count)?.iter().map(|word| parse_id(word, 0)).collect()
}

/// Deletes an entry, or not, and answers what became of it.
fn delete(stream: &mut Stream, id: StreamId, references: References) -> i64 {
    let is_there = stream.get(id).is_some();
    match references {
        References::Delete => stream.acknowledge_everywhere(id),
        References::Acknowledged if is_there && stream.is_wanted(id) => return STAYS,
        References::Keep | References::Acknowledged => {}
    }
    if is_there && stream.delete(id) { DELETED } else { NOT_THERE }
}

/// Tells what happened, and answers for each id what became of it.
fn finish(cx: &mut Context<'_>, key: &[u8], outcomes: &[i64]) {
    if outcomes.contains(&DELETED) {
        cx.changed(key, "xdel");
    } else {
        cx.changed_beside(key, None);
    }
    cx.out.array(outcomes.len());
    for outcome in outcomes {
        cx.out.int(*outcome);
    }
}

/// `XDELEX key [KEEPREF | DELREF | ACKED] IDS numids id [id ...]`
pub fn xdelex(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let Wanted { references, ids } = Wanted::parse(args)?;
    let groups = cx.db.read::<Stream>(key)?.map_or(0, |stream| stream.groups().len());
    cx.cost(ids.len() * groups)?;
    let outcomes: Vec<i64> = match cx.db.write::<Stream>(key)? {
        Some(stream) => ids.iter().map(|id| delete(stream, *id, references)).collect(),
        None => vec![NOT_THERE; ids.len()],
    };
    finish(cx, key, &outcomes);
    Ok(())
}

/// `XACKDEL key group [KEEPREF | DELREF | ACKED] IDS numids id [id ...]`
pub fn xackdel(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (key, name) = (args.key()?, args.next()?);
    let Wanted { references, ids } = Wanted::parse(args)?;
    let groups = cx.db.read::<Stream>(key)?.map_or(0, |stream| stream.groups().len());
    cx.cost(ids.len() * groups)?;
    let stream = cx.db.write::<Stream>(key)?;
    let outcomes: Vec<i64> = match stream.filter(|stream| stream.group(name).is_some()) {
        Some(stream) => ids
            .iter()
            .map(|id| {
                let is_pending = stream.group_mut(name).is_some_and(|group| group.acknowledge(*id));
                if !is_pending {
                    return NOT_THERE;
                }
                // Acknowledged it is, also where there was no entry any more.
                delete(stream, *id, references).max(DELETED)
            })
            .collect(),
        None => vec![NOT_THERE; ids.len()],
    };
    finish(cx, key, &outcomes);
    Ok(())
}
