//! Objects drawn by chance over the whole list, read to their last byte and held against the database's rows.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use chrono::Utc;
use futures_util::{StreamExt, stream};
use lifeboat_domain::check::{
    ObjectSampleProbe, Outcome,
    judge::{self, CouldNot, Draw, DrawnObject, FoundObject, NewestObject, ObjectRow, ObjectSample},
};
use md5::Md5;
use sha2::{Digest, Sha256};

use super::{Attempt, Bucket, Stage, fault, open, refusal};
use crate::probe::{network::innermost, rows};

/// Objects read at once.
const AT_ONCE: usize = 4;
/// How much of a piece is read.
const PIECE: u64 = 256 << 10;

pub(crate) async fn sample(attempt: &Attempt<'_>, probe: &ObjectSampleProbe) -> Result<Outcome, CouldNot> {
    let bucket = open(attempt, &probe.endpoint).await?;
    let now = Utc::now();
    let mut draw = Draw::new(probe.sample);
    let mut random = true;
    bucket
        .list(attempt, &probe.prefix, |object| {
            let NewestObject { key, size, modified } = object;
            let marker = size == 0 && key.ends_with('/');
            if marker || !key.ends_with(&probe.suffix) || !judge::settled(probe, modified, now) {
                return;
            }
            match getrandom::u64() {
                Ok(chance) => draw.offer(chance, key),
                Err(_) => random = false,
            }
        })
        .await?;
    if !random {
        return Err(CouldNot::Local("this computer gives no random numbers".to_owned()));
    }
    let (objects, mut keys) = draw.finish();
    let unread = |why| judge::rows_unread(&why);
    let mut database = rows::Reader::open(attempt, &probe.database).await.map_err(unread)?;
    draw_rows(attempt, probe, &mut database, &mut keys).await.map_err(unread)?;
    let before = rows_of(attempt, probe, &mut database, &keys).await.map_err(unread)?;
    attempt.now_at(Stage::Reading(0));
    let whole = probe.whole.bytes();
    let mut read_so_far = Vec::with_capacity(keys.len());
    let mut reading = stream::iter(keys.clone()).map(|key| read(attempt, &bucket, key, whole)).buffered(AT_ONCE);
    while let Some(found) = reading.next().await {
        read_so_far.push(found);
        attempt.now_at(Stage::Reading(read_so_far.len() as u64));
    }
    drop(reading);
    // What was written or deleted while we read cannot be judged by a row of before.
    let after = rows_of(attempt, probe, &mut database, &keys).await.map_err(unread)?;
    database.close().await;
    let drawn = read_so_far.into_iter().map(|(key, found)| {
        let (row, now) = (before.get(&key), after.get(&key));
        let found = if row == now { found } else { FoundObject::Changed };
        DrawnObject { row: row.cloned(), key, found }
    });
    Ok(judge::object_sample(probe, &ObjectSample { objects, drawn: drawn.collect() }))
}

/// Adds keys of rows drawn by chance, so that a row without its object is found.
async fn draw_rows(
    attempt: &Attempt<'_>,
    probe: &ObjectSampleProbe,
    database: &mut rows::Reader,
    keys: &mut Vec<String>,
) -> Result<(), CouldNot> {
    let Some(query) = &probe.rows else { return Ok(()) };
    let mut known: BTreeSet<String> = keys.iter().cloned().collect();
    for key in database.keys(attempt, query, probe.sample).await? {
        if known.insert(key.clone()) {
            keys.push(key);
        }
    }
    Ok(())
}

async fn rows_of(
    attempt: &Attempt<'_>,
    probe: &ObjectSampleProbe,
    database: &mut rows::Reader,
    keys: &[String],
) -> Result<BTreeMap<String, ObjectRow>, CouldNot> {
    let rows = database.rows(attempt, &probe.query, keys).await?;
    let read = |row| ObjectRow::read(row).map(|row| (row.key.clone(), row));
    rows.iter().map(read).collect()
}

