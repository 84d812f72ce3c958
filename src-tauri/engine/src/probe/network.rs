//! Names, connections and what goes wrong with them. Turns the errors of several libraries into the domain's words.

use std::{
    error::Error,
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use lifeboat_domain::{
    check::judge::{CertificateFault, CouldNot},
    environment::address,
};
use rustls::{AlertDescription, CertificateError, ClientConfig, PeerIncompatible, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{Attempt, Bounded, Stage};

/// More addresses of one name are left alone: whoever answers with hundreds wants us to knock at hundreds of doors.
const MOST_ADDRESSES: usize = 8;

/// Tells the addresses of a name. The system's, unless a test brings its own.
pub trait Resolver: Send + Sync {
    /// The addresses of a host, at least one.
    fn look_up(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The system's own resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn look_up(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

impl Attempt<'_> {
    /// The addresses of a host that may be connected to, each judged. A name is looked up here and nowhere else, so
    /// that what was judged is what is connected to. `private` is whether the plan names a private one.
    pub(super) async fn addresses(&self, host: &str, port: u16, private: bool) -> Result<Vec<SocketAddr>, CouldNot> {
        let mut found = match address::literal(host) {
            Some(literal) => vec![literal],
            None => self.look_up(host).await?,
        };
        self.now_at(Stage::Talking);
        if address::is_localhost(host) {
            found.retain(IpAddr::is_loopback);
        }
        let mut allowed = Vec::new();
        let mut refused = None;
        for address in found {
            match address::judge(address, private) {
                Ok(()) => allowed.push(SocketAddr::new(address, port)),
                Err(refusal) => refused = refused.or(Some(refusal)),
            }
        }
        allowed.dedup();
        allowed.truncate(MOST_ADDRESSES);
        match refused {
            _ if !allowed.is_empty() => Ok(allowed),
            Some(refusal) => Err(CouldNot::NotAllowed { host: host.to_owned(), refusal }),
            None => Err(CouldNot::NameNotFound(host.to_owned())),
        }
    }

    async fn look_up(&self, host: &str) -> Result<Vec<IpAddr>, CouldNot> {
        self.now_at(Stage::Resolving);
        match self.prober.resolver.look_up(host.to_owned()).await {
            Ok(addresses) => Ok(addresses),
            Err(error) if too_many_files(&error) => Err(CouldNot::TooManyFiles),
            Err(_) => Err(CouldNot::NameNotFound(host.to_owned())),
        }
    }

    /// A connection to whichever of these addresses answers first.
    pub(super) async fn connect(&self, addresses: &[SocketAddr]) -> Result<TcpStream, CouldNot> {
        reach(addresses).await.map_err(|error| self.io_fault(&error))
    }

    /// A connection to a host, of which at most so many bytes are read. `private` is whether the plan says that its
    /// name may lead to private addresses.
    pub(crate) async fn open(
        &self,
        host: &str,
        port: u16,
        private: bool,
        most: usize,
    ) -> Result<Bounded<TcpStream>, CouldNot> {
        let addresses = self.addresses(host, port, private || address::names_itself(host)).await?;
        Ok(Bounded::to(most, self.connect(&addresses).await?))
    }

    /// An encrypted connection over one that was made, to a server that proves to be `name`: to the authorities of the
    /// file alone where one is named, to the system's otherwise.
    pub(crate) async fn secure<S>(&self, stream: S, name: &str, ca: Option<&str>) -> Result<TlsStream<S>, CouldNot>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let server = ServerName::try_from(name.to_owned())
            .map_err(|_| CouldNot::NotBound(format!("not bound: \"{name}\" is not a server's name")))?;
        let trust = self.trust(ca).await?;
        encrypt(stream, server, trust, &[]).await.map_err(|error| self.io_fault(&error))
    }

    /// What an error of the operating system, or one carried inside it, says.
    pub(crate) fn io_fault(&self, error: &io::Error) -> CouldNot {
        if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return tls_fault(tls);
        }
        if too_many_files(error) {
            return CouldNot::TooManyFiles;
        }
        match error.kind() {
            ErrorKind::ConnectionRefused => CouldNot::Refused,
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => CouldNot::Reset,
            ErrorKind::UnexpectedEof | ErrorKind::NotConnected => CouldNot::Closed,
            ErrorKind::TimedOut => CouldNot::NoAnswer(self.limit),
            kind if is_unreachable(kind) => CouldNot::Unreachable(plain(error)),
            // What a library reports of bytes it cannot make sense of.
            ErrorKind::InvalidData | ErrorKind::InvalidInput if error.raw_os_error().is_none() => {
                let inner = error.get_ref().and_then(|inner| self.fault_in(inner));
                inner.unwrap_or_else(|| CouldNot::Garbled(plain(error)))
            }
            _ => match error.get_ref().and_then(|inner| self.fault_in(inner)) {
                Some(fault) => fault,
                None => CouldNot::Local(plain(error)),
            },
        }
    }

    /// Looks through an error and its causes for one that says what happened.
    pub(super) fn fault_in(&self, error: &(dyn Error + 'static)) -> Option<CouldNot> {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(tls) = error.downcast_ref::<rustls::Error>() {
                return Some(tls_fault(tls));
            }
            if let Some(io) = error.downcast_ref::<io::Error>() {
                return Some(self.io_fault(io));
            }
            if let Some(http) = error.downcast_ref::<hyper::Error>()
                && (http.is_incomplete_message() || http.is_canceled() || http.is_closed())
            {
                return Some(CouldNot::Closed);
            }
            cause = error.source();
        }
        None
    }
}

