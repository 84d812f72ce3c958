//! What is asked of the domain name system.

use super::Otherwise;
use crate::plan::{
    id::Id,
    quantity::Period,
    read::{choice, table},
};

choice! {
    /// A type of record.
    pub enum RecordType {
        /// IPv4 addresses.
        A = "A",
        /// IPv6 addresses.
        Aaaa = "AAAA",
        /// The name it is an alias of.
        Cname = "CNAME",
        /// Mail servers, as `10 mail.example.org`.
        Mx = "MX",
        /// Texts.
        Txt = "TXT",
        /// The zone's servers.
        Ns = "NS",
    }
}

table! {
    /// `dns`: a name resolves, and to nothing but what the plan says.
    pub struct DnsProbe {
        /// The name's endpoint.
        pub endpoint: Id,
        /// The type of record asked for.
        pub record: RecordType = RecordType::A,
        /// Each of these has to be among the values.
        pub all_of: Vec<String>,
        /// One of these at least has to be among the values.
        pub any_of: Vec<String>,
        /// Nothing but these may be among the values.
        pub none_outside: Vec<String>,
        /// The verdict of other values.
        pub otherwise: Otherwise = Otherwise::Outage,
        /// Degraded when others may keep the answer shorter than this. Only the zone's own servers tell; a cache counts
        /// down.
        pub min_ttl: Option<Period>,
    }
}
