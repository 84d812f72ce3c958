//! What happens: everything that waits, reads or writes. Knows no window and no command line.

pub mod charts;
pub mod doctor;
pub mod view;
