//! A mail server as a stand-in (RFC 5321): STARTTLS before it lets anybody sign in, AUTH before it takes anything, and
//! every mail it takes kept, in memory and as a file. It carries nothing any further.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpStream,
};
use tokio_rustls::TlsAcceptor;

use super::{VendorFault, secret};
use crate::{
    error::RangeError,
    listener::{Listening, listen},
    place::{private_folder, write_private},
};

/// Who may sign in.
const USER: &str = "lifeboat";
/// Whose mail is taken.
const DOMAIN: &str = "@range.test";
/// What `delay` adds to the answer to a message.
const DELAY: Duration = Duration::from_secs(3);
/// Longer lines are no lines (RFC 5321, 4.5.3.1).
const LONGEST_LINE: usize = 1_000;
const LONGEST_MAIL: usize = 2 << 20;

/// A mail that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// From whom, as the talk said.
    pub from: String,
    /// For whom, as the talk said.
    pub to: Vec<String>,
    /// Its headers and its body, as they came.
    pub content: String,
}

struct State {
    fault: Option<VendorFault>,
    password: String,
    folder: PathBuf,
    /// Recipients that were put off once.
    put_off: BTreeSet<String>,
    mails: Vec<Mail>,
}

/// The server's state and its second port, which is encrypted from the first byte.
pub(super) struct Post {
    state: Arc<Mutex<State>>,
    encrypted: Listening,
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Post {
    /// Opens both ports. Mails are kept in this folder.
    pub(super) async fn open(
        server: Arc<rustls::ServerConfig>,
        folder: PathBuf,
    ) -> Result<(Listening, Self), RangeError> {
        private_folder(&folder)?;
        let state =
            State { fault: None, password: secret("", 24)?, folder, put_off: BTreeSet::new(), mails: Vec::new() };
        let (state, acceptor) = (Arc::new(Mutex::new(state)), TlsAcceptor::from(server));
        let failed = || RangeError::file("listen for", "the mail server");
        let (plain_state, plain_acceptor) = (Arc::clone(&state), acceptor.clone());
        let plain = Listening::start(listen().await?, move |stream| {
            upgraded(stream, plain_acceptor.clone(), Arc::clone(&plain_state))
        });
        let kept = Arc::clone(&state);
        let encrypted = Listening::start(listen().await?, move |stream| {
            let (acceptor, state) = (acceptor.clone(), Arc::clone(&kept));
            async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    let _ = Session::new(stream, state, Some("LOGIN")).talk(true).await;
                }
            }
        });
        Ok((plain.map_err(failed())?, Self { state, encrypted: encrypted.map_err(failed())? }))
    }

    pub(super) fn switch(&self, change: impl FnOnce(Option<VendorFault>) -> Option<VendorFault>) {
        let mut state = locked(&self.state);
        state.fault = change(state.fault);
        state.put_off.clear();
    }

    pub(super) fn mails(&self) -> Vec<Mail> {
        locked(&self.state).mails.clone()
    }

    pub(super) fn values(&self) -> Vec<(&'static str, String)> {
        vec![
            ("folder", locked(&self.state).folder.to_string_lossy().into_owned()),
            ("tls-port", self.encrypted.port.to_string()),
            ("user", USER.to_owned()),
        ]
    }

    pub(super) fn credentials(&self) -> Vec<(&'static str, String)> {
        vec![("range-smtp", locked(&self.state).password.clone())]
    }

    pub(super) async fn close(self) {
        self.encrypted.close().await;
    }
}

/// A talk that begins in the clear.
async fn upgraded(stream: TcpStream, acceptor: TlsAcceptor, state: Arc<Mutex<State>>) {
    if let Some(stream) = Session::new(stream, Arc::clone(&state), None).talk(true).await
        && let Ok(stream) = acceptor.accept(stream).await
    {
        let _ = Session::new(stream, state, Some("PLAIN LOGIN")).talk(false).await;
    }
}

/// What to do after a command.
enum Next {
    Say(String),
    /// Goes on encrypted.
    Encrypt,
    /// Takes the message.
    Content,
    /// Says this and closes.
    Close(&'static str),
    /// Cuts the connection.
    Cut,
}

impl From<&str> for Next {
    fn from(words: &str) -> Self {
        Self::Say(words.to_owned())
    }
}

struct Session<S> {
    stream: BufReader<S>,
    state: Arc<Mutex<State>>,
    /// The ways to sign in, once the connection is encrypted.
    ways: Option<&'static str>,
    greeted: bool,
    signed_in: bool,
    from: Option<String>,
    to: Vec<String>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    fn new(stream: S, state: Arc<Mutex<State>>, ways: Option<&'static str>) -> Self {
        Self {
            stream: BufReader::new(stream),
            state,
            ways,
            greeted: false,
            signed_in: false,
            from: None,
            to: Vec::new(),
        }
    }

