//! Vendors: each client against its stand-in over a real connection, for every class of answer; and what was asked,
//! against a contract written from the vendor's published interface.

mod contract;
mod pagerduty;
mod slack;
mod stripe;
mod twilio;
mod world;
