//! Copies against the recovery point and against what providers offer; integrity queries.

use std::collections::BTreeMap;

use chrono::Months;

use super::{FindingCode as Code, Linter, at, in_plan};
use crate::{
    backup::{BackupMethod, BackupSet, Edition, Proof, ProviderOffer},
    check::Probe,
    plan::{Id, quantity::Period},
};

const FILE: &str = "backups.toml";

impl Linter<'_> {
    pub(super) fn backups(&mut self) {
        self.copies_are_made_often_enough();
        for (id, set) in &self.plan.backups.sets {
            self.set_is_read(id, set);
            for (offer_id, offer) in &self.plan.backups.offers {
                if set.provider.as_ref() == Some(&offer.provider) {
                    self.set_is_offered(id, set, offer_id, offer);
                }
            }
        }
        self.retention_is_known();
        self.offers_are_fresh();
        self.queries_have_answers();
        self.queries_differ();
    }

    fn copies_are_made_often_enough(&mut self) {
        let rpo = self.plan.objectives.rpo.target;
        for (id, store) in &self.plan.stores {
            let promised = (store.backups.iter().enumerate())
                .filter_map(|(at, copy)| Some((copy.every?, in_plan(format!("stores.{id}.backups[{at}]")))));
            let sets = (self.plan.backups.sets.iter())
                .filter(|(_, set)| set.of.contains(id) && set.method != BackupMethod::Replication)
                .filter(|(_, set)| set.tables.is_empty() && !set.structure_only)
                .map(|(name, set)| {
                    let every = set.every.unwrap_or(Period::from_millis(0));
                    (every, at(FILE, format!("sets.{name}.every")))
                });
            let all: Vec<_> = promised.chain(sets).collect();
            let Some(finest) = all.iter().map(|(every, _)| *every).min() else { continue };
            if finest > rpo {
                let message = format!("\"{}\" is copied every {finest}, at most {rpo} may be lost", store.name);
                let places = all.into_iter().map(|(_, place)| place);
                let values: Vec<_> = places.chain([in_plan("objectives.rpo")]).collect();
                self.find(Code::BackupRarerThanRpo, message, values);
            }
        }
    }

    fn set_is_read(&mut self, id: &Id, set: &BackupSet) {
        let ours = set.provider.is_none() && !set.structure_only;
        if ours && matches!(set.proof, Proof::Nothing | Proof::Contents | Proof::Sample) {
            let how = match set.proof {
                Proof::Contents => "only its list of contents is read",
                Proof::Sample => "only a sample is read",
                Proof::Nothing | Proof::Read | Proof::Restore => "nothing of it is read",
            };
            let message = format!("\"{}\": {how} after it was made", set.name);
            self.find(Code::CopyNotReadWhole, message, [at(FILE, format!("sets.{id}.proof"))]);
        }
    }

    fn set_is_offered(&mut self, id: &Id, set: &BackupSet, offer_id: &Id, offer: &ProviderOffer) {
        let key = |key: &str| at(FILE, format!("sets.{id}.{key}"));
        let offered = |key: &str| at(FILE, format!("offers.{offer_id}.{key}"));
        let kept = |edition: &Edition| match set.method {
            BackupMethod::PointInTime => edition.point_in_time,
            BackupMethod::Snapshot => edition.daily,
            BackupMethod::Dump | BackupMethod::Copy | BackupMethod::Replication => None,
        };
        if let (Some(keep), BackupMethod::PointInTime | BackupMethod::Snapshot) = (set.keep, set.method) {
            let enough: Vec<&str> = (offer.editions.iter())
                .filter(|edition| kept(edition).is_some_and(|kept| kept >= keep))
                .map(|edition| edition.name.as_str())
                .collect();
            if enough.is_empty() {
                let message = format!("\"{}\" is kept for {keep}, which no edition offers", set.name);
                self.find(Code::RetentionNotOffered, message, [key("keep"), offered("editions")]);
            } else if enough.len() < offer.editions.len() {
                let message =
                    format!("\"{}\" is kept for {keep}, which only {} offers", set.name, enough.join(" and "));
                self.find(Code::RetentionOnlyInSomeEditions, message, [key("keep"), offered("editions")]);
            }
        }
        if offer.point_in_time_ends_daily && set.method == BackupMethod::Snapshot {
            let other = self.plan.backups.sets.iter().find(|(_, other)| {
                other.method == BackupMethod::PointInTime
                    && other.provider == set.provider
                    && other.of.iter().any(|store| set.of.contains(store))
            });
            if let Some((other_id, other)) = other {
                let message = format!("\"{}\" ends when \"{}\" begins", set.name, other.name);
                let values = [
                    at(FILE, format!("sets.{id}")),
                    at(FILE, format!("sets.{other_id}")),
                    offered("point-in-time-ends-daily"),
                ];
                self.find(Code::PointInTimeEndsDaily, message, values);
            }
        }
        if let (BackupMethod::PointInTime, Some(every), Some(loses)) =
            (set.method, set.every, offer.point_in_time_loses)
            && every != loses
        {
            let message = format!("\"{}\" is said to lose up to {every}, the provider says {loses}", set.name);
            self.find(Code::PromiseDiffersFromOffer, message, [key("every"), offered("point-in-time-loses")]);
        }
        if let Some(region) = &set.copied_to
            && !offer.other_regions
        {
            let message = format!("\"{}\" is said to be repeated to {region}, which is not offered", set.name);
            self.find(Code::RegionCopyNotOffered, message, [key("copied-to"), offered("other-regions")]);
        }
        for store in set.of.iter().filter(|store| offer.leaves_out.contains(store)) {
            let name = self.plan.name_of(store).unwrap_or(store.as_str());
            let message = format!("\"{}\" never contains \"{name}\"", set.name);
            self.find(Code::StoreLeftOut, message, [key("of"), offered("leaves-out")]);
        }
    }

    fn retention_is_known(&mut self) {
        let unknown: Vec<&Id> = (self.plan.backups.sets.iter())
            .filter(|(_, set)| set.keep.is_none() && set.method != BackupMethod::Replication)
            .map(|(id, _)| id)
            .collect();
        if !unknown.is_empty() {
            let message = format!("nobody has said how long {} of the copies are kept", unknown.len());
            let values = unknown.into_iter().map(|id| at(FILE, format!("sets.{id}"))).collect::<Vec<_>>();
            self.find(Code::RetentionUnknown, message, values);
        }
    }

    fn offers_are_fresh(&mut self) {
        for (id, offer) in &self.plan.backups.offers {
            let due = offer.checked.and_then(|checked| checked.last_day().checked_add_months(Months::new(12)));
            if due.is_none_or(|due| self.today > due) {
                let when = offer.checked.map_or_else(|| "never".to_owned(), |checked| checked.to_string());
                let message = format!("what \"{id}\" offers was last read: {when}");
                self.find(Code::OfferNotChecked, message, [at(FILE, format!("offers.{id}.checked"))]);
            }
        }
    }

    fn queries_have_answers(&mut self) {
        let open: Vec<_> = (self.plan.backups.queries.iter())
            .filter(|(_, query)| query.is.is_none() && query.at_least.is_none())
            .map(|(id, _)| at(FILE, format!("queries.{id}")))
            .collect();
        if !open.is_empty() {
            let message = format!("{} integrity queries have no right answer", open.len());
            self.find(Code::QueryWithoutAnswer, message, open);
        }
    }

    fn queries_differ(&mut self) {
        let plain = |query: &str| query.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        let mut asked: BTreeMap<String, (&str, (String, String))> = BTreeMap::new();
        let questions = self.plan.checks.iter().flat_map(|(id, check)| {
            let questions = if let Probe::Postgres(probe) = &check.probe { probe.questions.as_slice() } else { &[] };
            questions.iter().enumerate().map(move |(number, question)| {
                let place = at("checks.toml", format!("checks.{id}.questions[{number}]"));
                (question.query.as_str(), id.as_str(), place)
            })
        });
        let queries = (self.plan.backups.queries.iter())
            .map(|(id, query)| (query.query.as_str(), id.as_str(), at(FILE, format!("queries.{id}"))));
        for (query, name, place) in questions.chain(queries).collect::<Vec<_>>() {
            if let Some((other, first)) = asked.insert(plain(query), (name, place.clone())) {
                let message = format!("\"{other}\" and \"{name}\" ask the same");
                self.find(Code::QueryTwice, message, [first, place]);
            }
        }
    }
}
