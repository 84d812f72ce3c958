//! Being there while nobody looks at the window: the tray and the notifications follow the board, closing the window
//! keeps checking, quitting asks first. What each of them says is the domain's.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{TimeDelta, Utc};
use lifeboat_domain::{
    Problem,
    presence::{
        Notice, NoticeKind, Route, Running, Told, Tray, notices, still_running, tray as tray_of, tray_without_board,
    },
    problem::Code,
    status::{Board, Scope},
};
use lifeboat_engine::{
    settings,
    view::{JournalQuery, SilenceWanted},
};
use lifeboat_range::Phase;
use serde::Serialize;
use tauri::{AppHandle, Emitter, Manager};
use tauri_plugin_autostart::ManagerExt;
use tokio::sync::Notify;
use tracing::{info, warn};
use ts_rs::TS;

use crate::{
    bridge::Bridge,
    notifier::Notifier,
    sound,
    tray::{self, Icon, Wish},
    window,
};

/// How long after one look at the board the next comes, unless the journal rings before.
const EVERY: Duration = Duration::from_secs(5);

/// How long alarms are muted from the tray.
const MUTE: TimeDelta = TimeDelta::minutes(30);

/// What the shell tells the window of its own accord.
const SHELL: &str = "shell";

/// What the shell tells the window.
#[derive(Debug, Clone, Serialize, TS)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[ts(export)]
pub(crate) enum ShellEvent {
    /// Go to a place.
    Go {
        /// The place, as after the `#` of the address.
        place: String,
    },
    /// Somebody wants to quit while something still runs.
    Quit {
        /// The question.
        asked: QuitQuestion,
    },
}

/// The question before quitting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub(crate) struct QuitQuestion {
    /// What still runs.
    pub(crate) running: Vec<Running>,
    /// Whether the tray can keep the program while its window is closed.
    pub(crate) tray: bool,
}

/// How the program stands on this desktop.
#[derive(Debug, Clone, Serialize, TS)]
#[ts(export)]
pub(crate) struct PresenceView {
    /// Whether the desktop shows the tray icon.
    tray: bool,
    /// Whether Lifeboat starts at login; nothing when that cannot be told.
    autostart: Option<bool>,
    /// Whether the window is drawn with safe graphics because it was not ready in time before.
    was_not_ready: bool,
    /// The question before quitting, while it is open.
    quit: Option<QuitQuestion>,
}

/// What keeps the program there.
pub(crate) struct Presence {
    icon: Option<Icon>,
    bell: Notify,
    question: Mutex<Option<QuitQuestion>>,
    was_not_ready: bool,
}

impl Presence {
    pub(crate) fn new(icon: Option<Icon>, was_not_ready: bool) -> Self {
        Self { icon, bell: Notify::new(), question: Mutex::default(), was_not_ready }
    }

    /// Something was written into the journal: looks at the board now.
    pub(crate) fn ring(&self) {
        self.bell.notify_one();
    }

    fn question(&self) -> MutexGuard<'_, Option<QuitQuestion>> {
        self.question.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the icon is there and somebody shows it.
    pub(crate) async fn has_tray(&self) -> bool {
        self.icon.is_some() && tray::is_shown().await
    }

    pub(crate) async fn read(&self, handle: &AppHandle) -> PresenceView {
        PresenceView {
            tray: self.has_tray().await,
            autostart: handle.autolaunch().is_enabled().ok(),
            was_not_ready: self.was_not_ready,
            quit: self.question().clone(),
        }
    }
}

