use std::collections::BTreeSet;

use chrono::DateTime;
use proptest::prelude::*;
use ring::signature::{Ed25519KeyPair, KeyPair};
use uuid::Uuid;

use super::*;
use crate::{
    Id,
    status::{Health, HealthChange},
};

fn device(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// A whole chain of one entry for each text.
fn chain(texts: &[String]) -> Vec<Entry> {
    let mut walk = ChainWalk::start(device(7));
    let mut entries = Vec::new();
    for text in texts {
        let at = HybridTime { wall_ms: 1_000 + i64::try_from(walk.sequence()).unwrap(), counter: 0 };
        let (actor, kind) = ("person:amal".to_owned(), "fault-injected".to_owned());
        let clock_ms = walk.sequence().is_multiple_of(2).then_some(at.wall_ms);
        let entry = Entry::seal(device(7), walk.sequence() + 1, (at, clock_ms), actor, kind, text.clone(), walk.head());
        walk.step(&entry).unwrap();
        entries.push(entry);
    }
    entries
}

/// The place of the first fault, if any.
fn first_fault(entries: &[Entry]) -> Option<(usize, ChainFault)> {
    let mut walk = ChainWalk::start(device(7));
    entries.iter().enumerate().find_map(|(place, entry)| walk.step(entry).err().map(|fault| (place, fault)))
}

fn facts() -> Vec<Fact> {
    let id = |text: &str| -> Id { text.parse().unwrap() };
    let change = HealthChange {
        from: Health::Operational,
        to: Health::Outage,
        since: DateTime::UNIX_EPOCH,
        samples: 3,
        reason: "connection refused".to_owned(),
    };
    vec![
        Fact::PlanAdopted { document: "DR-1".to_owned(), version: "1.0".to_owned(), hash: "ab".to_owned() },
        Fact::HealthChanged {
            environment: id("range"),
            check: id("database-port"),
            name: "Database port".to_owned(),
            of: id("primary-database"),
            plan: "ab".to_owned(),
            change,
            answer: Some("refused".to_owned()),
        },
        Fact::WatchStarted { environment: id("range") },
        Fact::WatchStopped { environment: id("range") },
        Fact::BreakerOpened {
            environment: id("range"),
            provider: id("stripe"),
            name: "Stripe".to_owned(),
            failures: 5,
            reason: "status 503".to_owned(),
        },
        Fact::BreakerForced {
            environment: id("range"),
            provider: id("stripe"),
            name: "Stripe".to_owned(),
            to: None,
            reason: String::new(),
        },
        Fact::RangeStarted { size: "small".to_owned() },
        Fact::RangeStopped {},
        Fact::FaultInjected { fault: "api-down".to_owned() },
        Fact::FaultMended { fault: "api-down".to_owned() },
        Fact::DeviceKeyMade { key: "00ff".to_owned(), kept: KeyPlace::File },
        Fact::JournalRestored {
            from: device(8),
            sequence: 12,
            head: "ab".to_owned(),
            made: DateTime::UNIX_EPOCH,
            sha256: "cd".to_owned(),
        },
    ]
}

#[test]
fn every_fact_is_read_back_as_it_was() {
    for fact in facts() {
        let (kind, body) = fact.to_parts().unwrap();
        assert!(!kind.is_empty() && !body.contains("\"kind\""), "{body}");
        assert_eq!(Fact::from_parts(&kind, &body), Some(fact.clone()), "{kind} {body}");
        assert!(!fact.summary().ends_with('.') && !fact.summary().is_empty());
    }
    let bare = Fact::RangeStopped {}.to_parts().unwrap();
    assert_eq!(bare, ("range-stopped".to_owned(), "{}".to_owned()));
}

#[test]
fn entries_of_a_newer_lifeboat_are_shown_and_not_lost() {
    let at = HybridTime { wall_ms: 0, counter: 0 };
    for body in ["{\"environment\":\"range\",\"more\":1}", "not json"] {
        let (actor, kind) = ("system".to_owned(), "moon-landed".to_owned());
        let entry = Entry::seal(device(7), 1, (at, None), actor, kind, body.to_owned(), genesis(device(7)));
        let view = EntryView::from(&entry);
        assert_eq!(view.summary, "moon-landed (written by a newer Lifeboat)");
        assert_eq!(view.environment.as_deref(), body.starts_with('{').then_some("range"));
    }
}

#[test]
fn a_view_of_a_change_carries_check_and_health() {
    let (kind, body) = facts()[1].to_parts().unwrap();
    let at = HybridTime { wall_ms: 1_790_000_000_123, counter: 0 };
    let entry =
        Entry::seal(device(7), 1, (at, Some(1_790_000_000_120)), "schedule".to_owned(), kind, body, genesis(device(7)));
    let view = EntryView::from(&entry);
    assert_eq!(view.summary, "Database port is out: connection refused");
    assert_eq!((view.check.as_deref(), view.to), (Some("database-port"), Some(Health::Outage)));
    assert_eq!(view.at.timestamp_millis(), 1_790_000_000_120, "people are shown the wall clock");
    assert_eq!(view.id, format!("{}/1", device(7)));
}

/// The bytes that are hashed are a promise to everybody who verifies an export: they never change.
#[test]
fn the_hash_stays_what_it_is() {
    let at = HybridTime { wall_ms: 1_790_000_000_123, counter: 4 };
    let (actor, kind, body) = ("person:amal".to_owned(), "range-stopped".to_owned(), "{}".to_owned());
    let seal = |clock_ms| {
        Entry::seal(device(7), 1, (at, clock_ms), actor.clone(), kind.clone(), body.clone(), genesis(device(7)))
    };
    assert_eq!(genesis(device(7)).to_string(), "b5b3ec9555b9fe6aabbc93d819813fc1cd992df3628befc05607b9e39ad1e9fe");
    assert_eq!(seal(None).hash.to_string(), "28f2aecfb8cf733739907dd3ee3e759c3b16285beeff542a4b2978c5a62b23ba");
    // With the wall clock: computed by a program of its own from the words of the export.
    assert_eq!(
        seal(Some(1_790_000_000_000)).hash.to_string(),
        "243e50c016e13348e83b7ada3589536318d8559805d89a08b627b1c51dc13721"
    );
}

#[test]
fn fields_cannot_flow_into_each_other() {
    let at = HybridTime { wall_ms: 0, counter: 0 };
    let seal = |actor: &str, kind: &str, body: &str| {
        let [actor, kind, body] = [actor, kind, body].map(str::to_owned);
        Entry::seal(device(7), 1, (at, Some(0)), actor, kind, body, genesis(device(7))).hash
    };
    let hashes = [seal("ab", "c", "d"), seal("a", "bc", "d"), seal("a", "b", "cd"), seal("", "abcd", "")];
    let different: BTreeSet<Hash> = hashes.into_iter().collect();
    assert_eq!(different.len(), hashes.len());
}

#[test]
fn each_chain_begins_with_its_own_device() {
    let mut entries = chain(&["one".to_owned()]);
    assert_eq!(ChainWalk::start(device(8)).step(&entries[0]), Err(ChainFault::Altered));
    entries[0].device = device(8);
    assert_eq!(ChainWalk::start(device(8)).step(&entries[0]), Err(ChainFault::Altered));
    assert_ne!(genesis(device(7)), genesis(device(8)));
}

/// What is done to one entry of a chain.
#[derive(Debug, Clone, Copy)]
enum Tampering {
    /// A field holds something else.
    Alter,
    /// It is gone.
    Remove,
    /// It changes places with the next.
    Swap,
    /// It is there twice.
    Repeat,
    /// It was made anew, hash and all, without what follows.
    Reseal,
    /// It was made anew with a time before the entry before it.
    Backdate,
}

proptest! {
    #[test]
    fn time_goes_only_forward(walls in prop::collection::vec(any::<i64>(), 1..40)) {
        let mut highest = None;
        for wall in walls {
            let next = HybridTime::next(highest, wall);
            prop_assert!(Some(next) > highest || next.wall_ms == i64::MAX);
            prop_assert!(next.wall_ms >= wall);
            highest = Some(next);
        }
    }

    #[test]
    fn whatever_is_done_to_an_entry_inside_is_found(
        texts in prop::collection::vec("\\PC{0,12}", 3..12),
        place in any::<prop::sample::Index>(),
        tampering in 0usize..6,
        field in 0usize..9,
        bit in 0usize..4_096,
    ) {
        let mut entries = chain(&texts);
        prop_assert_eq!(first_fault(&entries), None);
        // Not the last: that its end was cut off or made anew is what a chain cannot show.
        let place = place.index(entries.len() - 1);
        let reseal = |entry: &Entry, at| {
            Entry::seal(entry.device, entry.sequence, (at, entry.clock_ms), entry.actor.clone(), entry.kind.clone(), format!("{}!", entry.body), entry.previous)
        };
        let kinds = [Tampering::Alter, Tampering::Remove, Tampering::Swap, Tampering::Repeat, Tampering::Reseal, Tampering::Backdate];
        let expected = match kinds[tampering] {
            Tampering::Alter => {
                alter(&mut entries[place], field, bit);
                place
            }
            Tampering::Remove => {
                entries.remove(place);
                place
            }
            Tampering::Swap => {
                entries.swap(place, place + 1);
                place
            }
            Tampering::Repeat => {
                entries.insert(place, entries[place].clone());
                place + 1
            }
            Tampering::Reseal => {
                entries[place] = reseal(&entries[place], entries[place].at);
                place + 1
            }
            Tampering::Backdate => {
                entries[place] = reseal(&entries[place], HybridTime { wall_ms: 1, counter: 0 });
                if place == 0 { 1 } else { place }
            }
        };
        prop_assert_eq!(first_fault(&entries).map(|(place, _)| place), Some(expected));
    }
}

/// Flips one bit of one field.
fn alter(entry: &mut Entry, field: usize, bit: usize) {
    let in_text = |text: &mut String| text.push(char::from(b'a' + u8::try_from(bit % 26).unwrap()));
    match field {
        0 => entry.device = Uuid::from_u128(entry.device.as_u128() ^ (1 << (bit % 128))),
        1 => entry.sequence ^= 1 << (bit % 64),
        2 => entry.at.wall_ms ^= 1 << (bit % 64),
        3 => entry.at.counter ^= 1 << (bit % 32),
        4 => in_text(&mut entry.actor),
        5 => in_text(&mut entry.body),
        6 => {
            entry.clock_ms = match entry.clock_ms {
                Some(_) if bit.is_multiple_of(2) => None,
                Some(before) => Some(before ^ (1 << (bit % 64))),
                None => Some(0),
            }
        }
        7 => entry.previous.0[bit % 32] ^= 1 << (bit % 8),
        _ => entry.hash.0[bit % 32] ^= 1 << (bit % 8),
    }
}

/// A checkpoint at the end of a chain, signed with a key made of one byte.
fn checkpoint(entries: &[Entry], seed: u8) -> Checkpoint {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
    let last = entries.last().unwrap();
    let mut checkpoint = Checkpoint {
        device: last.device,
        sequence: last.sequence,
        head: last.hash,
        at: last.at,
        clock_ms: 1_790_000_000_123,
        entries: last.sequence,
        key: PublicKey(pair.public_key().as_ref().try_into().unwrap()),
        signature: Signature([0; 64]),
    };
    checkpoint.signature = Signature(pair.sign(&checkpoint.signed_bytes()).as_ref().try_into().unwrap());
    checkpoint
}

#[test]
fn a_checkpoint_holds_for_its_chain_and_its_keys_only() {
    let entries = chain(&["one".to_owned(), "two".to_owned()]);
    let signed = checkpoint(&entries, 1);
    let (head, stranger) = (signed.head, checkpoint(&entries, 2).key);
    assert_eq!(signed.holds(head, [stranger, signed.key]), Ok(()));
    assert_eq!(signed.holds(head, [stranger]), Err(CheckpointFault::StrangeKey));
    assert_eq!(signed.holds(entries[0].hash, [signed.key]), Err(CheckpointFault::Rewritten));
    let changes: [fn(&mut Checkpoint); 8] = [
        |changed| changed.device = device(8),
        |changed| changed.sequence += 1,
        |changed| changed.head.0[31] ^= 1,
        |changed| changed.at.wall_ms += 1,
        |changed| changed.at.counter += 1,
        |changed| changed.clock_ms += 1,
        |changed| changed.entries += 1,
        |changed| changed.signature.0[5] ^= 1,
    ];
    for (place, change) in changes.iter().enumerate() {
        let mut changed = signed;
        change(&mut changed);
        assert_eq!(changed.holds(changed.head, [signed.key]), Err(CheckpointFault::Forged), "change {place}");
    }
    let mut other_key = signed;
    other_key.key = stranger;
    assert_eq!(other_key.holds(head, [stranger]), Err(CheckpointFault::Forged));
}

/// Like the hash of an entry, a promise to those who verify an export.
#[test]
fn the_signed_bytes_stay_what_they_are() {
    let bytes = checkpoint(&chain(&["one".to_owned()]), 1).signed_bytes();
    assert!(bytes.starts_with(b"lifeboat journal checkpoint 1\n"));
    assert_eq!(bytes.len(), 30 + 16 + 8 + 32 + 12 + 8 + 8 + 32);
}

#[test]
fn a_clock_that_was_set_back_is_noticed_and_changes_no_order() {
    let mut walk = ChainWalk::start(device(7));
    let mut told = Vec::new();
    for (number, clock_ms) in
        [Some(5_000), Some(9_000), Some(8_500), None, Some(9_000), Some(1)].into_iter().enumerate()
    {
        let at = HybridTime { wall_ms: 10_000, counter: u32::try_from(number).unwrap() };
        let (actor, kind, body) = ("system".to_owned(), "range-stopped".to_owned(), "{}".to_owned());
        let entry = Entry::seal(device(7), walk.sequence() + 1, (at, clock_ms), actor, kind, body, walk.head());
        told.push(walk.is_set_back(&entry));
        walk.step(&entry).unwrap();
    }
    assert_eq!(told, [false, false, false, false, false, true]);
}
