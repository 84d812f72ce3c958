//! Mail by SMTP (RFC 5321), always encrypted: by STARTTLS before anything is said, or from the first byte.
//!
//! The message is made by `lettre`. The talk is ours ([`super::smtp`]), because it has to know to the byte whether the
//! message can have been taken: until its last dot is sent it was not, and from then on a lost answer is unknown. A
//! server knows no message twice, so what is unknown is never sent again.

use std::sync::{Arc, atomic::Ordering};

use base64::{Engine, prelude::BASE64_STANDARD};
use lettre::{
    Message,
    message::{
        Mailbox,
        header::{ContentType, HeaderName, HeaderValue},
    },
};
use lifeboat_domain::{
    Id,
    check::judge::CouldNot,
    environment::{MailServer, MailTls},
    provider::{Answer, Effect, Refusal, Standing},
};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::{
    bounded, settled,
    smtp::{At, Ended, Talk, stuffed},
};
use crate::{
    probe::{Attempt, Bounded},
    secrets::Sensitive,
};

/// A server that says more than this in one talk is not heard out.
const LONGEST_TALK: usize = 256 << 10;
/// Every server takes as many recipients at once (RFC 5321, 4.5.3.1.8).
const MOST_RECIPIENTS: usize = 100;
const LONGEST_TEXT: usize = 1 << 20;
/// Who we say we are. Who signs in need not be anybody on the internet, and the name of this computer is nobody's matter.
const HELLO: &str = "EHLO [127.0.0.1]";

type Encrypted = TlsStream<Bounded<TcpStream>>;

/// A mail server, for as long as one attempt lasts.
#[derive(Debug)]
pub struct Mail<'a> {
    attempt: &'a Attempt<'a>,
    server: &'a MailServer,
}

/// A message of plain text.
#[derive(Debug, Clone, Copy)]
pub struct Letter<'a> {
    /// The same for every try of the same message, and for no other: letters, digits, `-`, `_` and `.`, at most 100.
    /// It becomes the message's id.
    pub key: &'a str,
    /// For whom, at most 100, each such as `Ada <ada@example.org>`. All of them see all of them.
    pub to: &'a [&'a str],
    /// One line.
    pub subject: &'a str,
    /// The text, at most 1 MiB.
    pub text: &'a str,
}

impl<'a> Mail<'a> {
    /// This server.
    pub const fn at(attempt: &'a Attempt<'a>, server: &'a MailServer) -> Self {
        Self { attempt, server }
    }

    /// Signs in and asks whether a message from us would be taken. None is sent.
    pub(crate) async fn standing(&self) -> Standing {
        let asked = async {
            let from = mailbox(&self.server.from)?;
            let mut talk = self.signed_in().await?;
            talk.ask(&format!("MAIL FROM:<{}>", from.email), 2, At::Sender).await?;
            talk.ask("RSET", 2, At::Sender).await?;
            let _ = talk.say(b"QUIT\r\n").await;
            Ok(Answer::delivered("takes our mail"))
        };
        Standing::of(self.told(Effect::Nothing, Box::pin(asked)).await.unwrap_or_else(|answer| answer))
    }

    /// Sends a message. There is an answer for each recipient, in their order: accepted is what the server took to carry
    /// further, with the message's id as reference. The text of an answer may hold the recipient's address.
    pub async fn send(&self, letter: &Letter<'_>) -> Vec<Answer> {
        let mut answers = vec![None; letter.to.len()];
        let sent = self.told(Effect::EachTime, Box::pin(self.hand_over(letter, &mut answers))).await;
        let rest = sent.unwrap_or_else(|answer| answer);
        answers.into_iter().map(|answer| settled(self.attempt, answer.unwrap_or_else(|| rest.clone()))).collect()
    }

