//! A recorded power cut: one run of the script, and for every sync in it the disk as a power cut just before would
//! have left it, in several ways. Each must open, whole, with everything that had been acknowledged by then.

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use crate::{
    count,
    disk::{Cut, Disk, Image, is_noise},
    examine::{Acknowledged, examine},
    recording::{self, Event, Run},
    say,
    script::Orders,
    world::{self, World},
};

/// Threads that open what is left.
const LANES: usize = 4;

/// The ways in which what was not synced is left, for the sync of a number: always without all of it, and of the others
/// so many in turn.
fn cuts(number: u64, others: usize) -> Vec<Cut> {
    let turn = [Cut::Kept, Cut::Some(number), Cut::Torn(512), Cut::Scattered(number), Cut::Torn(4_096)];
    let chosen = turn.iter().cycle().skip(number as usize % turn.len()).take(others.min(turn.len()));
    [Cut::Dropped, Cut::Strict, Cut::Named].iter().chain(chosen).copied().collect()
}

/// A disk as it was left, and what had been acknowledged by then.
pub(crate) struct Left {
    pub(crate) what: String,
    pub(crate) image: Image,
    pub(crate) acknowledged: Acknowledged,
}

fn recorded(seed: u64, steps: u64, disk: recording::Disk) -> (World, Run) {
    let world = World::new();
    let run = recording::run(&Orders::of(&world, seed, steps), disk, &world.beside("log"));
    run.ended.as_ref().expect("the script comes to its end");
    (world, run)
}

#[test]
fn a_power_cut_at_any_sync_loses_nothing_acknowledged() {
    let (steps, seed) = (count("STEPS", 200), count("SEED", 500));
    let others = count("OTHER_CUTS", 1) as usize;
    let since = Instant::now();
    let (world, run) = recorded(seed, steps, recording::Disk::Good);
    let (mut disk, mut acknowledged) = (Disk::default(), Acknowledged::default());
    // Two at a time are ready and one in each lane at work: images are large.
    let (send, receive) = std::sync::mpsc::sync_channel::<Left>(2);
    let receive = Mutex::new(receive);
    let (opened, empty) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let faults = Mutex::new(Vec::new());
    let mut syncs = 0;
    std::thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                let folder = world::folder();
                loop {
                    let next = receive.lock().unwrap().recv();
                    let Ok(left) = next else { return };
                    opened.fetch_add(1, Ordering::Relaxed);
                    empty.fetch_add(usize::from(left.acknowledged.entries.is_empty()), Ordering::Relaxed);
                    if let Err(fault) = runtime.block_on(survives(folder.path(), &world.plan(), &left)) {
                        faults.lock().unwrap().push(format!("{}: {fault}", left.what));
                    }
                }
            });
        }
        let mut known = HashSet::new();
        let events = run.events.iter().map(Some).chain([None]);
        for event in events {
            if matches!(event, Some(Event::Synced { .. }) | None) {
                syncs += 1;
                for cut in cuts(syncs, others) {
                    let image = disk.image(cut);
                    // The same files with the same to be found in them need not be opened twice.
                    let mut hasher = DefaultHasher::new();
                    (&image, acknowledged.entries.len(), acknowledged.samples.len(), acknowledged.files.len())
                        .hash(&mut hasher);
                    if known.insert(hasher.finish()) {
                        let what = format!("sync {syncs}, {cut:?}");
                        let left = Left { what, image, acknowledged: acknowledged.clone() };
                        send.send(left).expect("the lanes go on");
                    }
                }
            }
            match event {
                Some(Event::Said(text)) => text.lines().for_each(|line| acknowledged.hear(line)),
                Some(event) => disk.take(event),
                None => {}
            }
        }
        drop(send);
    });
    let faults = faults.into_inner().unwrap();
    assert!(
        faults.is_empty(),
        "seed {seed}: {} disks of {opened:?}, first: {:#?}",
        faults.len(),
        &faults[..faults.len().min(5)]
    );
    assert!(acknowledged.done && acknowledged.failed.is_empty(), "{:?}", acknowledged.failed);
    assert_same_as_on_disk(&disk.image(Cut::Kept), &world.home());
    say(&format!(
        "power cut at each of {syncs} syncs of {steps} operations (seed {seed}, {} s): {} disks as they may be left, \
         all opened; none of {} acknowledged entries, {} samples, {} exports and copies lost",
        since.elapsed().as_secs(),
        opened.load(Ordering::Relaxed),
        acknowledged.entries.len(),
        acknowledged.samples.len(),
        acknowledged.files.len(),
    ));
    assert!(syncs >= steps / 2, "{steps} operations in {syncs} syncs");
    assert!(empty.load(Ordering::Relaxed) < opened.load(Ordering::Relaxed) / 2, "hardly anything was acknowledged");
}

/// What was written down is all there was: replayed, it gives the files as they are.
fn assert_same_as_on_disk(image: &Image, home: &Path) {
    let mut there = Image::new();
    let mut folders = vec![home.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.to_string_lossy().ends_with("-shm") {
                let name = path.strip_prefix(home).expect("below the home").to_owned();
                let mut bytes = std::fs::read(&path).expect("the file");
                if is_noise(&name) {
                    bytes = (bytes.len() as u64).to_le_bytes().to_vec();
                }
                there.insert(name, bytes);
            }
        }
    }
    let lengths =
        |image: &Image| image.iter().map(|(path, bytes)| (path.clone(), bytes.len())).collect::<HashMap<_, _>>();
    assert!(*image == there, "recorded {:?}, there {:?}", lengths(image), lengths(&there));
}

/// Writes an image out and looks at it.
pub(crate) async fn survives(folder: &Path, plan: &Path, left: &Left) -> Result<(), String> {
    let home = folder.join("home");
    if home.exists() {
        std::fs::remove_dir_all(&home).map_err(|error| error.to_string())?;
    }
    std::fs::create_dir_all(&home).map_err(|error| error.to_string())?;
    for (path, bytes) in &left.image {
        let length = bytes.as_slice().try_into().map(u64::from_le_bytes).ok().filter(|_| is_noise(path));
        let path = home.join(path);
        let write = || match length {
            Some(length) => std::fs::File::create(&path)?.set_len(length),
            None => std::fs::write(&path, bytes),
        };
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| write());
        made.map_err(|error| error.to_string())?;
    }
    examine(&home, plan, &mut left.acknowledged.clone()).await.map(|_| ())
}

#[test]
fn a_disk_that_only_says_that_it_synced_is_found_to_lose_entries() {
    let (world, run) = recorded(3, 30, recording::Disk::Lying);
    let (mut disk, mut acknowledged) = (Disk::default(), Acknowledged::default());
    for event in &run.events {
        disk.take(event);
        if let Event::Said(text) = event {
            text.lines().for_each(|line| acknowledged.hear(line));
        }
    }
    assert!(acknowledged.entries.len() > 10, "the writer noticed nothing: {:?}", acknowledged.failed);
    let left = Left { what: "everything dropped".to_owned(), image: disk.image(Cut::Dropped), acknowledged };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let folder = world::folder();
    let fault = runtime.block_on(survives(folder.path(), &world.plan(), &left)).expect_err("lost entries are found");
    assert!(fault.contains("was acknowledged"), "{fault}");
}
