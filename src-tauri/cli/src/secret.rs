//! `lifeboat secret`: credentials by handle. A value comes from standard input or a prompt without echo, never from an
//! argument, and is never shown again.

use std::{
    fmt::Write as _,
    fs::File,
    io::{self, IsTerminal, Read},
    path::Path,
};

use clap::{Args, Subcommand};
use lifeboat_domain::{Code, Id, Problem, environment::credential::CredentialPlace, provider::StandingClaim};
use lifeboat_engine::{
    Engine,
    credential::{CredentialRow, CredentialState, CredentialTest, Credentials},
    secrets::{FileState, Sensitive},
};
use serde::Serialize;

use crate::{
    Place,
    answer::{Answer, Ending, time, visible},
    progress,
};

/// The most that is read as a value or a passphrase, in bytes.
const LONGEST: u64 = 1 << 20;

#[derive(Debug, Subcommand)]
pub(crate) enum SecretVerb {
    /// Store a credential, from standard input or a prompt; one newline at its end is left out.
    Set {
        /// The handle the plan names.
        handle: String,
        /// Keep it in an encrypted file of the home instead of the keychain.
        #[arg(long)]
        file: bool,
    },
    /// Every credential the plan names, what needs it, and how it stands. No values.
    List,
    /// Try a credential where the environment needs it: reachable, authenticated, functional.
    Test(TestArguments),
    /// Remove a credential.
    Remove {
        /// The handle the plan names.
        handle: String,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct TestArguments {
    /// The handle the plan names.
    handle: Option<String>,
    /// All that the environment needs.
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Serialize)]
struct Kept {
    handle: Id,
    place: CredentialPlace,
}

#[derive(Debug, Serialize)]
struct Tests {
    tests: Vec<CredentialTest>,
}

pub(crate) async fn run(place: &Place, verb: SecretVerb, answer: Answer) -> Result<Ending, Problem> {
    match verb {
        SecretVerb::Set { handle, file } => {
            let handle = id(&handle)?;
            let engine = place.open().await?;
            let done = set(place, &engine, handle, file).await;
            engine.close().await;
            let kept = done?;
            answer.give(&kept, &format!("{} is stored in {}", kept.handle, kept.place.in_words()))?;
            Ok(Ending::Good)
        }
        SecretVerb::List => {
            let engine = place.open().await?;
            let credentials = engine.credentials().await;
            engine.close().await;
            let credentials = credentials?;
            answer.give(&credentials, &table(&credentials))?;
            Ok(Ending::Good)
        }
        SecretVerb::Test(TestArguments { handle, .. }) => {
            let handle = handle.as_deref().map(id).transpose()?;
            let engine = place.open().await?;
            let tests = progress::during("trying", test(place, &engine, handle)).await;
            engine.close().await;
            let tests = tests?;
            let ending = ending(&tests);
            let text = tests.iter().map(in_words).collect::<String>();
            answer.give(&Tests { tests }, &text)?;
            Ok(ending)
        }
        SecretVerb::Remove { handle } => {
            let handle = id(&handle)?;
            let engine = place.open().await?;
            let removed = remove(place, &engine, handle.clone()).await;
            engine.close().await;
            let kept = Kept { handle, place: removed? };
            answer.give(&kept, &format!("{} is removed from {}", kept.handle, kept.place.in_words()))?;
            Ok(Ending::Good)
        }
    }
}

fn id(handle: &str) -> Result<Id, Problem> {
    handle.parse().map_err(|_| {
        Problem::new(Code::Usage, format!("no credential is called \"{handle}\""))
            .field("handle")
            .hint("`lifeboat secret list` shows their handles.")
    })
}

async fn set(place: &Place, engine: &Engine, handle: Id, file: bool) -> Result<Kept, Problem> {
    let kept = if file { CredentialPlace::File } else { CredentialPlace::Keychain };
    let secret = value(&handle)?;
    if file && engine.credential_file() != FileState::Open {
        let is_new = engine.credential_file() == FileState::None;
        let passphrase = match &place.passphrase_file {
            Some(path) => passphrase_in(path)?,
            None => ask_passphrase(is_new)?,
        };
        engine.credential_file_open(passphrase).await?;
    }
    engine.credential_set(handle.clone(), secret, kept).await.map_err(|problem| match problem.code {
        Code::KeychainAbsent => {
            problem.hint("Start a keychain such as gnome-keyring, or choose an encrypted file with --file.")
        }
        _ => problem,
    })?;
    Ok(Kept { handle, place: kept })
}

async fn remove(place: &Place, engine: &Engine, handle: Id) -> Result<CredentialPlace, Problem> {
    unlock(place, engine).await?;
    engine.credential_remove(handle).await
}

async fn test(place: &Place, engine: &Engine, handle: Option<Id>) -> Result<Vec<CredentialTest>, Problem> {
    unlock(place, engine).await?;
    let handles = if let Some(handle) = handle {
        vec![handle]
    } else {
        let Credentials { rows, environment, .. } = engine.credentials().await?;
        let is_here = |row: &CredentialRow| row.uses.iter().any(|of| of.environment == environment);
        rows.into_iter().filter(is_here).map(|row| row.handle).collect()
    };
    let mut tests = Vec::with_capacity(handles.len());
    for handle in handles {
        tests.push(engine.credential_test(handle).await?);
    }
    Ok(tests)
}

/// Asks for the encrypted file's passphrase where there is somebody to ask.
async fn unlock(place: &Place, engine: &Engine) -> Result<(), Problem> {
    if engine.credential_file() == FileState::Locked && place.passphrase_file.is_none() && io::stdin().is_terminal() {
        engine.credential_file_open(ask_passphrase(false)?).await?;
    }
    Ok(())
}

/// The value: from whatever stands before a pipe, or typed unseen.
fn value(handle: &Id) -> Result<Sensitive, Problem> {
    if io::stdin().is_terminal() {
        return prompt(&format!("Value of {handle} (not shown): "));
    }
    read(io::stdin().lock(), "the value")
}

fn read(from: impl Read, what: &str) -> Result<Sensitive, Problem> {
    let unusable = |why: &str| Problem::new(Code::Usage, format!("{what} cannot be used: {why}")).field("value");
    // All the room at once, so that growing leaves no copies behind.
    let mut text = String::with_capacity(LONGEST as usize);
    let taken = from.take(LONGEST).read_to_string(&mut text);
    let mut secret = Sensitive::new(text);
    taken.map_err(|error| unusable(&error.to_string()))?;
    secret.without_last_newline();
    if secret.reveal().is_empty() {
        return Err(unusable("it is empty").hint("Write it to standard input, such as from a file with <."));
    }
    Ok(secret)
}

fn prompt(question: &str) -> Result<Sensitive, Problem> {
    rpassword::prompt_password(question).map(Sensitive::new).map_err(|error| {
        Problem::new(Code::NotAllowedNow, format!("nobody could be asked: {error}"))
            .hint("Without a terminal, give the value on standard input and the passphrase with --passphrase-file.")
    })
}

fn ask_passphrase(is_new: bool) -> Result<Sensitive, Problem> {
    if !is_new {
        return prompt("Passphrase of the encrypted file: ");
    }
    let first = prompt("A passphrase for the new encrypted file, 12 characters at least: ")?;
    if prompt("Once more: ")? != first {
        return Err(Problem::new(Code::Usage, "the two passphrases differ").field("passphrase"));
    }
    Ok(first)
}

/// The passphrase in a file that nobody else may read.
pub(crate) fn passphrase_in(path: &Path) -> Result<Sensitive, Problem> {
    use std::os::unix::fs::PermissionsExt;
    let shown = path.display();
    let problem = |why: String| {
        Problem::new(Code::PermissionDenied, format!("the passphrase in {shown} cannot be used: {why}"))
            .hint("Put it into a file of its own and make that private with chmod 600.")
            .field("passphrase-file")
    };
    let file = File::open(path).map_err(|error| problem(error.to_string()))?;
    let metadata = file.metadata().map_err(|error| problem(error.to_string()))?;
    // A pipe of the shell, as in <(...), is nobody else's.
    if metadata.is_file() && metadata.permissions().mode() & 0o077 != 0 {
        return Err(problem("others may read it".to_owned()));
    }
    read(file, "the passphrase")
}

fn table(credentials: &Credentials) -> String {
    let mut text = String::new();
    let width = credentials.rows.iter().map(|row| row.handle.as_str().len()).max().unwrap_or(0);
    for row in &credentials.rows {
        let state = match row.state {
            CredentialState::Stored => "✓ stored     ",
            CredentialState::InFile => "✓ in file    ",
            CredentialState::SessionOnly => "✓ session    ",
            CredentialState::Brought => "✓ brought    ",
            CredentialState::Missing => "▲ MISSING    ",
            CredentialState::Locked => "◐ locked     ",
            CredentialState::Unreadable => "▲ unreadable ",
        };
        let uses: Vec<String> =
            row.uses.iter().map(|of| format!("{}/{} {}", of.environment, of.endpoint, of.key)).collect();
        let worked = row.worked_at.map_or_else(|| "never".to_owned(), time);
        let _ = writeln!(
            text,
            "{state} {:width$}  last worked {worked}  {}{}",
            row.handle.as_str(),
            uses.join(", "),
            row.detail.as_ref().map_or_else(String::new, |why| format!("  ({})", visible(why)))
        );
    }
    if credentials.rows.is_empty() {
        text.push_str("the plan needs no credentials\n");
    }
    match credentials.file {
        FileState::None => {}
        FileState::Locked => text.push_str("The encrypted file is locked; --passphrase-file FILE opens it.\n"),
        FileState::Open => text.push_str("The encrypted file is open.\n"),
    }
    text
}

fn in_words(test: &CredentialTest) -> String {
    let mut text = String::new();
    let word = match test.accepted {
        StandingClaim::Yes => "✓ accepted    ",
        StandingClaim::No => "✕ not accepted",
        StandingClaim::NotKnown => "? not known   ",
    };
    let _ = writeln!(text, "{word}  {} in {}", test.handle, test.environment);
    for answer in &test.answers {
        let at = answer
            .check
            .as_ref()
            .map_or_else(|| answer.endpoint.to_string(), |check| format!("{} by check {check}", answer.endpoint));
        let claims = [
            ("reachable", answer.reachable),
            ("authenticated", answer.authenticated),
            ("functional", answer.functional),
        ]
        .map(|(what, claim)| match claim {
            StandingClaim::Yes => what.to_owned(),
            StandingClaim::No => format!("NOT {what}"),
            StandingClaim::NotKnown => format!("{what} not known"),
        });
        let _ = writeln!(text, "    {at}: {}: {}", claims.join(", "), visible(&answer.detail));
    }
    if let Some(advice) = &test.advice {
        let _ = writeln!(text, "    {}", visible(advice));
    }
    text
}

fn ending(tests: &[CredentialTest]) -> Ending {
    let claims = || {
        let answers = tests.iter().flat_map(|test| &test.answers);
        answers.flat_map(|answer| [answer.reachable, answer.authenticated, answer.functional])
    };
    if claims().any(|claim| claim == StandingClaim::No) {
        Ending::Bad
    } else if claims().any(|claim| claim == StandingClaim::NotKnown) {
        Ending::CouldNotCheck
    } else {
        Ending::Good
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_newline_at_the_end_is_no_part_of_a_value() {
        for (given, expected) in [
            ("a", Some("a")),
            ("a\n", Some("a")),
            ("a\r\n", Some("a")),
            ("a\n\n", Some("a\n")),
            ("{\n \"b\": 1\n}\n", Some("{\n \"b\": 1\n}")),
            (" a ", Some(" a ")),
            ("", None),
            ("\n", None),
        ] {
            let value = read(given.as_bytes(), "the value").ok();
            assert_eq!(value.as_ref().map(Sensitive::reveal), expected, "{given:?}");
        }
        let problem = read(&b"hunter2\xff"[..], "the value").unwrap_err();
        assert!(!problem.to_string().contains("hunter"), "{problem}");
    }
}
