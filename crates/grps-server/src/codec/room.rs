//! How much memory the parts of one request may take: decoders charge for it before they allocate.
//!
//! A request may take three times its body and [`SPARE_BYTES`], the body itself counted: two wire
//! bytes can stand for a hundred in memory. All requests together share the budget of the service.

use std::cell::Cell;

use grps_core::{Cause, Error};

use super::fault::Fault;

/// What every request may take besides twice its body.
const SPARE_BYTES: usize = 48 << 20;

/// What a request takes without a reservation, so that small ones cost nothing.
const FREE_BYTES: usize = 1 << 20;

/// Bytes are reserved in steps of this size.
const STEP_BYTES: usize = 1 << 20;

/// Reserves bytes of the budget of all requests.
pub type Reserve<'r> = &'r dyn Fn(usize) -> Result<(), Error>;

/// The memory that one request may take besides its body.
pub struct Room<'r> {
    /// Bytes of the body, and of the parts of the request that came another way.
    body_bytes: Cell<usize>,
    /// Most bytes to take.
    limit: Cell<usize>,
    /// Bytes that are taken.
    taken: Cell<usize>,
    /// Bytes that need no further reservation.
    reserved: Cell<usize>,
    reserve: Reserve<'r>,
}

impl Room<'static> {
    /// Room without a limit, for what the service itself encoded.
    pub fn unlimited() -> Self {
        let (limit, reserved) = (Cell::new(usize::MAX), Cell::new(usize::MAX));
        let (body_bytes, taken) = (Cell::new(0), Cell::new(0));
        Self { body_bytes, limit, taken, reserved, reserve: &|_| Ok(()) }
    }
}

impl<'r> Room<'r> {
    /// Room for a request whose body has so many bytes.
    pub fn of_body(body_bytes: usize, reserve: Reserve<'r>) -> Self {
        let limit = Cell::new(body_bytes.saturating_mul(2).saturating_add(SPARE_BYTES));
        let (body_bytes, taken) = (Cell::new(body_bytes), Cell::new(0));
        Self { body_bytes, limit, taken, reserved: Cell::new(FREE_BYTES), reserve }
    }

    /// The bytes of the body, and of the parts of the request that came another way.
    pub(crate) fn body_bytes(&self) -> usize {
        self.body_bytes.get()
    }

    /// Takes bytes for a part of the request that came another way than in its body: what decoding
    /// may take grows as if it had been there.
    ///
    /// # Errors
    /// As [`Room::take`].
    pub(crate) fn take_part_of_body(&self, bytes: usize) -> Result<(), Error> {
        self.body_bytes.set(self.body_bytes.get().saturating_add(bytes));
        self.limit.set(self.limit.get().saturating_add(bytes.saturating_mul(3)));
        self.take(bytes)
    }

    /// Takes bytes that are about to be allocated.
    ///
    /// # Errors
    /// `TooLarge` when the request takes too much by itself, `QueueFull` when all together do.
    #[inline]
    pub fn take(&self, bytes: usize) -> Result<(), Error> {
        let taken = self.taken.get().saturating_add(bytes);
        self.taken.set(taken);
        if taken <= self.reserved.get() { Ok(()) } else { self.reserve_up_to(taken) }
    }

    /// Takes what is missing to so many bytes in all: later steps need them, while what was taken
    /// before is free again.
    ///
    /// # Errors
    /// As [`Room::take`].
    pub fn raise_to(&self, bytes: usize) -> Result<(), Error> {
        self.take(bytes.saturating_sub(self.taken.get()))
    }

    /// What was taken is free again; the bytes stay reserved.
    pub fn clear(&self) {
        self.taken.set(0);
    }

    #[cold]
    fn reserve_up_to(&self, taken: usize) -> Result<(), Error> {
        let limit = self.limit.get();
        if taken > limit {
            return Err(Error::new(
                Cause::TooLarge,
                format!(
                    "the parts of the request take more than {limit} bytes of memory, which is twice \
                     its body of {} bytes and {SPARE_BYTES} more; send fewer parts at once",
                    self.body_bytes()
                ),
            ));
        }
        let missing = taken - self.reserved.get();
        let step = missing.max(STEP_BYTES).min(limit - self.reserved.get());
        (self.reserve)(step)?;
        self.reserved.set(self.reserved.get() + step);
        Ok(())
    }

