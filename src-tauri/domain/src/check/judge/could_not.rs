//! What kept a probe from an answer, and whom that accuses.
//!
//! A server that refuses, resets or stays silent is down. A name that cannot be found, a credential that is
//! missing, a network that is not there say nothing about the server: those are unknown.

use super::words::line;
use crate::check::{FaultClass, Outcome, ProbeKind};
use crate::environment::address;
use crate::plan::quantity::Period;

/// How a reason begins that tells of a credential the other side does not accept.
pub const CREDENTIAL_REFUSED: &str = "refused our credential";

/// Why a server's certificate was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateFault {
    /// Its time is over.
    Expired,
    /// Its time has not begun.
    NotYetValid,
    /// It was issued for other names.
    WrongName(String),
    /// Nobody we trust issued it.
    UnknownIssuer,
    /// Its issuer took it back.
    Revoked,
    /// Something else, in the verifier's words.
    Other(String),
}

impl CertificateFault {
    fn words(&self) -> String {
        match self {
            Self::Expired => "certificate has expired".to_owned(),
            Self::NotYetValid => "certificate is not yet valid".to_owned(),
            Self::WrongName(name) => format!("certificate has the wrong name, expected {name}"),
            Self::UnknownIssuer => "certificate is from an unknown issuer".to_owned(),
            Self::Revoked => "certificate was revoked".to_owned(),
            Self::Other(why) => format!("certificate is not accepted: {}", line(why, 120)),
        }
    }
}

/// An error a PostgreSQL server answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseError {
    /// The SQLSTATE, five characters; PostgreSQL's manual, appendix A.
    pub state: String,
    /// The server's words, without detail lines, which may hold data.
    pub message: String,
}

impl DatabaseError {
    /// Whether the server refused who we are, what we may do, or something else.
    pub fn could_not(&self) -> CouldNot {
        let words = || line(&self.message, 160);
        match self.state.as_str() {
            // Class 28 is authentication, which includes having no line in pg_hba.conf.
            state if state.starts_with("28") => CouldNot::CredentialRefused(words()),
            "42501" => CouldNot::NotPermitted(words()),
            "42601" => CouldNot::Local(format!("the query is not valid: {}", words())),
            // A server without the feature, such as one behind a proxy that speaks only part of the protocol.
            "0A000" => CouldNot::NotImplemented(words()),
            _ => CouldNot::Answered(format!("{} ({})", words(), line(&self.state, 5))),
        }
    }
}

/// An error an S3 store answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreRefusal {
    /// The HTTP status.
    pub status: u16,
    /// The error's code, such as `NoSuchBucket`; empty when the store gave none.
    pub code: String,
    /// The store's words.
    pub message: String,
}

impl StoreRefusal {
    /// Which of them is a missing bucket, a credential that is not accepted, or a store that fails.
    pub fn could_not(&self) -> CouldNot {
        let words = || {
            let text = if self.message.is_empty() { &self.code } else { &self.message };
            line(text, 160)
        };
        let told = || format!("status {}: {}", self.status, words());
        match (self.code.as_str(), self.status) {
            // A question by HEAD is answered without a code.
            ("NoSuchBucket", _) | ("NotFound", 404) => CouldNot::Answered("the bucket is gone".to_owned()),
            ("RequestTimeTooSkewed", _) => CouldNot::Local("this computer's clock differs from the store's".to_owned()),
            ("NotImplemented" | "MethodNotAllowed", _) | (_, 405 | 501) => CouldNot::NotImplemented(words()),
            ("AuthorizationHeaderMalformed" | "PermanentRedirect", _) | (_, 301 | 307) => {
                CouldNot::Local(format!("the bucket is in another region: {}", words()))
            }
            ("SlowDown" | "TooManyRequests", _) | (_, 429) => CouldNot::TooOften,
            (_, 401 | 403) => CouldNot::CredentialRefused(told()),
            // A request the store does not understand is ours to explain, not its fault.
            (_, 400..=499) if self.status != 404 => CouldNot::Local(format!("the store did not accept {}", told())),
            _ => CouldNot::Answered(told()),
        }
    }
}

