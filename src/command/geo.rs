//! Places: sorted sets whose scores are places on the globe. Searching is in `geo_search`.

use smallvec::SmallVec;

use super::geo_search as search;
use super::sorted_set::{Answer, add_members};
use super::{Args, Context, DENY_OOM, Keys, READ, Spec, WRITE, spec};
use crate::bytes::{is_word, lossy, parse_double, write_double_fixed};
use crate::error::{Error, Result};
use crate::reply::Reply;
use crate::types::geo::Place;
use crate::types::sorted_set::{AddOptions, Existing, SortedSet};

const ONE: Keys = Keys::First;
const TWO: Keys = Keys::Range { first: 1, last: 2, step: 1 };
const PLACE_STORED: Keys = Keys::Stored { from: 6 };
const MEMBER_STORED: Keys = Keys::Stored { from: 5 };
const GROW: u32 = WRITE | DENY_OOM;

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name                 arity keys           flags handler
    spec("geoadd",               -5, ONE,           GROW, geoadd),
    spec("geodist",              -4, ONE,           READ, geodist),
    spec("geohash",              -2, ONE,           READ, geohash),
    spec("geopos",               -2, ONE,           READ, geopos),
    spec("georadius",            -6, PLACE_STORED,  GROW, search::georadius),
    spec("georadius_ro",         -6, ONE,           READ, search::georadius_ro),
    spec("georadiusbymember",    -5, MEMBER_STORED, GROW, search::georadiusbymember),
    spec("georadiusbymember_ro", -5, ONE,           READ, search::georadiusbymember_ro),
    spec("geosearch",            -7, ONE,           READ, search::geosearch),
    spec("geosearchstore",       -8, TWO,           GROW, search::geosearchstore),
];

/// How many meters a unit has.
pub fn parse_unit(word: &[u8]) -> Result<f64> {
    let units = [("M", 1.0), ("KM", 1000.0), ("FT", 0.3048), ("MI", 1609.34)];
    let found = units.into_iter().find(|(name, _)| is_word(word, name));
    let (_, meters) =
        found.ok_or(Error::Plain("ERR unsupported unit provided. please use M, KM, FT, MI"))?;
    Ok(meters)
}

/// Reads `longitude latitude`.
pub fn parse_place(args: &mut Args<'_>) -> Result<Place> {
    let place = Place { longitude: args.double()?, latitude: args.double()? };
    if place.is_on_map() {
        return Ok(place);
    }
    let Place { longitude, latitude } = place;
    Err(Error::text(format!("ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}")))
}

/// Writes a distance with the four decimals that it has in every reply.
pub fn write_distance(out: &mut Reply, distance: f64) {
    let mut text = SmallVec::<[u8; 32]>::new();
    write_double_fixed(&mut text, distance, 4);
    out.bulk(&text);
}

/// Writes longitude and latitude, with more digits than the grid is fine.
pub fn write_place(out: &mut Reply, place: Place) {
    out.array(2);
    for degrees in [place.longitude, place.latitude] {
        let text = format!("{degrees:.17}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        out.double_text(if text == "-0" { b"0" } else { text.as_bytes() });
    }
}

/// `GEOADD key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]`
fn geoadd(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let (mut nx, mut xx, mut ch) = (false, false, false);
    loop {
        match () {
            () if args.option("NX") => nx = true,
            () if args.option("XX") => xx = true,
            () if args.option("CH") => ch = true,
            () => break,
        }
    }
    if args.is_done() || !args.left().is_multiple_of(3) || nx && xx {
        return Err(Error::Syntax);
    }
    cx.cost(args.left() / 3)?;
    let mut members = SmallVec::<[(f64, &[u8]); 8]>::with_capacity(args.left() / 3);
    while !args.is_done() {
        members.push((parse_place(args)?.score(), args.next()?));
    }
    let existing = match (nx, xx) {
        (true, _) => Existing::New,
        (_, true) => Existing::Old,
        _ => Existing::Either,
    };
    let options = AddOptions { existing, ..AddOptions::default() };
    let answer = if ch { Answer::Changed } else { Answer::Added };
    add_members(cx, key, members.iter().copied(), options, answer)
}

/// `GEODIST key member1 member2 [M | KM | FT | MI]`: nil if one of them is missing.
fn geodist(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (key, first, second) = (args.key()?, args.next()?, args.next()?);
    let meters = match args.rest() {
        [] => 1.0,
        [unit] => parse_unit(unit)?,
        _ => return Err(Error::Syntax),
    };
    let found = cx.db.read::<SortedSet>(key)?.and_then(|set| {
        let place = |member| set.score(member).map(Place::of_score);
        Some((place(first)?, place(second)?))
    });
    match found {
        Some((first, second)) => write_distance(cx.out, first.distance(second) / meters),
        None => cx.out.nil(),
    }
    Ok(())
}

/// `GEOHASH key [member ...]`: the names that other systems have for places.
fn geohash(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    each_place(cx, args, |out, place| match place {
        Some(place) => out.bulk(&place.letters()),
        None => out.nil(),
    })
}

/// `GEOPOS key [member ...]`
fn geopos(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    each_place(cx, args, |out, place| match place {
        Some(place) => write_place(out, place),
        None => out.nil_array(),
    })
}

fn each_place(
    cx: &mut Context<'_>,
    args: &mut Args<'_>,
    write: fn(&mut Reply, Option<Place>),
) -> Result {
    let (key, members) = (args.key()?, args.rest());
    cx.cost(members.len())?;
    let set = cx.db.read::<SortedSet>(key)?;
    cx.out.array(members.len());
    for member in members {
        let score = set.and_then(|set| set.score(member));
        write(cx.out, score.map(Place::of_score));
    }
    Ok(())
}

/// The number of a word as options have it, or these words.
pub fn parse_number(word: &[u8], refusal: &'static str) -> Result<f64> {
    parse_double(word).ok_or(Error::Plain(refusal))
}

/// The command's name as the client wrote it.
pub fn called(args: &Args<'_>) -> String {
    args.all().first().map(|name| lossy(name)).unwrap_or_default()
}