    /// Does something within the attempt's time.
    async fn told<T>(&self, effect: Effect, work: impl Future<Output = Result<T, Ended>>) -> Result<T, Answer> {
        let ended = bounded(self.attempt, effect, async {
            match work.await {
                Ok(done) => Ok(Ok(done)),
                Err(Ended::Answered(answer)) => Ok(Err(answer)),
                Err(Ended::Silent(why)) => Err(why),
            }
        });
        ended.await?
    }

    /// What becomes of those whose answer is not among `answers` when this is done.
    async fn hand_over(&self, letter: &Letter<'_>, answers: &mut [Option<Answer>]) -> Result<Answer, Ended> {
        let from = mailbox(&self.server.from)?;
        let to = recipients(letter)?;
        let id = message_id(letter.key, &from)?;
        let message = stuffed(&message(letter, &from, &to, &id)?);
        let mut talk = self.signed_in().await?;
        talk.ask(&format!("MAIL FROM:<{}>", from.email), 2, At::Sender).await?;
        for (to, answer) in to.iter().zip(&mut *answers) {
            match talk.ask(&format!("RCPT TO:<{}>", to.email), 2, At::Recipient).await {
                Ok(_) => {}
                Err(Ended::Answered(no)) => *answer = Some(no.made(Some(&id))),
                Err(silent) => return Err(silent),
            }
        }
        if answers.iter().any(Option::is_none) {
            talk.ask("DATA", 3, At::Content).await?;
            talk.say(&message).await?;
            // From here on nobody knows whether it was taken.
            self.attempt.sent.store(true, Ordering::Relaxed);
            let taken = async {
                talk.say(b".\r\n").await?;
                talk.hear(2, At::Content).await
            };
            let answer = match taken.await {
                Ok(_) => Answer::accepted("taken by the mail server").with_status(250),
                Err(Ended::Answered(no)) => no,
                Err(Ended::Silent(why)) => Answer::unknown(&why.words()),
            };
            for waiting in answers.iter_mut().filter(|answer| answer.is_none()) {
                *waiting = Some(answer.clone().made(Some(&id)));
            }
        }
        let _ = talk.say(b"QUIT\r\n").await;
        Ok(Answer::unknown("nobody was left"))
    }

    /// A talk with the server that is encrypted, and signed in where there is a user.
    async fn signed_in(&self) -> Result<Talk<'a, Encrypted>, Ended> {
        let password = match &self.server.credential {
            Some(handle) => Some((handle, self.attempt.credential(handle).await?)),
            None => None,
        };
        let MailServer { host, port, private, server_name, ca, .. } = self.server;
        let secure = |stream| self.attempt.secure(stream, server_name, ca.as_deref());
        let stream = self.attempt.open(host, *port, *private, LONGEST_TALK).await?;
        let mut talk = match self.server.tls {
            MailTls::Implicit => {
                let mut talk = Talk::over(self.attempt, secure(stream).await?);
                talk.hear(2, At::Greeting).await?;
                talk
            }
            MailTls::Starttls => {
                let mut plain = Talk::over(self.attempt, stream);
                plain.hear(2, At::Greeting).await?;
                if !plain.ask(HELLO, 2, At::Greeting).await?.offers("STARTTLS") {
                    return Err(CouldNot::NoTls("the server does not offer STARTTLS".to_owned()).into());
                }
                plain.ask("STARTTLS", 2, At::Greeting).await?;
                Talk::over(self.attempt, secure(plain.into_stream()?).await?)
            }
        };
        // What was offered before the connection was encrypted may have been anybody's words.
        let hello = talk.ask(HELLO, 2, At::Greeting).await?;
        let (Some(user), Some((handle, password))) = (&self.server.user, password) else { return Ok(talk) };
        let lines = sign_in(user, handle, &password, |way| hello.signs_in_by(way))?;
        let lines = lines.into_iter().map(|(command, secret)| (command, self.attempt.uses(secret)));
        let lines: Vec<(&str, Arc<Sensitive>)> = lines.collect();
        for (at, (command, secret)) in lines.iter().enumerate() {
            let wanted = if at + 1 == lines.len() { 2 } else { 3 };
            match talk.ask(&format!("{command}{}", secret.reveal()), wanted, At::SignIn).await {
                Err(Ended::Answered(no)) if no.refusal == Some(Refusal::Credential) => {
                    let detail = format!("credential \"{handle}\" of user \"{user}\": {}", no.detail);
                    return Err(Ended::Answered(Answer { detail, ..no }));
                }
                answered => answered?,
            };
        }
        Ok(talk)
    }
}

