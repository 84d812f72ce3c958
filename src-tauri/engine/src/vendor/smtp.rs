//! The talk with a mail server (RFC 5321): lines, replies, and what a reply means where it was given.
//!
//! Everything goes over a connection that was judged and of which only so much is read. What is said in which order is
//! [`super::mail`]'s.

use lifeboat_domain::{
    check::judge::CouldNot,
    provider::{Answer, Observation, Refusal},
};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};

use crate::probe::Attempt;

/// Why a talk ended early.
#[derive(Debug)]
pub(super) enum Ended {
    /// The server said no.
    Answered(Answer),
    /// There was no answer that can be understood.
    Silent(CouldNot),
}

impl From<CouldNot> for Ended {
    fn from(why: CouldNot) -> Self {
        Self::Silent(why)
    }
}

/// Where in the talk a reply was given, which decides what a no means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// Before anything of ours.
    Greeting,
    /// Signing in.
    SignIn,
    /// Whom the message is from.
    Sender,
    /// Whom the message is for.
    Recipient,
    /// The message itself.
    Content,
}

/// What a server said.
#[derive(Debug)]
pub(super) struct Reply {
    code: u16,
    lines: Vec<String>,
}

impl Reply {
    /// What was refused, or put off, as the vendor-independent answer.
    fn no(&self, at: At) -> Answer {
        let words = self.lines.join(" ");
        // RFC 3463: three numbers, of which the second is what it is about.
        let enhanced = words.split(' ').next().filter(|word| is_enhanced(word));
        let about = enhanced.and_then(|word| word.split('.').nth(1));
        let answer = match (self.code, at) {
            // It closes, whatever we asked.
            (421, _) => Answer::retry_later(Observation::Failed, &words),
            // Put off because it does not know us yet, or because there were too many: it works.
            (400..=499, At::Recipient) => Answer::retry_later(Observation::Neither, &words),
            (400..=499, _) => Answer::retry_later(Observation::Failed, &words),
            (530 | 534 | 535 | 538, _) | (_, At::SignIn) => Answer::refused(Refusal::Credential, &words),
            // 7 is about security and policy: we may not send as that sender, or not to there.
            (_, At::Sender | At::Recipient) if about == Some("7") => Answer::refused(Refusal::Permission, &words),
            (550 | 551 | 553, At::Recipient) => Answer::refused(Refusal::Gone, &words),
            (_, At::Greeting) => Answer::refused(Refusal::Permission, &words),
            _ => Answer::refused(Refusal::Request, &words),
        };
        answer.with_status(self.code).coded(enhanced)
    }

    /// Whether a server says that it can do something, such as `STARTTLS`.
    pub(super) fn offers(&self, what: &str) -> bool {
        self.lines.iter().skip(1).any(|line| line.eq_ignore_ascii_case(what))
    }

    /// Whether a server lets us sign in in this way.
    pub(super) fn signs_in_by(&self, way: &str) -> bool {
        self.lines.iter().skip(1).any(|line| {
            let mut words = line.split_whitespace();
            words.next().is_some_and(|word| word.eq_ignore_ascii_case("AUTH"))
                && words.any(|word| word.eq_ignore_ascii_case(way))
        })
    }
}

fn is_enhanced(word: &str) -> bool {
    let numbers: Vec<&str> = word.split('.').collect();
    let number = |text: &&str| (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    numbers.len() == 3 && numbers.iter().all(number)
}

/// One talk over one connection.
pub(super) struct Talk<'a, S> {
    attempt: &'a Attempt<'a>,
    stream: BufReader<S>,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Talk<'a, S> {
    pub(super) fn over(attempt: &'a Attempt<'a>, stream: S) -> Self {
        Self { attempt, stream: BufReader::new(stream) }
    }

    /// The connection again, to go on encrypted. What was said ahead of that would be taken for something that was said
    /// encrypted, so whoever says anything ahead is not gone on with.
    pub(super) fn into_stream(self) -> Result<S, CouldNot> {
        if self.stream.buffer().is_empty() {
            Ok(self.stream.into_inner())
        } else {
            Err(CouldNot::Garbled("the server went on before the connection was encrypted".to_owned()))
        }
    }

    /// Says a line, and hears a reply of this hundred.
    pub(super) async fn ask(&mut self, line: &str, wanted: u16, at: At) -> Result<Reply, Ended> {
        self.say(format!("{line}\r\n").as_bytes()).await?;
        self.hear(wanted, at).await
    }

    /// Sends bytes as they are.
    pub(super) async fn say(&mut self, bytes: &[u8]) -> Result<(), CouldNot> {
        let said = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        said.await.map_err(|error| self.attempt.io_fault(&error))
    }

    /// Hears a reply of this hundred; another one ends the talk.
    pub(super) async fn hear(&mut self, wanted: u16, at: At) -> Result<Reply, Ended> {
        let reply = self.reply().await?;
        match reply.code / 100 {
            hundred if hundred == wanted => Ok(reply),
            4 | 5 => Err(Ended::Answered(reply.no(at))),
            _ => Err(Ended::Silent(CouldNot::Garbled(format!("reply {} where none fits", reply.code)))),
        }
    }

    async fn reply(&mut self) -> Result<Reply, CouldNot> {
        let garbled = || CouldNot::Garbled("that is no mail server's reply".to_owned());
        let mut lines = Vec::new();
        loop {
            let mut line = Vec::new();
            let read = self.stream.read_until(b'\n', &mut line).await;
            read.map_err(|error| self.attempt.io_fault(&error))?;
            if !line.ends_with(b"\n") {
                return Err(CouldNot::Closed);
            }
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\r', '\n']);
            let code = line.get(..3).filter(|code| code.bytes().all(|byte| byte.is_ascii_digit()));
            let code: u16 = code.and_then(|code| code.parse().ok()).ok_or_else(garbled)?;
            let (last, words) = match line.as_bytes().get(3) {
                None => (true, ""),
                Some(b' ') => (true, &line[4..]),
                Some(b'-') => (false, &line[4..]),
                Some(_) => return Err(garbled()),
            };
            lines.push(words.trim().to_owned());
            if last {
                return Ok(Reply { code, lines });
            }
        }
    }
}

