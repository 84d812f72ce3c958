//! The zone of the platform's name: one server of the domain name system on loopback, which knows one name.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use hickory_proto::{
    op::{Message, MessageType, ResponseCode},
    rr::{Name, RData, Record, RecordType, rdata::A},
};
use tokio::{net::UdpSocket, task::JoinHandle};

use crate::{certificate::NAME, error::RangeError, listener::listen};

/// How long others may keep what is told, in seconds.
const KEPT: u32 = 300;

/// The server.
#[derive(Debug)]
pub(crate) struct Names {
    /// Its port.
    pub(crate) port: u16,
    /// The fault `name-gone`.
    pub(crate) gone: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Names {
    /// Serves the zone on a free port.
    pub(crate) async fn serve() -> Result<Self, RangeError> {
        // The port is free for connections, so that no other range takes it; whoever asks does so by datagrams.
        let held = listen().await?;
        let address = held.local_addr().map_err(RangeError::file("listen for", "names"))?;
        let socket = UdpSocket::bind(address).await.map_err(RangeError::file("listen on", address.to_string()))?;
        let gone = Arc::new(AtomicBool::new(false));
        let is_gone = Arc::clone(&gone);
        let task = tokio::spawn(async move {
            let _held = held;
            let mut buffer = [0; 1_500];
            loop {
                let Ok((size, from)) = socket.recv_from(&mut buffer).await else { continue };
                if let Some(answer) = answer(&buffer[..size], is_gone.load(Ordering::Relaxed)) {
                    let _ = socket.send_to(&answer, from).await;
                }
            }
        });
        Ok(Self { port: address.port(), gone, task })
    }

    /// Closes the port.
    pub(crate) async fn close(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

/// The answer to a question; nothing to what is none.
fn answer(question: &[u8], gone: bool) -> Option<Vec<u8>> {
    let question = Message::from_vec(question).ok()?;
    let query = question.queries.first()?.clone();
    let mut answer = Message::response(question.id, question.op_code);
    answer.metadata.message_type = MessageType::Response;
    answer.metadata.authoritative = true;
    answer.add_query(query.clone());
    let known = Name::from_ascii(format!("{NAME}.")).is_ok_and(|name| name == *query.name());
    match (known && !gone, query.query_type()) {
        (true, RecordType::A) => {
            let address = RData::A(A(Ipv4Addr::LOCALHOST));
            answer.add_answer(Record::from_rdata(query.name().clone(), KEPT, address));
        }
        (true, _) => {}
        (false, _) => answer.metadata.response_code = ResponseCode::NXDomain,
    }
    answer.to_vec().ok()
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::Query;

    use super::*;

    #[test]
    fn one_name_is_known_until_it_is_gone() {
        let asked = |name: &str, kind, gone| {
            let mut message = Message::query();
            message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
            Message::from_vec(&answer(&message.to_vec().unwrap(), gone).unwrap()).unwrap()
        };
        let found = asked("API.range.test.", RecordType::A, false);
        assert_eq!((found.answers.len(), found.metadata.response_code), (1, ResponseCode::NoError));
        assert!(asked("api.range.test.", RecordType::AAAA, false).answers.is_empty());
        for (name, gone) in [("api.range.test.", true), ("www.range.test.", false)] {
            assert_eq!(asked(name, RecordType::A, gone).metadata.response_code, ResponseCode::NXDomain);
        }
        assert!(answer(b"not a question", false).is_none());
    }
}
