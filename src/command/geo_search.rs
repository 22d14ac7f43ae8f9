//! GEOSEARCH and its older forms: the members of a sorted set that lie in a circle or a box.
//!
//! Whatever the form, the shape is covered by at most nine runs of scores; each is found in
//! O(log n), and only what lies in one of them is looked at.

use super::context::write_element;
use super::geo::{called, parse_number, parse_place, parse_unit, write_distance, write_place};
use super::{Args, Context};
use crate::bytes::is_word;
use crate::error::{Error, Result};
use crate::reply::Reply;
use crate::types::geo::{Extent, Place, Shape};
use crate::types::limits::Limits;
use crate::types::listpack::Element;
use crate::types::part_sort::sort_part;
use crate::types::sorted_set::{Ranks, ScoreBound, ScoreRange, SortedSet};

/// The commands, by what their words say of centre and destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// GEORADIUS: `key longitude latitude radius unit`.
    Place,
    /// GEORADIUSBYMEMBER: `key member radius unit`.
    Member,
    /// GEOSEARCH and GEOSEARCHSTORE: options for all of it.
    Search,
}

/// Where the members go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target<'a> {
    Reply,
    /// Into a sorted set, with their own scores.
    Places(&'a [u8]),
    /// Into a sorted set, with their distances for scores.
    Distances(&'a [u8]),
}

impl<'a> Target<'a> {
    fn key(self) -> Option<&'a [u8]> {
        match self {
            Self::Reply => None,
            Self::Places(key) | Self::Distances(key) => Some(key),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    None,
    Near,
    Far,
}

/// Which of its forms may store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Reads,
    Writes,
}

/// What is searched around.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Center {
    Unknown,
    /// FROMLONLAT.
    Place(Place),
    /// FROMMEMBER; there is no place without a sorted set.
    Member(Option<Place>),
}

/// What is told of a member beside its name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Details {
    distance: bool,
    hash: bool,
    place: bool,
}

impl Details {
    fn count(self) -> usize {
        usize::from(self.distance) + usize::from(self.hash) + usize::from(self.place)
    }
}

struct Request<'a> {
    center: Center,
    extent: Option<Extent>,
    /// Meters of the unit that was asked in.
    unit: f64,
    order: Order,
    /// 0 is no limit.
    count: usize,
    any: bool,
    details: Details,
    target: Target<'a>,
}

impl<'a> Request<'a> {
    fn new() -> Self {
        Self {
            center: Center::Unknown,
            extent: None,
            unit: 1.0,
            order: Order::None,
            count: 0,
            any: false,
            details: Details::default(),
            target: Target::Reply,
        }
    }

    /// Reads the words that the older forms have in fixed places.
    fn parse_fixed(&mut self, form: Form, set: Option<&SortedSet>, args: &mut Args<'_>) -> Result {
        match form {
            Form::Search => return Ok(()),
            Form::Place => self.center = Center::Place(parse_place(args)?),
            Form::Member => {
                let member = args.next()?;
                let Some(set) = set else {
                    // What follows is not looked at either then.
                    args.take(2)?;
                    return Ok(());
                };
                self.center = Center::Member(Some(place_of(set, member)?));
            }
        }
        self.parse_circle(args)
    }

    fn parse_circle(&mut self, args: &mut Args<'_>) -> Result {
        let radius = parse_number(args.next()?, "ERR need numeric radius")?;
        if radius < 0.0 {
            return Err(Error::Plain("ERR radius cannot be negative"));
        }
        self.unit = parse_unit(args.next()?)?;
        self.extent = Some(Extent::Circle { radius: radius * self.unit });
        Ok(())
    }

    fn parse_box(&mut self, args: &mut Args<'_>) -> Result {
        let width = parse_number(args.next()?, "ERR need numeric width")?;
        let height = parse_number(args.next()?, "ERR need numeric height")?;
        if width < 0.0 || height < 0.0 {
            return Err(Error::Plain("ERR height or width cannot be negative"));
        }
        self.unit = parse_unit(args.next()?)?;
        self.extent = Some(Extent::Box { width: width * self.unit, height: height * self.unit });
        Ok(())
    }

