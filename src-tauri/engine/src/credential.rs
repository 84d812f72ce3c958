//! Credentials of the plan in force: which there are, stored, tried, removed. Handles and places come out of here;
//! values only go in.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use lifeboat_domain::{
    Id,
    environment::{
        EnvironmentKind, Target, Unbound,
        credential::{self, CredentialPlace, CredentialUse},
    },
    journal::Fact,
    plan::{quantity::Period, read::nearest},
    problem::{Code, Problem},
    provider::{Answer, Refusal, Standing, StandingClaim},
};
use serde::Serialize;
use ts_rs::TS;

use crate::{
    Engine,
    engine::Core,
    plans::ValuesFile,
    probe::{Prober, Targets},
    scheduler::Force,
    secrets::{FileState, Fixed, Found, Kept, Layered, SecretFault, Sensitive, within},
    vendor,
};

/// How long a keychain may take that asks nobody, and the encrypted file's passphrase.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a keychain may take that asks a person first.
const PERSON: Duration = Duration::from_mins(2);
/// How long one answer to a test may take.
const TEST_LIMIT: Period = Period::from_secs(15);
/// How long a removed credential can be had back.
const UNDO: Duration = Duration::from_secs(30);

/// How a credential stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum CredentialState {
    /// In the keychain.
    Stored,
    /// In the encrypted file.
    InFile,
    /// In this program's memory, until it ends.
    SessionOnly,
    /// The environment in force brings it along, as a practice range does.
    Brought,
    /// It is nowhere.
    Missing,
    /// It may be there: the keychain or the encrypted file has to be unlocked first.
    Locked,
    /// It is there and cannot be read.
    Unreadable,
}

/// One credential the plan names.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct CredentialRow {
    /// Its handle.
    pub handle: Id,
    /// What needs it, in every environment.
    pub uses: Vec<CredentialUse>,
    /// How it stands.
    pub state: CredentialState,
    /// Why it stands so, where there is more to say.
    pub detail: Option<String>,
    /// When it was stored, if that is known.
    pub set_at: Option<DateTime<Utc>>,
    /// When something that signs in with it last went well, since it was stored.
    pub worked_at: Option<DateTime<Utc>>,
}

/// Every credential the plan names.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct Credentials {
    /// The environment in force: what it needs stands first, and a test is made there.
    pub environment: Id,
    /// What the environment in force needs, then the rest, each by handle.
    pub rows: Vec<CredentialRow>,
    /// The encrypted file.
    pub file: FileState,
}

/// What one endpoint said to a credential.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct CredentialAnswer {
    /// Which endpoint.
    pub endpoint: Id,
    /// The check that was made, when it was one.
    pub check: Option<Id>,
    /// The interface answers.
    pub reachable: StandingClaim,
    /// It accepts the credential.
    pub authenticated: StandingClaim,
    /// What the credential is for works.
    pub functional: StandingClaim,
    /// What was found, in one line.
    pub detail: String,
}

/// What came of trying a credential.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[ts(export)]
pub struct CredentialTest {
    /// Its handle.
    pub handle: Id,
    /// In which environment.
    pub environment: Id,
    /// One for each endpoint that needs it, or for each check of one.
    pub answers: Vec<CredentialAnswer>,
    /// Whether it was accepted: by all, not by one, or nobody knows.
    pub accepted: StandingClaim,
    /// What to do when it was not, as a sentence that names it.
    pub advice: Option<String>,
}

impl Core {
    /// Does something with the vault where nobody else is kept waiting.
    async fn vault<T: Send + 'static>(
        &self,
        patience: Duration,
        work: impl FnOnce(&crate::secrets::Vault) -> Result<T, SecretFault> + Send + 'static,
    ) -> Result<T, SecretFault> {
        let vault = self.vault.clone();
        within(patience, move || work(&vault)).await
    }

    /// The uses of a handle the plan names.
    fn uses(force: &Force, handle: &Id) -> Result<Vec<CredentialUse>, Problem> {
        let mut named = credential::credentials(&force.plan);
        named.remove(handle).ok_or_else(|| {
            let hint = nearest(handle.as_str(), named.keys().map(Id::as_str)).map_or_else(
                || "Run `lifeboat secret list` to see every handle.".to_owned(),
                |near| format!("Did you mean \"{near}\"?"),
            );
            Problem::new(Code::Usage, format!("the plan needs no credential \"{handle}\"")).hint(hint).field("handle")
        })
    }

    async fn worked_at(&self, uses: &[CredentialUse], kept: Option<&Kept>) -> Option<DateTime<Utc>> {
        let mut newest = kept.and_then(|kept| kept.worked_at);
        for CredentialUse { environment, checks, .. } in uses {
            for check in checks {
                let found = self.journal.last_good(environment, check).await.unwrap_or_else(|error| {
                    tracing::debug!(%error, "samples could not be read");
                    None
                });
                newest = newest.max(found);
            }
        }
        // What worked before it was replaced was another one.
        newest.filter(|at| kept.is_none_or(|kept| kept.set_at <= *at))
    }
}