/// Follows the board for as long as the program runs.
pub(crate) async fn follow(handle: AppHandle) {
    let presence = handle.state::<Presence>();
    let mut told = Told::default();
    loop {
        let bridge = handle.state::<Bridge>();
        match look(&bridge).await {
            Ok((board, journal)) => {
                show(&handle, tray_of(&board));
                let (after, found) = notices(&told, &board, journal.as_ref());
                told = after;
                for notice in &found {
                    call(&handle, notice);
                }
            }
            Err(problem) => {
                show(&handle, tray_without_board(&problem));
            }
        }
        tokio::select! {
            () = presence.bell.notified() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Has the tray show it, without waiting for that: at the end, the thread that would do it waits for us.
fn show(handle: &AppHandle, tray: Tray) {
    let icon_of = handle.clone();
    let asked = handle.run_on_main_thread(move || {
        if let Some(icon) = &icon_of.state::<Presence>().icon {
            icon.show(&tray);
        }
    });
    if let Err(error) = asked {
        warn!(%error, "the tray was not told");
    }
}

/// The board, and why the journal cannot be relied on, if so.
async fn look(bridge: &Bridge) -> Result<(Board, Option<Problem>), Problem> {
    let engine = bridge.engine().await?;
    let newest = JournalQuery { limit: Some(1), ..JournalQuery::default() };
    let (board, page) = tokio::join!(engine.board(), engine.journal_list(newest));
    Ok((board?, page.map_or_else(Some, |page| page.read_only)))
}

/// Calls a person, as far as they want to be called.
fn call(handle: &AppHandle, notice: &Notice) {
    let wanted = settings::read(handle.state::<Bridge>().home());
    if wanted.notifications
        && let Err(error) = handle.state::<Notifier>().tell(notice)
    {
        warn!(error, "notification not shown");
    }
    if wanted.sound && notice.sounds() {
        tauri::async_runtime::spawn_blocking(|| match sound::play() {
            Ok(()) => info!("sound played"),
            Err(error) => warn!(error, "sound not played"),
        });
    }
}

/// Shows what a notification looks like here.
pub(crate) fn notification_test(handle: &AppHandle) -> Result<(), Problem> {
    let notice = Notice {
        kind: NoticeKind::Recovery,
        title: "This is how Lifeboat tells you".to_owned(),
        body: "Nothing is wrong: somebody pressed the test button.".to_owned(),
        route: Route::Status,
    };
    handle.state::<Notifier>().tell(&notice).map_err(|error| {
        Problem::new(Code::ToolMissing, format!("the desktop could not be told: {error}"))
            .hint("See that a notification service runs on this desktop.")
    })
}

/// Plays the sound of an outage.
pub(crate) async fn sound_test() -> Result<(), Problem> {
    let played = tauri::async_runtime::spawn_blocking(sound::play).await;
    played.unwrap_or_else(|error| Err(error.to_string())).map_err(|error| {
        Problem::new(Code::ToolMissing, format!("there is nothing to play a sound on: {error}"))
            .hint("See that a sound device is there and that the desktop's sound service runs.")
    })
}

/// Has Lifeboat started at login, or not any more.
pub(crate) fn autostart(handle: &AppHandle, on: bool) -> Result<(), Problem> {
    let starter = handle.autolaunch();
    let done = if on { starter.enable() } else { starter.disable() };
    done.map_err(|error| {
        Problem::new(Code::PermissionDenied, format!("the start at login could not be changed: {error}"))
            .hint("See that you may write the autostart folder of your desktop.")
    })
}

/// Does what was chosen in the tray.
pub(crate) fn wish(handle: &AppHandle, wish: Wish) {
    let handle = handle.clone();
    tauri::async_runtime::spawn(async move {
        match wish {
            Wish::Open => window::bring_forward(&handle),
            Wish::Check => report("not checked", check(&handle).await),
            Wish::Mute => report("not muted", mute(&handle).await),
            Wish::Quit => ask_to_quit(&handle).await,
        }
        handle.state::<Presence>().ring();
    });
}

fn report(what: &str, done: Result<(), Problem>) {
    if let Err(problem) = done {
        warn!(%problem, "{what} from the tray");
    }
}

async fn check(handle: &AppHandle) -> Result<(), Problem> {
    handle.state::<Bridge>().engine().await?.check_run(None).await.map(drop)
}

async fn mute(handle: &AppHandle) -> Result<(), Problem> {
    let (from, until, reason) = (None, Utc::now() + MUTE, "muted from the tray".to_owned());
    let wanted = SilenceWanted { scope: Scope::Everything, from, until, reason };
    handle.state::<Bridge>().engine().await?.mute(wanted).await.map(drop)
}

/// Brings the window forward at a place.
pub(crate) fn go(handle: &AppHandle, place: &str) {
    window::bring_forward_at(handle, Some(place));
    tell(handle, &ShellEvent::Go { place: place.to_owned() });
}

fn tell(handle: &AppHandle, event: &ShellEvent) {
    if let Err(error) = handle.emit_to(window::MAIN, SHELL, event) {
        warn!(%error, "the window was not told");
    }
}

/// The window is to be closed. With a tray it goes there and checking goes on; without one there would be no way
/// back, so closing is quitting, and asks.
pub(crate) async fn closed(handle: &AppHandle) {
    if handle.state::<Presence>().has_tray().await {
        info!("the window is closed; checking goes on in the tray");
        window::hide(handle);
    } else {
        info!("this desktop shows no tray, so closing the window is quitting");
        ask_to_quit(handle).await;
    }
}

/// Quits when nothing runs, or when somebody asks once more; else brings the window forward with the question.
pub(crate) async fn ask_to_quit(handle: &AppHandle) {
    let (presence, bridge) = (handle.state::<Presence>(), handle.state::<Bridge>());
    let board = match bridge.engine().await {
        Ok(engine) => engine.board().await.ok(),
        Err(_) => None,
    };
    let is_range_up = bridge.range_status().await.phase == Phase::Up;
    let running = still_running(board.as_ref(), is_range_up, &bridge.jobs());
    let tray = presence.has_tray().await;
    let asked = QuitQuestion { running, tray };
    let before = presence.question().replace(asked.clone());
    if asked.running.is_empty() || before.is_some() {
        info!(again = before.is_some(), "quitting");
        handle.exit(0);
        return;
    }
    info!(running = asked.running.len(), "asked before quitting");
    window::bring_forward(handle);
    tell(handle, &ShellEvent::Quit { asked });
}

/// What was answered to the question.
pub(crate) fn quit_answer(handle: &AppHandle, quit: bool) {
    let question = handle.state::<Presence>().question().take();
    if quit {
        info!("quitting, as was answered");
        handle.exit(0);
    } else if question.is_some_and(|question| !question.tray) {
        window::minimize(handle);
    }
}
