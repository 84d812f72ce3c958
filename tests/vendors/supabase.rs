//! Supabase's management interface.

use lifeboat_domain::{
    check::Verdict::{self, Operational, Outage, Unknown},
    environment::VendorTarget,
    plan::quantity::Period,
    provider::{
        Answer, Class, Observation, Refusal, Vendor,
        supabase::{
            Approved, ProjectBackupStatus, ProjectService, ProjectServiceStatus, ProjectStatus, RestorePointStatus,
        },
    },
};
use lifeboat_engine::{probe::Attempt, vendor::supabase::Supabase};
use lifeboat_range::vendor::VendorFault::{self, *};

use crate::{
    contract,
    world::{World, told},
};

fn at<'a>(world: &'a World, attempt: &'a Attempt<'a>) -> Supabase<'a> {
    let VendorTarget::Supabase { api, credential, project } = world.target("supabase") else { panic!("not Supabase") };
    Supabase::at(attempt, api, credential, project)
}

fn project(world: &World) -> &str {
    let VendorTarget::Supabase { project, .. } = world.target("supabase") else { panic!("not Supabase") };
    project
}

/// Everything that can be asked to be done, with leave for this project.
async fn all_acts(supabase: &Supabase<'_>, project: &str) -> Vec<Answer> {
    let leave = || Approved::by_typing(project);
    vec![
        supabase.restore_to(leave(), 1_790_000_000).await,
        supabase.restore_backup(leave(), 1).await,
        supabase.undo_to(leave(), "before").await,
        supabase.pause(leave()).await,
    ]
}

/// The answers to everything that can be read, where it was not told.
async fn all_reads(supabase: &Supabase<'_>) -> Vec<Answer> {
    let answers = [
        supabase.status().await.err(),
        supabase.health(&[ProjectService::Db]).await.err(),
        supabase.backups().await.err(),
        supabase.backup_schedule().await.err(),
        supabase.restore_point(None).await.err(),
        supabase.read_only().await.err(),
    ];
    answers.into_iter().map(|answer| answer.expect("a refusal")).collect()
}

/// The states the project is seen in until it works again.
async fn until_healthy(supabase: &Supabase<'_>) -> Vec<ProjectStatus> {
    let mut seen = Vec::new();
    while seen.last() != Some(&ProjectStatus::ActiveHealthy) {
        seen.push(supabase.status().await.unwrap());
        assert!(seen.len() < 10, "{seen:?}");
    }
    seen
}

#[tokio::test]
async fn a_check_tells_reachable_authenticated_and_functional_apart() {
    let world = World::new().await;
    let table: [(Option<VendorFault>, Verdict, &str); 11] = [
        (None, Operational, "reachable, authenticated, functional"),
        (Some(Unauthorized), Unknown, "does not accept our credential"),
        (Some(Forbidden), Unknown, "may not ask this"),
        (Some(NotFound), Outage, "answers and does not work"),
        (Some(TooMany), Unknown, "answers, and no more is known"),
        (Some(Failing), Outage, "answers and does not work"),
        (Some(Unavailable), Outage, "answers and does not work"),
        (Some(CutBefore), Outage, "cannot be reached (closed the connection"),
        (Some(Malformed), Outage, "the answer is not what the interface says"),
        (Some(Html), Outage, "the answer is not what the interface says"),
        (Some(Redirect), Outage, "answers and does not work"),
    ];
    for (fault, verdict, words) in table {
        world.stand_ins.set_fault(Vendor::Supabase, fault);
        let sample = world.look(&world.prober, "supabase", Period::from_secs(10)).await;
        assert_eq!(sample.verdict, verdict, "{fault:?}: {}", sample.reason);
        assert!(sample.reason.contains(words), "{fault:?}: {}", sample.reason);
    }
    world.mends(Vendor::Supabase);
    let attempt = world.attempt();
    assert_eq!(at(&world, &attempt).pause(Approved::by_typing(project(&world))).await.class, Class::Accepted);
    for (verdict, words) in [
        (Unknown, "nobody can tell whether Supabase works (the project is PAUSING)"),
        (Unknown, "nobody can tell whether Supabase works (the project is PAUSING)"),
        (Outage, "Supabase answers and does not work (the project is INACTIVE)"),
    ] {
        let sample = world.look(&world.prober, "supabase", Period::from_secs(10)).await;
        assert_eq!(told(&sample), (verdict, words));
    }
}

#[tokio::test]
async fn a_hostile_answer_ends_in_time_and_within_its_bound() {
    let world = World::new().await;
    for fault in [Hang, Drip, Endless, Bomb] {
        world.breaks(Vendor::Supabase, fault);
        let sample = world.look(&world.prober, "supabase", Period::from_secs(2)).await;
        assert_eq!(sample.verdict, Outage, "{fault:?}: {}", sample.reason);
        assert!(sample.latency_ms < 2_100.0, "{fault:?} took {} ms", sample.latency_ms);
    }
}