/// What is said to sign in (RFC 4954), line by line, each with what of it is secret. The last line is answered with
/// 235, those before it with 334.
fn sign_in(
    user: &str,
    handle: &Id,
    password: &Sensitive,
    offered: impl Fn(&str) -> bool,
) -> Result<Vec<(&'static str, Sensitive)>, CouldNot> {
    let password = password.reveal();
    if password.contains(char::is_control) || password.is_empty() {
        let why = "a password is one line; store it again without what stands around it";
        return Err(CouldNot::NoCredential(format!("credential \"{handle}\": {why}")));
    }
    if offered("PLAIN") {
        let both = BASE64_STANDARD.encode(format!("\0{user}\0{password}"));
        Ok(vec![("AUTH PLAIN ", Sensitive::new(both))])
    } else if offered("LOGIN") {
        let [user, password] = [user, password].map(|text| ("", Sensitive::new(BASE64_STANDARD.encode(text))));
        Ok(vec![("AUTH LOGIN", Sensitive::new("")), user, password])
    } else {
        Err(CouldNot::NotImplemented("signing in by PLAIN or LOGIN".to_owned()))
    }
}

fn unsendable(why: &str) -> Ended {
    Ended::Answered(Answer::refused(Refusal::Here, why))
}

/// An address as mail can be sent to it. What would begin another line, or another command, is none.
fn mailbox(text: &str) -> Result<Mailbox, Ended> {
    let mailbox: Option<Mailbox> =
        Some(text).filter(|text| !text.contains(char::is_control)).and_then(|text| text.parse().ok());
    let mailbox = mailbox.filter(|mailbox| {
        let address: &str = mailbox.email.as_ref();
        address.len() <= 254 && address.is_ascii() && !address.contains([' ', '<', '>'])
    });
    mailbox.ok_or_else(|| unsendable(&format!("\"{text}\" is not an address mail can be sent to")))
}

fn recipients(letter: &Letter<'_>) -> Result<Vec<Mailbox>, Ended> {
    if letter.to.is_empty() || letter.to.len() > MOST_RECIPIENTS {
        return Err(unsendable(&format!("a message is for 1 to {MOST_RECIPIENTS} people")));
    }
    letter.to.iter().map(|to| mailbox(to)).collect()
}

fn message_id(key: &str, from: &Mailbox) -> Result<String, Ended> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if key.is_empty() || key.len() > 100 || !key.bytes().all(plain) {
        return Err(unsendable("the message's key cannot stand in an id"));
    }
    Ok(format!("<{key}@{}>", from.email.domain()))
}

fn message(letter: &Letter<'_>, from: &Mailbox, to: &[Mailbox], id: &str) -> Result<Vec<u8>, Ended> {
    if letter.subject.contains(char::is_control) {
        return Err(unsendable("the subject is not one line"));
    }
    if letter.text.len() > LONGEST_TEXT {
        return Err(unsendable("the text is longer than 1 MiB"));
    }
    let mut message = Message::builder().from(from.clone()).subject(letter.subject).message_id(Some(id.to_owned()));
    for to in to {
        message = message.to(to.clone());
    }
    let built = message.header(ContentType::TEXT_PLAIN).body(letter.text.to_owned());
    let mut built = built.map_err(|error| unsendable(&format!("the message cannot be made: {error}")))?;
    // RFC 3834: no notice of absence comes back for it.
    let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
    built.headers_mut().insert_raw(HeaderValue::new(automatic, "auto-generated".to_owned()));
    Ok(built.formatted())
}

