//! Durability: what Lifeboat acknowledged is there afterwards, whatever happened in between.
//!
//! A writer performs a seeded script of every kind of write (`script`) and is killed (`kills`), recorded and replayed
//! as a power cut at every moment would have left the disk (`power_cut`), made to meet a failing disk (`failing_disk`);
//! and bits of a finished journal are flipped (`bit_flips`). `examine` says what holds after each. Counts come from
//! environment variables named `LIFEBOAT_DURABILITY_...`; the defaults are those of a normal run, some five minutes on two
//! processors. In full it is `KILLS=1000`, `STEPS=500`, `FAILURE_STRIDE=1`, `KILL_STRIDE=1`, `FLIPS=10000`, and `SEED`
//! for another course of everything.

#![cfg(target_os = "linux")]
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "what is not there ends the test, and says what it was")]

mod bit_flips;
mod dice;
mod disk;
mod examine;
mod failing_disk;
mod kills;
mod power_cut;
mod recording;
mod script;
mod world;

/// A count from the environment, or the default.
fn count(name: &str, default: u64) -> u64 {
    let name = format!("LIFEBOAT_DURABILITY_{name}");
    match std::env::var(&name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")),
        Err(_) => default,
    }
}

/// Says a figure that was found, also when the test passes.
fn say(text: &str) {
    use std::io::Write as _;
    let _ = std::io::stderr().write_all(format!("durability: {text}\n").as_bytes());
}
