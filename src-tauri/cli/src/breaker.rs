//! `lifeboat breaker`: whether a provider is asked, and what a person wants of that.

use std::fmt::Write as _;

use clap::{Args, Subcommand};
use lifeboat_domain::{
    Code, Id, Problem,
    provider::{BreakerPhase, BreakerView, Forced},
};
use serde::Serialize;

use crate::{
    Place,
    answer::{Answer, Ending, time, visible},
};

#[derive(Debug, Subcommand)]
pub(crate) enum BreakerVerb {
    /// Show how every breaker stands.
    List,
    /// Ask a provider nothing any more, until this is taken back.
    Open(Wanted),
    /// Ask a provider whatever is seen of it, until this is taken back.
    Close(Wanted),
    /// Leave a breaker to what is seen of its provider again. One that was held open has to be tried first.
    Release {
        /// The provider's name in the plan.
        #[arg(value_name = "ID")]
        provider: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Wanted {
    /// The provider's name in the plan.
    #[arg(value_name = "ID")]
    provider: String,
    /// Why; whoever comes next will want to know.
    #[arg(long)]
    reason: String,
}

#[derive(Debug, Serialize)]
struct Breakers {
    breakers: Vec<BreakerView>,
}

pub(crate) async fn run(place: &Place, verb: BreakerVerb, answer: Answer) -> Result<Ending, Problem> {
    let (provider, forced, reason) = match verb {
        BreakerVerb::List => {
            let engine = place.open().await?;
            let breakers = engine.breakers().await;
            engine.close().await;
            return tell(breakers?, answer);
        }
        BreakerVerb::Open(Wanted { provider, reason }) => (provider, Some(Forced::Open), reason),
        BreakerVerb::Close(Wanted { provider, reason }) => (provider, Some(Forced::Closed), reason),
        BreakerVerb::Release { provider } => (provider, None, String::new()),
    };
    let provider: Id = provider
        .parse()
        .map_err(|_| Problem::new(Code::Usage, format!("no provider is called \"{provider}\"")).field("provider"))?;
    let engine = place.open().await?;
    let view = engine.breaker_force(&provider, forced, &reason).await;
    engine.close().await;
    tell(vec![view?], answer)
}

fn tell(breakers: Vec<BreakerView>, answer: Answer) -> Result<Ending, Problem> {
    let mut text = String::new();
    for view in &breakers {
        let stands = match (view.forced, view.phase, view.until) {
            (Some(Forced::Open), ..) => "held open".to_owned(),
            (Some(Forced::Closed), ..) => "held closed".to_owned(),
            (None, BreakerPhase::Closed, _) if view.failures > 0 => {
                format!("closed, {} of {} failures", view.failures, view.of)
            }
            (None, BreakerPhase::Closed, _) => "closed".to_owned(),
            (None, BreakerPhase::Open, Some(until)) => format!("open until {}", time(until)),
            (None, BreakerPhase::Open, None) => "open".to_owned(),
            (None, BreakerPhase::HalfOpen, _) => "half-open: one may try".to_owned(),
        };
        let by = view.by.as_ref().map_or_else(String::new, |by| format!(" by {}", visible(by)));
        let why = if view.reason.is_empty() { String::new() } else { format!(": {}", visible(&view.reason)) };
        let _ = writeln!(text, "{:<20} {stands}{by}{why}", visible(&view.name));
    }
    if breakers.is_empty() {
        text.push_str("The plan gives no provider a circuit breaker.\n");
    }
    answer.give(&Breakers { breakers }, &text)?;
    Ok(Ending::Good)
}
