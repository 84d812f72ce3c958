//! What a provider's answer means: whether it was done, may be tried again, or is not known.
//!
//! The rule that decides most: an answer that was lost is *unknown*. What is unknown is asked for again only when asking
//! twice has no second effect; otherwise somebody has to look first (runbook 4.2.2, where a timeout at one provider
//! charged the customer at the other as well).

use std::time::Duration;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{
    check::{
        FaultClass,
        judge::{
            CouldNot,
            words::{line, one_line},
        },
        redact::redact,
    },
    plan::read::choice,
};

/// The longest detail that is kept, in bytes.
const DETAIL_LIMIT: usize = 300;
/// A provider that asks us to wait longer is taken to have asked for this.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

choice! {
    /// What became of something that was asked of a provider.
    pub enum Class {
        /// Taken; whether it arrives is not known yet.
        Accepted = "accepted",
        /// Seen to be done.
        Delivered = "delivered",
        /// Refused for good: asked again in the same way it will be refused again.
        Refused = "refused",
        /// Not done, and worth trying later.
        RetryLater = "retry-later",
        /// Nobody knows whether it was done.
        Unknown = "unknown",
    }
}

choice! {
    /// Why something was refused for good.
    pub enum Refusal {
        /// By whoever has a say in it, such as a customer's bank. The provider works.
        Declined = "declined",
        /// The request is not what the provider takes.
        Request = "request",
        /// The credential is not accepted: wrong, expired or taken back.
        Credential = "credential",
        /// The credential is accepted, but may not do this.
        Permission = "permission",
        /// What was asked for is not there, such as an archived channel or a device that is gone.
        Gone = "gone",
        /// Nothing was sent: what is missing is here, such as a credential or a value of the plan.
        Here = "here",
    }
}

choice! {
    /// What asking twice would do.
    pub enum Effect {
        /// Nothing: the question changes nothing.
        Nothing = "nothing",
        /// Nothing more than asking once, because the provider knows the request by a key.
        Once = "once",
        /// The same again.
        EachTime = "each-time",
    }
}

choice! {
    /// What an answer says about the provider's own health, for its circuit breaker.
    pub enum Observation {
        /// It works.
        Succeeded = "succeeded",
        /// It failed us.
        Failed = "failed",
        /// It works and said no; or it is us who could not ask. Says nothing about its health.
        Neither = "neither",
    }
}

/// What came of asking a provider for something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Answer {
    /// What became of it.
    pub class: Class,
    /// Why it was refused.
    pub refusal: Option<Refusal>,
    /// What it says about the provider's health.
    pub observation: Observation,
    /// The HTTP status or the SMTP reply, where there was one.
    pub status: Option<u16>,
    /// The provider's own word for it, such as `card_declined`.
    pub code: Option<String>,
    /// What happened, in one line: lower case, no full stop.
    pub detail: String,
    /// The provider's id of what was made, to ask for it later.
    pub reference: Option<String>,
    /// How long the provider asks us to wait, in milliseconds.
    #[ts(type = "number | null")]
    pub retry_after_ms: Option<u64>,
}

impl Answer {
    fn new(class: Class, observation: Observation, detail: &str) -> Self {
        Self {
            class,
            refusal: None,
            observation,
            status: None,
            code: None,
            detail: line(detail, DETAIL_LIMIT),
            reference: None,
            retry_after_ms: None,
        }
    }

    /// Taken by the provider; whether it arrives is not known yet.
    pub fn accepted(detail: &str) -> Self {
        Self::new(Class::Accepted, Observation::Succeeded, detail)
    }

    /// Seen to be done.
    pub fn delivered(detail: &str) -> Self {
        Self::new(Class::Delivered, Observation::Succeeded, detail)
    }

    /// Refused for good by a provider that works.
    pub fn refused(refusal: Refusal, detail: &str) -> Self {
        Self { refusal: Some(refusal), ..Self::new(Class::Refused, Observation::Neither, detail) }
    }

