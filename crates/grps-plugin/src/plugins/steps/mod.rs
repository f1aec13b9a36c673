//! Step models of plugins: classes with a `grps_step_class`.
//!
//! [`slot_list`] is what a class declares, [`slot_table`] holds the rows and states of an instance,
//! and [`model`] runs plans on them.

mod loading;
mod model;
mod sequence;
mod slot_list;
mod slot_table;

pub use loading::StepShape;
pub(crate) use sequence::SequenceRun;
pub use slot_list::DeclaredSlots;
pub(crate) use slot_list::SlotList;
