//! Runbooks: approvals before destructive steps, budgets within the objective, choices within the recovery point,
//! ways round that agree with the plan.

use super::{FindingCode as Code, Linter, in_plan, in_runbook};
use crate::{
    communication::is_usable,
    plan::{Fallback, Id, quantity::Period},
    runbook::{Act, Runbook, Step, Way},
};

impl Linter<'_> {
    pub(super) fn runbooks(&mut self) {
        for (id, runbook) in &self.plan.runbooks {
            self.destruction_is_allowed(id, runbook);
            self.budgets_fit(id, runbook);
            self.choices_are_bearable(id, runbook);
            self.settings_are_real(id, runbook);
            self.ways_agree(id, runbook);
        }
    }

    fn destruction_is_allowed(&mut self, id: &Id, runbook: &Runbook) {
        for (at, step) in runbook.steps.iter().enumerate().filter(|(_, step)| step.destructive) {
            let allows = |before: &Step| matches!(&before.act, Act::Approval(act) if act.allows.contains(&step.id));
            if !runbook.steps.iter().take(at).any(allows) {
                let message = format!("\"{}\" destroys, and nobody has to allow it first", step.name);
                let mut values = vec![in_runbook(id, format!("steps[{at}].destructive"))];
                values.extend((at > 0).then(|| in_runbook(id, format!("steps[{}]", at - 1))));
                self.find(Code::DestructiveWithoutApproval, message, values);
            }
        }
    }

    fn budgets_fit(&mut self, id: &Id, runbook: &Runbook) {
        let (longest, path) = longest_way(runbook);
        if longest > runbook.rto {
            let message =
                format!("the steps take up to {longest}, \"{}\" has to be over in {}", runbook.name, runbook.rto);
            let steps = path.into_iter().map(|at| in_runbook(id, format!("steps[{at}].budget")));
            let values: Vec<_> = std::iter::once(in_runbook(id, "rto")).chain(steps).collect();
            self.find(Code::StepsLongerThanRto, message, values);
        }
    }

    fn choices_are_bearable(&mut self, id: &Id, runbook: &Runbook) {
        let bearable = self.plan.objectives.rpo.tolerable;
        for (at, step) in runbook.steps.iter().enumerate() {
            let Act::Decision(act) = &step.act else { continue };
            for (option, choice) in act.options.iter().enumerate() {
                if let Some(loses) = choice.loses.filter(|loses| *loses > bearable) {
                    let message = format!("\"{}\" loses up to {loses}, at most {bearable} can be borne", choice.name);
                    let here = in_runbook(id, format!("steps[{at}].options[{option}].loses"));
                    self.find(Code::ChoiceLosesTooMuch, message, [here, in_plan("objectives.rpo.tolerable")]);
                }
            }
        }
    }

    fn settings_are_real(&mut self, id: &Id, runbook: &Runbook) {
        for (at, step) in runbook.steps.iter().enumerate() {
            let Act::Action(act) = &step.act else { continue };
            for (key, value) in act.settings.iter().filter(|(_, value)| !is_usable(value)) {
                let message = format!("the setting \"{key}\" of \"{}\" is a stand-in: {value}", step.name);
                self.find(Code::SettingPlaceholder, message, [in_runbook(id, format!("steps[{at}].settings.{key}"))]);
            }
        }
    }

    fn ways_agree(&mut self, id: &Id, runbook: &Runbook) {
        for (at, pair) in runbook.ways.windows(2).enumerate() {
            let Some(provider) = &pair[0].provider else { continue };
            let Some(found) = self.plan.providers.get(provider) else { continue };
            let Some(fallback) = &found.fallback else { continue };
            if !agrees(fallback, &pair[1]) {
                let message = format!(
                    "when {} fails the plan says \"{}\", \"{}\" goes on with {}",
                    found.name,
                    fallback.what,
                    runbook.name,
                    name_of(&pair[1])
                );
                let values =
                    [in_plan(format!("providers.{provider}.fallback")), in_runbook(id, format!("ways[{}]", at + 1))];
                self.find(Code::FallbacksDiffer, message, values);
            }
        }
    }
}

fn agrees(fallback: &Fallback, way: &Way) -> bool {
    match (&fallback.provider, fallback.channel) {
        (Some(provider), _) => way.provider.as_ref() == Some(provider),
        (None, Some(channel)) => way.channel == Some(channel),
        (None, None) => way.provider.is_none() && way.channel.is_none(),
    }
}

fn name_of(way: &Way) -> String {
    let channel = way.channel.map(|channel| channel.to_string());
    let provider = way.provider.as_ref().map(ToString::to_string);
    channel.or(provider).or_else(|| way.what.clone()).unwrap_or_else(|| "something unnamed".to_owned())
}

/// The longest the steps can take when each succeeds within its budget, and the steps on that way. Steps that lead
/// back are counted once.
fn longest_way(runbook: &Runbook) -> (Period, Vec<usize>) {
    let mut best: Vec<Option<(u64, Vec<usize>)>> = vec![None; runbook.steps.len()];
    let mut open = vec![false; runbook.steps.len()];
    let (total, mut path) = from_step(runbook, 0, &mut best, &mut open);
    path.reverse();
    (Period::from_millis(total), path)
}

/// The longest way from a step, its steps last first.
fn from_step(
    runbook: &Runbook,
    at: usize,
    best: &mut [Option<(u64, Vec<usize>)>],
    open: &mut [bool],
) -> (u64, Vec<usize>) {
    let Some(step) = runbook.steps.get(at) else { return (0, Vec::new()) };
    if let Some(Some(known)) = best.get(at) {
        return known.clone();
    }
    if open.get(at).copied().unwrap_or(true) {
        return (0, Vec::new());
    }
    if let Some(open) = open.get_mut(at) {
        *open = true;
    }
    let position = |id: &Id| runbook.step(id).map_or(usize::MAX, |(at, _)| at);
    let ways: Vec<usize> = if let Act::Decision(act) = &step.act {
        act.options.iter().map(|choice| position(&choice.then)).collect()
    } else {
        vec![step.next.as_ref().map_or(at + 1, position)]
    };
    let longest = ways.into_iter().map(|next| from_step(runbook, next, best, open)).max().unwrap_or_default();
    let (rest, mut path) = longest;
    path.push(at);
    let found = (rest.saturating_add(step.budget.as_millis()), path);
    if let Some(place) = best.get_mut(at) {
        *place = Some(found.clone());
    }
    found
}
