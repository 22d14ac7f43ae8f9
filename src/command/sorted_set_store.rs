//! What is made of several sorted sets: unions, intersections, differences. Plain sets may be
//! among them; their members count 1.
//!
//! The result is a list of members that still lie in their sources, with new scores. It is sorted
//! and goes into the reply, or into a new sorted set that takes the destination's place.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::collections::hash_map;

use foldhash::fast::RandomState;
use smallvec::SmallVec;

use super::set_algebra::{Name, parse_limit};
use super::sorted_set::Shape;
use super::{Args, Context};
use crate::bytes::parse_double;
use crate::error::{Error, Result};
use crate::store::Db;
use crate::types::limits::Limits;
use crate::types::listpack::Element;
use crate::types::set::Set;
use crate::types::sorted_set::SortedSet;

/// One input.
#[derive(Clone, Copy)]
enum Members<'a> {
    Missing,
    Set(&'a Set),
    Sorted(&'a SortedSet),
}

impl<'a> Members<'a> {
    fn read(db: &'a Db<'_>, key: &[u8]) -> Result<Self> {
        match db.read::<SortedSet>(key) {
            Ok(Some(set)) => Ok(Self::Sorted(set)),
            Ok(None) => Ok(Self::Missing),
            Err(Error::WrongType) => Ok(db.read::<Set>(key)?.map_or(Self::Missing, Self::Set)),
            Err(error) => Err(error),
        }
    }

    fn len(self) -> usize {
        match self {
            Self::Missing => 0,
            Self::Set(set) => set.len(),
            Self::Sorted(set) => set.len(),
        }
    }

    fn score(self, member: &[u8]) -> Option<f64> {
        match self {
            Self::Missing => None,
            Self::Set(set) => set.contains(member).then_some(1.0),
            Self::Sorted(set) => set.score(member),
        }
    }

    fn each(self, mut visit: impl FnMut(Element<'a>, f64)) {
        match self {
            Self::Missing => {}
            Self::Set(set) => set.iter().for_each(|member| visit(member, 1.0)),
            Self::Sorted(set) => set.iter().for_each(|(member, score)| visit(member, score)),
        }
    }
}

/// An input with the factor for its scores.
#[derive(Clone, Copy)]
struct Input<'a> {
    members: Members<'a>,
    weight: f64,
}

type Inputs<'a> = SmallVec<[Input<'a>; 8]>;

/// How scores of the same member become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    fn apply(self, score: f64, other: f64) -> f64 {
        match self {
            // Opposite infinities cancel out.
            Self::Sum => zero_if_nan(score + other),
            Self::Min if other < score => other,
            Self::Max if other > score => other,
            Self::Min | Self::Max => score,
        }
    }
}

fn zero_if_nan(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// Which options a command takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// WITHSCORES.
    Reply,
    /// None: the answer is a length.
    Store,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Union,
    Intersection,
    Difference,
}

/// What a command asks for, its inputs already found.
struct Request<'a> {
    inputs: Inputs<'a>,
    aggregate: Aggregate,
    with_scores: bool,
    operation: Operation,
}

/// The inputs that `numkeys key [key ...]` names.
fn parse_inputs<'a>(db: &'a Db<'_>, args: &mut Args<'_>, name: &'static str) -> Result<Inputs<'a>> {
    let count = args.int()?;
    if count < 1 {
        return Err(Error::text(format!(
            "ERR at least 1 input key is needed for '{name}' command"
        )));
    }
    let count = usize::try_from(count).ok().filter(|count| *count <= args.left());
    let keys = args.take(count.ok_or(Error::Syntax)?)?;
    let input = |key: &&[u8]| Members::read(db, key).map(|members| Input { members, weight: 1.0 });
    keys.iter().map(input).collect()
}

