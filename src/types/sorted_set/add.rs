//! Adding a member, with what ZADD may demand.

use crate::types::limits::Limits;
use crate::types::one_word::FormMut;

use super::{SortedSet, compact};

/// Which members may be touched: the options NX and XX.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Existing {
    #[default]
    Either,
    /// NX: new members only.
    New,
    /// XX: members that are there only.
    Old,
}

/// How the new score must compare with the old one: the options GT and LT. New members are not held
/// to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compare {
    #[default]
    Any,
    /// GT.
    Greater,
    /// LT.
    Less,
}

/// What the score given is: the score itself, or what to add to it (the option INCR).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    #[default]
    Set,
    Increment,
}

/// The options of ZADD.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AddOptions {
    pub existing: Existing,
    pub compare: Compare,
    pub mode: Mode,
}

/// What came of it, with the score that the member has now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AddOutcome {
    /// The member is new.
    Added(f64),
    /// The member has another score than before.
    Updated(f64),
    /// The member has the score already.
    Unchanged(f64),
    /// The options did not allow it.
    Refused,
    /// The sum of the score and the increment is not a number.
    NotANumber,
}

impl AddOptions {
    /// INCR alone: what ZINCRBY asks for.
    pub const INCREMENT: Self =
        Self { existing: Existing::Either, compare: Compare::Any, mode: Mode::Increment };

    /// What becomes of a member with the score `old`.
    fn change(self, old: f64, score: f64) -> AddOutcome {
        if self.existing == Existing::New {
            return AddOutcome::Refused;
        }
        let new = match self.mode {
            Mode::Set => score,
            Mode::Increment => old + score,
        };
        let refused = match self.compare {
            Compare::Any => false,
            Compare::Greater => new <= old,
            Compare::Less => new >= old,
        };
        match () {
            () if new.is_nan() => AddOutcome::NotANumber,
            () if refused => AddOutcome::Refused,
            () if new == old => AddOutcome::Unchanged(old),
            () => AddOutcome::Updated(new),
        }
    }
}

impl SortedSet {
    /// Adds a member, or changes its score, if `options` allow it.
    pub fn add(
        &mut self,
        member: &[u8],
        score: f64,
        options: AddOptions,
        limits: &Limits,
    ) -> AddOutcome {
        if score.is_nan() {
            return AddOutcome::NotANumber;
        }
        let outcome = match self.0.form_mut() {
            FormMut::Small(list) => compact::find(list, member).map(|(pos, old)| {
                let outcome = options.change(old, score);
                if let AddOutcome::Updated(new) = outcome {
                    compact::update(list, pos, member, new);
                }
                outcome
            }),
            FormMut::Large(tree) => tree.score(member).map(|old| {
                let outcome = options.change(old, score);
                if let AddOutcome::Updated(new) = outcome {
                    tree.update(member, new);
                }
                outcome
            }),
        };
        match outcome {
            Some(outcome) => outcome,
            None if options.existing == Existing::Old => AddOutcome::Refused,
            None => {
                self.add_new(member, score, limits);
                AddOutcome::Added(score)
            }
        }
    }

    fn add_new(&mut self, member: &[u8], score: f64, limits: &Limits) {
        self.grow(member, limits);
        match self.0.form_mut() {
            FormMut::Small(list) => compact::insert(list, member, score),
            FormMut::Large(tree) => tree.insert(member, score),
        }
    }
}
