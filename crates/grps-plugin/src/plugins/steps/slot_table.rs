//! Rows and states of the sequences that one instance of a step model holds: the native twin of
//! `grps/inference/steps/slots.py`.

use std::collections::HashMap;
use std::ffi::c_void;

use grps_core::Step;

use crate::plugins::aligned::AlignedMemory;
use crate::plugins::batch_run::RequestRun;
use crate::plugins::steps::slot_list::{DeclaredSlot, DeclaredSlots};

/// A pointer that a plugin has returned, which is never followed.
pub(crate) type State = *mut c_void;

/// Rows and states, by the number of the row.
pub(crate) struct SlotTable {
    slots: Vec<Slot>,
    /// Row 0 of each slot, as plugins get them.
    addresses: Vec<*mut c_void>,
    /// What `begin` has set.
    states: Vec<State>,
    /// Whether `end` is due.
    begun: Vec<bool>,
    /// The requests, which stay where they are while rows move.
    requests: Vec<Option<Box<RequestRun>>>,
    /// Sequences without a slot, by their numbers, with the bytes of their rows.
    saved: HashMap<u64, (Sequence, Vec<u8>)>,
}

/// The rows of one slot.
struct Slot {
    row_bytes: usize,
    memory: AlignedMemory,
}

/// What of a sequence moves as a whole.
struct Sequence {
    state: State,
    is_begun: bool,
    request: Option<Box<RequestRun>>,
}

impl SlotTable {
    /// Makes memory for so many rows.
    pub(crate) fn new(declared: &DeclaredSlots, rows: usize) -> Result<Self, String> {
        let slot = |slot: &DeclaredSlot| {
            let memory = slot.row_bytes.checked_mul(rows).and_then(AlignedMemory::zeroed);
            let DeclaredSlot { name, row_bytes } = slot;
            let memory = memory.ok_or_else(|| {
                format!("slot '{name}': no memory for {rows} rows of {row_bytes} bytes")
            })?;
            Ok(Slot { row_bytes: *row_bytes, memory })
        };
        let slots = declared.0.iter().map(slot).collect::<Result<Vec<_>, String>>()?;
        Ok(Self {
            addresses: slots.iter().map(|slot| slot.memory.address().cast()).collect(),
            slots,
            states: vec![std::ptr::null_mut(); rows],
            begun: vec![false; rows],
            requests: (0..rows).map(|_| None).collect(),
            saved: HashMap::new(),
        })
    }

    /// Moves rows as a step says; returns the states of the sequences that have ended.
    pub(crate) fn apply(&mut self, step: &Step) -> Vec<State> {
        let mut ended = Vec::new();
        for (row, number) in &step.ended {
            let sequence = match row {
                Some(row) => Some(self.take(*row)),
                None => self.saved.remove(number).map(|(sequence, _)| sequence),
            };
            ended.extend(sequence.and_then(Sequence::ended));
        }
        for (row, number) in &step.saved {
            let kept = (self.take(*row), self.read(*row));
            self.saved.insert(*number, kept);
        }
        for row in &step.dropped {
            ended.extend(self.take(*row).ended());
        }
        self.shift(&step.moves);
        for (row, number) in &step.restored {
            if let Some((sequence, bytes)) = self.saved.remove(number) {
                self.put(*row, sequence);
                self.write(*row, &bytes);
            }
        }
        ended
    }

    /// Puts a request into a row whose sequence begins, and zeroes the row.
    pub(crate) fn prepare(&mut self, row: usize, request: Option<Box<RequestRun>>) {
        let state = std::ptr::null_mut();
        self.put(row, Sequence { state, is_begun: false, request });
        self.clear(row);
    }

    /// Zeroes the row of each slot.
    pub(crate) fn clear(&mut self, row: usize) {
        for slot in &self.slots {
            // SAFETY: the row is in the slot.
            unsafe { slot.at(row).write_bytes(0, slot.row_bytes) }
        }
    }

    /// Notes that the sequence of a row has begun with this state.
    pub(crate) fn set_begun(&mut self, row: usize, state: State) {
        (self.states[row], self.begun[row]) = (state, true);
    }

    /// Takes all sequences out; returns the states of those that have begun.
    pub(crate) fn release(&mut self) -> Vec<State> {
        let mut left: Vec<_> = (0..self.states.len()).map(|row| self.take(row)).collect();
        left.extend(self.saved.drain().map(|(_, (sequence, _))| sequence));
        left.into_iter().filter_map(Sequence::ended).collect()
    }

    /// The request of a row.
    pub(crate) fn request(&self, row: usize) -> Option<&RequestRun> {
        self.requests.get(row)?.as_deref()
    }

    /// The same, to be changed.
    pub(crate) fn request_mut(&mut self, row: usize) -> Option<&mut RequestRun> {
        self.requests.get_mut(row)?.as_deref_mut()
    }

    /// Row 0 of each slot.
    pub(crate) fn addresses(&self) -> *const *mut c_void {
        self.addresses.as_ptr()
    }