/// A connection to whichever of these addresses answers first.
pub(super) async fn reach(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut tries: FuturesUnordered<_> = addresses.iter().copied().map(TcpStream::connect).collect();
    let mut failure: Option<io::Error> = None;
    while let Some(tried) = tries.next().await {
        match tried {
            Ok(stream) => return Ok(stream),
            // A host with two kinds of addresses is only unreachable when neither kind leads there.
            Err(error) if failure.as_ref().is_none_or(|failure| is_unreachable(failure.kind())) => {
                failure = Some(error);
            }
            Err(_) => {}
        }
    }
    Err(failure.unwrap_or_else(|| ErrorKind::AddrNotAvailable.into()))
}

const fn is_unreachable(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::AddrNotAvailable
    )
}

/// An encrypted connection over one that was made, to a server that proves to `trust` that it is `name`.
pub(super) async fn encrypt<S>(
    stream: S,
    name: ServerName<'static>,
    trust: Arc<ClientConfig>,
    protocols: &[&[u8]],
) -> io::Result<TlsStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let protocols = protocols.iter().map(|name| name.to_vec()).collect();
    TlsConnector::from(trust).with_alpn(protocols).connect(name, stream).await
}

/// The words of the innermost cause, which is the one that says something.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

fn too_many_files(error: &io::Error) -> bool {
    let errno = error.raw_os_error();
    errno == Some(rustix::io::Errno::MFILE.raw_os_error()) || errno == Some(rustix::io::Errno::NFILE.raw_os_error())
}

/// Without the number the standard library puts behind the words, in lower case.
fn plain(error: &io::Error) -> String {
    let words = error.to_string();
    words.split(" (os error").next().unwrap_or(&words).to_lowercase()
}

/// Why a TLS connection could not be made.
pub(super) fn tls_fault(error: &rustls::Error) -> CouldNot {
    use rustls::Error as Tls;
    match error {
        Tls::InvalidCertificate(fault) => CouldNot::NotTrusted(certificate_fault(fault)),
        Tls::AlertReceived(AlertDescription::CertificateRequired) => {
            CouldNot::CredentialRefused("wants a client certificate".to_owned())
        }
        // A server of HTTP/2 alone; what it would answer is not known.
        Tls::AlertReceived(AlertDescription::NoApplicationProtocol) => CouldNot::NotImplemented("HTTP/1.1".to_owned()),
        Tls::AlertReceived(AlertDescription::ProtocolVersion)
        | Tls::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13 | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => CouldNot::NoTls("the server speaks only an old version of it".to_owned()),
        Tls::AlertReceived(alert) => CouldNot::NoTls(format!("the server refused it with {alert:?}")),
        Tls::InvalidMessage(_) => CouldNot::NoTls("the server speaks something else".to_owned()),
        other => CouldNot::NoTls(other.to_string()),
    }
}

