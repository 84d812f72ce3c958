//! Mail, by SMTP.

use std::path::Path;

use lifeboat_domain::{
    check::Verdict::{self, Operational, Outage, Unknown},
    environment::{MailServer, MailTls, VendorTarget},
    plan::quantity::Period,
    provider::{Class, Effect, Observation, Refusal, Vendor},
};
use lifeboat_engine::{
    probe::Attempt,
    vendor::mail::{Letter, Mail},
};
use lifeboat_range::vendor::VendorFault::{self, *};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::world::World;

const LETTER: Letter<'_> = Letter {
    key: "incident-7.update-1",
    to: &["Ada <ada@range.test>", "bounce@range.test", "eve@range.test"],
    subject: "Zahlungen gehen nicht durch",
    text: "Hello\n.\nThis line stands behind one that is a dot.\n.. and so does this.\n",
};

fn server(world: &World) -> MailServer {
    let VendorTarget::Mail(server) = world.target("mail") else { panic!("not mail") };
    server.clone()
}

async fn sent(attempt: &Attempt<'_>, server: &MailServer, letter: &Letter<'_>) -> Vec<(Class, Option<Refusal>)> {
    let answers = Mail::at(attempt, server).send(letter).await;
    answers.into_iter().map(|answer| (answer.class, answer.refusal)).collect()
}

#[tokio::test]
async fn a_mail_arrives_as_it_was_written_and_is_named_by_its_id() {
    let world = World::new().await;
    let (server, attempt) = (server(&world), world.attempt());
    let answers = Mail::at(&attempt, &server).send(&LETTER).await;
    assert_eq!(answers.len(), 3);
    for answer in &answers {
        assert_eq!((answer.class, answer.status), (Class::Accepted, Some(250)), "{answer:?}");
        assert_eq!(answer.reference.as_deref(), Some("<incident-7.update-1@range.test>"));
    }
    let mails = world.stand_ins.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].from, "lifeboat@range.test");
    assert_eq!(mails[0].to, ["ada@range.test", "bounce@range.test", "eve@range.test"]);
    let (head, body) = mails[0].content.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("Message-ID: <incident-7.update-1@range.test>"), "{head}");
    assert_eq!(body.trim_end().replace("\r\n", "\n"), LETTER.text.trim_end());
    let file = Path::new(&world.stand_ins.values()["mail.folder"]).join("0001.eml");
    assert_eq!(std::fs::read_to_string(file).unwrap(), mails[0].content);
}

#[tokio::test]
async fn a_server_that_is_encrypted_from_the_first_byte_takes_mail_too() {
    let world = World::new().await;
    let port = world.stand_ins.values()["mail.tls-port"].parse().unwrap();
    let server = MailServer { port, tls: MailTls::Implicit, ..server(&world) };
    let attempt = world.attempt();
    assert_eq!(sent(&attempt, &server, &LETTER).await[0], (Class::Accepted, None));
    assert_eq!(world.stand_ins.mails().len(), 1);
}

#[tokio::test]
async fn each_recipient_gets_an_answer_of_its_own() {
    let world = World::new().await;
    let (server, attempt) = (server(&world), world.attempt());
    world.breaks(Vendor::Mail, Bounce);
    let answers = Mail::at(&attempt, &server).send(&LETTER).await;
    let classes: Vec<_> = answers.iter().map(|answer| (answer.class, answer.refusal)).collect();
    let (taken, gone) = ((Class::Accepted, None), (Class::Refused, Some(Refusal::Gone)));
    assert_eq!(classes, [taken, gone, taken]);
    assert_eq!((answers[1].status, answers[1].code.as_deref()), (Some(550), Some("5.1.1")));
    assert_eq!(answers[1].observation, Observation::Neither);
    assert_eq!(world.stand_ins.mails()[0].to, ["ada@range.test", "eve@range.test"]);
    let alone = Letter { to: &["bounce@range.test"], ..LETTER };
    assert_eq!(sent(&attempt, &server, &alone).await, [gone]);
    assert_eq!(world.stand_ins.mails().len(), 1, "a message without recipients was sent");
}

#[tokio::test]
async fn greylisted_mail_is_tried_again_and_then_taken() {
    let world = World::new().await;
    let (server, attempt) = (server(&world), world.attempt());
    world.breaks(Vendor::Mail, Greylist);
    let answers = Mail::at(&attempt, &server).send(&LETTER).await;
    for answer in &answers {
        assert_eq!((answer.class, answer.observation), (Class::RetryLater, Observation::Neither), "{answer:?}");
    }
    assert!(world.stand_ins.mails().is_empty());
    assert_eq!(sent(&attempt, &server, &LETTER).await, [(Class::Accepted, None); 3]);
    assert_eq!(world.stand_ins.mails().len(), 1);
}

