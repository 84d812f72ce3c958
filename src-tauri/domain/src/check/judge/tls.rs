//! Judging a certificate that was accepted: how long it lasts. One that is not accepted is a
//! [`CertificateFault`](super::CertificateFault).

use chrono::{DateTime, Utc};

use super::words::elapsed;
use crate::check::{Outcome, TlsProbe};

/// A server's own certificate, already verified for its chain, its time and its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsCertificate {
    /// When it ends.
    pub not_after: DateTime<Utc>,
}

/// Judges how long the certificate lasts from `now`.
pub fn tls(probe: &TlsProbe, certificate: &TlsCertificate, now: DateTime<Utc>) -> Outcome {
    let left = certificate.not_after - now;
    let days = left.num_seconds() as f64 / 86_400.0;
    let until = certificate.not_after.format("%Y-%m-%d %H:%M UTC");
    let outcome = if left <= chrono::TimeDelta::zero() {
        Outcome::outage(format!("certificate has expired: it ended {until}"))
    } else if left < probe.expires_after.to_delta() {
        let limit = probe.expires_after;
        Outcome::degraded(format!("certificate ends in {}, at {until}; wanted at least {limit}", elapsed(left)))
    } else {
        Outcome::operational(format!("certificate ends in {}", elapsed(left)))
    };
    outcome.measured("days left", (days * 100.0).round() / 100.0, "days")
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::check::Verdict::{Degraded, Operational, Outage};
    use crate::plan::quantity::Period;

    #[test]
    fn a_certificate_has_to_last() {
        let probe = TlsProbe { endpoint: "e".parse().unwrap(), expires_after: Period::from_secs(14 * 86_400) };
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        for (seconds, verdict, reason, days) in [
            (63 * 86_400 + 7_200, Operational, "certificate ends in 63d 2h", 63.08),
            (14 * 86_400, Operational, "certificate ends in 14d", 14.0),
            (14 * 86_400 - 1, Degraded, "certificate ends in 13d 23h, at ", 14.0),
            (1, Degraded, "certificate ends in 1s, at ", 0.0),
            (0, Outage, "certificate has expired", 0.0),
            (-86_400, Outage, "certificate has expired: it ended 2027-01-14 08:00 UTC", -1.0),
        ] {
            let outcome = tls(&probe, &TlsCertificate { not_after: now + TimeDelta::seconds(seconds) }, now);
            assert_eq!(outcome.verdict, verdict, "{seconds}");
            assert!(outcome.reason.starts_with(reason), "{}", outcome.reason);
            let measured = &outcome.measurements[0];
            assert_eq!((measured.name.as_str(), measured.unit.as_str()), ("days left", "days"));
            assert!((measured.value - days).abs() < 0.005, "{}", measured.value);
        }
    }
}
