//! A disk that fails at the Nth call, for every N until a run has no failure: no space, a broken disk, a sync that
//! fails, a write that is cut short or interrupted. What is not acknowledged is refused in words, nothing hangs, and
//! the next start finds everything acknowledged. After a failed sync what was to be written is nowhere, though the
//! program still sees it (`disk`): nothing acknowledged later may rest on it.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use crate::{
    count,
    disk::{Cut, Disk},
    examine::{Acknowledged, examine},
    power_cut::{Left, survives},
    recording::{self, Event, Run},
    say,
    script::Orders,
    world::{self, World},
};

const LANES: usize = 4;
/// The ways in which a write fails; `full` is no space from that call on.
const WAYS: [&str; 5] = ["enospc", "full", "eio", "short", "eintr"];

#[derive(Debug, Default)]
struct Tally {
    runs: u64,
    refused: u64,
    unharmed: u64,
}

#[test]
fn whichever_write_fails_it_is_said_and_nothing_is_acknowledged_wrongly() {
    // With a stride of 1 each call fails in each way; with 5 each call fails in one of them, in turn; with 25 one in five.
    let stride = count("FAILURE_STRIDE", 25).max(1);
    let ways = WAYS.iter().zip(1..).map(|(way, turn)| (*way, if stride == 1 { 1 } else { turn }));
    for_every_call(ways.collect(), stride, "writes");
}

#[test]
fn whichever_sync_fails_nothing_acknowledged_later_rests_on_what_it_lost() {
    for_every_call(vec![("sync", 1)], 1, "syncs");
}

/// For each way, from its first call on, every so-manieth.
fn for_every_call(ways: Vec<(&'static str, u64)>, stride: u64, what: &str) {
    let (steps, seed) = (count("FAILURE_STEPS", 40), count("SEED", 40));
    let since = Instant::now();
    let tallies = Mutex::new(BTreeMap::<&str, Tally>::new());
    for (way, first) in ways {
        let next = AtomicU64::new(first);
        let faults = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..LANES {
                scope.spawn(|| {
                    loop {
                        let at = next.fetch_add(stride, Ordering::SeqCst);
                        match fail_at(at, way, seed, steps) {
                            Ok((hit, refused)) => {
                                let mut tallies = tallies.lock().unwrap();
                                let tally = tallies.entry(way).or_default();
                                tally.runs += u64::from(hit);
                                tally.refused += u64::from(hit && refused);
                                tally.unharmed += u64::from(hit && !refused);
                                if !hit {
                                    return;
                                }
                            }
                            Err(fault) => {
                                say(&format!("call {at}, {way}: {fault}"));
                                let mut faults = faults.lock().unwrap();
                                faults.push(format!("call {at}, {way}: {fault}"));
                                if faults.len() >= 5 {
                                    return;
                                }
                            }
                        }
                    }
                });
            }
        });
        let faults = faults.into_inner().unwrap();
        assert!(faults.is_empty(), "seed {seed}: {faults:#?}");
    }
    let tallies = tallies.into_inner().unwrap();
    let each: Vec<String> = tallies
        .iter()
        .map(|(way, tally)| format!("{way} {} ({} refused, {} unharmed)", tally.runs, tally.refused, tally.unharmed))
        .collect();
    say(&format!(
        "failing {what} of {steps} operations (seed {seed}, {} s): {}; none acknowledged wrongly, each restart clean",
        since.elapsed().as_secs(),
        each.join(", "),
    ));
    assert!(tallies.values().all(|tally| tally.runs >= steps / stride), "hardly anything failed: {tallies:?}");
    assert!(tallies.values().any(|tally| tally.refused > 0), "nothing was ever refused: {tallies:?}");
}

/// One run. Answers whether the failure was met, and whether anything was refused because of it.
fn fail_at(at: u64, way: &'static str, seed: u64, steps: u64) -> Result<(bool, bool), String> {
    let world = World::new();
    let orders = Orders::of(&world, seed, steps);
    let Run { events, ended } =
        recording::run(&orders, recording::Disk::Failing { at, with: way }, &world.beside("log"));
    ended?;
    let mut acknowledged = Acknowledged::default();
    acknowledged.hear_file(&orders.acks);
    if !acknowledged.done {
        return Err("the script did not come to its end".to_owned());
    }
    let hit = events.iter().any(|event| matches!(event, Event::Failed { .. }));
    if !hit && !acknowledged.failed.is_empty() {
        return Err(format!("nothing failed and yet: {:?}", acknowledged.failed));
    }
    for refusal in &acknowledged.failed {
        // What was tried, the code, the message.
        let mut words = refusal.splitn(3, ' ').skip(1);
        let (code, message) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if code.is_empty() || message.is_empty() || code == "bug" {
            return Err(format!("refused without a word on why: {refusal}"));
        }
    }
    let refused = !acknowledged.failed.is_empty();
    let said = acknowledged.failed.clone();
    let with_context = |fault: String| format!("{fault}; refused before: {said:?}");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    runtime.block_on(examine(&world.home(), &world.plan(), &mut acknowledged)).map_err(with_context)?;
    if way == "sync" && hit {
        runtime.block_on(cut_afterwards(&events, &world)).map_err(with_context)?;
    }
    Ok((hit, refused))
}