fn certificate_fault(fault: &CertificateError) -> CertificateFault {
    match fault {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => CertificateFault::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => CertificateFault::NotYetValid,
        CertificateError::NotValidForName => CertificateFault::WrongName("another".to_owned()),
        CertificateError::NotValidForNameContext { expected, .. } => {
            CertificateFault::WrongName(expected.to_str().into_owned())
        }
        // A signature that does not fit is that of another authority under the same name.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => CertificateFault::UnknownIssuer,
        CertificateError::Revoked => CertificateFault::Revoked,
        other => CertificateFault::Other(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::{ServerName, UnixTime};

    use super::*;
    use crate::probe::{Prober, Targets, tests::attempt};
    use crate::secrets::Fixed;

    #[test]
    fn errors_of_the_system_are_told_apart() {
        let prober = Prober::new(std::sync::Arc::new(Fixed::default())).unwrap();
        let targets = Targets::default();
        let attempt = attempt(&prober, &targets);
        let wrapped = |kind, inner: rustls::Error| io::Error::new(kind, inner);
        for (error, expected) in [
            (io::Error::from_raw_os_error(111), CouldNot::Refused),
            (io::Error::from_raw_os_error(104), CouldNot::Reset),
            (io::Error::from_raw_os_error(32), CouldNot::Reset),
            (io::Error::from_raw_os_error(110), CouldNot::NoAnswer(attempt.limit)),
            (io::Error::from_raw_os_error(113), CouldNot::Unreachable("no route to host".to_owned())),
            (io::Error::from_raw_os_error(101), CouldNot::Unreachable("network is unreachable".to_owned())),
            (io::Error::from_raw_os_error(24), CouldNot::TooManyFiles),
            (io::Error::from_raw_os_error(23), CouldNot::TooManyFiles),
            (io::Error::from_raw_os_error(1), CouldNot::Local("operation not permitted".to_owned())),
            (ErrorKind::UnexpectedEof.into(), CouldNot::Closed),
            (
                wrapped(ErrorKind::InvalidData, CertificateError::Expired.into()),
                CouldNot::NotTrusted(CertificateFault::Expired),
            ),
            (io::Error::other(io::Error::from_raw_os_error(111)), CouldNot::Refused),
        ] {
            assert_eq!(attempt.io_fault(&error), expected, "{error}");
        }
    }

    #[test]
    fn faults_of_certificates_have_their_own_words() {
        let name = ServerName::try_from("a.test").unwrap();
        let (time, end) = (UnixTime::now(), UnixTime::now());
        for (fault, expected) in [
            (CertificateError::ExpiredContext { time, not_after: end }, CertificateFault::Expired),
            (CertificateError::NotValidYet, CertificateFault::NotYetValid),
            (CertificateError::NotValidYetContext { time, not_before: end }, CertificateFault::NotYetValid),
            (
                CertificateError::NotValidForNameContext { expected: name, presented: Vec::new() },
                CertificateFault::WrongName("a.test".to_owned()),
            ),
            (CertificateError::UnknownIssuer, CertificateFault::UnknownIssuer),
            (CertificateError::BadSignature, CertificateFault::UnknownIssuer),
            (CertificateError::Revoked, CertificateFault::Revoked),
        ] {
            assert_eq!(tls_fault(&fault.into()), CouldNot::NotTrusted(expected));
        }
        let alert = |alert| tls_fault(&rustls::Error::AlertReceived(alert));
        assert!(matches!(alert(AlertDescription::CertificateRequired), CouldNot::CredentialRefused(_)));
        assert!(matches!(alert(AlertDescription::HandshakeFailure), CouldNot::NoTls(_)));
    }
}
