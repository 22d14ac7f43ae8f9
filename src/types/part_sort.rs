//! Sorting a part of a slice: what stands at some ranks, without sorting the rest.
//!
//! Elements that compare equal come out in an order that depends on every step taken, and servers
//! let clients see it. So this is the quicksort they use, of Bentley and McIlroy (Engineering a
//! Sort Function, 1993), which leaves out the partitions that no wanted rank lies in.

use std::cmp::Ordering;
use std::ops::Range;

/// Moves to each rank in `wanted` the element that belongs there. `compare` must be a total order.
pub fn sort_part<T>(
    elements: &mut [T],
    wanted: Range<usize>,
    compare: &impl Fn(&T, &T) -> Ordering,
) {
    let mut rest = elements;
    // The rank of the first element of `rest`.
    let mut from = 0;
    while rest.len() >= 7 {
        let (below, above) = partition(rest, compare);
        let len = rest.len();
        let overlaps = |part: Range<usize>| {
            part.len() > 1 && wanted.start < from + part.end && from + part.start < wanted.end
        };
        let (goes_below, goes_above) = (overlaps(0..below), overlaps(len - above..len));
        let (low, high) = rest.split_at_mut(len - above);
        if goes_below {
            let wanted = wanted.start.saturating_sub(from)..wanted.end - from;
            sort_part(&mut low[..below], wanted, compare);
        }
        if !goes_above {
            return;
        }
        from += len - above;
        rest = high;
    }
    insertion_sort(rest, compare);
}

fn insertion_sort<T>(elements: &mut [T], compare: &impl Fn(&T, &T) -> Ordering) {
    for end in 1..elements.len() {
        let mut at = end;
        while at > 0 && compare(&elements[at - 1], &elements[at]) == Ordering::Greater {
            elements.swap(at - 1, at);
            at -= 1;
        }
    }
}

/// Puts what is smaller than some element in front, what is greater at the end, and what equals it
/// between them. Returns how many are smaller and how many greater.
fn partition<T>(elements: &mut [T], compare: &impl Fn(&T, &T) -> Ordering) -> (usize, usize) {
    let len = elements.len();
    elements.swap(0, pivot(elements, compare));
    // While it runs: equal 0..a, smaller a..b, unknown b..c, greater c..d, equal d..len.
    let (mut a, mut b, mut c, mut d) = (1, 1, len, len);
    loop {
        while b < c {
            match compare(&elements[b], &elements[0]) {
                Ordering::Greater => break,
                Ordering::Less => {}
                Ordering::Equal => {
                    elements.swap(a, b);
                    a += 1;
                }
            }
            b += 1;
        }
        while b < c {
            match compare(&elements[c - 1], &elements[0]) {
                Ordering::Less => break,
                Ordering::Greater => {}
                Ordering::Equal => {
                    d -= 1;
                    elements.swap(c - 1, d);
                }
            }
            c -= 1;
        }
        if b >= c {
            break;
        }
        elements.swap(b, c - 1);
        b += 1;
        c -= 1;
    }
    let (smaller, greater) = (b - a, d - c);
    let moved = a.min(smaller);
    swap_runs(elements, 0, b - moved, moved);
    let moved = greater.min(len - d);
    swap_runs(elements, b, len - moved, moved);
    (smaller, greater)
}

fn swap_runs<T>(elements: &mut [T], a: usize, b: usize, len: usize) {
    for at in 0..len {
        elements.swap(a + at, b + at);
    }
}

/// The place of the element to part by: a middle one of one, three or nine.
fn pivot<T>(elements: &[T], compare: &impl Fn(&T, &T) -> Ordering) -> usize {
    let len = elements.len();
    let middle = len / 2;
    let median = |a: usize, b: usize, c: usize| {
        let is_less = |a: usize, b: usize| compare(&elements[a], &elements[b]) == Ordering::Less;
        let is_more = |a: usize, b: usize| compare(&elements[a], &elements[b]) == Ordering::Greater;
        if is_less(a, b) {
            if is_less(b, c) {
                b
            } else if is_less(a, c) {
                c
            } else {
                a
            }
        } else if is_more(b, c) {
            b
        } else if is_less(a, c) {
            a
        } else {
            c
        }
    };
    match len {
        ..=7 => middle,
        8..=40 => median(0, middle, len - 1),
        _ => {
            let by = len / 8;
            let low = median(0, by, 2 * by);
            let middle = median(middle - by, middle, middle + by);
            let high = median(len - 1 - 2 * by, len - 1 - by, len - 1);
            median(low, middle, high)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::random::Rng;

    #[test]
    fn wanted_ranks_hold_what_belongs_there() {
        let mut rng = Rng::new(3);
        for round in 0..2_000 {
            let len = rng.below(200);
            let kinds = 1 + rng.below(if round % 2 == 0 { 5 } else { 1000 });
            let mut elements: Vec<usize> = (0..len).map(|_| rng.below(kinds)).collect();
            let mut sorted = elements.clone();
            sorted.sort_unstable();
            let start = rng.below(len + 1);
            let wanted = start..start + rng.below(len - start + 1);
            sort_part(&mut elements, wanted.clone(), &usize::cmp);
            assert_eq!(elements[wanted.clone()], sorted[wanted]);
            elements.sort_unstable();
            assert_eq!(elements, sorted);
        }
    }
}
