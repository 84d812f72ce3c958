//! Stories: what a person does with Lifeboat, told through the real engine and the real program on real services.

#![expect(clippy::expect_used, reason = "what a story needs and does not get ends it, and says what it was")]

mod command_line;
mod faults;
mod journal;
mod plan;
mod silence;
mod watch;
