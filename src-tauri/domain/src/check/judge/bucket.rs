//! Judging a bucket's settings, each on its own. A store that does not know a setting, or does not let us look, leaves
//! that setting unknown: it is neither good nor bad.

use chrono::{DateTime, Utc};

use super::{
    could_not::CouldNot,
    words::{line, quoted},
};
use crate::{
    check::{
        BucketAspect, BucketExpectation, BucketProbe, EncryptionExpectation, LifecycleExpectation, LockMode,
        ObjectLockExpectation, Outcome, ProbeKind, PublicAccessExpectation, PublicSwitch, RegionExpectation,
        ReplicationExpectation, VersioningExpectation,
    },
    plan::quantity::Period,
};

/// What a store says of one setting of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BucketSetting {
    /// The region it is in.
    Region(String),
    /// Whether earlier versions are kept.
    Versioning {
        /// Whether, and whether they once were.
        state: VersioningState,
        /// Whether deleting a version needs a second factor.
        second_factor: bool,
    },
    /// How long new objects are locked; nothing when object lock is off.
    ObjectLock(Option<ObjectLock>),
    /// The rules that copy objects elsewhere.
    Replication(Vec<ReplicationRule>),
    /// The switches against the public that are on.
    PublicAccess(Vec<PublicSwitch>),
    /// How new objects are encrypted; nothing when they are not.
    Encryption(Option<String>),
    /// The rules that delete.
    Lifecycle(Vec<DeletionRule>),
}

/// Whether earlier versions are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersioningState {
    /// They are.
    On,
    /// They were once.
    Suspended,
    /// They never were.
    Off,
}

/// A bucket's object lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectLock {
    /// How firmly and for how many days new objects are locked; nothing when each has to be locked by hand.
    pub retention: Option<(LockMode, u64)>,
}

/// A rule that copies objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicationRule {
    /// Whether it is on.
    pub enabled: bool,
    /// The bucket copied to.
    pub to: String,
}

/// A rule that deletes, if it is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletionRule {
    /// What it is called.
    pub name: String,
    /// It touches objects whose key begins so.
    pub prefix: String,
    /// What it deletes.
    pub deletes: Deletion,
}

/// What a rule deletes, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deletion {
    /// Objects after so many days.
    After(u64),
    /// Earlier versions after so many days.
    VersionsAfter(u64),
    /// Everything on a day.
    On(DateTime<Utc>),
}

/// Judges a bucket that could be reached; `region` is the one the environment says it is in. One answer for each
/// expectation, in their order.
pub fn bucket(probe: &BucketProbe, region: &str, answers: &[Result<BucketSetting, CouldNot>]) -> Outcome {
    let mut told = Vec::new();
    let mut outcomes = Vec::new();
    let asked = answers.iter().map(Some).chain(std::iter::repeat(None));
    for (expectation, answer) in probe.expect.iter().zip(asked) {
        let outcome = judge(expectation, region, answer);
        told.push(outcome.reason.clone());
        outcomes.push(outcome);
    }
    let all_good = told.join(", ");
    match Outcome::worst(outcomes) {
        None => Outcome::operational("can be reached"),
        Some(worst) if worst.verdict.weight() == 0 => Outcome::operational(all_good),
        Some(worst) => worst.answered(told.join("\n")),
    }
}

