//! Asking again: with pauses that grow and differ, for as long as there is time, and only where that is right.
//!
//! All tries of one intent carry one idempotency key, which is the caller's to make; an answer that was lost is asked
//! for again only where asking twice is asking once ([`Answer::may_be_tried_again`]).

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use lifeboat_domain::provider::{Answer, Effect};
use tokio::time::Instant;

/// How often, and for how long in all.
#[derive(Debug, Clone, Copy)]
pub struct Again {
    /// At most so many tries, the first included.
    pub tries: usize,
    /// The pause before the second try; later ones are longer, and each is lengthened by chance up to twice.
    pub pause: Duration,
    /// No try begins later than this after the first.
    pub within: Duration,
}

impl Again {
    /// Asks until it is done, refused, not known, or there is no time left. The last answer is told.
    ///
    /// A vendor that asks us to wait is waited for, unless that is longer than there is time.
    pub async fn ask<F>(self, effect: Effect, mut once: impl FnMut() -> F) -> Answer
    where
        F: Future<Output = Answer>,
    {
        let deadline = Instant::now() + self.within;
        let pauses = ExponentialBuilder::default()
            .with_min_delay(self.pause)
            .with_max_times(self.tries.saturating_sub(1))
            .with_jitter();
        let ask = || {
            let asked = once();
            async move {
                let answer = asked.await;
                if answer.may_be_tried_again(effect) { Err(answer) } else { Ok(answer) }
            }
        };
        let asked = ask.retry(pauses).adjust(|answer, pause| {
            let pause = pause?.max(answer.retry_after().unwrap_or_default());
            (Instant::now() + pause <= deadline).then_some(pause)
        });
        let (Ok(answer) | Err(answer)) = asked.await;
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use lifeboat_domain::provider::{Class, Observation};

    use super::*;

    const AGAIN: Again = Again { tries: 4, pause: Duration::from_millis(5), within: Duration::from_mins(1) };

    /// What becomes of these answers, told one after the other, and how many were asked for and how long it took.
    async fn asked(effect: Effect, answers: &[Answer]) -> (Answer, usize, Duration) {
        let (count, began) = (AtomicUsize::new(0), Instant::now());
        let answer = AGAIN
            .ask(effect, || {
                let at = count.fetch_add(1, Ordering::Relaxed);
                let answer = answers[at.min(answers.len() - 1)].clone();
                async move { answer }
            })
            .await;
        (answer, count.into_inner(), began.elapsed())
    }

    #[tokio::test]
    async fn what_was_not_done_is_tried_again_and_what_was_refused_is_not() {
        let (busy, done) = (Answer::retry_later(Observation::Failed, "busy"), Answer::accepted("done"));
        let (answer, tries, took) = asked(Effect::EachTime, &[busy.clone(), busy.clone(), done]).await;
        assert_eq!((answer.class, tries), (Class::Accepted, 3));
        assert!(took >= Duration::from_millis(15), "{took:?}");
        let (answer, tries, _) = asked(Effect::EachTime, &[busy]).await;
        assert_eq!((answer.class, tries), (Class::RetryLater, 4));
        let (_, tries, _) = asked(Effect::Once, &[Answer::of_status(400, Effect::Once, None, "no")]).await;
        assert_eq!(tries, 1);
    }

    #[tokio::test]
    async fn a_lost_answer_is_asked_for_again_only_where_twice_is_once() {
        let lost = [Answer::unknown("lost")];
        assert_eq!(asked(Effect::EachTime, &lost).await.1, 1);
        assert_eq!(asked(Effect::Once, &lost).await.1, 4);
    }

    #[tokio::test]
    async fn a_vendor_that_asks_us_to_wait_is_waited_for_while_there_is_time() {
        let busy = |seconds| Answer::of_status(429, Effect::EachTime, Some(seconds), "busy");
        let (_, tries, took) = asked(Effect::EachTime, &[busy("1"), Answer::accepted("done")]).await;
        assert_eq!(tries, 2);
        assert!(took >= Duration::from_secs(1), "{took:?}");
        let (answer, tries, _) = asked(Effect::EachTime, &[busy("90")]).await;
        assert_eq!((answer.class, tries), (Class::RetryLater, 1));
    }
}