/// What kept a probe from an answer it could judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CouldNot {
    /// The server's machine answered that nobody listens.
    Refused,
    /// The connection was cut from the other side.
    Reset,
    /// The server closed the connection before it had answered.
    Closed,
    /// The time of the check ran out while the server was to answer.
    NoAnswer(Period),
    /// The server's certificate is not accepted.
    NotTrusted(CertificateFault),
    /// The server does not speak TLS, or not with us.
    NoTls(String),
    /// The server answered with an error of its own.
    Answered(String),
    /// The server answered what its protocol does not know.
    Garbled(String),

    /// The environment has no such endpoint now.
    NotBound(String),
    /// The name of the host was not found.
    NameNotFound(String),
    /// The name of the host was not told in time.
    NameUnresolved(Period),
    /// The host leads to an address the plan does not allow; it was not connected to.
    NotAllowed {
        /// The host.
        host: String,
        /// Which address, and why.
        refusal: address::Refusal,
    },
    /// There is no way to the host from here.
    Unreachable(String),
    /// The credential could not be had from where it is kept.
    NoCredential(String),
    /// The server does not accept our credential.
    CredentialRefused(String),
    /// The server accepts who we are, but does not let us ask this.
    NotPermitted(String),
    /// The server does not have what we ask for.
    NotImplemented(String),
    /// The server asked us to come less often.
    TooOften,
    /// Sending the credential would show it to everybody on the way.
    Unprotected,
    /// The certificates to trust could not be read.
    NoTrust(String),
    /// This program has too many files or connections open.
    TooManyFiles,
    /// The time ran out while the server was answering well.
    Unfinished(String),
    /// Something on this computer.
    Local(String),
}

impl CouldNot {
    /// The reason, and whether the other side is to blame.
    fn told(&self) -> (bool, String) {
        match self {
            Self::Refused => (true, "refused the connection".to_owned()),
            Self::Reset => (true, "reset the connection".to_owned()),
            Self::Closed => (true, "closed the connection before answering".to_owned()),
            Self::NoAnswer(limit) => (true, format!("no answer within {limit}")),
            Self::NotTrusted(fault) => (true, fault.words()),
            Self::NoTls(why) => (true, format!("no TLS connection: {}", line(why, 160))),
            Self::Answered(why) => (true, why.clone()),
            Self::Garbled(why) => (true, format!("answer is not understood: {}", line(why, 160))),
            Self::NameNotFound(name) => (false, format!("name not found: {name}")),
            Self::NameUnresolved(limit) => (false, format!("name not resolved within {limit}")),
            Self::NotAllowed { host, refusal } => (false, format!("not asked: {} leads to {refusal}", line(host, 80))),
            Self::Unreachable(why) => (false, format!("no way there from this computer: {}", line(why, 120))),
            Self::CredentialRefused(why) => (false, format!("{CREDENTIAL_REFUSED} ({why})")),
            Self::NotPermitted(why) => (false, format!("does not let us look: {why}")),
            Self::NotImplemented(why) => (false, format!("not implemented there: {why}")),
            Self::TooOften => (false, "asks us to come less often".to_owned()),
            Self::Unprotected => (false, "not asked: the credential would travel unencrypted".to_owned()),
            Self::NoTrust(why) => (false, format!("trusted certificates cannot be read: {}", line(why, 160))),
            Self::TooManyFiles => (false, "too many open files on this computer".to_owned()),
            Self::NotBound(why) | Self::NoCredential(why) | Self::Unfinished(why) => (false, why.clone()),
            Self::Local(why) => (false, line(why, 200)),
        }
    }