fn judge(expectation: &BucketExpectation, region: &str, answer: Option<&Result<BucketSetting, CouldNot>>) -> Outcome {
    let aspect = expectation.aspect.kind();
    let unknown = |why: &str| Outcome::unknown(format!("{aspect} is not known: {why}"));
    let setting = match answer {
        Some(Ok(setting)) => setting,
        // We were let in at the door, so it is only this that we may not see.
        Some(Err(CouldNot::CredentialRefused(why) | CouldNot::NotPermitted(why))) => {
            return unknown(&format!("does not let us look ({why})"));
        }
        Some(Err(why)) => {
            let judged = why.judge(ProbeKind::Bucket);
            return Outcome { reason: format!("{aspect} is not known: {}", judged.reason), ..judged };
        }
        None => return unknown("not asked"),
    };
    let judged = match (&expectation.aspect, setting) {
        (BucketAspect::Region(wanted), BucketSetting::Region(is)) => region_is(wanted, region, is),
        (BucketAspect::Versioning(wanted), BucketSetting::Versioning { state, second_factor }) => {
            versioning(wanted, *state, *second_factor)
        }
        (BucketAspect::ObjectLock(wanted), BucketSetting::ObjectLock(lock)) => object_lock(wanted, lock.as_ref()),
        (BucketAspect::Replication(wanted), BucketSetting::Replication(rules)) => replication(wanted, rules),
        (BucketAspect::PublicAccess(wanted), BucketSetting::PublicAccess(on)) => public_access(wanted, on),
        (BucketAspect::Encryption(wanted), BucketSetting::Encryption(is)) => encryption(wanted, is.as_deref()),
        (BucketAspect::Lifecycle(wanted), BucketSetting::Lifecycle(rules)) => lifecycle(wanted, rules),
        _ => return unknown("another setting was asked for"),
    };
    match judged {
        Ok(good) => Outcome::operational(good),
        Err(bad) => Outcome::new(expectation.otherwise.into(), bad),
    }
}

type Judged = Result<String, String>;

fn region_is(wanted: &RegionExpectation, region: &str, is: &str) -> Judged {
    let wanted = wanted.is.as_deref().unwrap_or(region);
    let is = line(is, 40);
    if is == wanted { Ok(format!("in {is}")) } else { Err(format!("in {is}, expected {wanted}")) }
}

fn versioning(wanted: &VersioningExpectation, state: VersioningState, second_factor: bool) -> Judged {
    match state {
        VersioningState::Suspended => Err("versioning is suspended".to_owned()),
        VersioningState::Off => Err("versioning is off".to_owned()),
        VersioningState::On if wanted.second_factor && !second_factor => {
            Err("deleting a version needs no second factor".to_owned())
        }
        VersioningState::On => Ok("versioning is on".to_owned()),
    }
}

fn object_lock(wanted: &ObjectLockExpectation, lock: Option<&ObjectLock>) -> Judged {
    let Some(lock) = lock else { return Err("object lock is off".to_owned()) };
    let Some((mode, days)) = lock.retention else {
        let free = wanted.mode.is_none() && wanted.at_least.is_none();
        let told = "object lock is on, but locks nothing by itself".to_owned();
        return if free { Ok(told) } else { Err(told) };
    };
    let holds = days_long(days);
    match wanted {
        ObjectLockExpectation { mode: Some(LockMode::Compliance), .. } if mode == LockMode::Governance => {
            Err("object lock is governance, expected compliance".to_owned())
        }
        ObjectLockExpectation { at_least: Some(least), .. } if holds < *least => {
            Err(format!("object lock holds for {holds}, expected at least {least}"))
        }
        ObjectLockExpectation { .. } => Ok(format!("{mode} lock for {holds}")),
    }
}

fn replication(wanted: &ReplicationExpectation, rules: &[ReplicationRule]) -> Judged {
    let Some(first) = rules.first() else { return Err("not replicated".to_owned()) };
    let mut on = rules.iter().filter(|rule| rule.enabled).peekable();
    let Some(some) = on.peek() else {
        return Err(format!("replication to {} is switched off", quoted(&first.to)));
    };
    match &wanted.to {
        None => Ok(format!("replicated to {}", line(&some.to, 80))),
        Some(to) if rules.iter().any(|rule| rule.enabled && rule.to == *to) => Ok(format!("replicated to {to}")),
        Some(to) => Err(format!("replicated to {}, expected {to}", quoted(&some.to))),
    }
}

