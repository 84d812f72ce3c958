//! Rules between the parts of a plan: every name that is used exists, fits its use, and nothing goes in circles.

mod endpoints;
mod parts;

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Plan,
    id::Id,
    place::PlanPlaces,
    read::{PlanFault, nearest},
};
use crate::{check::ProbeKind, environment::EndpointKind};

/// All faults between the parts; `places` tells where each value stands.
pub(super) fn judge(plan: &Plan, places: &PlanPlaces) -> Vec<PlanFault> {
    let mut judge = Judge { places, faults: Vec::new() };
    judge.names_are_unique(plan);
    judge.references_exist(plan);
    judge.functions_do_not_circle(plan);
    judge.endpoints_are_bound(plan);
    judge.guards_and_limits_fit(plan);
    judge.endpoints_are_safe(plan);
    judge.objectives_are_ordered(plan);
    judge.backups_fit(plan);
    judge.runbooks_fit(plan);
    judge.people_fit(plan);
    judge.messages_fit(plan);
    judge.other_parts_fit(plan);
    judge.faults
}

struct Judge<'a> {
    places: &'a PlanPlaces,
    faults: Vec<PlanFault>,
}

impl Judge<'_> {
    fn fault(&mut self, file: &str, field: &str, message: String, hint: Option<String>) {
        self.faults.push(self.places.fault(file, field, message, hint));
    }

    fn names_are_unique(&mut self, plan: &Plan) {
        let kinds: [(&str, Vec<&Id>); 4] = [
            ("functions", plan.functions.keys().collect()),
            ("systems", plan.systems.keys().collect()),
            ("stores", plan.stores.keys().collect()),
            ("providers", plan.providers.keys().collect()),
        ];
        let mut seen: BTreeMap<&Id, &str> = BTreeMap::new();
        for (kind, ids) in kinds {
            for id in ids {
                if let Some(first) = seen.insert(id, kind) {
                    let message = format!("\"{id}\" is also the name of one of the {first}");
                    self.fault(
                        "plan.toml",
                        &format!("{kind}.{id}"),
                        message,
                        Some("Give one of them another name.".to_owned()),
                    );
                }
            }
        }
    }

    fn refer(&mut self, file: &str, field: &str, id: &Id, known: &BTreeSet<&str>, what: &str) {
        if !known.contains(id.as_str()) {
            let hint = nearest(id.as_str(), known.iter().copied()).map(|near| format!("Did you mean \"{near}\"?"));
            self.fault(file, field, format!("no {what} is called \"{id}\""), hint);
        }
    }

    fn references_exist(&mut self, plan: &Plan) {
        let tiers: BTreeSet<&str> = plan.tiers.keys().map(Id::as_str).collect();
        let providers: BTreeSet<&str> = plan.providers.keys().map(Id::as_str).collect();
        let parts: BTreeSet<&str> = (plan.functions.keys())
            .chain(plan.systems.keys())
            .chain(plan.stores.keys())
            .chain(plan.providers.keys())
            .map(Id::as_str)
            .collect();
        for (id, function) in &plan.functions {
            self.refer("plan.toml", &format!("functions.{id}.tier"), &function.tier, &tiers, "tier");
            for (key, list) in [("requires", &function.requires), ("uses", &function.uses)] {
                for part in list {
                    let what = "function, system, store or provider";
                    self.refer("plan.toml", &format!("functions.{id}.{key}"), part, &parts, what);
                }
            }
        }
        let by_provider = (plan.systems.iter().map(|(id, system)| ("systems", id, &system.provider)))
            .chain(plan.stores.iter().map(|(id, store)| ("stores", id, &store.provider)));
        for (kind, id, provider) in by_provider {
            if let Some(provider) = provider {
                self.refer("plan.toml", &format!("{kind}.{id}.provider"), provider, &providers, "provider");
            }
        }
        for (id, provider) in &plan.providers {
            if let Some(other) = provider.fallback.as_ref().and_then(|fallback| fallback.provider.as_ref()) {
                self.refer("plan.toml", &format!("providers.{id}.fallback.provider"), other, &providers, "provider");
            }
        }
        for (id, check) in &plan.checks {
            let what = "function, system, store or provider";
            self.refer("checks.toml", &format!("checks.{id}.of"), &check.of, &parts, what);
        }
    }

    fn functions_do_not_circle(&mut self, plan: &Plan) {
        for start in plan.functions.keys() {
            let mut reached = BTreeSet::new();
            let mut waiting: Vec<&Id> = vec![start];
            while let Some(id) = waiting.pop() {
                let Some(function) = plan.functions.get(id) else { continue };
                for next in function.requires.iter().chain(&function.uses) {
                    if next == start {
                        let message = "depends on itself, directly or through others".to_owned();
                        self.fault("plan.toml", &format!("functions.{start}"), message, None);
                        waiting.clear();
                        break;
                    }
                    if reached.insert(next) {
                        waiting.push(next);
                    }
                }
            }
        }
    }

    fn guards_and_limits_fit(&mut self, plan: &Plan) {
        for (name, environment) in &plan.environments {
            let file = format!("environments/{name}.toml");
            let known: BTreeSet<&str> = environment.endpoints.keys().map(Id::as_str).collect();
            if let Some(network) = &environment.network {
                for reference in &network.references {
                    self.refer(&file, "network.references", reference, &known, "endpoint");
                }
                let different: BTreeSet<&Id> = network.references.iter().collect();
                if different.len() < 2 {
                    let hint = "Name two or more, of owners that do not depend on each other.".to_owned();
                    self.fault(&file, "network.references", "too few to tell by".to_owned(), Some(hint));
                }
            }
            let limits = environment.limits.clone().unwrap_or_default();
            for (key, limit) in [("in-all", limits.in_all), ("per-host", limits.per_host)] {
                if !(1..=10_000).contains(&limit) {
                    let message = format!("{limit} is not a usable number of checks at once");
                    self.fault(&file, &format!("limits.{key}"), message, Some("Between 1 and 10000.".to_owned()));
                }
            }
        }
    }

    fn endpoints_are_bound(&mut self, plan: &Plan) {
        for (name, environment) in &plan.environments {
            let file = format!("environments/{name}.toml");
            for (id, check) in &plan.checks {
                for (key, endpoint) in check.probe.endpoints() {
                    if environment.absent.contains(endpoint) {
                        continue;
                    }
                    let Some(bound) = environment.endpoints.get(endpoint) else {
                        let known: Vec<&str> = environment.endpoints.keys().map(Id::as_str).collect();
                        let hint = nearest(endpoint.as_str(), known.into_iter()).map_or_else(
                            || format!("Bind it under [endpoints.{endpoint}], or list it in \"absent\"."),
                            |near| format!("Did you mean \"{near}\"?"),
                        );
                        let message =
                            format!("check \"{id}\" needs the endpoint \"{endpoint}\", which is not bound here");
                        self.fault(&file, "endpoints", message, Some(hint));
                        continue;
                    };
                    let wanted: &[EndpointKind] =
                        if key == "database" { &[EndpointKind::Postgres] } else { kinds_for(check.probe.kind()) };
                    if !wanted.contains(&bound.kind()) {
                        let words: Vec<&str> = wanted.iter().map(|kind| kind.word()).collect();
                        let message = format!(
                            "check \"{id}\" is of kind {} and needs an endpoint of kind {}, not {}",
                            check.probe.kind(),
                            words.join(" or "),
                            bound.kind()
                        );
                        self.fault(
                            &file,
                            &format!("endpoints.{endpoint}.kind"),
                            message,
                            Some(format!("See \"{key}\" of the check.")),
                        );
                    }
                }
            }
            for endpoint in &environment.absent {
                if environment.endpoints.contains_key(endpoint) {
                    let message = format!("\"{endpoint}\" is bound and absent at once");
                    self.fault(&file, "absent", message, None);
                }
            }
        }
    }

    fn objectives_are_ordered(&mut self, plan: &Plan) {
        let objectives = &plan.objectives;
        let loss = objectives.data_loss.as_ref().map(|loss| ("data-loss", loss));
        for (key, objective) in [("rto", &objectives.rto), ("rpo", &objectives.rpo)].into_iter().chain(loss) {
            if objective.target > objective.tolerable {
                let message =
                    format!("the target {} is longer than the tolerable {}", objective.target, objective.tolerable);
                self.fault("plan.toml", &format!("objectives.{key}"), message, None);
            }
        }
        if objectives.availability.target < objectives.availability.tolerable {
            let message = "the availability wanted is below what is tolerable".to_owned();
            self.fault("plan.toml", "objectives.availability", message, None);
        }
        for (id, provider) in &plan.providers {
            if let Some(fallback) = &provider.fallback
                && fallback.at_best > fallback.at_worst
            {
                let message = "the best case takes longer than the worst".to_owned();
                self.fault("plan.toml", &format!("providers.{id}.fallback"), message, None);
            }
        }
    }
}