    /// Not done, and worth trying later. `observation` tells a busy provider from a failing one.
    pub fn retry_later(observation: Observation, detail: &str) -> Self {
        Self::new(Class::RetryLater, observation, detail)
    }

    /// Not asked, because the circuit breaker before the provider does not let anybody through (B-60).
    pub fn held_back(detail: &str, wait: Option<Duration>) -> Self {
        let retry_after_ms = wait.and_then(|wait| u64::try_from(wait.as_millis()).ok());
        let answer = Self::new(Class::RetryLater, Observation::Neither, detail);
        Self { retry_after_ms, ..answer.coded(Some("breaker-open")) }
    }

    /// Nobody knows whether it was done.
    pub fn unknown(detail: &str) -> Self {
        Self::new(Class::Unknown, Observation::Failed, detail)
    }

    /// The class of an HTTP status, when the vendor says nothing more exact. A success is a mere [`Class::Accepted`]:
    /// only who knows the interface knows more. `retry_after` is the header's text.
    pub fn of_status(status: u16, effect: Effect, retry_after: Option<&str>, detail: &str) -> Self {
        let answer = match status {
            200..=299 => Self::accepted(detail),
            401 => Self::refused(Refusal::Credential, detail),
            403 => Self::refused(Refusal::Permission, detail),
            404 | 410 => Self::refused(Refusal::Gone, detail),
            // RFC 9110 and 6585: not done, ask later. Asking too often is ours, not a failure of theirs.
            425 | 429 => Self::retry_later(Observation::Neither, detail),
            // A server that says when to come back has not begun.
            503 if retry_after.and_then(seconds).is_some() => Self::retry_later(Observation::Failed, detail),
            408 | 500..=599 => Self::lost(effect, detail),
            _ => Self::refused(Refusal::Request, detail),
        };
        Self { status: Some(status), retry_after_ms: retry_after.and_then(seconds), ..answer }
    }

    /// What it means that an answer was lost after the request may have arrived.
    fn lost(effect: Effect, detail: &str) -> Self {
        match effect {
            Effect::Nothing => Self::retry_later(Observation::Failed, detail),
            Effect::Once | Effect::EachTime => Self::unknown(detail),
        }
    }

    /// What it means that there was no answer. `sent` is whether the request may have reached the provider.
    pub fn of_silence(could_not: &CouldNot, sent: bool, effect: Effect) -> Self {
        let words = could_not.words();
        match could_not.class() {
            // Whoever is at fault: what may have arrived may have been done.
            FaultClass::Local if sent && effect != Effect::Nothing => {
                Self { observation: Observation::Neither, ..Self::unknown(&words) }
            }
            FaultClass::Local => Self::refused(Refusal::Here, &words),
            _ if sent => Self::lost(effect, &words),
            // Not reached by a way of which nobody knows whether it is ours or theirs.
            FaultClass::Network | FaultClass::OwnNetwork => Self::retry_later(Observation::Neither, &words),
            FaultClass::Silent | FaultClass::Remote => Self::retry_later(Observation::Failed, &words),
        }
    }

    /// Adds the HTTP status or the SMTP reply.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        Self { status: Some(status), ..self }
    }

    /// The same with nothing secret in what the provider said.
    #[must_use]
    pub fn without(self, secrets: &[&str]) -> Self {
        let told = |text: String| shown(&text, secrets);
        Self {
            detail: told(self.detail),
            code: self.code.map(told),
            reference: self.reference.filter(|reference| !secrets.iter().any(|secret| reference.contains(secret))),
            ..self
        }
    }

    /// Adds the provider's own word.
    #[must_use]
    pub fn coded(self, code: Option<&str>) -> Self {
        Self { code: code.map(|code| line(code, 80)), ..self }
    }

    /// Adds the provider's id of what was made.
    #[must_use]
    pub fn made(self, reference: Option<&str>) -> Self {
        Self { reference: reference.map(|reference| line(reference, 200)), ..self }
    }

    /// Whether trying again by itself is right: it was not done, or doing it twice is doing it once.
    pub fn may_be_tried_again(&self, effect: Effect) -> bool {
        match self.class {
            Class::RetryLater => true,
            Class::Unknown => effect != Effect::EachTime,
            Class::Accepted | Class::Delivered | Class::Refused => false,
        }
    }

    /// How long the provider asks us to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after_ms.map(Duration::from_millis)
    }
}

