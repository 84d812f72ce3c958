//! Stories: what a person does with Lifeboat, told through the real engine and the real program on real services.

mod command_line;
mod faults;
mod journal;
mod plan;
