//! `lifeboat heartbeat`: a job on this computer reports that it ran, from cron or a systemd unit.

use lifeboat_domain::{Code, Id, Problem, check::judge::Beat};
use serde::Serialize;

use crate::{
    Place,
    answer::{Answer, Ending, visible},
};

#[derive(Debug, Serialize)]
struct Heard {
    check: Id,
    environment: Id,
    #[serde(flatten)]
    beat: Beat,
}

pub(crate) async fn run(place: &Place, check: &str, failed: Option<String>, answer: Answer) -> Result<Ending, Problem> {
    let check: Id = check
        .parse()
        .map_err(|_| Problem::new(Code::CheckUnknown, format!("no check is called \"{check}\"")).field("check"))?;
    let engine = place.open().await?;
    let heard = engine.heartbeat(&check, failed).await;
    engine.close().await;
    let (environment, beat) = heard?;
    let word = match &beat.failed {
        None => "went well".to_owned(),
        Some(why) => format!("failed: {}", visible(why)),
    };
    let text = format!("kept: {check} in {environment} {word}");
    answer.give(&Heard { check, environment, beat }, &text)?;
    Ok(Ending::Good)
}