fn public_access(wanted: &PublicAccessExpectation, on: &[PublicSwitch]) -> Judged {
    use PublicSwitch::{BlockPublicAcls, BlockPublicPolicy, IgnorePublicAcls, RestrictPublicBuckets};
    let all = [BlockPublicAcls, IgnorePublicAcls, BlockPublicPolicy, RestrictPublicBuckets];
    let off: Vec<&str> = (all.iter())
        .filter(|switch| !on.contains(switch) && !wanted.except.contains(switch))
        .map(|switch| switch.word())
        .collect();
    if off.is_empty() {
        Ok("public access is blocked".to_owned())
    } else {
        Err(format!("public access is not blocked: {} off", off.join(", ")))
    }
}

fn encryption(wanted: &EncryptionExpectation, is: Option<&str>) -> Judged {
    match (is.map(|is| line(is, 40)), &wanted.with) {
        (None, _) => Err("new objects are not encrypted".to_owned()),
        (Some(is), Some(with)) if is != *with => Err(format!("encrypted with {is}, expected {with}")),
        (Some(is), _) => Ok(format!("encrypted with {is}")),
    }
}

/// A rule may be narrowed further than by its prefix; it counts all the same, because it deletes some.
fn lifecycle(wanted: &LifecycleExpectation, rules: &[DeletionRule]) -> Judged {
    let touches =
        |rule: &&DeletionRule| rule.prefix.starts_with(&wanted.prefix) || wanted.prefix.starts_with(&rule.prefix);
    let too_soon = |rule: &DeletionRule| {
        let name = quoted(&rule.name);
        match rule.deletes {
            Deletion::After(days) if days_long(days) < wanted.keep => {
                Some(format!("rule {name} deletes after {}", days_long(days)))
            }
            Deletion::VersionsAfter(days) if days_long(days) < wanted.keep => {
                Some(format!("rule {name} deletes earlier versions after {}", days_long(days)))
            }
            Deletion::On(day) => Some(format!("rule {name} deletes everything on {}", day.format("%Y-%m-%d"))),
            Deletion::After(_) | Deletion::VersionsAfter(_) => None,
        }
    };
    match rules.iter().filter(touches).find_map(too_soon) {
        Some(rule) => Err(format!("{rule}, expected to be kept for {}", wanted.keep)),
        None => Ok(format!("no rule deletes within {}", wanted.keep)),
    }
}