    /// The states by row.
    pub(crate) fn states(&self) -> &[State] {
        &self.states
    }

    /// The requests by row: null where there is none.
    pub(crate) fn requests(&self) -> *const *const RequestRun {
        // An `Option` of a `Box` is a pointer that may be null.
        self.requests.as_ptr().cast()
    }

    fn take(&mut self, row: usize) -> Sequence {
        Sequence {
            state: std::mem::replace(&mut self.states[row], std::ptr::null_mut()),
            is_begun: std::mem::take(&mut self.begun[row]),
            request: self.requests[row].take(),
        }
    }

    fn put(&mut self, row: usize, sequence: Sequence) {
        let Sequence { state, is_begun, request } = sequence;
        (self.states[row], self.begun[row], self.requests[row]) = (state, is_begun, request);
    }

    /// Moves rows, all at once.
    fn shift(&mut self, moves: &[(usize, usize)]) {
        if let [(from, to)] = moves {
            let sequence = self.take(*from);
            self.put(*to, sequence);
            for slot in &self.slots {
                // SAFETY: both rows are in the slot.
                unsafe { slot.at(*to).copy_from(slot.at(*from), slot.row_bytes) }
            }
            return;
        }
        let moved: Vec<_> =
            moves.iter().map(|(from, to)| (*to, self.take(*from), self.read(*from))).collect();
        for (row, sequence, bytes) in moved {
            self.put(row, sequence);
            self.write(row, &bytes);
        }
    }

    /// A copy of the row of all slots.
    fn read(&self, row: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.slots.iter().map(|slot| slot.row_bytes).sum());
        for slot in &self.slots {
            // SAFETY: the row is in the slot, whose bytes are initialised.
            bytes.extend_from_slice(unsafe {
                std::slice::from_raw_parts(slot.at(row), slot.row_bytes)
            });
        }
        bytes
    }

    /// Writes what [`SlotTable::read`] has returned.
    fn write(&mut self, row: usize, mut bytes: &[u8]) {
        for slot in &self.slots {
            let (of_slot, rest) = bytes.split_at(slot.row_bytes);
            // SAFETY: the row is in the slot.
            unsafe { slot.at(row).copy_from_nonoverlapping(of_slot.as_ptr(), of_slot.len()) }
            bytes = rest;
        }
    }
}

impl Slot {
    /// Where a row is. Rows come from plans, which have as many as there are.
    fn at(&self, row: usize) -> *mut u8 {
        let bytes = row * self.row_bytes;
        assert!(bytes + self.row_bytes <= self.memory.as_ref().len(), "no row {row}");
        self.memory.address().wrapping_add(bytes)
    }
}

impl Sequence {
    /// Its state, if `end` is due.
    fn ended(self) -> Option<State> {
        self.is_begun.then_some(self.state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> SlotTable {
        let slot = |name: &str, row_bytes| DeclaredSlot { name: name.to_owned(), row_bytes };
        let slots = vec![slot("a", 2), slot("none", 0), slot("b", 3)];
        let mut table = SlotTable::new(&DeclaredSlots(slots), 4).unwrap();
        for row in 0..4u8 {
            table.write(row.into(), &[10 + row, 10 + row, 20 + row, 20 + row, 20 + row]);
            table.set_begun(row.into(), (100 + usize::from(row)) as State);
        }
        table
    }

    fn rows(table: &SlotTable) -> Vec<u8> {
        (0..4).map(|row| table.read(row)[0] - 10).collect()
    }

    fn states(table: &SlotTable) -> Vec<usize> {
        table.states().iter().map(|state| *state as usize).collect()
    }

    #[test]
    fn rows_move_all_at_once() {
        let mut table = table();
        table.shift(&[(0, 1), (1, 2), (2, 0)]);
        assert_eq!((rows(&table), states(&table)), (vec![2, 0, 1, 3], vec![102, 100, 101, 103]));
        assert_eq!(table.read(0), [12, 12, 22, 22, 22]);
        table.shift(&[(3, 0)]);
        assert_eq!((rows(&table), states(&table)), (vec![3, 0, 1, 3], vec![103, 100, 101, 0]));
        assert_eq!(table.release().len(), 3);
        assert!(table.release().is_empty(), "each comes once");
    }

    #[test]
    fn a_row_that_begins_is_zeroed() {
        let mut table = table();
        table.prepare(2, None);
        assert_eq!((table.read(2), table.states()[2]), (vec![0; 5], std::ptr::null_mut()));
        assert_eq!(table.release().len(), 3, "it has not begun");
    }

    #[test]
    fn too_many_bytes_are_an_error() {
        let slots = vec![DeclaredSlot { name: "h".to_owned(), row_bytes: usize::MAX / 2 }];
        let error = SlotTable::new(&DeclaredSlots(slots), 4).err().unwrap();
        assert!(error.starts_with("slot 'h': no memory for 4 rows of "), "{error}");
    }
}
