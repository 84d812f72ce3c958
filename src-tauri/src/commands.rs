//! What the window may ask. One declaration gives the handler and the names; each body is one call.
//!
//! Nothing is decided here, and nothing is remembered: that is the bridge's and the engine's.

use lifeboat_domain::{
    Id, Problem,
    journal::Verification,
    provider::{BreakerView, Forced},
    status::{Board, Silence, availability::AvailabilityReport, readiness::Readiness, rollup::HistorySpan},
};
use lifeboat_engine::{
    doctor::DoctorReport,
    history::CheckHistory,
    settings::{self, Settings},
    view::{CheckDetail, CheckResult, DataView, Export, JournalPage, JournalQuery, PlanView, SilenceWanted},
};
use lifeboat_range::{Progress, RangeStatus, Size};
use tauri::{State, WebviewWindow, ipc::Channel};

use crate::{bridge::Bridge, view::AppView, window};

macro_rules! commands {
    ($($name:ident),* $(,)?) => {
        /// Answers the window's calls.
        pub(crate) fn handler() -> impl Fn(tauri::ipc::Invoke<tauri::Wry>) -> bool + Send + Sync + 'static {
            tauri::generate_handler![$($name),*]
        }

        /// The commands by name.
        #[cfg(test)]
        pub(crate) const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

include!("commands.in");

/// Where the program stands: its plan, environment, range and keychain. Never fails: what is wrong is in it.
#[tauri::command]
async fn app_read(bridge: State<'_, Bridge>) -> Result<AppView, Problem> {
    Ok(bridge.app_read().await)
}

/// Looks at another environment of the plan.
#[tauri::command]
async fn environment_choose(bridge: State<'_, Bridge>, environment: Id) -> Result<AppView, Problem> {
    bridge.environment_choose(environment).await
}

/// The board now.
#[tauri::command]
async fn board_read(bridge: State<'_, Bridge>) -> Result<Board, Problem> {
    bridge.engine().await?.board().await
}

/// Checks once, now: all checks, or those named.
#[tauri::command]
async fn check_run(bridge: State<'_, Bridge>, checks: Option<Vec<Id>>) -> Result<Vec<CheckResult>, Problem> {
    bridge.engine().await?.check_run(checks).await
}

/// One check in full.
#[tauri::command]
async fn check_read(bridge: State<'_, Bridge>, check: Id) -> Result<CheckDetail, Problem> {
    bridge.engine().await?.check_read(check).await
}

/// What became of one check over a span.
#[tauri::command]
async fn check_history(bridge: State<'_, Bridge>, check: Id, span: HistorySpan) -> Result<CheckHistory, Problem> {
    bridge.engine().await?.check_history(check, span).await
}

/// How available everything was over 30 and 90 days.
#[tauri::command]
async fn availability_read(bridge: State<'_, Bridge>) -> Result<Vec<AvailabilityReport>, Problem> {
    bridge.engine().await?.availability().await
}

/// How ready the stores are to be recovered, and what is due.
#[tauri::command]
async fn readiness_read(bridge: State<'_, Bridge>) -> Result<Readiness, Problem> {
    bridge.engine().await?.readiness().await
}

/// Plans a maintenance, or begins one now; answers with what is silent afterwards.
#[tauri::command]
async fn maintenance_begin(bridge: State<'_, Bridge>, wanted: SilenceWanted) -> Result<Vec<Silence>, Problem> {
    bridge.engine().await?.maintenance_begin(wanted).await
}

/// Ends a maintenance before its time.
#[tauri::command]
async fn maintenance_end(bridge: State<'_, Bridge>, entry: String) -> Result<Vec<Silence>, Problem> {
    bridge.engine().await?.maintenance_end(entry).await
}

/// Mutes alarms for a while; answers with what is silent afterwards.
#[tauri::command]
async fn mute(bridge: State<'_, Bridge>, wanted: SilenceWanted) -> Result<Vec<Silence>, Problem> {
    bridge.engine().await?.mute(wanted).await
}

/// Ends a mute before its time.
#[tauri::command]
async fn unmute(bridge: State<'_, Bridge>, entry: String) -> Result<Vec<Silence>, Problem> {
    bridge.engine().await?.unmute(entry).await
}

/// Forces a provider's circuit breaker open or closed, or leaves it to itself; answers with how it stands.
#[tauri::command]
async fn breaker_force(
    bridge: State<'_, Bridge>,
    provider: Id,
    forced: Option<Forced>,
    reason: String,
) -> Result<BreakerView, Problem> {
    bridge.engine().await?.breaker_force(&provider, forced, &reason).await
}

/// A page of the journal.
#[tauri::command]
async fn journal_list(bridge: State<'_, Bridge>, query: JournalQuery) -> Result<JournalPage, Problem> {
    bridge.engine().await?.journal_list(query).await
}

/// Verifies the journal from its first entry.
#[tauri::command]
async fn journal_verify(bridge: State<'_, Bridge>) -> Result<Verification, Problem> {
    bridge.engine().await?.journal_verify().await
}

/// Writes the journal to a new file in the home's `exports`. The window cannot choose another place.
#[tauri::command]
async fn journal_export(bridge: State<'_, Bridge>) -> Result<Export, Problem> {
    bridge.engine().await?.journal_export(None).await
}

/// Reads the plan from disk again.
#[tauri::command]
async fn plan_read(bridge: State<'_, Bridge>) -> Result<PlanView, Problem> {
    bridge.engine().await?.plan_read().await
}

/// What a person chose for this home. Works without a journal.
#[tauri::command]
async fn settings_read(bridge: State<'_, Bridge>) -> Result<Settings, Problem> {
    Ok(settings::read(bridge.home()))
}

/// Keeps what a person chose for this home.
#[tauri::command]
async fn settings_write(bridge: State<'_, Bridge>, settings: Settings) -> Result<Settings, Problem> {
    settings::write(bridge.home(), settings)
}

/// What is kept in the home, and for how long.
#[tauri::command]
async fn data_read(bridge: State<'_, Bridge>) -> Result<DataView, Problem> {
    bridge.engine().await?.data().await
}

/// What this computer has and lacks. Works without a journal.
#[tauri::command]
async fn doctor_run(bridge: State<'_, Bridge>) -> Result<DoctorReport, Problem> {
    bridge.doctor_run().await
}

/// How the practice range is found now.
#[tauri::command]
async fn range_status(bridge: State<'_, Bridge>) -> Result<RangeStatus, Problem> {
    Ok(bridge.range_status().await)
}

/// Brings the practice range up, tells each step, and looks at its environment.
#[tauri::command]
async fn range_up(bridge: State<'_, Bridge>, size: Size, progress: Channel<Progress>) -> Result<RangeStatus, Problem> {
    // A window that went away misses the steps; the range comes up all the same.
    bridge.range_up(size, move |step| drop(progress.send(step))).await
}

/// Takes the practice range down and removes everything it made.
#[tauri::command]
async fn range_down(bridge: State<'_, Bridge>) -> Result<RangeStatus, Problem> {
    bridge.range_down().await
}

/// The window has something to show.
#[tauri::command]
async fn window_ready(window: WebviewWindow) -> Result<(), Problem> {
    tracing::info!("the window is ready");
    window::show(&window);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::NAMES;

    #[test]
    fn the_window_may_call_exactly_the_commands_there_are() {
        let capability: serde_json::Value = serde_json::from_str(include_str!("../capabilities/main.json")).unwrap();
        let allowed: BTreeSet<String> = capability["permissions"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|permission| permission.as_str().unwrap().strip_prefix("allow-"))
            .map(|name| name.replace('-', "_"))
            .collect();
        let named: BTreeSet<String> = NAMES.iter().map(|&name| name.to_owned()).collect();
        assert_eq!(allowed, named);
        assert_eq!(named.len(), NAMES.len(), "a command is named twice");
    }

    #[test]
    fn build_script_reads_the_same_declaration() {
        let permissions = concat!(env!("CARGO_MANIFEST_DIR"), "/permissions/autogenerated");
        let generated: BTreeSet<String> = std::fs::read_dir(permissions)
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        for name in NAMES {
            assert!(generated.contains(*name), "{name} is not in the manifest of the application");
        }
    }

    #[test]
    fn nothing_outside_our_commands_is_allowed_without_notice() {
        let capability: serde_json::Value = serde_json::from_str(include_str!("../capabilities/main.json")).unwrap();
        let others: Vec<&str> = capability["permissions"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|permission| permission.as_str())
            .filter(|permission| permission.contains(':'))
            .collect();
        assert_eq!(others, ["core:event:allow-listen", "core:event:allow-unlisten", "core:window:allow-theme"]);
        assert_eq!(capability["windows"], serde_json::json!(["main"]));
    }
}
