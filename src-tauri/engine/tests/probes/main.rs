//! Probes against the real thing: servers on this computer, kind and hostile, PostgreSQL and an S3 store.
//!
//! A missing PostgreSQL fails these tests. Every server is ended and every folder removed when its guard is dropped.

mod cluster;
mod http;
mod object;
mod postgres;
mod support;
mod tls;