    /// Reads the options, in any order; the last of a kind counts, but for centre and shape, which
    /// may come once.
    fn parse_options(
        &mut self,
        form: Form,
        access: Access,
        set: Option<&SortedSet>,
        args: &mut Args<'a>,
    ) -> Result {
        let searches = form == Form::Search;
        let stores = access == Access::Writes;
        while let Some(word) = args.peek() {
            let more = args.left() - 1;
            let is = |name| is_word(word, name);
            args.next()?;
            match () {
                () if is("WITHDIST") => self.details.distance = true,
                () if is("WITHHASH") => self.details.hash = true,
                () if is("WITHCOORD") => self.details.place = true,
                () if is("ANY") => self.any = true,
                () if is("ASC") => self.order = Order::Near,
                () if is("DESC") => self.order = Order::Far,
                () if is("COUNT") && more > 0 => self.count = parse_count(args)?,
                () if is("STORE") && more > 0 && stores && !searches => {
                    self.target = Target::Places(args.next()?);
                }
                () if is("STOREDIST") && more > 0 && stores && !searches => {
                    self.target = Target::Distances(args.next()?);
                }
                () if is("STOREDIST") && searches && stores => {
                    self.target = self.target.key().map_or(Target::Reply, Target::Distances);
                }
                () if is("FROMMEMBER") && more > 0 && searches && !self.is_place() => {
                    let member = args.next()?;
                    let place = set.map(|set| place_of(set, member)).transpose()?;
                    self.center = Center::Member(place);
                }
                () if is("FROMLONLAT") && more > 1 && searches && !self.is_member() => {
                    self.center = Center::Place(parse_place(args)?);
                }
                () if is("BYRADIUS") && more > 1 && searches && !self.is_box() => {
                    self.parse_circle(args)?;
                }
                () if is("BYBOX") && more > 2 && searches && !self.is_circle() => {
                    self.parse_box(args)?;
                }
                () => return Err(Error::Syntax),
            }
        }
        Ok(())
    }

    /// What to search, if there is anything to search in.
    fn shape(&self) -> Option<Shape> {
        match self.center {
            Center::Place(center) | Center::Member(Some(center)) => {
                Some(Shape { center, extent: self.extent? })
            }
            _ => None,
        }
    }

    fn is_place(&self) -> bool {
        matches!(self.center, Center::Place(_))
    }

    fn is_member(&self) -> bool {
        matches!(self.center, Center::Member(_))
    }

    fn is_circle(&self) -> bool {
        matches!(self.extent, Some(Extent::Circle { .. }))
    }

    fn is_box(&self) -> bool {
        matches!(self.extent, Some(Extent::Box { .. }))
    }

    /// Options that contradict each other, or lack others.
    fn check(&mut self, form: Form, name: &str) -> Result {
        if self.target != Target::Reply && self.details.count() > 0 {
            return Err(Error::Plain(if form == Form::Search {
                "ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
            } else {
                "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and \
                 WITHCOORD options"
            }));
        }
        if form == Form::Search && self.center == Center::Unknown {
            return Err(Error::text(format!(
                "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for {name}"
            )));
        }
        if form == Form::Search && self.extent.is_none() {
            return Err(Error::text(format!(
                "ERR exactly one of BYRADIUS and BYBOX can be specified for {name}"
            )));
        }
        if self.any && self.count == 0 {
            return Err(Error::Plain("ERR the ANY argument requires COUNT argument"));
        }
        if self.count > 0 && !self.any && self.order == Order::None {
            // The first ones are the nearest ones.
            self.order = Order::Near;
        }
        Ok(())
    }
}

fn parse_count(args: &mut Args<'_>) -> Result<usize> {
    match args.int()? {
        count @ 1.. => Ok(count as usize),
        _ => Err(Error::Plain("ERR COUNT must be > 0")),
    }
}

fn place_of(set: &SortedSet, member: &[u8]) -> Result<Place> {
    let score = set.score(member);
    let score = score.ok_or(Error::Plain("ERR could not decode requested zset member"))?;
    Ok(Place::of_score(score))
}

/// `GEORADIUS key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH]
/// [COUNT count [ANY]] [ASC | DESC] [STORE key | STOREDIST key]`
pub fn georadius(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    run(cx, args, Form::Place, Access::Writes)
}

/// `GEORADIUS_RO`: the same without STORE and STOREDIST.
pub fn georadius_ro(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    run(cx, args, Form::Place, Access::Reads)
}

/// `GEORADIUSBYMEMBER key member radius <M | KM | FT | MI> ...`: as GEORADIUS, around a member.
pub fn georadiusbymember(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    run(cx, args, Form::Member, Access::Writes)
}