/// What a provider said, such as a name it shows, as one line without secrets and without what nobody sees.
pub fn shown(text: &str, secrets: &[&str]) -> String {
    redact(&one_line(text), secrets, DETAIL_LIMIT)
}

/// A `Retry-After` in seconds, in milliseconds; the form with a date is not used by these vendors.
fn seconds(text: &str) -> Option<u64> {
    let wait = Duration::from_secs(text.trim().parse().ok()?).min(LONGEST_WAIT);
    u64::try_from(wait.as_millis()).ok()
}

choice! {
    /// One of the three things a probe of a provider finds out.
    pub enum StandingClaim {
        /// It is so.
        Yes = "yes",
        /// It is not so.
        No = "no",
        /// Nobody could tell, or it was not asked.
        NotKnown = "not-known",
    }
}

/// How we stand with a provider: three separate answers (B-53, B-54). A key without permission is no outage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Standing {
    /// The interface answers.
    pub reachable: StandingClaim,
    /// It accepts our credential.
    pub authenticated: StandingClaim,
    /// What we need it for works, as far as that can be told without doing it.
    pub functional: StandingClaim,
    /// What was found, in one line.
    pub detail: String,
    /// What was answered to the question that decided.
    pub answer: Option<Answer>,
}

impl Standing {
    /// How we stand after the question for least rights was answered so.
    pub fn of(answer: Answer) -> Self {
        use StandingClaim::{No, NotKnown, Yes};
        let (reachable, authenticated, functional) = match (answer.class, answer.refusal, answer.observation) {
            (Class::Accepted | Class::Delivered, ..) => (Yes, Yes, Yes),
            (Class::Refused, Some(Refusal::Credential), _) => (Yes, No, NotKnown),
            (Class::Refused, Some(Refusal::Permission), _) => (Yes, Yes, NotKnown),
            (Class::Refused, Some(Refusal::Here), _) => (NotKnown, NotKnown, NotKnown),
            (Class::Refused, _, _) => (Yes, Yes, No),
            (Class::RetryLater | Class::Unknown, _, Observation::Failed) if answer.status.is_some() => {
                (Yes, NotKnown, No)
            }
            (Class::RetryLater | Class::Unknown, _, Observation::Failed) => (No, NotKnown, NotKnown),
            (Class::RetryLater | Class::Unknown, ..) if answer.status.is_some() => (Yes, NotKnown, NotKnown),
            (Class::RetryLater | Class::Unknown, ..) => (NotKnown, NotKnown, NotKnown),
        };
        Self { reachable, authenticated, functional, detail: answer.detail.clone(), answer: Some(answer) }
    }