impl<'a> Request<'a> {
    /// Reads `numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>]
    /// [WITHSCORES]`. A key of another type is refused before the options are looked at.
    fn parse(
        db: &'a Db<'_>,
        args: &mut Args<'_>,
        name: &'static str,
        operation: Operation,
        form: Form,
    ) -> Result<Self> {
        let mut inputs = parse_inputs(db, args, name)?;
        let combines = operation != Operation::Difference;
        let (mut aggregate, mut with_scores) = (Aggregate::Sum, false);
        while !args.is_done() {
            if combines && args.left() > inputs.len() && args.option("WEIGHTS") {
                for input in &mut inputs {
                    let not_a_float = Error::Plain("ERR weight value is not a float");
                    input.weight = parse_double(args.next()?).ok_or(not_a_float)?;
                }
            } else if combines && args.left() > 1 && args.option("AGGREGATE") {
                aggregate = match () {
                    () if args.option("SUM") => Aggregate::Sum,
                    () if args.option("MIN") => Aggregate::Min,
                    () if args.option("MAX") => Aggregate::Max,
                    () => return Err(Error::Syntax),
                };
            } else if form == Form::Reply && args.option("WITHSCORES") {
                with_scores = true;
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(Self { inputs, aggregate, with_scores, operation })
    }

    /// Members with their new scores, in order.
    fn result(mut self, cx: &Context<'_>) -> Result<Vec<(Element<'a>, f64)>> {
        if self.operation != Operation::Difference {
            // The order in which scores are added decides how they are rounded.
            self.inputs.sort_by_key(|input| input.members.len());
        }
        let mut result = match self.operation {
            Operation::Union => self.union(cx)?,
            Operation::Intersection => self.intersection(cx)?,
            Operation::Difference => self.difference(cx)?,
        };
        result.sort_unstable_by(compare);
        Ok(result)
    }

    fn union(&self, cx: &Context<'_>) -> Result<Vec<(Element<'a>, f64)>> {
        let total = self.inputs.iter().map(|input| input.members.len()).sum();
        cx.cost(total)?;
        let mut places = HashMap::with_capacity_and_hasher(total, RandomState::default());
        let mut result: Vec<(Element<'a>, f64)> = Vec::with_capacity(total);
        for input in &self.inputs {
            input.members.each(|member, score| {
                let score = zero_if_nan(input.weight * score);
                match places.entry(Name::of(member)) {
                    hash_map::Entry::Vacant(place) => {
                        place.insert(result.len());
                        result.push((member, score));
                    }
                    hash_map::Entry::Occupied(place) => {
                        let old = &mut result[*place.get()].1;
                        *old = self.aggregate.apply(*old, score);
                    }
                }
            });
        }
        Ok(result)
    }

    fn intersection(&self, cx: &Context<'_>) -> Result<Vec<(Element<'a>, f64)>> {
        let (smallest, others) = (self.inputs[0], &self.inputs[1..]);
        cx.cost(smallest.members.len())?;
        let mut result = Vec::new();
        smallest.members.each(|member, score| {
            let mut scratch = [0; 20];
            let name = member.as_bytes(&mut scratch);
            let first = zero_if_nan(smallest.weight * score);
            let combined = others.iter().try_fold(first, |score, input| {
                let other = input.members.score(name)?;
                Some(self.aggregate.apply(score, other * input.weight))
            });
            result.extend(combined.map(|score| (member, score)));
        });
        Ok(result)
    }

    fn difference(&self, cx: &Context<'_>) -> Result<Vec<(Element<'a>, f64)>> {
        let (first, others) = (self.inputs[0], &self.inputs[1..]);
        cx.cost(first.members.len())?;
        let mut result = Vec::new();
        first.members.each(|member, score| {
            let mut scratch = [0; 20];
            let name = member.as_bytes(&mut scratch);
            if others.iter().all(|input| input.members.score(name).is_none()) {
                result.push((member, score));
            }
        });
        Ok(result)
    }
}

/// The order of sorted sets: by score, then by the member's bytes.
fn compare(a: &(Element<'_>, f64), b: &(Element<'_>, f64)) -> Ordering {
    // No score is NaN.
    let by_score = a.1.partial_cmp(&b.1).unwrap_or(Ordering::Equal);
    by_score.then_with(|| a.0.cmp_bytes(b.0.as_bytes(&mut [0; 20])))
}

/// `ZUNION numkeys key [key ...] [WEIGHTS ...] [AGGREGATE ...] [WITHSCORES]`
pub fn zunion(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    reply(cx, args, Operation::Union)
}

/// `ZINTER numkeys key [key ...] [WEIGHTS ...] [AGGREGATE ...] [WITHSCORES]`
pub fn zinter(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    reply(cx, args, Operation::Intersection)
}

/// `ZDIFF numkeys key [key ...] [WITHSCORES]`
pub fn zdiff(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    reply(cx, args, Operation::Difference)
}

fn reply(cx: &mut Context<'_>, args: &mut Args<'_>, operation: Operation) -> Result {
    let request = Request::parse(&cx.db, args, cx.spec.name, operation, Form::Reply)?;
    let shape = if request.with_scores { Shape::with_scores(cx) } else { Shape::Members };
    let result = request.result(cx)?;
    shape.begin(cx.out, result.len());
    for (member, score) in result {
        shape.write(cx.out, member, score);
    }
    Ok(())
}

/// `ZUNIONSTORE destination numkeys key [key ...] [WEIGHTS ...] [AGGREGATE ...]`
pub fn zunionstore(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    store(cx, args, Operation::Union, "zunionstore")
}

/// `ZINTERSTORE destination numkeys key [key ...] [WEIGHTS ...] [AGGREGATE ...]`
pub fn zinterstore(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    store(cx, args, Operation::Intersection, "zinterstore")
}

/// `ZDIFFSTORE destination numkeys key [key ...]`
pub fn zdiffstore(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    store(cx, args, Operation::Difference, "zdiffstore")
}

fn store(
    cx: &mut Context<'_>,
    args: &mut Args<'_>,
    operation: Operation,
    event: &'static str,
) -> Result {
    let target = args.key()?;
    let result = {
        let request = Request::parse(&cx.db, args, cx.spec.name, operation, Form::Store)?;
        sorted_set_of(&request.result(cx)?, &cx.limits())
    };
    cx.out.len(result.len());
    cx.put_result(target, result, event);
    Ok(())
}

fn sorted_set_of(members: &[(Element<'_>, f64)], limits: &Limits) -> SortedSet {
    let mut set = SortedSet::new();
    let longest = members.iter().map(|(member, _)| member.len()).max().unwrap_or(0);
    set.expect(members.len(), longest, limits);
    for (member, score) in members {
        set.insert(member.as_bytes(&mut [0; 20]), *score, limits);
    }
    set
}

/// `ZINTERCARD numkeys key [key ...] [LIMIT limit]`: how many members are in all of them.
pub fn zintercard(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let mut inputs = parse_inputs(&cx.db, args, cx.spec.name)?;
    let limit = parse_limit(args)?;
    inputs.sort_by_key(|input| input.members.len());
    let (smallest, others) = (inputs[0].members, &inputs[1..]);
    cx.cost(smallest.len())?;
    let mut count = 0;
    smallest.each(|member, _| {
        let mut scratch = [0; 20];
        let name = member.as_bytes(&mut scratch);
        let is_common =
            count < limit && others.iter().all(|input| input.members.score(name).is_some());
        count += usize::from(is_common);
    });
    cx.out.len(count);
    Ok(())
}
