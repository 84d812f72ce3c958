//! The journal: facts that nobody can quietly change.
//!
//! Each device writes its own chain: an entry's hash covers every field and the hash before it. What is hashed
//! is exactly what is stored, byte for byte, so verifying needs no second serialisation. Order across devices
//! comes from a hybrid logical clock, then device, then sequence. A chain shows edits, swaps and removals
//! inside; that its end was cut off, or all of it made anew, is shown by the checkpoints its device signed.

mod chain;
mod checkpoint;
mod entry;
mod fact;
mod view;

pub use self::{
    chain::{ChainFault, ChainWalk},
    checkpoint::{Checkpoint, CheckpointFault, PublicKey, Signature},
    entry::{Entry, EntryId, Hash, HybridTime, genesis},
    fact::{Fact, KeyPlace},
    view::{BadEntry, ClockReport, EntryView, Verification},
};

#[cfg(test)]
mod tests;
