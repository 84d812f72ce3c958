//! The certificate of the platform's API: an authority of this range alone, which signs one name and is then gone.
//! Its key is never written down.

use std::sync::Arc;

use chrono::{Datelike, Duration, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::error::RangeError;

/// The name on the certificate; the address of loopback is there too, for the vendors' stand-ins.
pub(crate) const NAME: &str = "api.range.test";

/// A server's side of TLS and the authority to trust.
pub(crate) struct Identity {
    /// What the TLS front shows.
    pub(crate) server: Arc<rustls::ServerConfig>,
    /// The authority's certificate.
    pub(crate) authority: String,
}

/// Makes an authority and a certificate that is good for a year.
pub(crate) fn create() -> Result<Identity, RangeError> {
    let failed = |cause: String| RangeError::Certificate { name: NAME, cause };
    let generated = |error: rcgen::Error| failed(error.to_string());

    let mut authority = CertificateParams::new(Vec::<String>::new()).map_err(generated)?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority.distinguished_name.push(DnType::CommonName, "Lifeboat practice range");
    limit(&mut authority);
    let authority_key = KeyPair::generate().map_err(generated)?;
    let authority_certificate = authority.self_signed(&authority_key).map_err(generated)?;
    let issuer = Issuer::new(authority, authority_key);

    let mut leaf = CertificateParams::new(vec![NAME.to_owned(), "127.0.0.1".to_owned()]).map_err(generated)?;
    leaf.distinguished_name.push(DnType::CommonName, NAME);
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    limit(&mut leaf);
    let key = KeyPair::generate().map_err(generated)?;
    let certificate = leaf.signed_by(&key, &issuer).map_err(generated)?;

    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut server = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .map_err(|error| failed(error.to_string()))?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Identity { server: Arc::new(server), authority: authority_certificate.pem() })
}

/// From yesterday, because clocks differ, for a year.
fn limit(parameters: &mut CertificateParams) {
    let day = |offset: i64| {
        let date = (Utc::now() + Duration::days(offset)).date_naive();
        date_time_ymd(date.year(), date.month() as u8, date.day() as u8)
    };
    parameters.not_before = day(-1);
    parameters.not_after = day(365);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_made_and_its_key_stays_here() {
        let identity = create().unwrap();
        assert!(identity.authority.starts_with("-----BEGIN CERTIFICATE-----"));
        assert!(!identity.authority.contains("PRIVATE"));
    }
}