fn days_long(days: u64) -> Period {
    Period::from_secs(days.saturating_mul(86_400))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{
        Otherwise,
        Verdict::{self, Degraded, Operational, Outage, Unknown},
        judge::StoreRefusal,
    };

    fn expect(aspect: BucketAspect) -> BucketExpectation {
        BucketExpectation { otherwise: Otherwise::Outage, aspect }
    }

    fn probe(expect: Vec<BucketExpectation>) -> BucketProbe {
        BucketProbe { endpoint: "bucket".parse().unwrap(), expect }
    }

    fn versions(second_factor: bool) -> BucketAspect {
        BucketAspect::Versioning(VersioningExpectation { second_factor })
    }

    fn lock(mode: Option<LockMode>, days: Option<u64>) -> BucketAspect {
        BucketAspect::ObjectLock(ObjectLockExpectation { mode, at_least: days.map(days_long) })
    }

    fn copied(to: Option<&str>) -> BucketAspect {
        BucketAspect::Replication(ReplicationExpectation { to: to.map(str::to_owned) })
    }

    fn rule(prefix: &str, deletes: Deletion) -> DeletionRule {
        DeletionRule { name: "old".to_owned(), prefix: prefix.to_owned(), deletes }
    }

    #[test]
    fn each_setting_is_judged_on_its_own() {
        use BucketSetting as Is;
        use LockMode::{Compliance, Governance};
        let locked = |mode, days| Is::ObjectLock(Some(ObjectLock { retention: Some((mode, days)) }));
        let is = |state, second_factor| Is::Versioning { state, second_factor };
        let to = |enabled, to: &str| ReplicationRule { enabled, to: to.to_owned() };
        let region = |is: Option<&str>| BucketAspect::Region(RegionExpectation { is: is.map(str::to_owned) });
        let shut = |except| BucketAspect::PublicAccess(PublicAccessExpectation { except });
        let sealed =
            |with: Option<&str>| BucketAspect::Encryption(EncryptionExpectation { with: with.map(str::to_owned) });
        let kept = |prefix: &str| {
            BucketAspect::Lifecycle(LifecycleExpectation { keep: days_long(30), prefix: prefix.to_owned() })
        };
        let all = vec![
            PublicSwitch::BlockPublicAcls,
            PublicSwitch::IgnorePublicAcls,
            PublicSwitch::BlockPublicPolicy,
            PublicSwitch::RestrictPublicBuckets,
        ];
        let day = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let table: Vec<(BucketAspect, BucketSetting, bool, &str)> = vec![
            (region(None), Is::Region("eu-west-1".to_owned()), true, "in eu-west-1"),
            (region(None), Is::Region("us-east-1".to_owned()), false, "in us-east-1, expected eu-west-1"),
            (region(Some("us-east-1")), Is::Region("us-east-1".to_owned()), true, "in us-east-1"),
            (versions(false), is(VersioningState::On, false), true, "versioning is on"),
            (versions(false), is(VersioningState::Suspended, true), false, "versioning is suspended"),
            (versions(false), is(VersioningState::Off, false), false, "versioning is off"),
            (versions(true), is(VersioningState::On, false), false, "deleting a version needs no second factor"),
            (versions(true), is(VersioningState::On, true), true, "versioning is on"),
            (lock(None, None), Is::ObjectLock(None), false, "object lock is off"),
            (
                lock(None, None),
                Is::ObjectLock(Some(ObjectLock { retention: None })),
                true,
                "object lock is on, but locks nothing by itself",
            ),
            (
                lock(None, Some(1)),
                Is::ObjectLock(Some(ObjectLock { retention: None })),
                false,
                "object lock is on, but locks nothing by itself",
            ),
            (lock(Some(Compliance), Some(30)), locked(Compliance, 30), true, "compliance lock for 30d"),
            (
                lock(Some(Compliance), None),
                locked(Governance, 30),
                false,
                "object lock is governance, expected compliance",
            ),
            (lock(Some(Governance), Some(30)), locked(Compliance, 90), true, "compliance lock for 90d"),
            (lock(None, Some(30)), locked(Compliance, 7), false, "object lock holds for 7d, expected at least 30d"),
            (copied(None), Is::Replication(vec![]), false, "not replicated"),
            (copied(None), Is::Replication(vec![to(false, "b")]), false, "replication to \"b\" is switched off"),
            (copied(None), Is::Replication(vec![to(false, "a"), to(true, "b")]), true, "replicated to b"),
            (
                copied(Some("a")),
                Is::Replication(vec![to(false, "a"), to(true, "b")]),
                false,
                "replicated to \"b\", expected a",
            ),
            (copied(Some("b")), Is::Replication(vec![to(true, "a"), to(true, "b")]), true, "replicated to b"),
            (shut(vec![]), Is::PublicAccess(all.clone()), true, "public access is blocked"),
            (
                shut(vec![]),
                Is::PublicAccess(all[..3].to_vec()),
                false,
                "public access is not blocked: restrict-public-buckets off",
            ),
            (shut(vec![all[3]]), Is::PublicAccess(all[..3].to_vec()), true, "public access is blocked"),
            (sealed(None), Is::Encryption(None), false, "new objects are not encrypted"),
            (sealed(None), Is::Encryption(Some("AES256".to_owned())), true, "encrypted with AES256"),
            (
                sealed(Some("aws:kms")),
                Is::Encryption(Some("AES256".to_owned())),
                false,
                "encrypted with AES256, expected aws:kms",
            ),
            (kept(""), Is::Lifecycle(vec![]), true, "no rule deletes within 30d"),
            (kept(""), Is::Lifecycle(vec![rule("", Deletion::After(30))]), true, "no rule deletes within 30d"),
            (
                kept("daily/"),
                Is::Lifecycle(vec![rule("", Deletion::After(29))]),
                false,
                "rule \"old\" deletes after 29d, expected to be kept for 30d",
            ),
            (
                kept("daily/"),
                Is::Lifecycle(vec![rule("daily/full", Deletion::VersionsAfter(7))]),
                false,
                "rule \"old\" deletes earlier versions after 7d, expected to be kept for 30d",
            ),
            (
                kept("daily/"),
                Is::Lifecycle(vec![rule("weekly/", Deletion::After(1))]),
                true,
                "no rule deletes within 30d",
            ),
            (
                kept(""),
                Is::Lifecycle(vec![rule("", Deletion::On(day))]),
                false,
                "rule \"old\" deletes everything on 2027-01-15, expected to be kept for 30d",
            ),
        ];
        for (aspect, setting, good, reason) in table {
            for otherwise in [Otherwise::Degraded, Otherwise::Outage] {
                let probe = probe(vec![BucketExpectation { otherwise, ..expect(aspect.clone()) }]);
                let outcome = bucket(&probe, "eu-west-1", &[Ok(setting.clone())]);
                let verdict = if good { Operational } else { Verdict::from(otherwise) };
                assert_eq!((outcome.verdict, outcome.reason.as_str()), (verdict, reason));
            }
        }
    }

    #[test]
    fn what_a_store_does_not_tell_is_unknown_and_never_hides_what_it_tells() {
        let refused = |status, code: &str| {
            Err(StoreRefusal { status, code: code.to_owned(), message: "words".to_owned() }.could_not())
        };
        for (answer, verdict, reason) in [
            (refused(501, "NotImplemented"), Unknown, "versioning is not known: not implemented there: words"),
            (refused(405, "MethodNotAllowed"), Unknown, "versioning is not known: not implemented there: words"),
            (
                refused(403, "AccessDenied"),
                Unknown,
                "versioning is not known: does not let us look (status 403: words)",
            ),
            (refused(503, "SlowDown"), Unknown, "versioning is not known: asks us to come less often"),
            (refused(500, "InternalError"), Outage, "versioning is not known: status 500: words"),
            (Ok(BucketSetting::Replication(vec![])), Unknown, "versioning is not known: another setting was asked for"),
        ] {
            let outcome = bucket(&probe(vec![expect(versions(false))]), "eu-west-1", &[answer]);
            assert_eq!((outcome.verdict, outcome.reason.as_str()), (verdict, reason));
        }
        let probe = probe(vec![
            expect(versions(false)),
            BucketExpectation { otherwise: Otherwise::Degraded, ..expect(lock(None, None)) },
            expect(copied(None)),
        ]);
        let on = Ok(BucketSetting::Versioning { state: VersioningState::On, second_factor: false });
        let answers = [on.clone(), Ok(BucketSetting::ObjectLock(None)), refused(501, "NotImplemented")];
        let outcome = bucket(&probe, "eu-west-1", &answers);
        assert_eq!((outcome.verdict, outcome.reason.as_str()), (Degraded, "object lock is off"));
        assert_eq!(outcome.answer.unwrap().lines().count(), 3, "every setting is told of");
        let outcome = bucket(&probe, "eu-west-1", &[on]);
        assert_eq!(
            (outcome.verdict, outcome.reason.as_str()),
            (Unknown, "object-lock is not known: not asked; and 1 more")
        );
        let reached = bucket(&BucketProbe { expect: Vec::new(), ..probe }, "eu-west-1", &[]);
        assert_eq!((reached.verdict, reached.reason.as_str()), (Operational, "can be reached"));
    }
}