#[tokio::test]
async fn what_was_not_taken_is_tried_later_and_what_may_have_been_is_unknown() {
    let world = World::new().await;
    let (server, attempt) = (server(&world), world.attempt());
    for (fault, class, kept) in [
        (Full, Class::RetryLater, 0),
        (CutBefore, Class::RetryLater, 0),
        (NoStarttls, Class::RetryLater, 0),
        (Auth, Class::Refused, 0),
        (CutAfter, Class::Unknown, 1),
    ] {
        world.breaks(Vendor::Mail, fault);
        let answers = Mail::at(&attempt, &server).send(&LETTER).await;
        assert!(answers.iter().all(|answer| answer.class == class), "{fault:?}: {answers:?}");
        assert_eq!(world.stand_ins.mails().len(), kept, "{fault:?}");
    }
    let lost = &Mail::at(&attempt, &server).send(&LETTER).await[0];
    assert!(!lost.may_be_tried_again(Effect::EachTime), "{lost:?}");
}

#[tokio::test]
async fn a_server_that_takes_its_time_over_a_message_is_not_waited_for_and_may_have_taken_it() {
    let world = World::new().await;
    let server = server(&world);
    for (fault, class, kept) in [(Delay, Class::Unknown, 1), (Hang, Class::RetryLater, 1)] {
        world.breaks(Vendor::Mail, fault);
        let attempt = world.prober.attempt(&world.targets, Period::from_secs(1));
        let began = std::time::Instant::now();
        let answers = Mail::at(&attempt, &server).send(&LETTER).await;
        assert!(began.elapsed().as_millis() < 1_500, "{fault:?}: {:?}", began.elapsed());
        assert!(answers.iter().all(|answer| answer.class == class), "{fault:?}: {answers:?}");
        assert_eq!(world.stand_ins.mails().len(), kept, "{fault:?}");
    }
    world.breaks(Vendor::Mail, Delay);
    let patient = world.attempt();
    assert_eq!(sent(&patient, &server, &LETTER).await[0], (Class::Accepted, None));
}

#[tokio::test]
async fn a_check_signs_in_and_sends_nothing() {
    let world = World::new().await;
    let table: [(Option<VendorFault>, Verdict, &str); 9] = [
        (None, Operational, "reachable, authenticated, functional"),
        (Some(Bounce), Operational, "reachable, authenticated, functional"),
        (Some(Greylist), Operational, "reachable, authenticated, functional"),
        (Some(Auth), Unknown, "does not accept our credential"),
        (Some(NoStarttls), Outage, "cannot be reached (no TLS connection: the server does not offer STARTTLS)"),
        (Some(Full), Outage, "answers and does not work (4.3.1 Insufficient system storage)"),
        (Some(CutBefore), Outage, "cannot be reached (closed the connection before answering)"),
        (Some(CutAfter), Outage, "cannot be reached (closed the connection before answering)"),
        (Some(Hang), Outage, "cannot be reached (no answer within 2s)"),
    ];
    for (fault, verdict, words) in table {
        world.stand_ins.set_fault(Vendor::Mail, fault);
        let sample = world.look(&world.prober, "mail", Period::from_secs(2)).await;
        assert_eq!(sample.verdict, verdict, "{fault:?}: {}", sample.reason);
        assert!(sample.reason.contains(words), "{fault:?}: {}", sample.reason);
    }
    assert!(world.stand_ins.mails().is_empty());
}

#[tokio::test]
async fn a_credential_that_is_missing_wrong_or_unusable_is_named() {
    let world = World::new().await;
    for (prober, words) in [
        (world.with_secret("other", "x"), "credential \"range-smtp\": no credential is stored"),
        (world.with_secret("range-smtp", "two\nlines"), "credential \"range-smtp\": a password is one line"),
        (
            world.with_secret("range-smtp", "canary-hunter2"),
            "does not accept our credential (credential \"range-smtp\"",
        ),
    ] {
        let sample = world.look(&prober, "mail", Period::from_secs(10)).await;
        assert_eq!(sample.verdict, Unknown, "{}", sample.reason);
        assert!(sample.reason.contains(words), "{}", sample.reason);
    }
}