#[tokio::test]
async fn nothing_secret_comes_back_from_a_vendor_that_repeats_what_it_was_told() {
    let world = World::new().await;
    let token = world.secret_of("range-supabase");
    for fault in [Echo, Script] {
        world.breaks(Vendor::Supabase, fault);
        let sample = world.look(&world.prober, "supabase", Period::from_secs(10)).await;
        let attempt = world.attempt();
        let supabase = at(&world, &attempt);
        let (read, done) = (all_reads(&supabase).await, all_acts(&supabase, project(&world)).await);
        let all = format!("{sample:?} {read:?} {done:?}");
        assert!(!all.contains(&token), "{all}");
        assert!(!all.contains(['\u{1b}', '\u{202e}']), "{all}");
    }
}

#[tokio::test]
async fn what_is_told_of_a_project_is_read_in_full() {
    let world = World::new().await;
    let attempt = world.attempt();
    let supabase = at(&world, &attempt);
    assert_eq!(supabase.status().await.unwrap(), ProjectStatus::ActiveHealthy);
    let health = supabase.health(&[ProjectService::Auth, ProjectService::Db]).await.unwrap();
    assert_eq!(health.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["auth", "db"]);
    assert!(health.iter().all(|one| one.status == ProjectServiceStatus::ActiveHealthy), "{health:?}");
    let backups = supabase.backups().await.unwrap();
    let window = backups.window().unwrap();
    assert_eq!((window.latest - window.earliest).num_days(), 7);
    assert_eq!(backups.newest(), backups.backups[0].inserted_at);
    assert_eq!(backups.backups[2].status, ProjectBackupStatus::Failed);
    assert_eq!(supabase.backup_schedule().await.unwrap().schedule_for, "04:00:00");
    assert_eq!(supabase.set_backup_schedule("05:30:00").await.unwrap().schedule_for, "05:30:00");
    let refused = supabase.set_backup_schedule("half past five").await.unwrap_err();
    assert_eq!((refused.class, refused.refusal), (Class::Refused, Some(Refusal::Request)), "{refused:?}");
    assert!(!supabase.read_only().await.unwrap().override_enabled);
    assert_eq!(supabase.disable_read_only().await.class, Class::Accepted);
    let read_only = supabase.read_only().await.unwrap();
    assert!(read_only.override_enabled && read_only.override_active_until.is_some(), "{read_only:?}");
    for asked in world.stand_ins.asked(Vendor::Supabase) {
        // The bad time of day is the test's own.
        if !asked.body.windows(4).any(|part| part == b"half") {
            contract::keeps("supabase", &asked);
        }
    }
}

#[tokio::test]
async fn what_was_accepted_is_not_recovered_until_the_project_works_again() {
    use ProjectStatus::{ActiveHealthy, ComingUp, Inactive, Pausing, Restoring};
    let world = World::new().await;
    let attempt = world.attempt();
    let supabase = at(&world, &attempt);
    let leave = || Approved::by_typing(project(&world));
    let latest = supabase.backups().await.unwrap().window().unwrap().latest;

    let accepted = supabase.restore_to(leave(), latest.timestamp().unsigned_abs()).await;
    assert_eq!((accepted.class, accepted.status), (Class::Accepted, Some(201)), "{accepted:?}");
    let health = supabase.health(&[ProjectService::Db]).await.unwrap();
    assert_eq!(health[0].status, ProjectServiceStatus::ComingUp);
    // One restore at a time.
    let refused = supabase.restore_backup(leave(), 1).await;
    assert_eq!((refused.class, refused.refusal), (Class::Refused, Some(Refusal::Request)), "{refused:?}");
    assert_eq!(until_healthy(&supabase).await, [Restoring, Restoring, ActiveHealthy]);

    assert_eq!(supabase.restore_backup(leave(), 1).await.class, Class::Accepted);
    assert_eq!(until_healthy(&supabase).await, [Restoring, Restoring, ActiveHealthy]);

    assert_eq!(supabase.pause(leave()).await.class, Class::Accepted);
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(supabase.status().await.unwrap());
    }
    assert_eq!(seen, [Pausing, Pausing, Inactive]);
    assert_eq!(supabase.resume().await.class, Class::Accepted);
    assert_eq!(until_healthy(&supabase).await, [ComingUp, ComingUp, ActiveHealthy]);

    for answer in [supabase.restore_to(leave(), 1).await, supabase.restore_backup(leave(), 3).await] {
        assert_eq!((answer.class, answer.refusal), (Class::Refused, Some(Refusal::Request)), "{answer:?}");
    }
    for asked in world.stand_ins.asked(Vendor::Supabase) {
        contract::keeps("supabase", &asked);
    }
}

