//! What the window may ask. One declaration gives the handler and the names; each body is one call.
//!
//! Nothing is decided here, and nothing is remembered: that is the bridge's and the engine's.

use lifeboat_domain::{
    Id, Problem,
    environment::credential::CredentialPlace,
    journal::Verification,
    provider::{BreakerView, Forced},
    status::{Board, Silence, availability::AvailabilityReport, readiness::Readiness, rollup::HistorySpan},
};
use lifeboat_engine::{
    credential::{CredentialTest, Credentials},
    doctor::DoctorReport,
    history::CheckHistory,
    secrets::Sensitive,
    settings::{self, Settings},
    view::{CheckDetail, CheckResult, DataView, Export, JournalPage, JournalQuery, PlanView, SilenceWanted},
};
use lifeboat_range::{Progress, RangeStatus, Size};
use tauri::{AppHandle, State, WebviewWindow, ipc::Channel};

use crate::{
    bridge::Bridge,
    presence::{self, Presence, PresenceView},
    view::{AppView, KeychainView, KioskView},
    window,
};

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

/// Every credential the plan names, and how each stands. Never a value.
#[tauri::command]
async fn credential_list(bridge: State<'_, Bridge>) -> Result<Credentials, Problem> {
    bridge.engine().await?.credentials().await
}

/// Keeps a credential, and answers with how all stand then.
#[tauri::command]
async fn credential_set(
    bridge: State<'_, Bridge>,
    handle: Id,
    value: Sensitive,
    place: CredentialPlace,
) -> Result<Credentials, Problem> {
    let engine = bridge.engine().await?;
    engine.credential_set(handle, value, place).await?;
    engine.credentials().await
}

/// Tries a credential where the environment in force needs it.
#[tauri::command]
async fn credential_test(bridge: State<'_, Bridge>, handle: Id) -> Result<CredentialTest, Problem> {
    bridge.engine().await?.credential_test(handle).await
}

/// Takes a credential away, and answers with how all stand then.
#[tauri::command]
async fn credential_remove(bridge: State<'_, Bridge>, handle: Id) -> Result<Credentials, Problem> {
    let engine = bridge.engine().await?;
    engine.credential_remove(handle).await?;
    engine.credentials().await
}

/// Puts back a credential that was removed less than half a minute ago.
#[tauri::command]
async fn credential_restore(bridge: State<'_, Bridge>, handle: Id) -> Result<Credentials, Problem> {
    let engine = bridge.engine().await?;
    engine.credential_restore(handle).await?;
    engine.credentials().await
}

/// Opens the encrypted file of credentials, or makes ready to write one under this passphrase.
#[tauri::command]
async fn credential_file_open(bridge: State<'_, Bridge>, passphrase: Sensitive) -> Result<Credentials, Problem> {
    let engine = bridge.engine().await?;
    engine.credential_file_open(passphrase).await?;
    engine.credentials().await
}

/// Asks the keychain again and waits for it, because it may ask a person.
#[tauri::command]
async fn keychain_unlock(bridge: State<'_, Bridge>) -> Result<KeychainView, Problem> {
    Ok(bridge.keychain_unlock().await)
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
    window::ready(&window);
    Ok(())
}

/// How the program stands on this desktop.
#[tauri::command]
async fn presence_read(handle: AppHandle, presence: State<'_, Presence>) -> Result<PresenceView, Problem> {
    Ok(presence.read(&handle).await)
}

/// Shows a notification that says nothing but that it is one.
#[tauri::command]
async fn notification_test(handle: AppHandle) -> Result<(), Problem> {
    presence::notification_test(&handle)
}

/// Plays the sound of an outage.
#[tauri::command]
async fn sound_test() -> Result<(), Problem> {
    presence::sound_test().await
}

/// Has Lifeboat started at login, or not any more.
#[tauri::command]
async fn autostart_write(handle: AppHandle, presence: State<'_, Presence>, on: bool) -> Result<PresenceView, Problem> {
    presence::autostart(&handle, on)?;
    Ok(presence.read(&handle).await)
}

/// Answers the question before quitting.
#[tauri::command]
async fn quit_answer(handle: AppHandle, quit: bool) -> Result<(), Problem> {
    presence::quit_answer(&handle, quit);
    Ok(())
}

/// Opens the wall.
#[tauri::command]
async fn kiosk_open(handle: AppHandle) -> Result<(), Problem> {
    window::kiosk(&handle).map_err(|error| Problem::bug(format!("the wall could not be opened: {error}")))
}

/// How the wall is to be shown. Nothing about a person.
#[tauri::command]
async fn kiosk_read(bridge: State<'_, Bridge>) -> Result<KioskView, Problem> {
    Ok(KioskView::of(&settings::read(bridge.home())))
}

/// Closes the wall it is called from.
#[tauri::command]
async fn kiosk_leave(window: WebviewWindow) -> Result<(), Problem> {
    if window.label() == window::KIOSK {
        window::leave(&window);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::NAMES;

    const MAIN: &str = include_str!("../capabilities/main.json");
    const KIOSK: &str = include_str!("../capabilities/kiosk.json");

    /// What a wall may call: what only reads, and what is about its own window.
    const READING: [&str; 3] = ["availability_read", "board_read", "kiosk_read"];
    const OWN_WINDOW: [&str; 2] = ["kiosk_leave", "window_ready"];

    /// Our commands that a capability allows, what else it allows, and for which windows.
    fn capability(text: &str) -> (BTreeSet<String>, Vec<String>, Vec<String>) {
        let capability: serde_json::Value = serde_json::from_str(text).unwrap();
        let texts = |key: &str| -> Vec<String> {
            capability[key].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
        };
        let (others, ours): (Vec<String>, Vec<String>) =
            texts("permissions").into_iter().partition(|permission| permission.contains(':'));
        let command = |permission: String| permission.strip_prefix("allow-").unwrap().replace('-', "_");
        (ours.into_iter().map(command).collect(), others, texts("windows"))
    }

    #[test]
    fn the_window_may_call_every_command_but_those_of_the_wall() {
        let (allowed, others, windows) = capability(MAIN);
        let of_the_wall = ["kiosk_leave", "kiosk_read"];
        let named: BTreeSet<String> =
            NAMES.iter().filter(|name| !of_the_wall.contains(name)).map(|&name| name.to_owned()).collect();
        assert_eq!(allowed, named);
        assert_eq!(NAMES.iter().collect::<BTreeSet<_>>().len(), NAMES.len(), "a command is named twice");
        assert_eq!(others, ["core:event:allow-listen", "core:event:allow-unlisten", "core:window:allow-theme"]);
        assert_eq!(windows, ["main"]);
    }

    #[test]
    fn the_wall_may_read_and_leave_and_nothing_else() {
        let (allowed, others, windows) = capability(KIOSK);
        assert_eq!(allowed, READING.into_iter().chain(OWN_WINDOW).map(str::to_owned).collect());
        assert!(READING.iter().all(|name| name.ends_with("_read")), "a command that reads says so");
        assert!(others.is_empty(), "{others:?}");
        assert_eq!(windows, ["kiosk"]);
    }

    #[test]
    fn no_capability_is_there_that_these_tests_do_not_know() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/capabilities");
        let files: BTreeSet<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        assert_eq!(files, ["kiosk.json", "main.json"].map(str::to_owned).into());
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
}
