//! A server on a port of loopback that can really be closed and opened again: a closed one refuses connections and
//! has broken off those it had.

use std::{future::Future, io, net::Ipv4Addr};

use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

use crate::error::RangeError;

/// Ports the range takes. From 32768 on they belong to outgoing connections.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// A server that listens until it is closed.
#[derive(Debug)]
pub(crate) struct Listening {
    /// Its port.
    pub(crate) port: u16,
    end: CancellationToken,
    task: JoinHandle<()>,
}

impl Listening {
    /// Serves each connection with `serve`, until it is closed.
    pub(crate) fn start<F, S>(listener: TcpListener, serve: S) -> io::Result<Self>
    where
        F: Future<Output = ()> + Send + 'static,
        S: Fn(TcpStream) -> F + Send + 'static,
    {
        let port = listener.local_addr()?.port();
        let end = CancellationToken::new();
        let ending = end.clone();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    () = ending.cancelled() => break,
                    Some(_) = connections.join_next() => {}
                    accepted = listener.accept() => match accepted {
                        Ok((stream, _)) => {
                            let _ = stream.set_nodelay(true);
                            connections.spawn(serve(stream));
                        }
                        // Out of file handles, mostly: others have to be closed first.
                        Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
                    },
                }
            }
            connections.shutdown().await;
        });
        Ok(Self { port, end, task })
    }

    /// Closes the port and breaks off every connection.
    pub(crate) async fn close(self) {
        self.end.cancel();
        let _ = self.task.await;
    }
}

/// Listens on this port, where a range has listened before.
pub(crate) async fn listen_on(port: u16) -> Result<TcpListener, RangeError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(RangeError::file("listen on", format!("127.0.0.1:{port}")))
}

/// Listens on a free port. The search starts anywhere, so that ranges coming up side by side do not meet.
pub(crate) async fn listen() -> Result<TcpListener, RangeError> {
    let mut bytes = [0_u8; 2];
    getrandom::fill(&mut bytes).map_err(|error| RangeError::Random(error.to_string()))?;
    let start = u16::from_le_bytes(bytes);
    let count = PORTS.end - PORTS.start;
    for step in 0..count {
        let port = PORTS.start + ((u32::from(start) + u32::from(step)) % u32::from(count)) as u16;
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            return Ok(listener);
        }
    }
    Err(RangeError::NoPort { from: PORTS.start, to: PORTS.end })
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn echo(mut stream: TcpStream) {
        let (mut reader, mut writer) = stream.split();
        let _ = tokio::io::copy(&mut reader, &mut writer).await;
    }

    #[tokio::test]
    async fn closed_means_refused_and_broken_off_and_the_port_can_be_taken_again() {
        let listening = Listening::start(listen().await.unwrap(), echo).unwrap();
        let port = listening.port;
        assert!(PORTS.contains(&port));
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.write_all(b"x").await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'x');
        listening.close().await;
        assert!(stream.read_u8().await.is_err());
        let refused = TcpStream::connect(("127.0.0.1", port)).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        let again = Listening::start(listen_on(port).await.unwrap(), echo).unwrap();
        assert!(TcpStream::connect(("127.0.0.1", port)).await.is_ok());
        again.close().await;
    }
}