    /// The same with nothing secret in what the provider said.
    #[must_use]
    pub fn without(self, secrets: &[&str]) -> Self {
        let detail = shown(&self.detail, secrets);
        Self { detail, answer: self.answer.map(|answer| answer.without(secrets)), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::quantity::Period;

    #[test]
    fn a_lost_answer_is_unknown_and_tried_again_only_where_twice_is_once() {
        let silence = CouldNot::NoAnswer(Period::from_secs(4));
        for (effect, sent, class, again) in [
            (Effect::Nothing, true, Class::RetryLater, true),
            (Effect::Once, true, Class::Unknown, true),
            (Effect::EachTime, true, Class::Unknown, false),
            (Effect::EachTime, false, Class::RetryLater, true),
        ] {
            let answer = Answer::of_silence(&silence, sent, effect);
            assert_eq!((answer.class, answer.may_be_tried_again(effect)), (class, again), "{effect} {sent}");
            assert_eq!(answer.observation, Observation::Failed);
        }
    }

    #[test]
    fn what_fails_here_after_it_was_sent_may_have_been_done() {
        let here = CouldNot::Local("the disk is gone".to_owned());
        for effect in [Effect::Once, Effect::EachTime] {
            let answer = Answer::of_silence(&here, true, effect);
            assert_eq!((answer.class, answer.observation), (Class::Unknown, Observation::Neither), "{effect}");
        }
        assert_eq!(Answer::of_silence(&here, false, Effect::EachTime).refusal, Some(Refusal::Here));
        assert_eq!(Answer::of_silence(&here, true, Effect::Nothing).refusal, Some(Refusal::Here));
    }

    #[test]
    fn what_is_ours_is_not_held_against_the_provider() {
        let here = Answer::of_silence(&CouldNot::NoCredential("none".to_owned()), false, Effect::Nothing);
        assert_eq!((here.class, here.refusal), (Class::Refused, Some(Refusal::Here)));
        let name = Answer::of_silence(&CouldNot::NameNotFound("a.test".to_owned()), false, Effect::Nothing);
        assert_eq!((name.class, name.observation), (Class::RetryLater, Observation::Neither));
        let busy = Answer::of_status(429, Effect::EachTime, Some("7"), "busy");
        assert_eq!((busy.class, busy.observation), (Class::RetryLater, Observation::Neither));
        assert_eq!(busy.retry_after(), Some(Duration::from_secs(7)));
    }

    #[test]
    fn statuses_are_classed() {
        use Class::{Accepted, Refused, RetryLater, Unknown};
        for (status, after, effect, class, refusal) in [
            (200, None, Effect::EachTime, Accepted, None),
            (301, None, Effect::EachTime, Refused, Some(Refusal::Request)),
            (400, None, Effect::EachTime, Refused, Some(Refusal::Request)),
            (401, None, Effect::EachTime, Refused, Some(Refusal::Credential)),
            (403, None, Effect::EachTime, Refused, Some(Refusal::Permission)),
            (404, None, Effect::EachTime, Refused, Some(Refusal::Gone)),
            (500, None, Effect::Nothing, RetryLater, None),
            (500, None, Effect::Once, Unknown, None),
            (500, None, Effect::EachTime, Unknown, None),
            (503, Some("2"), Effect::EachTime, RetryLater, None),
            (503, Some("soon"), Effect::EachTime, Unknown, None),
        ] {
            let answer = Answer::of_status(status, effect, after, "why");
            assert_eq!((answer.class, answer.refusal, answer.status), (class, refusal, Some(status)), "{status}");
        }
        let far = Answer::of_status(429, Effect::Nothing, Some("18446744073709551615"), "why");
        assert_eq!(far.retry_after(), Some(LONGEST_WAIT));
    }

    #[test]
    fn b_53_b_54_reachable_authenticated_and_functional_are_three_answers() {
        use StandingClaim::{No, NotKnown, Yes};
        let status = |status| Answer::of_status(status, Effect::Nothing, None, "why");
        let silence = |why: CouldNot| Answer::of_silence(&why, false, Effect::Nothing);
        for (answer, expected) in [
            (status(200), (Yes, Yes, Yes)),
            (status(401), (Yes, No, NotKnown)),
            (status(403), (Yes, Yes, NotKnown)),
            (status(404), (Yes, Yes, No)),
            (status(429), (Yes, NotKnown, NotKnown)),
            (status(503), (Yes, NotKnown, No)),
            (silence(CouldNot::Refused), (No, NotKnown, NotKnown)),
            (silence(CouldNot::NoCredential("why".to_owned())), (NotKnown, NotKnown, NotKnown)),
            (silence(CouldNot::NameNotFound("why".to_owned())), (NotKnown, NotKnown, NotKnown)),
        ] {
            let standing = Standing::of(answer.clone());
            assert_eq!((standing.reachable, standing.authenticated, standing.functional), expected, "{answer:?}");
        }
    }
}
