//! A small form or a large one, in one word.
//!
//! Most collections are small, and a small one is a block known by its address alone. An enum
//! would take a second word of every key to say which form it is; here the address says it:
//!
//! ```text
//! ...xxx0   the small form itself, which is nothing but an even address
//! ...xxx1   one beyond the address of the large form, on the heap
//! ```
//!
//! Not here: when the one form becomes the other; that is for each collection to say.

#![expect(unsafe_code, reason = "the lowest bit of an address tells what stands there")]

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use crate::types::listpack::Listpack;

/// A value that is nothing but the address of a block.
///
/// # Safety
/// In memory the type must be one pointer, never null, whose lowest bit is never set.
pub unsafe trait EvenAddress: Sized {}

// SAFETY: a listpack is transparently a `Blob`, a pointer that is not null to a block allocated at
// even addresses.
unsafe impl EvenAddress for Listpack {}

/// Owns an `S` or, on the heap, an `L`.
pub struct OneWord<S: EvenAddress, L> {
    word: NonNull<u8>,
    holds: PhantomData<(S, L)>,
}

/// Which form it is.
pub enum Form<'a, S, L> {
    Small(&'a S),
    Large(&'a L),
}

/// Which form it is, to be changed.
pub enum FormMut<'a, S, L> {
    Small(&'a mut S),
    Large(&'a mut L),
}

// SAFETY: it owns what it points to, as a `Box` does.
unsafe impl<S: EvenAddress + Send, L: Send> Send for OneWord<S, L> {}
// SAFETY: `&OneWord` gives no more than `&S` or `&L`.
unsafe impl<S: EvenAddress + Sync, L: Sync> Sync for OneWord<S, L> {}

impl<S: EvenAddress, L> OneWord<S, L> {
    pub fn small(small: S) -> Self {
        const { assert!(size_of::<S>() == size_of::<NonNull<u8>>()) };
        let small = ManuallyDrop::new(small);
        // SAFETY: `EvenAddress` promises that an `S` is one pointer, which is not null; it is
        // not dropped here, so it has moved.
        let word = unsafe { (&raw const small).cast::<NonNull<u8>>().read() };
        Self { word, holds: PhantomData }
    }

    pub fn large(large: L) -> Self {
        const { assert!(align_of::<L>() > 1) };
        let at = NonNull::from(Box::leak(Box::new(large))).cast::<u8>();
        Self { word: at.map_addr(|address| address | 1), holds: PhantomData }
    }

    #[inline]
    pub fn form(&self) -> Form<'_, S, L> {
        // SAFETY: an even word is an `S` in place; an odd one was made by `large`. Both live as
        // long as `self`.
        unsafe {
            match self.large_at() {
                None => Form::Small(&*(&raw const self.word).cast::<S>()),
                Some(at) => Form::Large(&*at),
            }
        }
    }

    #[inline]
    pub fn form_mut(&mut self) -> FormMut<'_, S, L> {
        // SAFETY: as in `form`. What is written in place of the `S` is an `S` again, and even.
        unsafe {
            match self.large_at() {
                None => FormMut::Small(&mut *(&raw mut self.word).cast::<S>()),
                Some(at) => FormMut::Large(&mut *at),
            }
        }
    }

    #[inline]
    fn large_at(&self) -> Option<*mut L> {
        let address = self.word.as_ptr();
        (address.addr() & 1 == 1).then(|| address.map_addr(|odd| odd & !1).cast::<L>())
    }
}

impl<S: EvenAddress, L> Drop for OneWord<S, L> {
    fn drop(&mut self) {
        // SAFETY: either form is dropped once, the large one with the box it was made in.
        unsafe {
            match self.large_at() {
                None => (&raw mut self.word).cast::<S>().drop_in_place(),
                Some(at) => drop(Box::from_raw(at)),
            }
        }
    }
}

impl<S: EvenAddress + Clone, L: Clone> Clone for OneWord<S, L> {
    fn clone(&self) -> Self {
        match self.form() {
            Form::Small(small) => Self::small(small.clone()),
            Form::Large(large) => Self::large(large.clone()),
        }
    }
}

impl<S: EvenAddress + fmt::Debug, L: fmt::Debug> fmt::Debug for OneWord<S, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.form() {
            Form::Small(small) => small.fmt(f),
            Form::Large(large) => large.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Form, FormMut, OneWord};
    use crate::types::listpack::Listpack;
    use std::rc::Rc;

    type Either = OneWord<Listpack, Vec<Rc<()>>>;

    #[test]
    fn it_is_one_word_and_knows_its_form() {
        assert_eq!(size_of::<Either>(), 8);
        assert_eq!(size_of::<Option<Either>>(), 8);
        let mut either = Either::small(Listpack::new());
        let FormMut::Small(list) = either.form_mut() else { panic!("made small") };
        for i in 0..100 {
            list.push_back(format!("element {i}").as_bytes());
        }
        assert!(matches!(either.form(), Form::Small(list) if list.len() == 100));
        either = Either::large(vec![]);
        assert!(matches!(either.form(), Form::Large(list) if list.is_empty()));
    }

    #[test]
    fn each_form_is_dropped_once_and_cloned_whole() {
        let counted = Rc::new(());
        let either = Either::large(vec![Rc::clone(&counted), Rc::clone(&counted)]);
        let copy = either.clone();
        assert_eq!(Rc::strong_count(&counted), 5);
        drop(either);
        assert_eq!(Rc::strong_count(&counted), 3);
        drop(copy);
        assert_eq!(Rc::strong_count(&counted), 1);
        let small = Either::small(Listpack::new());
        assert!(matches!(small.clone().form(), Form::Small(list) if list.is_empty()));
    }
}