#[tokio::test]
async fn a_restore_point_is_gone_back_to_once_it_is_there() {
    let world = World::new().await;
    let attempt = world.attempt();
    let supabase = at(&world, &attempt);
    let leave = || Approved::by_typing(project(&world));
    assert_eq!(supabase.restore_point(None).await.unwrap_err().refusal, Some(Refusal::Gone));
    let made = supabase.make_restore_point("before & after").await.unwrap();
    assert_eq!((made.name.as_str(), made.status), ("before & after", RestorePointStatus::Pending));
    assert_eq!(supabase.undo_to(leave(), "before & after").await.refusal, Some(Refusal::Request));
    let mut point = made;
    for _ in 0..3 {
        point = supabase.restore_point(Some("before & after")).await.unwrap();
    }
    assert_eq!(point.status, RestorePointStatus::Available);
    assert!(point.completed_on.is_some());
    assert_eq!(supabase.restore_point(None).await.unwrap(), point);
    assert_eq!(supabase.undo_to(leave(), "before & after").await.class, Class::Accepted);
    assert_eq!(supabase.status().await.unwrap(), ProjectStatus::Restoring);
    for asked in world.stand_ins.asked(Vendor::Supabase) {
        contract::keeps("supabase", &asked);
    }
}

#[tokio::test]
async fn a_restore_whose_answer_was_lost_is_unknown_and_seen_at_the_project() {
    let world = World::new().await;
    let attempt = world.attempt();
    let supabase = at(&world, &attempt);
    for (fault, status) in [(CutBefore, ProjectStatus::ActiveHealthy), (CutAfter, ProjectStatus::Restoring)] {
        world.breaks(Vendor::Supabase, fault);
        let lost = supabase.restore_backup(Approved::by_typing(project(&world)), 1).await;
        assert_eq!((lost.class, lost.observation), (Class::Unknown, Observation::Failed), "{fault:?}: {lost:?}");
        world.mends(Vendor::Supabase);
        assert_eq!(supabase.status().await.unwrap(), status, "{fault:?}");
    }
}

#[tokio::test]
async fn every_class_of_answer_is_told_apart() {
    use Class::{Refused, RetryLater, Unknown};
    let world = World::new().await;
    let attempt = world.attempt();
    let supabase = at(&world, &attempt);
    for (fault, read, done, refusal) in [
        (Unauthorized, Refused, Refused, Some(Refusal::Credential)),
        (Forbidden, Refused, Refused, Some(Refusal::Permission)),
        (NotFound, Refused, Refused, Some(Refusal::Gone)),
        (TooMany, RetryLater, RetryLater, None),
        (Failing, RetryLater, Unknown, None),
        (Unavailable, RetryLater, Unknown, None),
        (CutBefore, RetryLater, Unknown, None),
        (Malformed, RetryLater, Unknown, None),
        (Html, RetryLater, Unknown, None),
    ] {
        world.breaks(Vendor::Supabase, fault);
        for answer in all_reads(&supabase).await {
            assert_eq!((answer.class, answer.refusal), (read, refusal), "{fault:?}: {answer:?}");
        }
        for answer in all_acts(&supabase, project(&world)).await {
            assert_eq!((answer.class, answer.refusal), (done, refusal), "{fault:?}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn nothing_is_destroyed_without_the_name_of_what_is_destroyed() {
    let world = World::new().await;
    let attempt = world.attempt();
    let supabase = at(&world, &attempt);
    let mut answers = all_acts(&supabase, "abcdefghijklmnopqrst").await;
    answers.extend(all_acts(&supabase, "").await);
    answers.push(supabase.undo_to(Approved::by_typing(project(&world)), &"n".repeat(21)).await);
    answers.push(supabase.health(&[]).await.unwrap_err());
    let VendorTarget::Supabase { api, credential, .. } = world.target("supabase") else { panic!() };
    for project in ["", "Abcdefghijklmnopqrst", "../../organizations/"] {
        let odd = Supabase::at(&attempt, api, credential, project);
        answers.extend(all_acts(&odd, project).await);
        answers.extend(all_reads(&odd).await);
        answers.push(odd.resume().await);
    }
    for answer in answers {
        assert_eq!((answer.class, answer.refusal), (Class::Refused, Some(Refusal::Here)), "{answer:?}");
    }
    assert!(world.stand_ins.asked(Vendor::Supabase).is_empty());
}

#[tokio::test]
async fn a_credential_that_is_missing_or_unusable_is_named() {
    let world = World::new().await;
    for (prober, words) in [
        (world.with_secret("other", "x"), "credential \"range-supabase\": no credential is stored"),
        (world.with_secret("range-supabase", "two\nlines"), "the credential cannot be sent in a header"),
        (world.with_secret("range-supabase", "sbp_wrong"), "Supabase does not accept our credential (Unauthorized)"),
    ] {
        let sample = world.look(&prober, "supabase", Period::from_secs(10)).await;
        assert_eq!(told(&sample).0, Unknown);
        assert!(sample.reason.contains(words), "{}", sample.reason);
    }
}