    fn fault(&self) -> Option<VendorFault> {
        locked(&self.state).fault
    }

    /// Talks until the other side ends, or wants to go on encrypted: then the connection comes back, without what was
    /// said ahead.
    async fn talk(mut self, greet: bool) -> Option<S> {
        if self.fault() == Some(VendorFault::Hang) {
            std::future::pending::<()>().await;
        }
        if greet {
            self.say("220 mail.range.test ESMTP practice").await?;
        }
        loop {
            let line = self.line().await?;
            let next = match line {
                Ok(line) => self.answer(&line).await?,
                Err(why) => Next::Close(why),
            };
            match next {
                Next::Say(words) => self.say(&words).await?,
                Next::Content => {
                    let words = self.content().await?;
                    self.say(words).await?;
                }
                Next::Encrypt => {
                    self.say("220 2.0.0 Go ahead").await?;
                    return Some(self.stream.into_inner());
                }
                Next::Close(words) => {
                    self.say(words).await?;
                    let _ = self.stream.shutdown().await;
                    return None;
                }
                Next::Cut => return None,
            }
        }
    }

    async fn say(&mut self, words: &str) -> Option<()> {
        self.stream.write_all(format!("{words}\r\n").as_bytes()).await.ok()?;
        self.stream.flush().await.ok()
    }

    /// A line without its end, or why it is none. Nothing when the other side has gone.
    async fn line(&mut self) -> Option<Result<String, &'static str>> {
        let mut line = Vec::new();
        let limit = LONGEST_LINE as u64 + 1;
        (&mut self.stream).take(limit).read_until(b'\n', &mut line).await.ok().filter(|read| *read > 0)?;
        if line.len() > LONGEST_LINE {
            return Some(Err("500 5.5.2 Line too long"));
        }
        let Some(line) = line.strip_suffix(b"\r\n") else { return Some(Err("500 5.5.2 A line ends with CR LF")) };
        match String::from_utf8(line.to_vec()) {
            Ok(line) if !line.contains('\r') => Some(Ok(line)),
            _ => Some(Err("500 5.5.2 That is no line")),
        }
    }

    async fn answer(&mut self, line: &str) -> Option<Next> {
        let fault = self.fault();
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let next = match verb.to_ascii_uppercase().as_str() {
            "EHLO" | "HELO" if !rest.is_empty() => {
                self.greeted = true;
                let mut said = String::from("250-mail.range.test\r\n");
                match (self.ways, fault) {
                    (Some(ways), _) => said.extend(["250-AUTH ", ways, "\r\n"]),
                    (None, Some(VendorFault::NoStarttls)) => {}
                    (None, _) => said.push_str("250-STARTTLS\r\n"),
                }
                said.push_str("250-ENHANCEDSTATUSCODES\r\n250 SIZE 2097152");
                Next::Say(said)
            }
            "STARTTLS" if self.ways.is_some() || fault == Some(VendorFault::NoStarttls) => "502 5.5.1 Not here".into(),
            "STARTTLS" => Next::Encrypt,
            "QUIT" => Next::Close("221 2.0.0 Bye"),
            "NOOP" => "250 2.0.0 Ok".into(),
            _ if !self.greeted => "503 5.5.1 Say EHLO first".into(),
            "AUTH" if self.ways.is_none() => "538 5.7.11 Encryption required".into(),
            "AUTH" => self.sign_in(rest).await?,
            "RSET" if matches!(fault, Some(VendorFault::CutBefore | VendorFault::CutAfter)) => Next::Cut,
            "RSET" => {
                (self.from, self.to) = (None, Vec::new());
                "250 2.0.0 Ok".into()
            }
            "MAIL" | "RCPT" | "DATA" if !self.signed_in => "530 5.7.0 Authentication required".into(),
            "MAIL" => self.sender(rest).into(),
            "RCPT" => self.recipient(rest),
            "DATA" if self.to.is_empty() => "554 5.5.1 No valid recipients".into(),
            "DATA" if fault == Some(VendorFault::CutBefore) => Next::Cut,
            "DATA" => Next::Content,
            _ => "502 5.5.1 Unknown command".into(),
        };
        Some(next)
    }

