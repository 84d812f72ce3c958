//! Law and regulators: deadlines, thresholds, bases, and where data may go.

use std::collections::BTreeSet;

use super::{FindingCode as Code, Linter, at, in_plan};
use crate::{
    compliance::{ClockStart, LegalBasis, Obligation, Residency},
    plan::Id,
};

const FILE: &str = "compliance.toml";

impl Linter<'_> {
    pub(super) fn compliance(&mut self) {
        for (id, obligation) in &self.plan.compliance.obligations {
            self.obligation_follows_law(id, obligation);
        }
        let compliance = &self.plan.compliance;
        if let Some(audit) = &compliance.audit {
            if audit.legal_basis == LegalBasis::VitalInterests {
                let message = "a recovery is said to protect somebody's life, which is what \"vital-interests\" means";
                self.find(Code::LegalBasisUnfit, message, [at(FILE, "audit.legal-basis")]);
            }
            if let Some(residency) = &compliance.residency
                && !audit.categories.iter().any(|category| residency.categories.contains(category))
                && !audit.categories.is_empty()
            {
                let message = format!(
                    "{} is a kind of data here, {} are there",
                    audit.categories.join(", "),
                    residency.categories.join(", ")
                );
                let values = [at(FILE, "audit.categories"), at(FILE, "residency.categories")];
                self.find(Code::CategoriesDiffer, message, values);
            }
        }
        if let Some(residency) = &compliance.residency {
            self.regions_are_allowed(residency);
        }
    }

    fn obligation_follows_law(&mut self, id: &Id, obligation: &Obligation) {
        let key = |key: &str| at(FILE, format!("obligations.{id}.{key}"));
        let law = obligation.law.as_ref().and_then(|law| Some((law, self.plan.compliance.laws.get(law)?)));
        if let Some(severity) = obligation.severity {
            let message = format!("\"{}\" is owed from {severity} on, which no law knows", obligation.name);
            let law = law.map(|(law, _)| at(FILE, format!("laws.{law}")));
            let values: Vec<_> = std::iter::once(key("severity")).chain(law).collect();
            self.find(Code::LawKnowsNoSeverity, message, values);
        }
        let clock = law.map_or(ClockStart::Awareness, |(_, law)| law.clock);
        if obligation.clock != clock {
            let message = format!("\"{}\" is counted from {}, not from {clock}", obligation.name, obligation.clock);
            let law = law.map(|(law, _)| at(FILE, format!("laws.{law}.clock")));
            let values: Vec<_> = std::iter::once(key("clock")).chain(law).collect();
            self.find(Code::DeadlineFromWrongMoment, message, values);
        }
        match law {
            Some((name, law)) if obligation.within > law.within => {
                let message = format!(
                    "\"{}\" may come after {}, {} says {}",
                    obligation.name, obligation.within, law.name, law.within
                );
                let values = [key("within"), at(FILE, format!("laws.{name}.within"))];
                self.find(Code::DeadlineLaterThanLaw, message, values);
            }
            Some(_) => {}
            None => {
                let message = format!("\"{}\" names no law", obligation.name);
                self.find(Code::ObligationWithoutLaw, message, [at(FILE, format!("obligations.{id}"))]);
            }
        }
        if obligation.evidence.is_empty() {
            let message = format!("\"{}\" does not say what has to be at hand", obligation.name);
            self.find(Code::ObligationWithoutEvidence, message, [at(FILE, format!("obligations.{id}"))]);
        }
    }

    fn regions_are_allowed(&mut self, residency: &Residency) {
        let mut used: Vec<(&str, (String, String))> = Vec::new();
        for (id, system) in &self.plan.systems {
            used.extend(system.region.as_deref().map(|region| (region, in_plan(format!("systems.{id}.region")))));
        }
        for (id, store) in &self.plan.stores {
            used.extend(store.region.as_deref().map(|region| (region, in_plan(format!("stores.{id}.region")))));
        }
        for (id, set) in &self.plan.backups.sets {
            let value = at("backups.toml", format!("sets.{id}.copied-to"));
            used.extend(set.copied_to.as_deref().map(|region| (region, value)));
        }
        let allowed: BTreeSet<&str> = residency.allowed.iter().map(String::as_str).collect();
        let written = |region: &str, country: &str| allowed.contains(region) || allowed.contains(country);
        let listed: BTreeSet<&str> = (residency.eea.iter().chain(&residency.adequate))
            .flat_map(|list| list.countries.iter().map(String::as_str))
            .collect();
        let (mut matched, mut unmatched) = (false, Vec::new());
        for (region, place) in used {
            match residency.regions.get(region) {
                None => {
                    let message = format!("the country of {region} is not known");
                    self.find(Code::RegionUnknown, message, [place, at(FILE, "residency.regions")]);
                }
                Some(found) => {
                    if !listed.contains(found.country.as_str()) && !written(region, &found.country) {
                        let message = format!("{region} lies in {}, where data may not go", found.country);
                        let values = [place.clone(), at(FILE, format!("residency.regions.{region}.country"))];
                        self.find(Code::RegionNotAllowed, message, values);
                    }
                    if written(region, &found.country) {
                        matched = true;
                    } else {
                        unmatched.push(place);
                    }
                }
            }
        }
        if let (Some(first), false) = (unmatched.into_iter().next(), matched || residency.allowed.is_empty()) {
            let message = format!("allowed are {}, and regions are not written so", residency.allowed.join(" and "));
            self.find(Code::ResidencyNeverMatches, message, [at(FILE, "residency.allowed"), first]);
        }
    }
}
