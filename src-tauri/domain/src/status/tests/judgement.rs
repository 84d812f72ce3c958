//! What the board says of checks together: own network, causes, flapping, maintenance, mute.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    boards::{bare_plan, id},
    *,
};
use crate::{check::FaultClass, plan::Id};

/// What a board is made of, to be changed before it is made.
struct World {
    healths: BTreeMap<Id, CheckHealth>,
    silences: Vec<Silence>,
    elsewhere: BTreeSet<Id>,
    not_running: bool,
}

impl World {
    /// Each check with its samples as letters, one a second, one enough for a change.
    fn of(samples: &[(&str, &str)]) -> Self {
        Self {
            healths: samples.iter().map(|(check, letters)| (id(check), folded(letters, 1).0)).collect(),
            silences: Vec::new(),
            elsewhere: ["answers", "port", "reads", "page"].map(id).into(),
            not_running: false,
        }
    }

    fn silent(mut self, kind: SilenceKind, scope: Scope, from: i64, until: i64) -> Self {
        let (entry, reason, by) = ("device/1".to_owned(), "upgrade".to_owned(), "person:amal".to_owned());
        self.silences.push(Silence { entry, kind, scope, from: at(from), until: at(until), reason, by });
        self
    }

    /// Marks the latest sample of a check with where its fault lies.
    fn fault(mut self, check: &str, fault: FaultClass) -> Self {
        let last = self.healths.get_mut(&id(check)).unwrap().last.as_mut().unwrap();
        last.fault = Some(fault);
        self
    }

    fn board(&self, now: i64) -> Board {
        Board::of(BoardInput {
            plan: &bare_plan(),
            environment: &id("production"),
            healths: &self.healths,
            running: &BTreeSet::new(),
            watching: Watching::Here,
            changes: Vec::new(),
            silences: self.silences.clone(),
            breakers: BTreeMap::new(),
            elsewhere: &self.elsewhere,
            not_running: self.not_running,
            now: at(now),
        })
        .unwrap()
    }
}

fn row<'b>(board: &'b Board, check: &str) -> &'b CheckRow {
    board.checks.iter().find(|row| row.id.as_str() == check).unwrap()
}

fn alarms(board: &Board) -> Vec<&str> {
    board.checks.iter().filter(|row| row.alerting).map(|row| row.id.as_str()).collect()
}

const GOOD: [(&str, &str); 4] = [("answers", "o"), ("port", "o"), ("reads", "o"), ("page", "o")];

fn good_but(check: &str, letters: &'static str) -> Vec<(&'static str, &'static str)> {
    GOOD.iter().map(|(name, good)| if *name == check { (*name, letters) } else { (*name, *good) }).collect()
}

#[test]
fn without_a_network_nothing_elsewhere_is_known_and_what_is_here_still_is() {
    let mut world = World::of(&[("answers", "oox"), ("port", "oo"), ("reads", "oo?"), ("page", "oo")])
        .fault("reads", FaultClass::OwnNetwork);
    world.elsewhere.remove(&id("answers"));
    // What answered did so before the network went.
    let board = world.board(5);
    assert_eq!(board.no_network.map(|found| found.since), Some(at(2)));
    for check in ["port", "reads", "page"] {
        let row = row(&board, check);
        assert_eq!((row.health, row.reason.as_str()), (Health::Unknown, "this computer has no network"), "{check}");
        assert!(!row.alerting);
    }
    assert_eq!(row(&board, "answers").health, Health::Outage, "what is on this computer needs no network");
    assert_eq!(alarms(&board), ["answers"]);
    assert_eq!(
        board.sentence,
        "This computer has no network, so nothing is known of what is elsewhere. \
         Application is out, so 2 critical functions do not work: Orders, Sign-in."
    );
    // Somebody answers again.
    let again = World::of(&[("answers", "ooo"), ("port", "oooo"), ("reads", "oo?"), ("page", "oo")])
        .fault("reads", FaultClass::OwnNetwork);
    assert_eq!(again.board(5).no_network, None);
    assert_eq!(row(&world.board(200), "port").reason, "last checked 3m 19s ago, then: said operational");
}

#[test]
fn one_provider_down_with_the_others_up_is_still_an_outage() {
    let board = World::of(&good_but("page", "ox")).fault("page", FaultClass::Silent).board(5);
    assert_eq!((board.no_network, row(&board, "page").health), (None, Health::Outage));
    assert_eq!(alarms(&board), ["page"]);
}