/// A message as it travels: lines end in CRLF, and one that begins with a dot gets another (RFC 5321, 4.5.2). The dot
/// that ends it is not among them.
pub(super) fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut stuffed = Vec::with_capacity(message.len() + message.len() / 32);
    let whole = message.strip_suffix(b"\n").unwrap_or(message);
    for line in whole.split(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            stuffed.push(b'.');
        }
        // A lone CR is a line's end to some servers and not to others, and so a way to end a message early.
        stuffed.extend(line.iter().filter(|byte| **byte != b'\r'));
        stuffed.extend(b"\r\n");
    }
    stuffed
}

#[cfg(test)]
mod tests {
    use lifeboat_domain::{plan::quantity::Period, provider::Class};

    use super::*;
    use crate::{
        probe::{Prober, Targets},
        secrets::Fixed,
    };

    #[test]
    fn a_line_that_is_a_dot_does_not_end_a_message() {
        for (message, travels) in [
            ("a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n"),
            (".a\n..b", "..a\r\n...b\r\n"),
            ("a\r.\rb\r\n", "a.b\r\n"),
            ("\r\r\n.\r\r\n", "\r\n..\r\n"),
            ("", "\r\n"),
        ] {
            assert_eq!(String::from_utf8(stuffed(message.as_bytes())).unwrap(), travels, "{message:?}");
        }
    }

    #[test]
    fn the_same_no_means_different_things_in_different_places() {
        use Observation::{Failed, Neither};
        let no = |code, words: &str, at| Reply { code, lines: vec![words.to_owned()] }.no(at);
        for (code, words, at, refusal) in [
            (535, "5.7.8 bad credentials", At::SignIn, Refusal::Credential),
            (504, "5.5.4 not that way", At::SignIn, Refusal::Credential),
            (530, "5.7.0 sign in first", At::Sender, Refusal::Credential),
            (553, "5.7.1 not your address", At::Sender, Refusal::Permission),
            (550, "5.7.1 relaying denied", At::Recipient, Refusal::Permission),
            (550, "5.1.1 no such user", At::Recipient, Refusal::Gone),
            (550, "no such user", At::Recipient, Refusal::Gone),
            (552, "5.3.4 too large", At::Sender, Refusal::Request),
            (554, "5.7.1 looks like spam", At::Content, Refusal::Request),
            (554, "go away", At::Greeting, Refusal::Permission),
        ] {
            let answer = no(code, words, at);
            assert_eq!((answer.refusal, answer.status), (Some(refusal), Some(code)), "{words}");
            assert_eq!(answer.code.is_some(), words.contains('.'), "{words}");
        }
        for (code, at, observation) in [
            (421, At::Recipient, Failed),
            (451, At::Recipient, Neither),
            (452, At::Recipient, Neither),
            (452, At::Sender, Failed),
            (454, At::SignIn, Failed),
            (451, At::Content, Failed),
        ] {
            let answer = no(code, "later", at);
            assert_eq!((answer.class, answer.observation), (Class::RetryLater, observation), "{code} {at:?}");
        }
    }

    /// What is heard of bytes that a server says.
    async fn heard(said: &[u8]) -> Result<Reply, Ended> {
        let prober = Prober::new(std::sync::Arc::new(Fixed::default())).unwrap();
        let targets = Targets::default();
        let attempt = prober.attempt(&targets, Period::from_secs(4));
        let (ours, mut theirs) = tokio::io::duplex(4_096);
        theirs.write_all(said).await.unwrap();
        drop(theirs);
        Talk::over(&attempt, ours).hear(2, At::Greeting).await
    }

    #[tokio::test]
    async fn replies_are_read_and_nothing_else_is_taken_for_one() {
        let reply = heard(b"250-mail.test at your service\r\n250- \r\n250-STARTTLS\r\n250 auth PLAIN login\r\n").await;
        let reply = reply.unwrap();
        assert!(reply.offers("STARTTLS") && !reply.offers("mail.test at your service"));
        assert!(reply.signs_in_by("LOGIN") && reply.signs_in_by("PLAIN") && !reply.signs_in_by("XOAUTH2"));
        for (said, words) in [
            (&b""[..], "closed the connection before answering"),
            (b"220 half", "closed the connection before answering"),
            (b"HTTP/1.1 400 Bad Request\r\n", "answer is not understood: that is no mail server's reply"),
            (b"+20 x\r\n", "answer is not understood: that is no mail server's reply"),
            (b"22\xc3\xa9 x\r\n", "answer is not understood: that is no mail server's reply"),
            (b"220_x\r\n", "answer is not understood: that is no mail server's reply"),
            (b"334 x\r\n", "answer is not understood: reply 334 where none fits"),
        ] {
            match heard(said).await {
                Err(Ended::Silent(why)) => assert_eq!(why.words(), words),
                other => panic!("{}: {other:?}", String::from_utf8_lossy(said)),
            }
        }
    }
}