/// The power is cut after the failed sync: before each of the next syncs, before the last and at the end.
async fn cut_afterwards(events: &[Event], world: &World) -> Result<(), String> {
    let (mut disk, mut acknowledged, mut after) = (Disk::default(), Acknowledged::default(), None);
    let folder = world::folder();
    let last = events.iter().rposition(|event| matches!(event, Event::Synced { .. }));
    for (place, event) in events.iter().map(Some).chain([None]).enumerate() {
        let is_sync = matches!(event, Some(Event::Synced { .. }));
        if let Some(after) = &mut after
            && (event.is_none() || is_sync && (*after < 3 || Some(place) == last))
        {
            *after += 1;
            let (what, image) = (format!("event {place}"), disk.image(Cut::Dropped));
            let left = Left { what, image, acknowledged: acknowledged.clone() };
            survives(folder.path(), &world.plan(), &left).await.map_err(|fault| format!("cut at {place}: {fault}"))?;
        }
        match event {
            Some(Event::Said(text)) => text.lines().for_each(|line| acknowledged.hear(line)),
            Some(event) => {
                if matches!(event, Event::SyncFailed { .. }) {
                    after = Some(0);
                }
                disk.take(event);
            }
            None => {}
        }
    }
    Ok(())
}

/// What a failed sync lost is read all the same as long as the computer stays on: by the next start too, which must not
/// build on it. The writer is killed as its sync fails, is started again, and the power is cut before its syncs.
#[test]
fn a_start_after_a_failed_sync_and_a_kill_builds_on_nothing_that_is_not_on_disk() {
    let (stride, steps, seed) = (count("KILL_STRIDE", 4).max(1), count("FAILURE_STEPS", 40), count("SEED", 40));
    let since = Instant::now();
    let (next, runs, cuts) = (AtomicU64::new(1), AtomicU64::new(0), AtomicU64::new(0));
    let faults = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                while faults.lock().unwrap().len() < 5 {
                    let at = next.fetch_add(stride, Ordering::SeqCst);
                    match fail_and_kill_at(at, seed, steps) {
                        Ok(0) => return,
                        Ok(done) => {
                            runs.fetch_add(1, Ordering::SeqCst);
                            cuts.fetch_add(done, Ordering::SeqCst);
                        }
                        Err(fault) => faults.lock().unwrap().push(format!("sync {at}: {fault}")),
                    }
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "seed {seed}: {faults:#?}");
    let (runs, cuts) = (runs.into_inner(), cuts.into_inner());
    say(&format!(
        "killed as a sync fails, every {stride}. of {steps} operations (seed {seed}, {} s): {runs} restarts, {cuts} power \
         cuts in them; nothing acknowledged lost",
        since.elapsed().as_secs(),
    ));
    assert!(runs > steps / stride, "hardly any sync failed: {runs}");
}

/// One run that is killed at its failed sync, and the next. Answers with the power cuts; none when no sync failed.
fn fail_and_kill_at(at: u64, seed: u64, steps: u64) -> Result<u64, String> {
    let world = World::new();
    let killed = recording::Disk::Failing { at, with: "kill" };
    let Run { events, .. } = recording::run(&Orders::of(&world, seed, steps), killed, &world.beside("log"));
    if !events.iter().any(|event| matches!(event, Event::SyncFailed { .. })) {
        return Ok(0);
    }
    let (mut disk, mut acknowledged) = (Disk::default(), Acknowledged::default());
    let take = |disk: &mut Disk, acknowledged: &mut Acknowledged, event: &Event| match event {
        Event::Said(text) => text.lines().for_each(|line| acknowledged.hear(line)),
        event => disk.take(event),
    };
    for event in &events {
        take(&mut disk, &mut acknowledged, event);
    }
    let again = Orders::of(&world, seed + at, steps.min(6));
    let Run { events, ended } = recording::run(&again, recording::Disk::Good, &world.beside("log-again"));
    ended?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let (folder, mut cuts) = (world::folder(), 0);
    let (mut syncs, all) = (0, events.iter().filter(|event| matches!(event, Event::Synced { .. })).count() as u64);
    for event in events.iter().map(Some).chain([None]) {
        if matches!(event, Some(Event::Synced { .. }) | None) {
            syncs += 1;
            // The first are those of opening; afterwards now and then.
            if syncs <= 4 || syncs % 8 == at % 8 || syncs >= all {
                for cut in [Cut::Dropped, Cut::Some(syncs)] {
                    let what = format!("sync {syncs} of {all}, {cut:?}");
                    let left = Left { what, image: disk.image(cut), acknowledged: acknowledged.clone() };
                    let survived = runtime.block_on(survives(folder.path(), &world.plan(), &left));
                    survived.map_err(|fault| format!("cut at {}: {fault}", left.what))?;
                    cuts += 1;
                }
            }
        }
        if let Some(event) = event {
            take(&mut disk, &mut acknowledged, event);
        }
    }
    if !acknowledged.done || !acknowledged.failed.is_empty() {
        return Err(format!("the next run did not come to its end: {:?}", acknowledged.failed));
    }
    Ok(cuts)
}