#[cfg(test)]
mod tests {
    use lifeboat_domain::provider::Class;

    use super::*;

    const LETTER: Letter<'_> =
        Letter { key: "a-1", to: &["Ada <ada@range.test>"], subject: "Hello", text: "One\nTwo\n" };

    fn made(letter: &Letter<'_>) -> Result<String, Ended> {
        let from = mailbox("Lifeboat <lifeboat@range.test>")?;
        let id = message_id(letter.key, &from)?;
        Ok(String::from_utf8(message(letter, &from, &recipients(letter)?, &id)?).unwrap())
    }

    #[test]
    fn a_message_says_whose_it_is_and_that_a_program_made_it() {
        let made = made(&Letter { subject: "Zahlung fällt aus", text: "Grüße\n", ..LETTER }).unwrap();
        for line in [
            "From: Lifeboat <lifeboat@range.test>\r\n",
            "To: Ada <ada@range.test>\r\n",
            "Message-ID: <a-1@range.test>\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Content-Type: text/plain; charset=utf-8\r\n",
            "Date: ",
        ] {
            assert!(made.contains(line), "{line} in {made}");
        }
        assert!(made.is_ascii(), "{made}");
    }

    #[test]
    fn nothing_adds_a_header_a_recipient_or_a_command() {
        let hostile = "x\r\nBcc: eve@evil.test";
        let to = |to: &'static [&'static str]| Letter { to, ..LETTER };
        for (letter, words) in [
            (Letter { subject: hostile, ..LETTER }, "the subject is not one line"),
            (Letter { key: hostile, ..LETTER }, "the message's key cannot stand in an id"),
            (Letter { key: "", ..LETTER }, "the message's key cannot stand in an id"),
            (to(&[]), "a message is for 1 to 100 people"),
            (to(&["a@range.test"; 101]), "a message is for 1 to 100 people"),
            (to(&["a@range.test\r\nDATA"]), "is not an address"),
            (to(&["Ada\n <a@range.test>"]), "is not an address"),
            (to(&["\"a> SIZE=1\"@range.test"]), "is not an address"),
            (to(&["a@range.test, b@range.test"]), "is not an address"),
            (to(&["nobody"]), "is not an address"),
            (to(&["ä@range.test"]), "is not an address"),
        ] {
            match made(&letter) {
                Err(Ended::Answered(answer)) => {
                    assert_eq!((answer.class, answer.refusal), (Class::Refused, Some(Refusal::Here)));
                    assert!(answer.detail.contains(words), "{}", answer.detail);
                }
                other => panic!("{letter:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn signing_in_takes_what_the_server_offers_and_no_password_of_two_lines() {
        let handle: Id = "mail".parse().unwrap();
        let said = |password: &str, offered: &[&str]| {
            let lines = sign_in("ada", &handle, &Sensitive::new(password), |way| offered.contains(&way));
            let whole = |(command, secret): &(&str, Sensitive)| format!("{command}{}", secret.reveal());
            lines.map(|lines| lines.iter().map(whole).collect::<Vec<_>>())
        };
        assert_eq!(said("pw", &["PLAIN", "LOGIN"]).unwrap(), ["AUTH PLAIN AGFkYQBwdw=="]);
        assert_eq!(said("pw", &["LOGIN"]).unwrap(), ["AUTH LOGIN", "YWRh", "cHc="]);
        assert_eq!(said("pw", &["XOAUTH2"]), Err(CouldNot::NotImplemented("signing in by PLAIN or LOGIN".to_owned())));
        for odd in ["pw\n", "p\0w", ""] {
            assert!(matches!(said(odd, &["PLAIN"]), Err(CouldNot::NoCredential(_))), "{odd:?}");
        }
    }
}