#[test]
fn a_failing_check_is_told_as_because_of_what_it_cannot_do_without() {
    let mut plan_with_provider = bare_plan();
    plan_with_provider.systems.get_mut(&id("application")).unwrap().provider = Some(id("messages"));
    let world = World::of(&[("answers", "ox"), ("port", "o"), ("reads", "o"), ("page", "ox")]);
    let board = Board::of(BoardInput {
        plan: &plan_with_provider,
        environment: &id("production"),
        healths: &world.healths,
        running: &BTreeSet::new(),
        watching: Watching::Here,
        changes: Vec::new(),
        silences: Vec::new(),
        breakers: BTreeMap::new(),
        elsewhere: &BTreeSet::new(),
        not_running: false,
        now: at(5),
    })
    .unwrap();
    let answers = row(&board, "answers");
    assert_eq!(answers.health, Health::Outage, "shown all the same");
    let because = answers.because.clone().unwrap();
    assert_eq!((because.part.as_str(), because.name.as_str()), ("messages", "Messages"));
    assert_eq!(answers.quiet, Some(Quiet::Because(because)));
    assert_eq!(alarms(&board), ["page"]);
    assert_eq!(board.sentence, "Messages is out, so 2 critical functions do not work: Orders, Sign-in.");
    // Only sign-in is hit, which stands on the application alone; what runs the application is the root all the same.
    plan_with_provider.functions.retain(|function, _| function.as_str() == "sign-in");
    let board = Board::of(BoardInput {
        plan: &plan_with_provider,
        environment: &id("production"),
        healths: &world.healths,
        running: &BTreeSet::new(),
        watching: Watching::Here,
        changes: Vec::new(),
        silences: Vec::new(),
        breakers: BTreeMap::new(),
        elsewhere: &BTreeSet::new(),
        not_running: false,
        now: at(5),
    })
    .unwrap();
    assert_eq!(board.sentence, "Messages is out, so Sign-in (critical) does not work.");
}

#[test]
fn maintenance_is_shown_for_what_it_is_and_tells_what_is_underneath() {
    let world = World::of(&good_but("port", "ox")).silent(SilenceKind::Maintenance, Scope::Part(id("database")), 0, 20);
    let board = world.board(5);
    let port = row(&board, "port");
    assert_eq!((port.health, port.underlying, port.alerting), (Health::Maintenance, Health::Outage, false));
    assert_eq!(port.quiet, Some(Quiet::Maintenance { until: at(20) }));
    assert!(port.reason.ends_with("(upgrade); outage: said outage"), "{}", port.reason);
    assert_eq!(row(&board, "reads").health, Health::Maintenance);
    assert_eq!(row(&board, "answers").health, Health::Operational);
    assert_eq!((board.stores[0].health, board.counts.maintenance), (Health::Maintenance, 2));
    assert_eq!(board.sentence, "2 of 4 checks are operational, 2 in maintenance.");
    assert_eq!(board.silences.len(), 1);
    // It ends by itself, and what is bad then alarms.
    let after = world.board(20);
    assert_eq!((alarms(&after), after.silences.len()), (vec!["port"], 0));
    assert_eq!(row(&after, "port").health, Health::Outage);
    // One that is planned is told and does nothing yet.
    let planned = World::of(&good_but("port", "ox")).silent(SilenceKind::Maintenance, Scope::Everything, 10, 20);
    let board = planned.board(5);
    assert_eq!((alarms(&board), board.silences.len()), (vec!["port"], 1));
    assert_eq!(planned.board(12).sentence, "Everything is in maintenance.");
}

#[test]
fn mute_changes_nothing_but_the_alarm() {
    let world = World::of(&good_but("port", "ox")).silent(SilenceKind::Mute, Scope::Check(id("port")), 0, 20);
    let board = world.board(5);
    let port = row(&board, "port");
    assert_eq!((port.health, port.alerting), (Health::Outage, false));
    assert_eq!(port.quiet, Some(Quiet::Muted { until: at(20) }));
    assert_eq!(board.sentence, World::of(&good_but("port", "ox")).board(5).sentence);
    assert_eq!(alarms(&world.board(20)), ["port"]);
}

#[test]
fn a_range_that_is_not_running_is_no_outage() {
    let mut world = World::of(&good_but("port", "ox"));
    world.not_running = true;
    let board = world.board(5);
    assert_eq!(board.sentence, "The practice range is not running, so nothing is known of it.");
    assert!(board.checks.iter().all(|row| row.health == Health::Unknown && row.reason.contains("lifeboat range up")));
    assert!(alarms(&board).is_empty());
}
