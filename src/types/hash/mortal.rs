//! A hash some of whose fields die, or did: it stays in this form.

use super::deadlines::Deadlines;
use super::{Field, Lifetime, View, fits, triples};
use crate::memory::good_size;
use crate::types::dict::Dict;
use crate::types::limits::Limits;
use crate::types::listpack::Listpack;

/// Both encodings, with deadlines.
pub(super) enum Mortal {
    /// See `triples`.
    Small(Listpack),
    Large {
        table: Dict<Field>,
        deadlines: Deadlines,
    },
}

impl Mortal {
    pub fn of_pairs(pairs: &Listpack) -> Self {
        Self::Small(triples::of_pairs(pairs))
    }

    pub fn of_table(table: Dict<Field>) -> Self {
        Self::Large { table, deadlines: Deadlines::default() }
    }

    #[inline]
    pub fn view(&self) -> View<'_> {
        match self {
            Self::Small(list) => View::Triples(list),
            Self::Large { table, .. } => View::Table(table),
        }
    }

    pub fn set(&mut self, field: &[u8], value: &[u8], lifetime: Lifetime, limits: &Limits) -> bool {
        if let Self::Small(list) = self
            && !fits(list, field, value, limits)
        {
            self.grow(limits);
        }
        match self {
            Self::Small(list) => {
                let Some(pos) = triples::find(list, field) else {
                    if list.len() / triples::WIDTH >= limits.hash_max_listpack_entries {
                        self.grow(limits);
                        return self.set(field, value, lifetime, limits);
                    }
                    triples::insert(list, field, value, lifetime.after(None));
                    return true;
                };
                let old_ms = triples::deadline_at(list, pos);
                if lifetime == Lifetime::Keep || (lifetime, old_ms) == (Lifetime::Clear, None) {
                    list.replace(list.next(pos).expect("a field has a value"), value);
                } else {
                    list.remove_many(pos, triples::WIDTH);
                    triples::insert(list, field, value, lifetime.after(old_ms));
                }
                false
            }
            Self::Large { table, deadlines } => {
                let old_ms = match lifetime {
                    Lifetime::Keep => table.get(field).and_then(Field::deadline_ms),
                    _ => None,
                };
                let new = Field::new(field, value, lifetime.after(old_ms));
                deadlines.add(&new);
                let old = table.insert(new);
                if let Some(old) = &old {
                    deadlines.forget(old);
                }
                old.is_none()
            }
        }
    }

    /// Of a field that is there.
    pub fn set_deadline(&mut self, field: &[u8], deadline_ms: Option<u64>) {
        match self {
            Self::Small(list) => {
                let Some(pos) = triples::find(list, field) else { return };
                let value = list.at(list.next(pos).expect("a field has a value")).to_vec();
                list.remove_many(pos, triples::WIDTH);
                triples::insert(list, field, &value, deadline_ms);
            }
            Self::Large { table, deadlines } => {
                let Some(found) = table.get_mut(field) else { return };
                let new = Field::new(field, found.value(), deadline_ms);
                deadlines.forget(found);
                deadlines.add(&new);
                *found = new;
            }
        }
    }

    pub fn remove(&mut self, field: &[u8]) -> bool {
        match self {
            Self::Small(list) => {
                let found = triples::find(list, field);
                found.is_some_and(|pos| list.remove_many(pos, triples::WIDTH) > 0)
            }
            Self::Large { table, deadlines } => {
                let removed = table.remove(field);
                if let Some(removed) = &removed {
                    deadlines.forget(removed);
                }
                removed.is_some()
            }
        }
    }

    pub fn earliest_ms(&self) -> Option<u64> {
        match self {
            Self::Small(list) => triples::earliest_ms(list),
            Self::Large { deadlines, .. } => deadlines.earliest_ms(),
        }
    }

    pub fn latest_ms(&self) -> Option<u64> {
        match self {
            Self::Small(list) => triples::latest_ms(list),
            Self::Large { table, deadlines } if deadlines.len() == table.len() => {
                deadlines.latest_ms()
            }
            Self::Large { .. } => None,
        }
    }

    pub fn reap(&mut self, now_ms: u64, most: usize) -> usize {
        let mut reaped = 0;
        match self {
            Self::Small(list) => {
                let dead = View::Triples(list)
                    .iter()
                    .with_deadlines()
                    .take_while(|(.., at_ms)| at_ms.is_some_and(|at_ms| at_ms <= now_ms));
                reaped = dead.take(most).count();
                list.remove_range(0, reaped * triples::WIDTH);
            }
            Self::Large { table, deadlines } => {
                while reaped < most
                    && let Some(dead) = deadlines.pop_dead(now_ms)
                {
                    table.remove(dead.name());
                    reaped += 1;
                }
            }
        }
        reaped
    }

    /// How many blocks of memory are given back when this is dropped.
    pub fn free_cost(&self) -> usize {
        match self {
            Self::Small(_) => 2,
            Self::Large { table, deadlines } => table.free_cost() + deadlines.free_cost(),
        }
    }

    /// Bytes allocated, its own included.
    pub fn memory(&self, samples: usize) -> usize {
        let inside = match self {
            Self::Small(list) => good_size(list.byte_len()),
            Self::Large { table, deadlines } => {
                // Deadlines share the blocks of fields.
                table.memory(samples, Field::memory) + deadlines.memory()
            }
        };
        good_size(size_of::<Self>()) + inside
    }

    /// Becomes a table.
    pub fn grow(&mut self, limits: &Limits) {
        if let Self::Small(list) = self {
            let mut table = Dict::new(limits.seed);
            let mut deadlines = Deadlines::default();
            for (field, value, at_ms) in View::Triples(list).iter().with_deadlines() {
                let (mut a, mut b) = ([0; 20], [0; 20]);
                let field = Field::new(field.as_bytes(&mut a), value.as_bytes(&mut b), at_ms);
                deadlines.add(&field);
                table.insert(field);
            }
            *self = Self::Large { table, deadlines };
        }
    }
}

impl Clone for Mortal {
    fn clone(&self) -> Self {
        match self {
            Self::Small(list) => Self::Small(list.clone()),
            Self::Large { table, .. } => {
                let table = table.clone();
                let mut deadlines = Deadlines::default();
                table.iter().for_each(|field| deadlines.add(field));
                Self::Large { table, deadlines }
            }
        }
    }
}
