//! Credentials from outside: the real program with a real Secret Service on a private bus, or without one; and fifty
//! canary values that must be nowhere but where they are kept.

#![expect(clippy::expect_used, reason = "what a test needs and does not get ends it, and says what it was")]

mod canary;
mod desk;
mod places;
