//! How we stand with a vendor, judged: only what the vendor fails at is held against it.

use crate::{
    check::{FaultClass, Outcome},
    provider::{Answer, Observation, Refusal, Standing, StandingClaim, Vendor},
};

/// Judges how we stand. Out is what cannot be reached or does not work; a credential that is refused leaves unknown
/// whether it works, and is not an outage (B-53).
pub fn vendor(vendor: Vendor, standing: &Standing) -> Outcome {
    use StandingClaim::{No, NotKnown, Yes};
    // In brackets, because what stands after "credential:" would be taken for one.
    let told = |words: &str| match standing.detail.as_str() {
        "" => words.to_owned(),
        detail => format!("{words} ({detail})"),
    };
    let refusal = standing.answer.as_ref().and_then(|answer| answer.refusal);
    let name = vendor.name();
    let outcome = match (standing.reachable, standing.authenticated, standing.functional) {
        (No, ..) => Outcome::outage(told(&format!("{name} cannot be reached"))),
        (_, _, No) => Outcome::outage(told(&format!("{name} answers and does not work"))),
        (Yes, Yes, Yes) => Outcome::operational("reachable, authenticated, functional"),
        (_, No, _) => Outcome::unknown(told(&format!("{name} does not accept our credential"))),
        (_, Yes, NotKnown) if refusal == Some(Refusal::Permission) => {
            Outcome::unknown(told(&format!("our credential at {name} may not ask this")))
        }
        (_, Yes, NotKnown) => Outcome::unknown(told(&format!("nobody can tell whether {name} works"))),
        (Yes, NotKnown, _) => Outcome::unknown(told(&format!("{name} answers, and no more is known"))),
        (NotKnown, ..) => Outcome::unknown(told(&format!("{name} was not asked"))),
    };
    let fault = match &standing.answer {
        Some(Answer { refusal: Some(Refusal::Here), .. }) => Some(FaultClass::Local),
        Some(Answer { status: None, observation: Observation::Neither, .. }) => Some(FaultClass::Network),
        Some(Answer { status: None, observation: Observation::Failed, .. }) => Some(FaultClass::Silent),
        Some(_) | None => None,
    };
    Outcome { fault: fault.filter(|_| standing.reachable != Yes), ..outcome }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        check::{
            Verdict::{self, Operational, Outage, Unknown},
            judge::CouldNot,
        },
        provider::{Effect, supabase::ProjectStatus},
    };

    #[test]
    fn b_53_a_key_without_permission_is_no_outage() {
        let status = |status| Answer::of_status(status, Effect::Nothing, None, "why");
        let silence = |why: CouldNot| Answer::of_silence(&why, false, Effect::Nothing);
        let table: [(Answer, Verdict, &str, Option<FaultClass>); 8] = [
            (status(200), Operational, "reachable, authenticated, functional", None),
            (status(401), Unknown, "Stripe does not accept our credential (why)", None),
            (status(403), Unknown, "our credential at Stripe may not ask this (why)", None),
            (status(429), Unknown, "Stripe answers, and no more is known (why)", None),
            (status(500), Outage, "Stripe answers and does not work (why)", None),
            (
                silence(CouldNot::Refused),
                Outage,
                "Stripe cannot be reached (refused the connection)",
                Some(FaultClass::Silent),
            ),
            (
                silence(CouldNot::NameNotFound("a".to_owned())),
                Unknown,
                "Stripe was not asked (name not found: a)",
                Some(FaultClass::Network),
            ),
            (
                silence(CouldNot::NoCredential("none".to_owned())),
                Unknown,
                "Stripe was not asked (none)",
                Some(FaultClass::Local),
            ),
        ];
        for (answer, verdict, reason, fault) in table {
            let outcome = vendor(Vendor::Stripe, &Standing::of(answer));
            assert_eq!((outcome.verdict, outcome.reason.as_str(), outcome.fault), (verdict, reason, fault));
        }
    }

    #[test]
    fn a_project_on_its_way_is_neither_well_nor_out() {
        for (status, verdict, words) in [
            (ProjectStatus::ActiveHealthy, Operational, "reachable, authenticated, functional"),
            (ProjectStatus::Restoring, Unknown, "nobody can tell whether Supabase works (the project is RESTORING)"),
            (
                ProjectStatus::RestoreFailed,
                Outage,
                "Supabase answers and does not work (the project is RESTORE_FAILED)",
            ),
        ] {
            let outcome = vendor(Vendor::Supabase, &status.standing(Answer::delivered("read")));
            assert_eq!((outcome.verdict, outcome.reason.as_str()), (verdict, words));
        }
    }
}