fn state(found: &Found) -> (CredentialState, Option<String>) {
    match found {
        Found::There(CredentialPlace::Keychain) => (CredentialState::Stored, None),
        Found::There(CredentialPlace::File) => (CredentialState::InFile, None),
        Found::There(CredentialPlace::Session) => (CredentialState::SessionOnly, None),
        Found::Missing => (CredentialState::Missing, None),
        Found::Locked(CredentialPlace::File) => {
            (CredentialState::Locked, Some("the encrypted file is locked".to_owned()))
        }
        Found::Locked(_) => (CredentialState::Locked, Some("the keychain is locked or does not answer".to_owned())),
        Found::Unreadable(why) => (CredentialState::Unreadable, Some(why.clone())),
    }
}

impl Engine {
    /// Every credential the plan names, and how each stands. Blocks as long as the keychain does, within ten seconds.
    pub async fn credentials(&self) -> Result<Credentials, Problem> {
        let core = &self.core;
        let force = core.force()?;
        let named = credential::credentials(&force.plan);
        let handles: Vec<Id> = named.keys().cloned().collect();
        let look = move |vault: &crate::secrets::Vault| {
            let mut locked = false;
            let found = handles.into_iter().map(|handle| {
                // One that is locked is asked once: each question may bring up a window.
                let found = if locked { Found::Locked(CredentialPlace::Keychain) } else { vault.look(&handle) };
                locked |= found == Found::Locked(CredentialPlace::Keychain);
                (handle, found)
            });
            Ok((found.collect::<BTreeMap<Id, Found>>(), vault.known()))
        };
        let looked = core.vault(PATIENCE, look).await;
        let (found, known) = looked.unwrap_or_else(|_| (BTreeMap::new(), core.vault.known()));
        let brought = force.values.current();
        let mut rows = Vec::with_capacity(named.len());
        for (handle, uses) in named {
            let unanswered = Found::Locked(CredentialPlace::Keychain);
            let of_range = |of: &CredentialUse| {
                force.plan.environments.get(&of.environment).is_some_and(|of| of.kind == EnvironmentKind::Range)
            };
            let (state, detail) = if brought.credentials.contains_key(&handle) {
                (CredentialState::Brought, None)
            } else if uses.iter().all(of_range) {
                (CredentialState::Brought, Some("it comes up with the practice range".to_owned()))
            } else {
                state(found.get(&handle).unwrap_or(&unanswered))
            };
            let kept = known.get(&handle).filter(|_| state != CredentialState::Brought);
            let worked_at = core.worked_at(&uses, kept).await;
            let set_at = kept.map(|kept| kept.set_at);
            rows.push(CredentialRow { handle, uses, state, detail, set_at, worked_at });
        }
        let is_here = |row: &CredentialRow| row.uses.iter().any(|of| of.environment == force.environment);
        rows.sort_by_key(|row| !is_here(row));
        Ok(Credentials { environment: force.environment.clone(), rows, file: core.vault.file() })
    }

    /// Keeps a credential, instead of what was there.
    ///
    /// # Errors
    /// When the plan does not name the handle, the value cannot be what is needed, or it cannot be kept there.
    pub async fn credential_set(&self, handle: Id, secret: Sensitive, place: CredentialPlace) -> Result<(), Problem> {
        let core = &self.core;
        let uses = Core::uses(&*core.force()?, &handle)?;
        for CredentialUse { endpoint, kind, key, .. } in &uses {
            if let Some(why) = credential::unusable(*kind, key, secret.reveal()) {
                let message = format!("this cannot be \"{handle}\", which {endpoint} needs as {key}: {why}");
                return Err(Problem::new(Code::Usage, message)
                    .hint("Copy it again, whole and without what stands around it. Nothing was changed.")
                    .field("value"));
            }
        }
        let (kept, now) = (handle.clone(), (core.clock)());
        core.vault(PERSON, move |vault| vault.set(&kept, &secret, place, now)).await?;
        self.note(Fact::CredentialStored { handle, place }).await;
        Ok(())
    }

    /// Takes a credential away from where it counts, and says where that was. For half a minute it can be had back.
    pub async fn credential_remove(&self, handle: Id) -> Result<CredentialPlace, Problem> {
        let core = &self.core;
        let of = handle.clone();
        let place = core.vault(PERSON, move |vault| vault.remove(&of)).await?;
        let (vault, of, ended) = (core.vault.clone(), handle.clone(), core.scheduler.ended().clone());
        tokio::spawn(async move {
            let _ = tokio::time::timeout(UNDO, ended.cancelled()).await;
            vault.forget(&of);
        });
        self.note(Fact::CredentialRemoved { handle, place }).await;
        Ok(place)
    }

    /// Puts a credential back that was removed less than half a minute ago.
    pub async fn credential_restore(&self, handle: Id) -> Result<CredentialPlace, Problem> {
        let core = &self.core;
        let (of, now) = (handle.clone(), (core.clock)());
        let place = core.vault(PERSON, move |vault| vault.restore(&of, now)).await.map_err(|fault| match fault {
            SecretFault::Missing => {
                Problem::new(Code::NotAllowedNow, "it is too late to have it back").hint("Add the credential again.")
            }
            fault => fault.into(),
        })?;
        self.note(Fact::CredentialStored { handle, place }).await;
        Ok(place)
    }

