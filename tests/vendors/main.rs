//! Vendors: each client against its stand-in over a real connection, for every class of answer; and what was asked,
//! against a contract written from the vendor's published interface.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what a test needs and does not get ends it")]

mod cloudflare;
mod contract;
mod fcm;
mod mail;
mod pagerduty;
mod slack;
mod square;
mod statuspage;
mod stripe;
mod supabase;
mod twilio;
mod world;