/// Reads an object. Never fails: what kept it from being read is what was found.
async fn read(attempt: &Attempt<'_>, bucket: &Bucket<'_>, key: String, whole: u64) -> (String, FoundObject) {
    let found = reading(attempt, bucket, &key, whole).await.unwrap_or_else(FoundObject::Unread);
    (key, found)
}

async fn reading(attempt: &Attempt<'_>, bucket: &Bucket<'_>, key: &str, whole: u64) -> Result<FoundObject, CouldNot> {
    let Some(object) = get(attempt, bucket, key, None).await? else { return Ok(FoundObject::Gone) };
    let size = u64::try_from(object.content_length().unwrap_or(0)).unwrap_or(0);
    let etag = object.e_tag().map(str::to_owned);
    if size <= whole {
        return content(attempt, object, whole, etag).await;
    }
    drop(object);
    // The first, the last and one anywhere between: a store that lost a part of it cannot answer all three.
    let room = size.saturating_sub(PIECE);
    let anywhere = getrandom::u64().map_or(0, |chance| ((u128::from(chance) * u128::from(room)) >> 64) as u64);
    for from in [0, anywhere, room] {
        let until = (from + PIECE).min(size) - 1;
        let Some(piece) = get(attempt, bucket, key, Some((from, until))).await? else { return Ok(FoundObject::Gone) };
        let total = piece.content_range().and_then(|range| range.rsplit('/').next()).and_then(|all| all.parse().ok());
        if total != Some(size) {
            return Err(CouldNot::Garbled("the size of a piece differs from the object's".to_owned()));
        }
        let read = body(attempt, piece, until - from + 1, |_| {}).await?;
        if read != until - from + 1 {
            return Err(CouldNot::Garbled(format!("a piece has {read} bytes of {}", until - from + 1)));
        }
    }
    Ok(FoundObject::Pieces { size, etag })
}

async fn content(
    attempt: &Attempt<'_>,
    object: GetObjectOutput,
    whole: u64,
    etag: Option<String>,
) -> Result<FoundObject, CouldNot> {
    let (mut sha256, mut md5) = (Sha256::new(), Md5::new());
    let size = body(attempt, object, whole, |bytes| {
        sha256.update(bytes);
        md5.update(bytes);
    })
    .await?;
    let (sha256, md5) = (hex::encode(sha256.finalize()), hex::encode(md5.finalize()));
    Ok(FoundObject::Whole { size, sha256, md5, etag })
}

/// An object or a piece of it; nothing when it is not there.
async fn get(
    attempt: &Attempt<'_>,
    bucket: &Bucket<'_>,
    key: &str,
    range: Option<(u64, u64)>,
) -> Result<Option<GetObjectOutput>, CouldNot> {
    let range = range.map(|(from, until)| format!("bytes={from}-{until}"));
    match bucket.client.get_object().bucket(bucket.name).key(key).set_range(range).send().await {
        Ok(object) => Ok(Some(object)),
        Err(error) if refusal(&error).is_some_and(|refusal| refusal.code == "NoSuchKey") => Ok(None),
        Err(error) => Err(fault(attempt, &error, "an object")),
    }
}

/// Hands on what comes, and says how much it was. What goes on after what was announced is not read.
async fn body(
    attempt: &Attempt<'_>,
    mut object: GetObjectOutput,
    most: u64,
    mut take: impl FnMut(&[u8]),
) -> Result<u64, CouldNot> {
    let mut size = 0;
    while let Some(bytes) = object.body.next().await {
        let bytes =
            bytes.map_err(|error| attempt.fault_in(&error).unwrap_or_else(|| CouldNot::Garbled(innermost(&error))))?;
        size += bytes.len() as u64;
        if size > most {
            return Err(CouldNot::Garbled("more bytes come than were announced".to_owned()));
        }
        take(&bytes);
    }
    Ok(size)
}