    async fn sign_in(&mut self, asked: &str) -> Option<Next> {
        let mut said = asked.to_owned();
        let (way, first) = asked.split_once(' ').unwrap_or((asked, ""));
        let given = match way.to_ascii_uppercase().as_str() {
            way if !self.ways.is_some_and(|ways| ways.split(' ').any(|offered| offered == way)) => {
                return Some("504 5.5.4 Unknown way to sign in".into());
            }
            "PLAIN" => {
                let both = if first.is_empty() { self.challenge("").await? } else { first.to_owned() };
                decoded(&both).and_then(|both| both.strip_prefix('\0')?.split_once('\0').map(two))
            }
            _ => {
                let user = self.challenge("Username:").await?;
                let password = self.challenge("Password:").await?;
                said = format!("{said} {user} {password}");
                decoded(&user).zip(decoded(&password))
            }
        };
        let Some((user, password)) = given else { return Some("501 5.5.2 Cannot be decoded".into()) };
        let state = locked(&self.state);
        if state.fault == Some(VendorFault::Echo) {
            return Some(Next::Say(format!("535 5.7.8 Not accepted: {said} {user} {password}")));
        }
        self.signed_in = state.fault != Some(VendorFault::Auth) && user == USER && password == state.password;
        Some(if self.signed_in { "235 2.7.0 Signed in" } else { "535 5.7.8 Authentication credentials invalid" }.into())
    }

    async fn challenge(&mut self, words: &str) -> Option<String> {
        self.say(&format!("334 {}", BASE64_STANDARD.encode(words))).await?;
        self.line().await?.ok()
    }

    fn sender(&mut self, rest: &str) -> &'static str {
        let Some(from) = address(rest, "FROM:") else { return "501 5.5.4 Syntax: MAIL FROM:<address>" };
        if self.fault() == Some(VendorFault::Full) {
            return "452 4.3.1 Insufficient system storage";
        }
        if !from.ends_with(DOMAIN) {
            return "553 5.7.1 Sender address rejected: not owned by user";
        }
        (self.from, self.to) = (Some(from), Vec::new());
        "250 2.1.0 Ok"
    }

    fn recipient(&mut self, rest: &str) -> Next {
        if self.from.is_none() {
            return "503 5.5.1 Need MAIL first".into();
        }
        let Some(to) = address(rest, "TO:") else { return "501 5.5.4 Syntax: RCPT TO:<address>".into() };
        match self.fault() {
            Some(VendorFault::Bounce) if to.starts_with("bounce") => {
                return Next::Say(format!("550 5.1.1 <{to}>: Recipient address rejected: User unknown"));
            }
            Some(VendorFault::Greylist) if locked(&self.state).put_off.insert(to.clone()) => {
                return "451 4.7.1 Greylisted, please try again later".into();
            }
            _ => {}
        }
        self.to.push(to);
        "250 2.1.5 Ok".into()
    }

    /// Takes the message to its last dot.
    async fn content(&mut self) -> Option<&'static str> {
        self.say("354 End data with <CR><LF>.<CR><LF>").await?;
        let mut content = String::new();
        loop {
            let line = match self.line().await? {
                Ok(line) => line,
                Err(why) => return Some(why),
            };
            if line == "." {
                break;
            }
            content.push_str(line.strip_prefix('.').unwrap_or(&line));
            content.push_str("\r\n");
            if content.len() > LONGEST_MAIL {
                return Some("552 5.3.4 Message too big");
            }
        }
        let mail = Mail { from: self.from.take()?, to: std::mem::take(&mut self.to), content };
        let fault = {
            let mut state = locked(&self.state);
            let file = state.folder.join(format!("{:04}.eml", state.mails.len() + 1));
            if write_private(&file, mail.content.as_bytes()).is_err() {
                return Some("451 4.3.0 The mail cannot be kept");
            }
            state.mails.push(mail);
            state.fault
        };
        match fault {
            Some(VendorFault::CutAfter) => return None,
            Some(VendorFault::Delay) => tokio::time::sleep(DELAY).await,
            _ => {}
        }
        Some("250 2.0.0 Ok: queued")
    }
}

fn decoded(text: &str) -> Option<String> {
    String::from_utf8(BASE64_STANDARD.decode(text).ok()?).ok()
}

fn two((one, other): (&str, &str)) -> (String, String) {
    (one.to_owned(), other.to_owned())
}

/// The address between angle brackets after this word; parameters behind it are let be.
fn address(rest: &str, word: &str) -> Option<String> {
    let (said, rest) = (rest.get(..word.len())?, rest.get(word.len()..)?);
    let (address, _) = rest.trim_start().strip_prefix('<')?.split_once('>')?;
    (said.eq_ignore_ascii_case(word) && address.contains('@')).then(|| address.to_ascii_lowercase())
}