/// `GEORADIUSBYMEMBER_RO`: the same without STORE and STOREDIST.
pub fn georadiusbymember_ro(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    run(cx, args, Form::Member, Access::Reads)
}

/// `GEOSEARCH key <FROMMEMBER member | FROMLONLAT longitude latitude> <BYRADIUS radius unit | BYBOX
/// width height unit> [ASC | DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]`
pub fn geosearch(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    run(cx, args, Form::Search, Access::Reads)
}

/// `GEOSEARCHSTORE destination source ... [STOREDIST]`: how many members the new sorted set has.
pub fn geosearchstore(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    run(cx, args, Form::Search, Access::Writes)
}

fn run(cx: &mut Context<'_>, args: &mut Args<'_>, form: Form, access: Access) -> Result {
    let mut request = Request::new();
    if form == Form::Search && access == Access::Writes {
        request.target = Target::Places(args.key()?);
    }
    let name = called(args);
    let set = cx.db.read::<SortedSet>(args.key()?)?;
    request.parse_fixed(form, set, args)?;
    request.parse_options(form, access, set, args)?;
    request.check(form, &name)?;
    let found = match (set, request.shape()) {
        (Some(set), Some(shape)) => search(cx, set, &shape, &request)?,
        _ => Vec::new(),
    };
    let Some(target) = request.target.key() else {
        write(cx.out, &request, &found);
        return Ok(());
    };
    let result = sorted_set_of(&request, &found, &cx.limits());
    let event = if form == Form::Search { "geosearchstore" } else { "georadiusstore" };
    cx.out.len(result.len());
    cx.put_result(target, result, event);
    Ok(())
}

/// A member that was found.
struct Found<'a> {
    member: Element<'a>,
    score: f64,
    place: Place,
    /// In meters.
    distance: f64,
}

fn search<'a>(
    cx: &Context<'_>,
    set: &'a SortedSet,
    shape: &Shape,
    request: &Request<'_>,
) -> Result<Vec<Found<'a>>> {
    let runs: Vec<Ranks> = shape
        .score_ranges()
        .map(|scores| {
            let (min, max) =
                (ScoreBound::Inclusive(scores.start), ScoreBound::Exclusive(scores.end));
            set.score_range(ScoreRange { min, max })
        })
        .collect();
    cx.cost(runs.iter().map(Ranks::len).sum())?;
    let mut found = Vec::new();
    let enough = if request.any { request.count } else { usize::MAX };
    let members = runs.into_iter().flat_map(|ranks| set.range(ranks));
    for (member, score) in members {
        let place = Place::of_score(score);
        let Some(distance) = shape.distance_to(place) else { continue };
        found.push(Found { member, score, place, distance });
        if found.len() >= enough {
            break;
        }
    }
    let count = match request.count {
        0 => found.len(),
        count => count.min(found.len()),
    };
    let near = |a: &Found<'_>, b: &Found<'_>| a.distance.total_cmp(&b.distance);
    match request.order {
        Order::None => {}
        Order::Near if count == found.len() => found.sort_by(near),
        Order::Near => sort_part(&mut found, 0..count, &near),
        Order::Far if count == found.len() => found.sort_by(|a, b| near(b, a)),
        Order::Far => sort_part(&mut found, 0..count, &|a, b| near(b, a)),
    }
    found.truncate(count);
    Ok(found)
}

fn write(out: &mut Reply, request: &Request<'_>, found: &[Found<'_>]) {
    let details = request.details;
    out.array(found.len());
    for one in found {
        if details.count() > 0 {
            out.array(1 + details.count());
        }
        write_element(out, one.member);
        if details.distance {
            write_distance(out, one.distance / request.unit);
        }
        if details.hash {
            out.int(one.score as i64);
        }
        if details.place {
            write_place(out, one.place);
        }
    }
}

fn sorted_set_of(request: &Request<'_>, found: &[Found<'_>], limits: &Limits) -> SortedSet {
    let by_distance = matches!(request.target, Target::Distances(_));
    let longest = found.iter().map(|one| one.member.len()).max().unwrap_or(0);
    let mut set = SortedSet::new();
    set.expect(found.len(), longest, limits);
    for one in found {
        let score = if by_distance { one.distance / request.unit } else { one.score };
        set.insert(one.member.as_bytes(&mut [0; 20]), score, limits);
    }
    set
}