#[tokio::test]
async fn nobody_but_the_named_authority_and_no_address_that_is_not_allowed() {
    let world = World::new().await;
    let (server, attempt) = (server(&world), world.attempt());
    for (server, words) in [
        (MailServer { ca: None, ..server.clone() }, "certificate is from an unknown issuer"),
        (MailServer { server_name: "mail.evil.test".to_owned(), ..server.clone() }, "wrong name"),
        (MailServer { host: "169.254.169.254".to_owned(), ..server.clone() }, "not asked"),
        (
            MailServer { from: "a@range.test\r\nRCPT TO:<b@range.test>".to_owned(), ..server.clone() },
            "is not an address",
        ),
    ] {
        let answers = Mail::at(&attempt, &server).send(&LETTER).await;
        for answer in &answers {
            assert!(answer.detail.contains(words), "{words}: {}", answer.detail);
            assert_ne!(answer.class, Class::Unknown, "{}", answer.detail);
        }
    }
    assert!(world.stand_ins.mails().is_empty());
}

/// A server that says these things, one after each line it hears, and remembers what it heard.
async fn hostile(says: Vec<Vec<u8>>) -> (u16, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let talk = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = Vec::new();
        for words in says {
            let mut buffer = [0; 4_096];
            if stream.write_all(&words).await.is_err() {
                break;
            }
            let read = stream.read(&mut buffer).await.unwrap_or(0);
            heard.extend_from_slice(&buffer[..read]);
        }
        String::from_utf8_lossy(&heard).into_owned()
    });
    (port, talk)
}

#[tokio::test]
async fn nothing_secret_is_said_before_the_connection_is_encrypted() {
    let world = World::new().await;
    let password = &world.stand_ins.credentials()["range-smtp"];
    let greeting = b"220 mail.test\r\n".to_vec();
    let offer = b"250-mail.test\r\n250-AUTH PLAIN LOGIN\r\n250 STARTTLS\r\n".to_vec();
    for (says, words) in [
        (vec![greeting.clone(), b"250-mail.test\r\n250 AUTH PLAIN LOGIN\r\n".to_vec()], "does not offer STARTTLS"),
        // What comes in one piece with the go-ahead was not encrypted, whoever said it.
        (
            vec![greeting.clone(), offer.clone(), b"220 go\r\n250 AUTH PLAIN\r\n".to_vec()],
            "before the connection was encrypted",
        ),
        (vec![greeting.clone(), offer.clone(), b"454 not now\r\n".to_vec()], "not now"),
        (
            vec![greeting.clone(), offer.clone(), b"220 go\r\n".to_vec(), b"not TLS at all".to_vec()],
            "no TLS connection",
        ),
        (vec![b"554 <script>alert(1)</script>\x1b[31m\xe2\x80\xae go away\r\n".to_vec()], "go away"),
        (vec![[b"220-".to_vec(), vec![b'x'; 1 << 20]].concat()], "longer than anything of use"),
        (vec![b"220-x\r\n".repeat(1 << 16)], "longer than anything of use"),
    ] {
        let (port, talk) = hostile(says).await;
        let server = MailServer { port, ..server(&world) };
        let attempt = world.attempt();
        let answers = Mail::at(&attempt, &server).send(&LETTER).await;
        assert!(answers[0].detail.contains(words), "{words}: {:?}", answers[0]);
        assert!(!answers[0].detail.contains(['\u{1b}', '\u{202e}']), "{:?}", answers[0]);
        assert_ne!(answers[0].class, Class::Unknown, "{words}");
        talk.abort();
        if let Ok(heard) = talk.await {
            assert!(!heard.contains("AUTH") && !heard.contains(password), "{heard}");
        }
    }
}

#[tokio::test]
async fn a_password_does_not_come_back_however_it_was_written() {
    let world = World::new().await;
    let password = "canary-hunter2-canary";
    let prober = world.with_secret("range-smtp", password);
    let implicit = world.stand_ins.values()["mail.tls-port"].parse().unwrap();
    let starttls = server(&world);
    // The one signs in by PLAIN, the other by LOGIN.
    for server in [MailServer { port: implicit, tls: MailTls::Implicit, ..starttls.clone() }, starttls] {
        world.breaks(Vendor::Mail, Echo);
        let attempt = prober.attempt(&world.targets, Period::from_secs(10));
        let answers = Mail::at(&attempt, &server).send(&LETTER).await;
        let sample = world.look(&prober, "mail", Period::from_secs(10)).await;
        let all = format!("{answers:?} {sample:?}");
        assert!(all.contains("Not accepted"), "{all}");
        for secret in [password, "Y2FuYXJ5LWh1bnRlcjItY2FuYXJ5", "AGxpZmVib2F0AGNhbmFyeS1odW50ZXIyLWNhbmFyeQ=="] {
            assert!(!all.contains(secret), "{secret} in {all}");
        }
    }
}
