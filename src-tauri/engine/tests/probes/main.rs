//! Probes against the real thing: servers on this computer, kind and hostile, PostgreSQL and an S3 store.
//!
//! A missing PostgreSQL fails these tests. Every server is ended and every folder removed when its guard is dropped.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test whose servers cannot be set up has failed")]

mod addresses;
mod bucket;
mod canary;
mod cluster;
mod faults;
mod folder;
mod hostile;
mod hostile_strings;
mod http;
mod journey;
mod name;
mod object;
mod plugin;
mod postgres;
mod query;
mod sample;
mod seed;
mod strings;
mod support;
mod tls;