    /// Where the fault lies.
    pub(crate) const fn class(&self) -> FaultClass {
        match self {
            Self::Refused
            | Self::Reset
            | Self::Closed
            | Self::NotTrusted(_)
            | Self::NoTls(_)
            | Self::Answered(_)
            | Self::Garbled(_)
            | Self::CredentialRefused(_)
            | Self::NotPermitted(_)
            | Self::NotImplemented(_)
            | Self::TooOften
            | Self::Unfinished(_) => FaultClass::Remote,
            Self::NoAnswer(_) => FaultClass::Silent,
            Self::NameNotFound(_) | Self::NameUnresolved(_) | Self::Unreachable(_) => FaultClass::Network,
            Self::NotAllowed { .. }
            | Self::NotBound(_)
            | Self::NoCredential(_)
            | Self::Unprotected
            | Self::NoTrust(_)
            | Self::TooManyFiles
            | Self::Local(_) => FaultClass::Local,
        }
    }

    /// In words, for use inside another reason.
    pub fn words(&self) -> String {
        self.told().1
    }

    /// What it means for a check of this kind. A provider's status page that is down says nothing about the
    /// provider, so there everything is unknown.
    pub fn judge(&self, kind: ProbeKind) -> Outcome {
        let (theirs, reason) = self.told();
        let outcome = match (kind, theirs) {
            (ProbeKind::StatusPage, true) => Outcome::unknown(format!("status page: {reason}")),
            (_, true) => Outcome::outage(reason),
            (_, false) => Outcome::unknown(reason),
        };
        Outcome { fault: Some(self.class()), ..outcome }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict::{self, Outage, Unknown};

    fn refused(address: &str) -> address::Refusal {
        address::judge(address.parse().unwrap(), false).unwrap_err()
    }

    #[test]
    fn only_the_server_is_accused_of_what_is_the_servers() {
        let some = || "why".to_owned();
        let table: Vec<(CouldNot, Verdict, &str)> = vec![
            (CouldNot::Refused, Outage, "refused the connection"),
            (CouldNot::Reset, Outage, "reset the connection"),
            (CouldNot::Closed, Outage, "closed the connection before answering"),
            (CouldNot::NoAnswer(Period::from_secs(4)), Outage, "no answer within 4s"),
            (CouldNot::NotTrusted(CertificateFault::Expired), Outage, "certificate has expired"),
            (CouldNot::NotTrusted(CertificateFault::NotYetValid), Outage, "certificate is not yet valid"),
            (
                CouldNot::NotTrusted(CertificateFault::WrongName("a.test".to_owned())),
                Outage,
                "certificate has the wrong name, expected a.test",
            ),
            (CouldNot::NotTrusted(CertificateFault::UnknownIssuer), Outage, "certificate is from an unknown issuer"),
            (CouldNot::NotTrusted(CertificateFault::Revoked), Outage, "certificate was revoked"),
            (CouldNot::NotTrusted(CertificateFault::Other(some())), Outage, "certificate is not accepted: why"),
            (CouldNot::NoTls(some()), Outage, "no TLS connection: why"),
            (CouldNot::Answered(some()), Outage, "why"),
            (CouldNot::Garbled(some()), Outage, "answer is not understood: why"),
            (CouldNot::NotBound(some()), Unknown, "why"),
            (CouldNot::NameNotFound("a.test".to_owned()), Unknown, "name not found: a.test"),
            (CouldNot::NameUnresolved(Period::from_secs(4)), Unknown, "name not resolved within 4s"),
            (
                CouldNot::NotAllowed { host: "a.test".to_owned(), refusal: refused("10.0.0.1") },
                Unknown,
                "not asked: a.test leads to 10.0.0.1, a private address; \"private = true\" at the endpoint would allow it",
            ),
            (
                CouldNot::NotAllowed { host: "a.test".to_owned(), refusal: refused("169.254.169.254") },
                Unknown,
                "not asked: a.test leads to 169.254.169.254, a link-local address, which is never connected to",
            ),
            (CouldNot::Unreachable(some()), Unknown, "no way there from this computer: why"),
            (CouldNot::NoCredential(some()), Unknown, "why"),
            (CouldNot::CredentialRefused(some()), Unknown, "refused our credential (why)"),
            (CouldNot::NotPermitted(some()), Unknown, "does not let us look: why"),
            (CouldNot::NotImplemented(some()), Unknown, "not implemented there: why"),
            (CouldNot::TooOften, Unknown, "asks us to come less often"),
            (CouldNot::Unprotected, Unknown, "not asked: the credential would travel unencrypted"),
            (CouldNot::NoTrust(some()), Unknown, "trusted certificates cannot be read: why"),
            (CouldNot::TooManyFiles, Unknown, "too many open files on this computer"),
            (CouldNot::Unfinished(some()), Unknown, "why"),
            (CouldNot::Local(some()), Unknown, "why"),
        ];
        for (could_not, verdict, reason) in table {
            let outcome = could_not.judge(ProbeKind::Http);
            assert_eq!((outcome.verdict, outcome.reason.as_str()), (verdict, reason));
            let page = could_not.judge(ProbeKind::StatusPage);
            assert_eq!(page.verdict, Unknown, "{reason}");
            assert!(page.reason.ends_with(reason), "{}", page.reason);
        }
    }

    #[test]
    fn database_errors_are_told_apart_by_their_state() {
        for (state, verdict, words) in [
            ("28P01", Unknown, "refused our credential"),
            ("28000", Unknown, "refused our credential"),
            ("42501", Unknown, "does not let us look"),
            ("0A000", Unknown, "not implemented"),
            ("42601", Unknown, "the query is not valid"),
            ("3D000", Outage, "(3D000)"),
            ("53300", Outage, "(53300)"),
            ("57P03", Outage, "(57P03)"),
            ("42P01", Outage, "(42P01)"),
            ("", Outage, "message"),
        ] {
            let error = DatabaseError { state: state.to_owned(), message: "a message".to_owned() };
            let outcome = error.could_not().judge(ProbeKind::Postgres);
            assert_eq!(outcome.verdict, verdict, "{state}");
            assert!(outcome.reason.contains(words), "{state}: {}", outcome.reason);
        }
    }

    #[test]
    fn store_refusals_are_told_apart_by_code_then_status() {
        for (code, status, verdict, words) in [
            ("NoSuchBucket", 404, Outage, "the bucket is gone"),
            ("AccessDenied", 403, Unknown, "refused our credential"),
            ("SignatureDoesNotMatch", 403, Unknown, "refused our credential"),
            ("InvalidAccessKeyId", 403, Unknown, "refused our credential"),
            ("", 401, Unknown, "refused our credential"),
            ("RequestTimeTooSkewed", 403, Unknown, "clock differs"),
            ("NotImplemented", 501, Unknown, "not implemented"),
            ("", 501, Unknown, "not implemented"),
            ("NotFound", 404, Outage, "the bucket is gone"),
            ("MethodNotAllowed", 405, Unknown, "not implemented"),
            ("PermanentRedirect", 301, Unknown, "another region"),
            ("AuthorizationHeaderMalformed", 400, Unknown, "another region"),
            ("SlowDown", 503, Unknown, "less often"),
            ("", 429, Unknown, "less often"),
            ("InvalidArgument", 400, Unknown, "did not accept"),
            ("InternalError", 500, Outage, "status 500"),
            ("", 404, Outage, "status 404"),
            ("", 503, Outage, "status 503"),
        ] {
            let refusal = StoreRefusal { status, code: code.to_owned(), message: "a message".to_owned() };
            let outcome = refusal.could_not().judge(ProbeKind::ObjectNewest);
            assert_eq!(outcome.verdict, verdict, "{code} {status}");
            assert!(outcome.reason.contains(words), "{code}: {}", outcome.reason);
        }
        let silent = StoreRefusal { status: 403, code: "AccessDenied".to_owned(), message: String::new() };
        assert!(silent.could_not().words().contains("AccessDenied"));
    }
}
