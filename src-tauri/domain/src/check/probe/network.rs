//! What is below every service: a connection, a certificate.

use crate::plan::{id::Id, quantity::Period, read::table};

table! {
    /// `tcp`: a connection is accepted.
    pub struct TcpProbe {
        /// The endpoint's name in the environment.
        pub endpoint: Id,
    }
}

table! {
    /// `tls`: the certificate is trusted, fits the name and lasts.
    pub struct TlsProbe {
        /// The endpoint's name in the environment.
        pub endpoint: Id,
        /// Degraded when the certificate ends sooner than this.
        pub expires_after: Period = Period::from_secs(14 * 86_400),
    }
}
