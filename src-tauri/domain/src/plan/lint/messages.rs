//! Prepared messages: blanks against their declaration, promises inside them, moments without one.

use std::collections::{BTreeMap, BTreeSet};

use super::{FindingCode as Code, Linter, at, in_runbook};
use crate::{
    communication::{Audience, Channel, MessageTemplate, Moment, blanks},
    plan::{Id, Place, read::Source},
    runbook::Act,
};

const FILE: &str = "templates.toml";

impl Linter<'_> {
    pub(super) fn messages(&mut self) {
        for (id, template) in &self.plan.templates {
            let text = self.plan.template_texts.get(id).map_or("", String::as_str);
            self.blanks_are_declared(id, template, text);
            self.promises_stay_out(id, template, text);
        }
        self.every_moment_has_a_message();
    }

    fn blanks_are_declared(&mut self, id: &Id, template: &MessageTemplate, text: &str) {
        let file = format!("templates/{id}.md");
        let subject = template.subject.as_deref().unwrap_or_default();
        let mut used: BTreeMap<&str, Place> = BTreeMap::new();
        for blank in blanks(subject) {
            used.extend(blank.name.map(|name| (name, self.places.place(FILE, &format!("templates.{id}.subject")))));
        }
        let source = Source::new(&file, text);
        for blank in blanks(text) {
            let (line, column) = source.place(blank.at);
            used.extend(blank.name.map(|name| (name, Place { file: file.clone(), line, column })));
        }
        for (name, place) in &used {
            let declared = self.places.place(FILE, &format!("templates.{id}.fields.{name}"));
            match template.fields.get(*name) {
                None => {
                    let message = format!("\"{}\" has the blank \"{name}\", which is not declared", template.name);
                    self.find_at(Code::TemplateUnknownField, message, vec![place.clone(), declared]);
                }
                Some(field) if field.filled_by.is_none() => {
                    let message = format!("nobody fills \"{name}\" of \"{}\"", template.name);
                    self.find_at(Code::TemplateFieldUnfilled, message, vec![declared, place.clone()]);
                }
                Some(_) => {}
            }
        }
        for name in template.fields.keys().filter(|name| !used.contains_key(name.as_str())) {
            let message = format!("the text of \"{}\" has no blank \"{name}\"", template.name);
            let declared = self.places.place(FILE, &format!("templates.{id}.fields.{name}"));
            self.find_at(
                Code::TemplateFieldUnused,
                message,
                vec![declared, Place { file: file.clone(), line: 1, column: 1 }],
            );
        }
    }

    fn promises_stay_out(&mut self, id: &Id, template: &MessageTemplate, text: &str) {
        let file = format!("templates/{id}.md");
        for (line, content) in text.lines().enumerate() {
            let words: Vec<&str> =
                content.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
            let promise = words.windows(2).find(|pair| is_promise(pair[0], pair[1]));
            let Some(promise) = promise else { continue };
            let message = format!("\"{}\" promises {} whatever has happened", template.name, promise.join(" "));
            let line = u32::try_from(line + 1).unwrap_or(u32::MAX);
            let mut places = vec![Place { file: file.clone(), line, column: 1 }];
            for (runbook, found) in &self.plan.runbooks {
                let sends = |act: &Act| matches!(act, Act::Message(message) if message.template == *id);
                if found.steps.iter().any(|step| sends(&step.act)) {
                    let (file, path) = in_runbook(runbook, "rto");
                    places.push(self.places.place(&file, &path));
                }
            }
            self.find_at(Code::PromiseInMessage, message, places);
        }
    }

    fn every_moment_has_a_message(&mut self) {
        let mut by_channel: BTreeMap<Channel, (BTreeSet<Moment>, Vec<&Id>)> = BTreeMap::new();
        for (id, template) in &self.plan.templates {
            if template.audience != Audience::Internal {
                let (moments, templates) = by_channel.entry(template.channel).or_default();
                moments.extend(&template.moments);
                templates.push(id);
            }
        }
        for (channel, (moments, templates)) in by_channel {
            let missing: Vec<&str> = [Moment::Beginning, Moment::Ongoing, Moment::Over]
                .into_iter()
                .filter(|moment| !moments.contains(moment))
                .map(Moment::word)
                .collect();
            if !missing.is_empty() {
                let message = format!("nothing is prepared for {channel} when an incident is {}", missing.join(" or "));
                let values: Vec<_> =
                    templates.into_iter().map(|id| at(FILE, format!("templates.{id}.moments"))).collect();
                self.find(Code::MomentWithoutMessage, message, values);
            }
        }
    }
}

/// Whether two words are a number and a unit of time.
fn is_promise(number: &str, unit: &str) -> bool {
    number.bytes().all(|byte| byte.is_ascii_digit())
        && ["minute", "minutes", "hour", "hours", "day", "days"].contains(&unit.to_lowercase().as_str())
}