    /// How the encrypted file stands.
    pub fn credential_file(&self) -> FileState {
        self.core.vault.file()
    }

    /// Opens the encrypted file, or makes ready to write one under this passphrase.
    pub async fn credential_file_open(&self, passphrase: Sensitive) -> Result<FileState, Problem> {
        let core = &self.core;
        core.vault(PATIENCE, move |vault| vault.open_file(&passphrase)).await?;
        Ok(core.vault.file())
    }

    /// Tries a credential at every endpoint of the environment in force that needs it.
    pub async fn credential_test(&self, handle: Id) -> Result<CredentialTest, Problem> {
        let core = &self.core;
        let force = core.force()?;
        let uses = Core::uses(&force, &handle)?;
        let environment = force.environment.clone();
        let here: Vec<&CredentialUse> = uses.iter().filter(|of| of.environment == environment).collect();
        if here.is_empty() {
            let others: Vec<&str> = uses.iter().map(|of| of.environment.as_str()).collect();
            return Err(Problem::new(Code::Usage, format!("nothing in {environment} needs \"{handle}\""))
                .hint(format!("It is needed in {}.", others.join(", ")))
                .field("environment"));
        }
        let prober = core.prober(&force)?;
        let mut answers = Vec::new();
        for of in here {
            answers.extend(try_at(&force, &prober, of).await);
        }
        let accepted = sum(&answers);
        if accepted == StandingClaim::Yes {
            let (of, now) = (handle.clone(), (core.clock)());
            if !force.values.current().credentials.contains_key(&handle)
                && let Err(fault) = core.vault(PATIENCE, move |vault| vault.worked(&of, now)).await
            {
                tracing::warn!(%fault, "a good test was not noted");
            }
        }
        self.note(Fact::CredentialTested { environment: environment.clone(), handle: handle.clone(), accepted }).await;
        let advice = answers.iter().find(|answer| answer.authenticated == StandingClaim::No).map(|answer| {
            format!(
                "{} does not accept \"{handle}\": it is wrong, expired or was taken back. Make a new one there and store \
                 it under the same name, under Settings, Credentials or with `lifeboat secret set {handle}`.",
                answer.endpoint
            )
        });
        Ok(CredentialTest { handle, environment, answers, accepted, advice })
    }

    /// Writes down what has happened already: a journal that cannot be written does not undo it.
    async fn note(&self, fact: Fact) {
        if let Err(problem) = self.append(fact).await {
            tracing::warn!(%problem, "fact not written");
        }
    }
}

impl Core {
    /// A prober with the credentials of now.
    fn prober(&self, force: &Force) -> Result<Prober, Problem> {
        let values = ValuesFile::look_now(&force.values);
        let provided = values.credentials.iter().map(|(handle, secret)| (handle.clone(), Sensitive::new(secret)));
        Prober::new(Arc::new(Layered::new(Arc::new(Fixed::new(provided)), self.vault.clone())))
    }
}

async fn try_at(force: &Force, prober: &Prober, of: &CredentialUse) -> Vec<CredentialAnswer> {
    let answer = |check: Option<&Id>, standing: Standing| CredentialAnswer {
        endpoint: of.endpoint.clone(),
        check: check.cloned(),
        reachable: standing.reachable,
        authenticated: standing.authenticated,
        functional: standing.functional,
        detail: standing.detail,
    };
    let nothing = |why: &str| vec![answer(None, Standing::of(Answer::refused(Refusal::Here, why)))];
    let target = match force.target(&of.endpoint) {
        Some(Ok(target)) => target,
        Some(Err(unbound)) => return nothing(&unbound.to_string()),
        None => return nothing(&Unbound::Absent.to_string()),
    };
    if let Target::Vendor(vendor) = &target {
        let targets = Targets::new();
        let attempt = prober.attempt(&targets, TEST_LIMIT);
        let standing = Box::pin(vendor::probe(&attempt, vendor)).await;
        return vec![answer(None, standing)];
    }
    let mut answers = Vec::new();
    for id in &of.checks {
        let Some(check) = force.checks.get(id) else { continue };
        let sample = Box::pin(prober.probe(check, &force.targets(check))).await;
        answers.push(answer(Some(id), credential::standing(sample.verdict, &sample.reason, sample.fault)));
    }
    if answers.is_empty() {
        return nothing("no check of the plan signs in there, so nobody can tell");
    }
    answers
}

/// Accepted by all who could be asked, and by one at least; not accepted when one says so.
fn sum(answers: &[CredentialAnswer]) -> StandingClaim {
    let says = |claim| answers.iter().any(|answer| answer.authenticated == claim);
    if says(StandingClaim::No) {
        StandingClaim::No
    } else if says(StandingClaim::Yes) {
        StandingClaim::Yes
    } else {
        StandingClaim::NotKnown
    }
}
