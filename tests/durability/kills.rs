//! `kill -9` at any moment. It shows that order and atomicity hold; that what is acknowledged is on disk and not only
//! in the operating system's memory is shown by `power_cut`.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::Stdio,
    time::{Duration, Instant},
};

use crate::{
    count,
    dice::Dice,
    examine::{Acknowledged, examine},
    say,
    script::Orders,
    world::World,
};

/// Lanes that kill at the same time, so that no processor waits.
const LANES: u64 = 3;
/// One kill in so many is the first of a fresh home.
const KILLS_OF_A_HOME: u64 = 12;

#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    kills: u64,
    acknowledged: usize,
    beyond: usize,
    before_a_word: u64,
}

#[test]
fn killed_at_any_moment_no_acknowledged_write_is_lost() {
    let (kills, seed) = (count("KILLS", 1_000), count("SEED", u64::from(std::process::id())));
    let since = Instant::now();
    let tallies: Vec<Tally> = std::thread::scope(|scope| {
        let lanes = (0..LANES).map(|lane| {
            let share = kills / LANES + u64::from(lane < kills % LANES);
            scope.spawn(move || kill_in_turn(seed.wrapping_add(lane << 32), share))
        });
        lanes.collect::<Vec<_>>().into_iter().map(|lane| lane.join().expect("a lane without a fault")).collect()
    });
    let sum = |of: fn(&Tally) -> usize| tallies.iter().map(of).sum::<usize>();
    let (done, acknowledged, beyond) =
        (sum(|lane| lane.kills as usize), sum(|lane| lane.acknowledged), sum(|lane| lane.beyond));
    say(&format!(
        "{done} kills (seed {seed}, {} s): {acknowledged} entries acknowledged, none lost; {beyond} there though never \
         acknowledged; {} kills before the first word",
        since.elapsed().as_secs(),
        sum(|lane| lane.before_a_word as usize),
    ));
    assert_eq!(done as u64, kills);
    assert!(acknowledged as u64 > kills, "the writers hardly wrote: {acknowledged}");
}

fn kill_in_turn(seed: u64, kills: u64) -> Tally {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut tally = Tally::default();
    let mut dice = Dice::new(seed);
    let (mut world, mut acknowledged) = (World::new(), Acknowledged::default());
    for kill in 0..kills {
        if dice.below(KILLS_OF_A_HOME) == 0 {
            (world, acknowledged) = (World::new(), Acknowledged::default());
        }
        let before = acknowledged.entries.len();
        kill_once(&world, &mut dice, &mut acknowledged);
        tally.acknowledged += acknowledged.entries.len() - before;
        tally.before_a_word += u64::from(acknowledged.entries.len() == before);
        assert!(acknowledged.failed.is_empty(), "seed {seed}, kill {kill}: refused: {:?}", acknowledged.failed);
        let found = runtime.block_on(examine(&world.home(), &world.plan(), &mut acknowledged));
        let found = found.unwrap_or_else(|fault| panic!("seed {seed}, kill {kill}: {fault}"));
        tally.beyond += found;
        tally.kills += 1;
    }
    tally
}

/// Starts the writer and kills it: after some of its words and a moment more, or at some moment of its start.
fn kill_once(world: &World, dice: &mut Dice, acknowledged: &mut Acknowledged) {
    let mut orders = Orders::of(world, dice.number() >> 16, 1_000_000);
    orders.acks = "/dev/stdout".into();
    orders.watch = dice.below(4) == 0;
    let starting = dice.below(if world.home().exists() { 8 } else { 2 }) == 0;
    let (words, moment) = if starting {
        (0, Duration::from_micros(dice.below(100_000)))
    } else {
        (dice.below(80), Duration::from_micros(dice.below(5_000)))
    };
    let mut child = orders.command().stdout(Stdio::piped()).spawn().expect("the writer starts");
    let mut out = BufReader::new(child.stdout.take().expect("its words"));
    let mut line = String::new();
    for _ in 0..words {
        // The test harness has its say on the same line as the first of ours.
        line.clear();
        out.read_line(&mut line).expect("a line");
        acknowledged.hear(ours(line.trim_end()));
    }
    // This sleep waits for nothing: it is the random moment.
    std::thread::sleep(moment);
    child.kill().expect("killed");
    let mut rest = String::new();
    out.read_to_string(&mut rest).expect("its last words");
    rest.lines().for_each(|line| acknowledged.hear(ours(line)));
    child.wait().expect("it has ended");
}

fn ours(line: &str) -> &str {
    line.find("... ").map_or(line, |at| &line[at + 4..])
}
