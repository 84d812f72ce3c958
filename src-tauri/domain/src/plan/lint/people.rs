//! People: whether they can be reached, by the channels the plan names, at the time it names.

use std::collections::{BTreeMap, BTreeSet};

use super::{FindingCode as Code, Linter, at};
use crate::{
    communication::{Channel, Contact, OnCallLevel, Severity, SeverityRule, StatedPeriod, is_usable},
    plan::{
        Id,
        quantity::{CalendarDate, Period},
    },
};

const FILE: &str = "contacts.toml";
const RULES: &str = "severities.toml";

/// How long a proof that an address works is good for: contacts are reviewed every month (runbook 10.1).
const GOOD_FOR_DAYS: u64 = 31;

impl Linter<'_> {
    pub(super) fn people(&mut self) {
        self.addresses_are_real();
        self.people_relied_on_have_addresses();
        self.severities_reach_people();
        self.two_texts_agree();
        self.somebody_is_on_call();
        self.escalation_goes_on();
    }

    fn addresses_are_real(&mut self) {
        let oldest = self.today.checked_sub_days(chrono::Days::new(GOOD_FOR_DAYS)).unwrap_or(self.today);
        for (id, contact) in &self.plan.contacts.contacts {
            let addresses = addresses(contact);
            for (key, address) in &addresses {
                if !is_usable(address) {
                    let message = format!("the {key} of {} is a stand-in: {address}", contact.name);
                    self.find(Code::ContactPlaceholder, message, [at(FILE, format!("contacts.{id}.{key}"))]);
                }
            }
            let proved = contact.verified.map(CalendarDate::last_day);
            if !addresses.is_empty() && proved.is_none_or(|proved| proved < oldest) {
                let when = contact.verified.map_or_else(|| "never".to_owned(), |day| day.to_string());
                let message = format!("that {} can be reached was last proved: {when}", contact.name);
                self.find(Code::ContactUnverified, message, [at(FILE, format!("contacts.{id}"))]);
            }
        }
    }

    fn people_relied_on_have_addresses(&mut self) {
        let mut uses: BTreeMap<&Id, Vec<(String, String)>> = BTreeMap::new();
        let plan = self.plan;
        for (part, rules) in [("matrix", &plan.severities.matrix), ("script", &plan.severities.script)] {
            for (severity, rule) in rules {
                for id in &rule.tell {
                    uses.entry(id).or_default().push(at(RULES, format!("{part}.{severity}.tell")));
                }
            }
        }
        for (level, found) in &plan.contacts.on_call {
            for id in &found.contacts {
                uses.entry(id).or_default().push(at(FILE, format!("on-call.{level}.contacts")));
            }
        }
        for id in plan.compliance.audit.iter().flat_map(|audit| &audit.tell) {
            uses.entry(id).or_default().push(at("compliance.toml", "audit.tell"));
        }
        for (change, rule) in &plan.maintenance.approvals {
            for id in &rule.approvers {
                let value = at("maintenance.toml", format!("approvals.{change}.approvers"));
                uses.entry(id).or_default().push(value);
            }
        }
        for (id, used) in uses {
            let Some(contact) = plan.contacts.contacts.get(id) else { continue };
            let members = contact.members.iter().filter_map(|member| plan.contacts.contacts.get(member));
            if std::iter::once(contact).chain(members).all(|contact| addresses(contact).is_empty()) {
                let message = format!("{} is relied on and has no address", contact.name);
                let values: Vec<_> = std::iter::once(at(FILE, format!("contacts.{id}"))).chain(used).collect();
                self.find(Code::ContactWithoutAddress, message, values);
            }
        }
    }

    fn severities_reach_people(&mut self) {
        let plan = self.plan;
        for (part, rules) in [("matrix", &plan.severities.matrix), ("script", &plan.severities.script)] {
            for (severity, rule) in rules {
                let here = format!("{part}.{severity}");
                if rule.tell.is_empty() || rule.by.is_empty() {
                    let what = if rule.tell.is_empty() { "nobody" } else { "no channel" };
                    self.find(Code::SeverityTellsNobody, format!("{severity} names {what}"), [at(RULES, here)]);
                    continue;
                }
                for id in &rule.tell {
                    let Some(contact) = plan.contacts.contacts.get(id) else { continue };
                    if !rule.by.iter().any(|channel| plan.contacts.reaches(id, *channel)) {
                        let message =
                            format!("{severity} tells {} by {}, which does not reach them", contact.name, words(rule));
                        let values = [at(RULES, format!("{here}.by")), at(FILE, format!("contacts.{id}"))];
                        self.find(Code::SeverityCannotReach, message, values);
                    }
                }
            }
        }
    }

    fn two_texts_agree(&mut self) {
        let severities = &self.plan.severities;
        if severities.script.is_empty() {
            return;
        }
        for (severity, rule) in &severities.matrix {
            let Some(script) = severities.script.get(severity) else {
                let message = format!("the script does nothing for {severity}");
                let values = [at(RULES, format!("matrix.{severity}")), at(RULES, first_of(&severities.script))];
                self.find(Code::SeverityNotInScript, message, values);
                continue;
            };
            let both = |key: &str| {
                [at(RULES, format!("matrix.{severity}.{key}")), at(RULES, format!("script.{severity}.{key}"))]
            };
            let channels = |rule: &SeverityRule| rule.by.iter().copied().collect::<BTreeSet<Channel>>();
            if channels(rule) != channels(script) {
                let message = format!("for {severity} the matrix says {}, the script {}", words(rule), words(script));
                self.find(Code::ChannelsDiffer, message, both("by"));
            }
            let people = |rule: &SeverityRule| rule.tell.iter().map(Id::to_string).collect::<BTreeSet<_>>();
            if people(rule) != people(script) {
                let list = |rule| people(rule).into_iter().collect::<Vec<_>>().join(", ");
                let message = format!("for {severity} the matrix tells {}, the script {}", list(rule), list(script));
                self.find(Code::PeopleDiffer, message, both("tell"));
            }
        }
    }

    fn somebody_is_on_call(&mut self) {
        for (id, level) in &self.plan.contacts.on_call {
            if level.shifts.is_empty() {
                let message = format!("nobody has said who is on call for \"{}\" when", level.name);
                self.find(Code::OnCallWithoutRotation, message, [at(FILE, format!("on-call.{id}"))]);
                continue;
            }
            self.shifts_meet(id, level);
        }
    }

    fn shifts_meet(&mut self, id: &Id, level: &OnCallLevel) {
        let mut shifts: Vec<_> = level.shifts.iter().enumerate().collect();
        shifts.sort_by_key(|(_, shift)| shift.from.first_day());
        let place = |number: usize| at(FILE, format!("on-call.{id}.shifts[{number}]"));
        let mut covered: Option<(usize, chrono::NaiveDate)> = None;
        for (number, shift) in shifts {
            if let Some((before, until)) = covered
                && let Some(next) = until.succ_opt()
                && shift.from.first_day() > next
            {
                let message = format!(
                    "nobody is on call for \"{}\" from {next} to {}",
                    level.name,
                    shift.from.first_day().pred_opt().unwrap_or(next)
                );
                self.find(Code::OnCallGap, message, [place(before), place(number)]);
            }
            let until = shift.until.last_day();
            if covered.is_none_or(|(_, before)| until > before) {
                covered = Some((number, until));
            }
        }
        if let Some((last, until)) = covered
            && until < self.today
        {
            let message = format!("nobody is on call for \"{}\" since {until}", level.name);
            self.find(Code::OnCallGap, message, [place(last)]);
        }
    }

    fn escalation_goes_on(&mut self) {
        let mut known: BTreeSet<String> =
            [Severity::P0, Severity::P1, Severity::P2, Severity::P3].iter().map(ToString::to_string).collect();
        known.extend(self.plan.compliance.obligations.values().map(|obligation| obligation.trigger.clone()));
        let levels = self.plan.contacts.levels();
        for (number, (id, level)) in levels.iter().enumerate() {
            let key = |key: &str| at(FILE, format!("on-call.{id}.{key}"));
            let next = levels.get(number + 1);
            match level.escalate_after {
                Some(StatedPeriod::Bare(count)) => {
                    let message = format!("\"{}\" hands over after {count}, without a unit", level.name);
                    self.find(Code::EscalationWithoutUnit, message, [key("escalate-after")]);
                }
                Some(StatedPeriod::Period(after)) if number == 0 => self.first_level_is_fast(id, level, after),
                None if next.is_some() => {
                    let message = format!("\"{}\" never hands over to the next level", level.name);
                    self.find(Code::EscalationWithoutTime, message, [at(FILE, format!("on-call.{id}"))]);
                }
                Some(StatedPeriod::Period(_)) | None => {}
            }
            if next.is_none() && level.contacts.len() < 2 {
                let message = format!("after \"{}\", one person, there is nobody", level.name);
                self.find(Code::EscalationEnds, message, [key("contacts")]);
            }
            let unknown: Vec<&str> =
                level.conditions.iter().map(String::as_str).filter(|condition| !known.contains(*condition)).collect();
            if !unknown.is_empty() {
                let message = format!("nothing evaluates {} of \"{}\"", unknown.join(", "), level.name);
                self.find(Code::ConditionNobodyEvaluates, message, [key("conditions")]);
            }
        }
    }

    fn first_level_is_fast(&mut self, id: &Id, level: &OnCallLevel, after: Period) {
        let worst = self.plan.severities.matrix.iter().next();
        if let Some((severity, within)) = worst.and_then(|(severity, rule)| Some((severity, rule.within?)))
            && after > within
        {
            let message =
                format!("\"{}\" hands over after {after}, {severity} has to be told within {within}", level.name);
            let values =
                [at(FILE, format!("on-call.{id}.escalate-after")), at(RULES, format!("matrix.{severity}.within"))];
            self.find(Code::EscalationSlowerThanSeverity, message, values);
        }
    }
}

fn addresses(contact: &Contact) -> Vec<(&'static str, &str)> {
    let all =
        [("phone", &contact.phone), ("chat", &contact.chat), ("email", &contact.email), ("pager", &contact.pager)];
    all.into_iter().filter_map(|(key, address)| Some((key, address.as_deref()?))).collect()
}

fn words(rule: &SeverityRule) -> String {
    rule.by.iter().map(|channel| channel.word()).collect::<Vec<_>>().join(" and ")
}

fn first_of(rules: &BTreeMap<Severity, SeverityRule>) -> String {
    rules.keys().next().map_or_else(|| "script".to_owned(), |severity| format!("script.{severity}"))
}
