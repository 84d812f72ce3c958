//! Objectives against each other: scenarios, functions, fallbacks, availability, loss.

use super::{FindingCode as Code, Linter, in_plan, in_runbook};
use crate::plan::{
    Function, Id,
    quantity::{Percentage, Period},
};

/// The span availability is reckoned over.
const MONTH: Period = Period::from_secs(30 * 86_400);

impl Linter<'_> {
    pub(super) fn objectives(&mut self) {
        self.scenarios_fit_functions();
        self.fallbacks_are_fast_enough();
        self.availability_leaves_time();
        self.data_loss_is_the_recovery_point();
        self.functions_have_objectives();
    }

    /// Where a function's recovery time objective is written.
    fn place_of_rto(&self, id: &Id, function: &Function) -> (String, String) {
        let tier = &function.tier;
        if function.rto.is_some() {
            in_plan(format!("functions.{id}.rto"))
        } else if self.plan.tiers.get(tier).is_some_and(|tier| tier.rto.is_some()) {
            in_plan(format!("tiers.{tier}.rto"))
        } else {
            in_plan("objectives.rto")
        }
    }

    fn scenarios_fit_functions(&mut self) {
        let platform = self.plan.objectives.rto.target;
        for (id, runbook) in &self.plan.runbooks {
            if runbook.rto > platform {
                let message =
                    format!("\"{}\" may take {}, the platform has to be back in {platform}", runbook.name, runbook.rto);
                let values = [in_runbook(id, "rto"), in_plan("objectives.rto")];
                self.find(Code::ScenarioSlowerThanPlatform, message, values);
            }
            for name in &runbook.serves {
                let Some(function) = self.plan.functions.get(name) else { continue };
                let rto = self.plan.rto_of(function);
                if runbook.rto > rto && rto != platform {
                    let message = format!(
                        "\"{}\" may take {}, \"{}\" has to be back in {rto}",
                        runbook.name, runbook.rto, function.name
                    );
                    let values = [in_runbook(id, "rto"), self.place_of_rto(name, function)];
                    self.find(Code::ScenarioSlowerThanFunction, message, values);
                }
            }
        }
    }

    fn fallbacks_are_fast_enough(&mut self) {
        let platform = self.plan.objectives.rto.target;
        for (id, provider) in &self.plan.providers {
            let Some(fallback) = &provider.fallback else { continue };
            let here = in_plan(format!("providers.{id}.fallback"));
            if fallback.at_worst > platform {
                let message = format!(
                    "when {} fails, \"{}\" takes up to {}, the platform has to be back in {platform}",
                    provider.name, fallback.what, fallback.at_worst
                );
                self.find(Code::FallbackSlowerThanPlatform, message, [here.clone(), in_plan("objectives.rto")]);
            }
            for (scenario, runbook) in &self.plan.runbooks {
                if runbook.failed.contains(id) && fallback.at_worst > runbook.rto {
                    let message = format!(
                        "when {} fails, \"{}\" takes up to {}, \"{}\" has to be over in {}",
                        provider.name, fallback.what, fallback.at_worst, runbook.name, runbook.rto
                    );
                    let values = [here.clone(), in_runbook(scenario, "rto")];
                    self.find(Code::FallbackSlowerThanScenario, message, values);
                }
            }
        }
    }

    fn availability_leaves_time(&mut self) {
        let objectives = &self.plan.objectives;
        let pairs = [
            ("target", objectives.availability.target, objectives.rto.target),
            ("tolerable", objectives.availability.tolerable, objectives.rto.tolerable),
        ];
        for (key, availability, rto) in pairs {
            let budget = time_down(availability);
            if budget < rto {
                let message =
                    format!("{availability} over 30 days leaves {budget} of outage, one recovery may take {rto}");
                let values =
                    [in_plan(format!("objectives.availability.{key}")), in_plan(format!("objectives.rto.{key}"))];
                self.find(Code::AvailabilityShorterThanRto, message, values);
            }
        }
    }

    fn data_loss_is_the_recovery_point(&mut self) {
        let objectives = &self.plan.objectives;
        let Some(loss) = &objectives.data_loss else { return };
        let values = [in_plan("objectives.data-loss"), in_plan("objectives.rpo")];
        let rpo = &objectives.rpo;
        if loss == rpo {
            let message =
                format!("the data loss allowed repeats the recovery point, {} and {}", rpo.target, rpo.tolerable);
            self.find(Code::DataLossRepeatsRpo, message, values);
        } else {
            let message = format!(
                "the data loss allowed is {} and {}, the recovery point {} and {}",
                loss.target, loss.tolerable, rpo.target, rpo.tolerable
            );
            self.find(Code::DataLossContradictsRpo, message, values);
        }
    }

    fn functions_have_objectives(&mut self) {
        for (id, function) in &self.plan.functions {
            let tier = self.plan.tiers.get(&function.tier).and_then(|tier| tier.rto);
            if function.rto.or(tier).is_some() {
                continue;
            }
            let serving: Vec<_> =
                self.plan.runbooks.iter().filter(|(_, runbook)| runbook.serves.contains(id)).collect();
            let mut promised: Vec<Period> = serving.iter().map(|(_, runbook)| runbook.rto).collect();
            promised.sort_unstable();
            promised.dedup();
            if let [shortest, .., longest] = promised.as_slice() {
                let message = format!(
                    "\"{}\" has no recovery time of its own, and its scenarios promise from {shortest} to {longest}",
                    function.name
                );
                let runbooks = serving.iter().map(|(scenario, _)| in_runbook(scenario, "rto"));
                let values: Vec<_> = std::iter::once(in_plan(format!("functions.{id}"))).chain(runbooks).collect();
                self.find(Code::FunctionWithoutObjective, message, values);
            }
        }
    }
}

/// How long something may be down in a month at a share of availability.
fn time_down(availability: Percentage) -> Period {
    let missing = u64::from(1_000_000 - availability.parts_per_million());
    Period::from_millis(MONTH.as_millis() / 1_000_000 * missing)
}
