//! Connections as such: that a port accepts them, and what certificate stands behind it.

use chrono::{DateTime, Utc};
use lifeboat_domain::{
    check::{
        Outcome, TcpProbe, TlsProbe,
        judge::{self, CouldNot, TlsCertificate},
    },
    environment::{Target, address},
};
use rustls::{CertificateError, pki_types::ServerName};

use super::{Attempt, network::encrypt, wrong_kind};

pub(super) async fn tcp(attempt: &Attempt<'_>, probe: &TcpProbe) -> Result<Outcome, CouldNot> {
    let Target::Host { host, port, private, .. } = attempt.target(&probe.endpoint)? else { return Err(wrong_kind()) };
    let addresses = attempt.addresses(host, *port, *private || address::names_itself(host)).await?;
    attempt.connect(&addresses).await?;
    Ok(judge::tcp())
}

pub(super) async fn tls(attempt: &Attempt<'_>, probe: &TlsProbe) -> Result<Outcome, CouldNot> {
    let Target::Host { host, port, server_name, ca, private } = attempt.target(&probe.endpoint)? else {
        return Err(wrong_kind());
    };
    let name = ServerName::try_from(server_name.clone())
        .map_err(|_| CouldNot::NotBound(format!("not bound: \"{server_name}\" is not a server's name")))?;
    let trust = attempt.trust(ca.as_deref()).await?;
    let addresses = attempt.addresses(host, *port, *private || address::names_itself(host)).await?;
    let stream = attempt.connect(&addresses).await?;
    let certificate = match encrypt(stream, name, trust, &[]).await {
        Ok(stream) => {
            let (_, session) = stream.get_ref();
            let first = session.peer_certificates().and_then(|chain| chain.first());
            first
                .and_then(|certificate| ends(certificate))
                .ok_or_else(|| CouldNot::NoTls("no certificate".to_owned()))?
        }
        // The verifier tells when it ended, which is worth more than that it did.
        Err(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
                let seconds = i64::try_from(not_after.as_secs()).unwrap_or(i64::MAX);
                TlsCertificate { not_after: DateTime::from_timestamp(seconds, 0).unwrap_or_default() }
            }
            Some(_) | None => return Err(attempt.io_fault(&error)),
        },
    };
    Ok(judge::tls(probe, &certificate, Utc::now()))
}

fn ends(certificate: &[u8]) -> Option<TlsCertificate> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    DateTime::from_timestamp(parsed.validity().not_after.timestamp(), 0).map(|not_after| TlsCertificate { not_after })
}
