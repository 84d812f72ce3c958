//! Journeys: one HTTP request after the other, with values carried over, and what was made removed again in any case.

use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::Method;
use lifeboat_domain::{
    Id,
    check::{
        JourneyProbe, JourneyStep, Outcome, ProbeKind, StepMethod, Verdict,
        judge::{self, Carried, CouldNot, HttpAnswer, StepRequest, Walked},
    },
    environment::Target,
    plan::quantity::Period,
};
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    Attempt,
    http::{Request, credential_for, exchange, headers, web_address},
    locked, wrong_kind,
};
use crate::secrets::Sensitive;

/// So much of the check's time is left to say what came of it.
const LAST: Duration = Duration::from_millis(50);

pub(super) async fn journey(attempt: &Attempt<'_>, probe: &JourneyProbe) -> Result<Outcome, CouldNot> {
    let Target::Http { url, credential, .. } = attempt.target(&probe.endpoint)? else { return Err(wrong_kind()) };
    let credential = match credential {
        _ if !probe.needs_credential() => None,
        Some(handle) => Some(credential_for(attempt, &web_address(url)?, handle).await?),
        None => return Err(CouldNot::NotBound("not bound: the endpoint has no credential".to_owned())),
    };
    let carried = Carried::new(&Uuid::now_v7().to_string(), credential.as_ref().map(|credential| credential.reveal()));
    let mut walk = Walk { attempt, endpoint: &probe.endpoint, carried };
    let clean_until = attempt.deadline.checked_sub(LAST).unwrap_or(attempt.deadline);
    let steps_until = clean_until.checked_sub(probe.reserve(attempt.limit).get()).unwrap_or(clean_until);
    let mut steps = Vec::new();
    for step in &probe.steps {
        let walked = walk.step(step, steps_until).await;
        let ends = !matches!(verdict(&walked), Some(Verdict::Operational | Verdict::Degraded));
        steps.push(walked);
        if ends {
            break;
        }
    }
    let mut clean_up = Vec::new();
    for step in &probe.clean_up {
        // Each gets its share, so that one that hangs leaves time for the others.
        let waiting = u32::try_from(probe.clean_up.len() - clean_up.len()).unwrap_or(u32::MAX);
        let share = clean_until.saturating_duration_since(Instant::now()) / waiting;
        clean_up.push(walk.step(step, Instant::now() + share).await);
    }
    Ok(judge::journey(probe, &steps, &clean_up))
}

fn verdict(walked: &Walked) -> Option<Verdict> {
    walked.outcome.as_ref().map(|outcome| outcome.verdict)
}

struct Walk<'a> {
    attempt: &'a Attempt<'a>,
    endpoint: &'a Id,
    carried: Carried,
}

impl Walk<'_> {
    /// Makes one step. One that needs a value nobody has is left out.
    async fn step(&mut self, step: &JourneyStep, until: Instant) -> Walked {
        let started = Instant::now();
        let outcome = match self.carried.request(step) {
            Ok(request) => Some(self.make(step, &request, until.saturating_duration_since(started)).await),
            Err(_) => None,
        };
        Walked { name: step.name.clone(), outcome, took: started.elapsed() }
    }

    async fn make(&mut self, step: &JourneyStep, request: &StepRequest, limit: Duration) -> Outcome {
        let answer = timeout(limit, self.send(request)).await.unwrap_or_else(|_| {
            let limit = Period::from_millis(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
            Err(self.attempt.ran_out(limit))
        });
        let outcome = match answer {
            Ok(answer) => self.carried.take(step, &answer),
            Err(why) => why.judge(ProbeKind::Journey),
        };
        let mut used = locked(&self.attempt.used);
        for secret in self.carried.secrets() {
            if !used.iter().any(|known| known.reveal() == secret) {
                used.push(Sensitive::new(secret.clone()).into());
            }
        }
        outcome
    }

    async fn send(&self, request: &StepRequest) -> Result<HttpAnswer, CouldNot> {
        let made = Request {
            method: match request.method {
                StepMethod::Get => Method::GET,
                StepMethod::Post => Method::POST,
                StepMethod::Put => Method::PUT,
                StepMethod::Patch => Method::PATCH,
                StepMethod::Delete => Method::DELETE,
            },
            path: &request.path,
            headers: headers(request.headers.iter().map(|(name, value)| (name, value)))?,
            body: request.body.clone().map(Bytes::from).unwrap_or_default(),
            // Where it is wanted, the step says so itself.
            authorization: None,
            follow: false,
        };
        let answer = exchange(self.attempt, self.endpoint, None, made).await?.told();
        Ok(HttpAnswer { with_credential: request.with_credential, ..answer })
    }
}