const fn kinds_for(probe: ProbeKind) -> &'static [EndpointKind] {
    match probe {
        ProbeKind::Http | ProbeKind::StatusPage | ProbeKind::Journey => &[EndpointKind::Http],
        // A plug-in is told the values of whatever it looks at.
        ProbeKind::Plugin => &[EndpointKind::Http, EndpointKind::Host, EndpointKind::Postgres, EndpointKind::Bucket],
        ProbeKind::Heartbeat => &[],
        ProbeKind::Tcp | ProbeKind::Tls => &[EndpointKind::Host],
        ProbeKind::Postgres
        | ProbeKind::PostgresReplication
        | ProbeKind::PostgresArchive
        | ProbeKind::PostgresSize
        | ProbeKind::Sql => &[EndpointKind::Postgres],
        ProbeKind::ObjectNewest | ProbeKind::ObjectSample | ProbeKind::Bucket => &[EndpointKind::Bucket],
        ProbeKind::Dns => &[EndpointKind::Name],
        ProbeKind::FileNewest => &[EndpointKind::Folder],
        ProbeKind::Vendor => &[
            EndpointKind::PagerDuty,
            EndpointKind::Slack,
            EndpointKind::Twilio,
            EndpointKind::Fcm,
            EndpointKind::Mail,
            EndpointKind::Stripe,
            EndpointKind::Square,
            EndpointKind::Supabase,
            EndpointKind::Cloudflare,
            EndpointKind::Statuspage,
        ],
    }
}
