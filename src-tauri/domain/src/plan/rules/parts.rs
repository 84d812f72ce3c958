//! The same rules for chapters 3 to 10: backups, runbooks, people, messages, drills, reports, law, maintenance.

use std::collections::{BTreeMap, BTreeSet};

use super::Judge;
use crate::{
    communication::blanks,
    plan::{Plan, id::Id, read::Source},
    report::MetricKind,
    runbook::{Act, Runbook},
};

/// The word that ends a runbook where a step's name could stand.
const END: &str = "end";

fn names<T>(map: &BTreeMap<Id, T>) -> BTreeSet<&str> {
    map.keys().map(Id::as_str).collect()
}

impl Judge<'_> {
    fn refer_all<'a>(
        &mut self,
        (file, field): (&str, &str),
        ids: impl IntoIterator<Item = &'a Id>,
        known: &BTreeSet<&str>,
        what: &str,
    ) {
        for id in ids {
            self.refer(file, field, id, known, what);
        }
    }

    pub(super) fn backups_fit(&mut self, plan: &Plan) {
        let file = "backups.toml";
        let (stores, providers) = (names(&plan.stores), names(&plan.providers));
        for (id, set) in &plan.backups.sets {
            self.refer_all((file, &format!("sets.{id}.of")), &set.of, &stores, "store");
            self.refer_all((file, &format!("sets.{id}.provider")), &set.provider, &providers, "provider");
        }
        for (id, offer) in &plan.backups.offers {
            self.refer(file, &format!("offers.{id}.provider"), &offer.provider, &providers, "provider");
            self.refer_all((file, &format!("offers.{id}.leaves-out")), &offer.leaves_out, &stores, "store");
        }
        for (id, query) in &plan.backups.queries {
            self.refer(file, &format!("queries.{id}.of"), &query.of, &stores, "store");
            if query.is.is_some() && query.at_least.is_some() {
                let message = "\"is\" and \"at-least\" cannot both hold the right answer".to_owned();
                self.fault(file, &format!("queries.{id}.at-least"), message, None);
            }
        }
    }

    pub(super) fn runbooks_fit(&mut self, plan: &Plan) {
        let (functions, providers, checks) = (names(&plan.functions), names(&plan.providers), names(&plan.checks));
        let parts: BTreeSet<&str> =
            names(&plan.systems).into_iter().chain(names(&plan.stores)).chain(names(&plan.providers)).collect();
        for (id, runbook) in &plan.runbooks {
            let file = format!("runbooks/{id}.toml");
            self.refer_all((&file, "serves"), &runbook.serves, &functions, "function");
            self.refer_all((&file, "failed"), &runbook.failed, &parts, "system, store or provider");
            self.refer_all((&file, "shown-by"), &runbook.shown_by, &checks, "check");
            for (at, way) in runbook.ways.iter().enumerate() {
                self.refer_all((&file, &format!("ways[{at}].provider")), &way.provider, &providers, "provider");
            }
            self.steps_fit(plan, &file, runbook, &parts);
            self.fallbacks_do_not_circle(&file, runbook);
            self.runbooks_do_not_circle(plan, &file, id);
        }
    }

    fn steps_fit(&mut self, plan: &Plan, file: &str, runbook: &Runbook, parts: &BTreeSet<&str>) {
        let (checks, queries) = (names(&plan.checks), names(&plan.backups.queries));
        let (sets, templates) = (names(&plan.backups.sets), names(&plan.templates));
        let (contacts, runbooks) = (names(&plan.contacts.contacts), names(&plan.runbooks));
        let mut steps: BTreeSet<&str> = BTreeSet::from([END]);
        for (at, step) in runbook.steps.iter().enumerate() {
            if !steps.insert(step.id.as_str()) {
                let message = format!("another step is called \"{}\"", step.id);
                self.fault(file, &format!("steps[{at}].id"), message, None);
            }
        }
        if runbook.steps.is_empty() {
            self.fault(file, "steps", "the runbook has no steps".to_owned(), None);
        }
        for (at, step) in runbook.steps.iter().enumerate() {
            let key = |key: &str| format!("steps[{at}].{key}");
            self.refer_all((file, &key("fallback")), &step.fallback, &steps, "step of this runbook");
            self.refer_all((file, &key("next")), &step.next, &steps, "step of this runbook");
            for (name, environment) in &plan.environments {
                for endpoint in &step.binds {
                    if !environment.endpoints.contains_key(endpoint) && !environment.absent.contains(endpoint) {
                        let message = format!("the environment \"{name}\" does not bind \"{endpoint}\"");
                        self.fault(file, &key("binds"), message, None);
                    }
                }
            }
            match &step.act {
                Act::Check(act) => {
                    self.refer_all((file, &key("checks")), &act.checks, &checks, "check");
                    self.refer_all((file, &key("queries")), &act.queries, &queries, "integrity query");
                    if act.checks.is_empty() && act.queries.is_empty() {
                        self.fault(file, &key("kind"), "a check step without checks or queries".to_owned(), None);
                    }
                }
                Act::Action(act) => {
                    self.refer_all((file, &key("to")), &act.to, parts, "system, store or provider");
                    self.refer_all((file, &key("from")), &act.from, &sets, "backup set");
                }
                Act::Manual(_) => {}
                Act::Decision(act) => {
                    for (option, choice) in act.options.iter().enumerate() {
                        let field = key(&format!("options[{option}].then"));
                        self.refer(file, &field, &choice.then, &steps, "step of this runbook");
                    }
                    if act.options.len() < 2 {
                        self.fault(file, &key("options"), "a decision needs two options or more".to_owned(), None);
                    }
                }
                Act::Message(act) => {
                    self.refer(file, &key("template"), &act.template, &templates, "template");
                    self.refer_all((file, &key("tell")), &act.tell, &contacts, "contact");
                }
                Act::Approval(act) => {
                    self.refer_all((file, &key("by")), &act.by, &contacts, "contact");
                    self.refer_all((file, &key("allows")), &act.allows, &steps, "step of this runbook");
                    if act.at_least == 0 || act.at_least as usize > act.by.len() {
                        let message = format!("{} of {} people cannot approve", act.at_least, act.by.len());
                        self.fault(file, &key("at-least"), message, None);
                    }
                }
                Act::Wait(act) => {
                    self.refer_all((file, &key("until")), &act.until, &checks, "check");
                    if act.until.is_empty() {
                        self.fault(file, &key("until"), "nothing is waited for".to_owned(), None);
                    }
                }
                Act::Runbook(act) => self.refer(file, &key("runbook"), &act.runbook, &runbooks, "runbook"),
            }
        }
    }

    fn fallbacks_do_not_circle(&mut self, file: &str, runbook: &Runbook) {
        for (at, start) in runbook.steps.iter().enumerate() {
            let mut step = start;
            let mut taken = 0;
            while let Some((_, next)) = step.fallback.as_ref().and_then(|id| runbook.step(id)) {
                taken += 1;
                if next.id == start.id {
                    let message = "the fallbacks go in a circle".to_owned();
                    self.fault(file, &format!("steps[{at}].fallback"), message, None);
                }
                if next.id == start.id || taken > runbook.steps.len() {
                    break;
                }
                step = next;
            }
        }
    }

    fn runbooks_do_not_circle(&mut self, plan: &Plan, file: &str, start: &Id) {
        let mut reached = BTreeSet::new();
        let mut waiting = vec![start];
        while let Some(id) = waiting.pop() {
            let Some(runbook) = plan.runbooks.get(id) else { continue };
            for step in &runbook.steps {
                let Act::Runbook(act) = &step.act else { continue };
                if act.runbook == *start {
                    let message = "walks itself, directly or through others".to_owned();
                    self.fault(file, "steps", message, None);
                    return;
                }
                if reached.insert(&act.runbook) {
                    waiting.push(&act.runbook);
                }
            }
        }
    }

    pub(super) fn people_fit(&mut self, plan: &Plan) {
        let contacts = names(&plan.contacts.contacts);
        for (part, rules) in [("matrix", &plan.severities.matrix), ("script", &plan.severities.script)] {
            for (severity, rule) in rules {
                let field = format!("{part}.{severity}.tell");
                self.refer_all(("severities.toml", &field), &rule.tell, &contacts, "contact");
            }
        }
        let file = "contacts.toml";
        for (id, contact) in &plan.contacts.contacts {
            let field = format!("contacts.{id}.members");
            self.refer_all((file, &field), &contact.members, &contacts, "contact");
            for member in &contact.members {
                if plan.contacts.contacts.get(member).is_some_and(|member| !member.members.is_empty()) {
                    let message = format!("\"{member}\" is a team itself");
                    self.fault(file, &field, message, Some("List its people here.".to_owned()));
                }
            }
        }
        let mut orders: BTreeMap<u32, &Id> = BTreeMap::new();
        for (id, level) in &plan.contacts.on_call {
            self.refer_all((file, &format!("on-call.{id}.contacts")), &level.contacts, &contacts, "contact");
            if let Some(other) = orders.insert(level.order, id) {
                let message = format!("\"{other}\" has the same place in the order");
                self.fault(file, &format!("on-call.{id}.order"), message, None);
            }
            for (at, shift) in level.shifts.iter().enumerate() {
                let field = format!("on-call.{id}.shifts[{at}]");
                self.refer(file, &format!("{field}.contact"), &shift.contact, &contacts, "contact");
                if shift.from.first_day() > shift.until.last_day() {
                    self.fault(file, &field, "the shift ends before it begins".to_owned(), None);
                }
            }
        }
    }

    pub(super) fn messages_fit(&mut self, plan: &Plan) {
        for id in plan.templates.keys() {
            if !plan.template_texts.contains_key(id) {
                let message = "the message has no text".to_owned();
                let hint = Some(format!("Write it in templates/{id}.md."));
                self.fault("templates.toml", &format!("templates.{id}"), message, hint);
            }
        }
        for (id, text) in &plan.template_texts {
            let file = format!("templates/{id}.md");
            if !plan.templates.contains_key(id) {
                let hint = Some(format!("Declare it in templates.toml under [templates.{id}]."));
                self.fault(&file, "", "no message is declared for this text".to_owned(), hint);
            }
            let source = Source::new(&file, text);
            for blank in blanks(text).iter().filter(|blank| blank.name.is_none()) {
                let (line, column) = source.place(blank.at);
                let mut fault =
                    self.places.fault(&file, "", "\"{{\" without a closing \"}}\" on the line".to_owned(), None);
                (fault.line, fault.column) = (line, column);
                self.faults.push(fault);
            }
        }
    }

    pub(super) fn other_parts_fit(&mut self, plan: &Plan) {
        let (contacts, runbooks) = (names(&plan.contacts.contacts), names(&plan.runbooks));
        for (id, drill) in &plan.drills.drills {
            let field = |key: &str| format!("drills.{id}.{key}");
            self.refer_all(("drills.toml", &field("runbook")), &drill.runbook, &runbooks, "runbook");
            self.refer_all(("drills.toml", &field("owner")), &drill.owner, &contacts, "contact");
        }
        let moments: BTreeSet<&str> = (plan.reports.metrics.iter())
            .filter(|(_, metric)| metric.kind == MetricKind::Moment)
            .map(|(id, _)| id.as_str())
            .collect();
        for (id, metric) in &plan.reports.metrics {
            let file = "reports.toml";
            self.refer_all((file, &format!("metrics.{id}.from")), &metric.from, &moments, "moment");
            self.refer_all((file, &format!("metrics.{id}.until")), &metric.until, &moments, "moment");
        }
        let file = "compliance.toml";
        if let Some(audit) = &plan.compliance.audit {
            self.refer_all((file, "audit.tell"), &audit.tell, &contacts, "contact");
        }
        let providers = names(&plan.providers);
        for (id, region) in plan.compliance.residency.iter().flat_map(|residency| &residency.regions) {
            let field = format!("residency.regions.{id}.provider");
            self.refer_all((file, &field), &region.provider, &providers, "provider");
        }
        let laws = names(&plan.compliance.laws);
        for (id, obligation) in &plan.compliance.obligations {
            self.refer_all((file, &format!("obligations.{id}.law")), &obligation.law, &laws, "law");
        }
        let file = "maintenance.toml";
        for (id, review) in &plan.maintenance.reviews {
            self.refer_all((file, &format!("reviews.{id}.owner")), &review.owner, &contacts, "contact");
        }
        for (id, rule) in &plan.maintenance.approvals {
            let field = |key: &str| format!("approvals.{id}.{key}");
            self.refer_all((file, &field("approvers")), &rule.approvers, &contacts, "contact");
            self.refer_all((file, &field("lead")), &rule.lead, &contacts, "contact");
            if let Some(glass) = &rule.break_glass {
                self.refer_all((file, &field("break-glass.by")), &glass.by, &contacts, "contact");
            }
        }
    }
}
