//! Which certificate authorities are believed: the system's, or those of one file an endpoint names.
//!
//! Built once and shared, because reading the system's authorities takes longer than most probes. A file is read
//! again when it changes: a practice range makes a new authority each time it comes up.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::SystemTime,
};

use lifeboat_domain::check::judge::CouldNot;
use rustls::{
    ClientConfig, RootCertStore,
    client::{Resumption, WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::CryptoProvider,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::{Attempt, Stage, locked};

#[derive(Debug)]
pub(super) struct Trust(Arc<Kept>);

#[derive(Debug)]
struct Kept {
    provider: Arc<CryptoProvider>,
    system: Mutex<Option<Arc<ClientConfig>>>,
    files: Mutex<HashMap<PathBuf, (Stamp, Arc<ClientConfig>)>>,
}

/// Tells whether a file is still the one that was read.
type Stamp = (Option<SystemTime>, u64);

impl Trust {
    pub(super) fn new() -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        // What else may fail does so here, where nobody waits for it yet.
        builder(&provider)?;
        Ok(Self(Arc::new(Kept { provider, system: Mutex::new(None), files: Mutex::new(HashMap::new()) })))
    }
}

impl Attempt<'_> {
    /// How to connect when these authorities are believed: those of the file, or the system's.
    pub(super) async fn trust(&self, file: Option<&str>) -> Result<Arc<ClientConfig>, CouldNot> {
        match file.map(PathBuf::from) {
            Some(file) => self.off_thread(move |kept| kept.file(&file)).await,
            None => self.off_thread(Kept::system).await,
        }
    }

    async fn off_thread<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Kept) -> Result<T, CouldNot> + Send + 'static,
    ) -> Result<T, CouldNot> {
        let kept = Arc::clone(&self.prober.shared.trust.0);
        let read = self.prepare(Stage::Preparing, tokio::task::spawn_blocking(move || read(&kept))).await;
        self.now_at(Stage::Talking);
        read.map_err(|_| CouldNot::NoTrust("reading them failed".to_owned()))?
    }
}

impl Kept {
    fn system(&self) -> Result<Arc<ClientConfig>, CouldNot> {
        let mut system = locked(&self.system);
        if let Some(config) = system.as_ref() {
            return Ok(Arc::clone(config));
        }
        let no_trust = |error: rustls::Error| CouldNot::NoTrust(error.to_string());
        let verifier = rustls_platform_verifier::Verifier::new(Arc::clone(&self.provider)).map_err(no_trust)?;
        let config = self.config(Arc::new(verifier))?;
        *system = Some(Arc::clone(&config));
        Ok(config)
    }

    fn file(&self, file: &Path) -> Result<Arc<ClientConfig>, CouldNot> {
        let no_trust = |why: &str| CouldNot::NoTrust(format!("{}: {why}", file.display()));
        let unreadable = |error: std::io::Error| no_trust(&error.to_string());
        let about = std::fs::metadata(file).map_err(unreadable)?;
        let stamp = (about.modified().ok(), about.len());
        if let Some((known, config)) = locked(&self.files).get(file)
            && *known == stamp
        {
            return Ok(Arc::clone(config));
        }
        let pem = std::fs::read(file).map_err(unreadable)?;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|error| no_trust(&error.to_string()))?;
            roots.add(certificate).map_err(|error| no_trust(&error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(no_trust("holds no certificate"));
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
            .build()
            .map_err(|error| no_trust(&error.to_string()))?;
        let config = self.config(verifier)?;
        locked(&self.files).insert(file.to_owned(), (stamp, Arc::clone(&config)));
        Ok(config)
    }

    fn config(&self, verifier: Arc<dyn ServerCertVerifier>) -> Result<Arc<ClientConfig>, CouldNot> {
        let builder = builder(&self.provider).map_err(|error| CouldNot::NoTrust(error.to_string()))?;
        let mut config = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
        // A resumed session shows no certificate, and the certificate is what is to be looked at.
        config.resumption = Resumption::disabled();
        Ok(Arc::new(config))
    }
}

fn builder(
    provider: &Arc<CryptoProvider>,
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, rustls::Error> {
    ClientConfig::builder_with_provider(Arc::clone(provider)).with_safe_default_protocol_versions()
}
