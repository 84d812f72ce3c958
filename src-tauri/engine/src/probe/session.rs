//! One connection to a PostgreSQL server: to an address that was judged, over TLS that was verified, with a bound on
//! what is read. What is asked over it is written in `postgres`.
//!
//! Nothing of the environment's `PG...` variables or of a password file has a say in whom is asked or how. Works
//! through a pooler: no statement is kept, no setting outlives its transaction.

use std::{error::Error as _, future::poll_fn, net::SocketAddr, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use lifeboat_domain::{
    Id,
    check::judge::{CouldNot, DatabaseError},
    environment::{Target, TlsMode, address},
};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_postgres::{
    Client, Config, Error, NoTls, Row,
    config::SslMode,
    types::{FromSql, ToSql, Type},
};

use super::{
    Attempt, MOST_READ,
    bounded::Bounded,
    network::{encrypt, innermost},
    wrong_kind,
};

/// Asks a server for TLS before anything else is said (PostgreSQL's manual, section 55.2.11).
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// All that is needed to ask a server, had from this computer and its resolver before anybody is waited for.
pub(super) struct Way {
    addresses: Vec<SocketAddr>,
    tls: Option<(ServerName<'static>, Arc<ClientConfig>)>,
    config: Config,
}

impl Way {
    pub(super) async fn to(attempt: &Attempt<'_>, endpoint: &Id) -> Result<Self, CouldNot> {
        let Target::Postgres { host, port, database, user, credential, tls, ca, private } = attempt.target(endpoint)?
        else {
            return Err(wrong_kind());
        };
        if credential.is_some() && *tls == TlsMode::Off && !address::is_near(host) {
            return Err(CouldNot::Unprotected);
        }
        let password = match credential {
            Some(handle) => Some(attempt.credential(handle).await?),
            None => None,
        };
        let mut config = Config::new();
        config
            .dbname(database)
            .user(user)
            .password(password.as_ref().map_or("", |password| password.reveal()))
            .application_name("lifeboat")
            // It is done here, on the stream that is handed over.
            .ssl_mode(SslMode::Disable);
        let tls = match tls {
            TlsMode::Off => None,
            TlsMode::VerifyFull => {
                let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
                    .map_err(|_| CouldNot::NotBound(format!("not bound: \"{host}\" is not a server's name")))?;
                Some((name, attempt.trust(ca.as_deref()).await?))
            }
        };
        let addresses = attempt.addresses(host, *port, *private || address::names_itself(host)).await?;
        Ok(Self { addresses, tls, config })
    }
}

/// An open connection.
pub(super) struct Session {
    client: Client,
    /// Carries what is asked and answered; `None` once it has ended.
    moving: Option<BoxFuture<'static, Result<(), Error>>>,
}

impl Session {
    pub(super) async fn open(attempt: &Attempt<'_>, way: Way) -> Result<Self, CouldNot> {
        let Way { addresses, tls, config } = way;
        let mut stream = attempt.connect(&addresses).await?;
        let Some((name, trust)) = tls else { return Self::over(attempt, stream, &config).await };
        let asked = async {
            stream.write_all(&SSL_REQUEST).await?;
            stream.read_u8().await
        };
        match asked.await.map_err(|error| attempt.io_fault(&error))? {
            b'S' => {}
            b'N' => return Err(CouldNot::NoTls("the server does not offer it".to_owned())),
            _ => return Err(CouldNot::NoTls("the server speaks something else".to_owned())),
        }
        let stream = encrypt(stream, name, trust, &[]).await.map_err(|error| attempt.io_fault(&error))?;
        Self::over(attempt, stream, &config).await
    }

    async fn over<S>(attempt: &Attempt<'_>, stream: S, config: &Config) -> Result<Self, CouldNot>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let opened = config.connect_raw(Bounded::to(MOST_READ, stream), NoTls).await;
        let (client, mut connection) = opened.map_err(|error| fault(attempt, &error))?;
        let moving = async move {
            // Notices are nobody's business here.
            while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
                message?;
            }
            Ok(())
        };
        Ok(Self { client, moving: Some(Box::pin(moving)) })
    }

    /// Does something with the client while the connection is kept moving, and tells why that ended when it did.
    async fn moving<T>(&mut self, asking: impl AsyncFnOnce(&Client) -> Result<T, Error>) -> Result<T, Error> {
        let mut ended = Ok(());
        let mut asking = std::pin::pin!(asking(&self.client));
        let answered = loop {
            let moving = async {
                match &mut self.moving {
                    Some(moving) => moving.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                answered = &mut asking => break answered,
                end = moving => (self.moving, ended) = (None, end),
            }
        };
        match (answered, ended) {
            (Err(error), Err(why)) if error.is_closed() => Err(why),
            (answered, _) => answered,
        }
    }

    /// A statement of ours that gives nothing back.
    pub(super) async fn execute(&mut self, statement: &'static str) -> Result<(), Error> {
        self.moving(async |client| client.batch_execute(statement).await).await
    }

    /// The rows of one statement. It is sent with its parameters in one go, so that none is kept by a pooler.
    pub(super) async fn rows(
        &mut self,
        query: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, Error> {
        self.moving(async |client| client.query_typed(query, parameters).await).await
    }

    /// Says goodbye, so that the server does not log a lost connection. Not worth waiting for.
    pub(super) async fn leave(self) {
        drop(self.client);
        if let Some(moving) = self.moving {
            let _ = tokio::time::timeout(Duration::from_millis(200), moving).await;
        }
    }
}

/// A value of a row.
pub(super) fn column<'r, T: FromSql<'r>>(row: &'r Row, at: usize) -> Result<T, CouldNot> {
    row.try_get(at).map_err(|error| CouldNot::Garbled(innermost(&error)))
}

/// An error the server answered with is an answer; any other means that there is none.
pub(super) fn answer_of<T>(
    attempt: &Attempt<'_>,
    result: Result<T, Error>,
) -> Result<Result<T, DatabaseError>, CouldNot> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error) => match told(&error) {
            Some(told) => Ok(Err(told)),
            None => Err(fault(attempt, &error)),
        },
    }
}

fn told(error: &Error) -> Option<DatabaseError> {
    let error = error.as_db_error()?;
    Some(DatabaseError { state: error.code().code().to_owned(), message: error.message().to_owned() })
}

pub(super) fn fault(attempt: &Attempt<'_>, error: &Error) -> CouldNot {
    if let Some(told) = told(error) {
        return told.could_not();
    }
    if error.is_closed() {
        return CouldNot::Closed;
    }
    // The library has no other way to tell them apart: a server that cannot prove that it knows the password, or
    // wants something else.
    if error.to_string() == "authentication error" {
        let why = error.source().map_or_else(|| "not understood".to_owned(), innermost);
        return CouldNot::CredentialRefused(why);
    }
    match attempt.fault_in(error) {
        // Nothing on this computer: the library says so of bytes that end amid a message.
        Some(CouldNot::Local(why)) => CouldNot::Garbled(why),
        Some(fault) => fault,
        None => CouldNot::Garbled(innermost(error)),
    }
}