    /// Makes place for more elements. Charged is what is allocated; a vector at least doubles, as
    /// it would by itself.
    ///
    /// # Errors
    /// As [`Room::take`].
    pub(crate) fn grow<T>(&self, values: &mut Vec<T>, more: usize) -> Result<(), Fault> {
        if values.capacity() - values.len() >= more {
            return Ok(());
        }
        let capacity = (values.len().saturating_add(more)).max(values.capacity() * 2).max(FEWEST);
        self.resize(values, capacity)
    }

    /// Makes place for exactly so many more elements.
    ///
    /// # Errors
    /// As [`Room::take`].
    pub(super) fn grow_exact<T>(&self, values: &mut Vec<T>, more: usize) -> Result<(), Fault> {
        if values.capacity() - values.len() >= more {
            return Ok(());
        }
        self.resize(values, values.len().saturating_add(more))
    }

    fn resize<T>(&self, values: &mut Vec<T>, capacity: usize) -> Result<(), Fault> {
        self.take((capacity - values.capacity()).saturating_mul(size_of::<T>()))?;
        values.reserve_exact(capacity - values.len());
        Ok(())
    }
}

/// Fewest elements of a vector that grows, as in the standard library.
const FEWEST: usize = 4;

impl std::fmt::Debug for Room<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Room").field("limit", &self.limit).field("taken", &self.taken).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_a_request_is_exact() {
        let free = |_| Ok(());
        let room = Room::of_body(10, &free);
        room.take(SPARE_BYTES).unwrap();
        room.take(20).unwrap();
        room.raise_to(SPARE_BYTES).unwrap();
        let error = room.take(1).unwrap_err();
        assert_eq!(error.cause(), Cause::TooLarge);
        let expected =
            "take more than 50331668 bytes of memory, which is twice its body of 10 bytes";
        assert!(error.message().contains(expected), "{error}");
        assert!(Room::of_body(usize::MAX, &free).take(usize::MAX).is_ok());
    }

    #[test]
    fn parts_that_came_another_way_count_as_body() {
        let free = |_| Ok(());
        let room = Room::of_body(10, &free);
        room.take_part_of_body(100).unwrap();
        assert_eq!((room.body_bytes(), room.taken.get()), (110, 100));
        room.take(SPARE_BYTES + 220).unwrap();
        assert_eq!(room.take(1).unwrap_err().cause(), Cause::TooLarge);
    }

    #[test]
    fn what_is_more_than_little_is_reserved_before_it_is_taken() {
        let reserved = Cell::new(0);
        let reserve = |bytes| {
            reserved.set(reserved.get() + bytes);
            if reserved.get() > 3 * STEP_BYTES { Err(Error::invalid("full")) } else { Ok(()) }
        };
        let room = Room::of_body(0, &reserve);
        room.take(FREE_BYTES).unwrap();
        assert_eq!(reserved.get(), 0);
        for bytes in [1, STEP_BYTES - 1] {
            room.take(bytes).unwrap();
            assert_eq!(reserved.get(), STEP_BYTES);
        }
        room.take(STEP_BYTES + 5).unwrap();
        assert_eq!(reserved.get(), 2 * STEP_BYTES + 5);
        assert_eq!(room.take(STEP_BYTES).unwrap_err().message(), "full");
    }

    #[test]
    fn vectors_are_charged_before_they_grow() {
        let free = |_| Ok(());
        let room = Room::of_body(0, &free);
        let mut values: Vec<u64> = Vec::new();
        for index in 0..1000 {
            room.grow(&mut values, 1).unwrap();
            values.push(index);
            assert_eq!(room.taken.get(), 8 * values.capacity());
        }
        assert_eq!(values.capacity(), 1024);
        room.grow_exact(&mut values, 100).unwrap();
        assert_eq!((values.capacity(), room.taken.get()), (1100, 8800));
        assert!(room.grow(&mut values, SPARE_BYTES).is_err());
        assert_eq!(values.capacity(), 1100);
    }
}
