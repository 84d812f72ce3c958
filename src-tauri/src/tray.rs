//! The tray: an icon whose shape tells the state, and a menu made once, whose first line tells it in words.
//!
//! On Linux the icon knows no click and no tooltip, and its menu cannot be replaced; so all is in the menu from the
//! beginning. Not every desktop shows trays: `is_shown` asks it.

use std::{
    panic::{self, AssertUnwindSafe},
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use lifeboat_domain::presence::{Tray, TrayState};
use tauri::{
    AppHandle, Wry,
    image::Image,
    include_image,
    menu::{Menu, MenuItem, PredefinedMenuItem},
    tray::{TrayIcon, TrayIconBuilder},
};
use tracing::{info, warn};

/// How long the desktop may take to say whether it shows trays.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a person may ask for in the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Open,
    Check,
    Mute,
    Quit,
}

const WISHES: [(Wish, &str, &str); 4] = [
    (Wish::Open, "open", "Open Lifeboat"),
    (Wish::Check, "check", "Check now"),
    (Wish::Mute, "mute", "Mute alarms for 30 minutes"),
    (Wish::Quit, "quit", "Quit …"),
];

const QUIET: Image<'static> = include_image!("../icons/tray/quiet.png");
const ATTENTION: Image<'static> = include_image!("../icons/tray/attention.png");
const OUTAGE: Image<'static> = include_image!("../icons/tray/outage.png");

/// The icon in the tray.
pub(crate) struct Icon {
    shape: TrayIcon,
    line: MenuItem<Wry>,
    shown: Mutex<Option<Tray>>,
}

impl Icon {
    /// Makes it, with its whole menu; `wanted` is called with what is chosen. Nothing where it cannot be made.
    pub(crate) fn make(
        handle: &AppHandle,
        folder: PathBuf,
        wanted: impl Fn(&AppHandle, Wish) + Send + Sync + 'static,
    ) -> Option<Self> {
        // The library behind it is loaded when it is first used, and panics when it is not installed.
        let made = panic::catch_unwind(AssertUnwindSafe(|| Self::try_make(handle, folder, wanted)));
        match made {
            Ok(Ok(icon)) => Some(icon),
            Ok(Err(error)) => {
                warn!(%error, "no tray icon");
                None
            }
            Err(_) => {
                warn!("no tray icon: libayatana-appindicator3 is not there");
                None
            }
        }
    }

    fn try_make(
        handle: &AppHandle,
        folder: PathBuf,
        wanted: impl Fn(&AppHandle, Wish) + Send + Sync + 'static,
    ) -> tauri::Result<Self> {
        let line = MenuItem::with_id(handle, "state", "nothing is known yet", false, None::<&str>)?;
        let menu = Menu::with_items(handle, &[&line, &PredefinedMenuItem::separator(handle)?])?;
        for (wish, id, text) in WISHES {
            if wish == Wish::Quit {
                menu.append(&PredefinedMenuItem::separator(handle)?)?;
            }
            menu.append(&MenuItem::with_id(handle, id, text, true, None::<&str>)?)?;
        }
        let icon = TrayIconBuilder::with_id("lifeboat")
            .temp_dir_path(folder)
            .icon(image(TrayState::Attention))
            .title("Lifeboat")
            .menu(&menu)
            .on_menu_event(move |handle, event| {
                if let Some((wish, ..)) = WISHES.iter().find(|(_, id, _)| event.id() == id) {
                    info!(?wish, "chosen in the tray");
                    wanted(handle, *wish);
                }
            })
            .build(handle)?;
        Ok(Self { shape: icon, line, shown: Mutex::default() })
    }

    /// Shows another state. What is shown already is left alone.
    pub(crate) fn show(&self, tray: &Tray) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let before = shown.replace(tray.clone());
        let mut result = Ok(());
        if before.as_ref().is_none_or(|before| before.line != tray.line) {
            info!(state = %tray.state, line = tray.line, "tray");
            result = self.line.set_text(&tray.line);
        }
        if before.is_none_or(|before| before.state != tray.state) {
            result = result.and_then(|()| self.shape.set_icon(Some(image(tray.state))));
        }
        if let Err(error) = result {
            warn!(%error, "the tray does not show the state");
        }
    }
}

const fn image(state: TrayState) -> Image<'static> {
    match state {
        TrayState::Quiet => QUIET,
        TrayState::Attention => ATTENTION,
        TrayState::Outage => OUTAGE,
    }
}

/// Whether this desktop shows trays now: it does not, or not yet, when nobody hosts them on the session bus.
pub(crate) async fn is_shown() -> bool {
    const WATCHER: &str = "org.kde.StatusNotifierWatcher";
    let asked = tauri::async_runtime::spawn_blocking(|| {
        let bus = zbus::blocking::Connection::session()?;
        let watcher = zbus::blocking::Proxy::new(&bus, WATCHER, "/StatusNotifierWatcher", WATCHER)?;
        watcher.get_property::<bool>("IsStatusNotifierHostRegistered")
    });
    matches!(tokio::time::timeout(PATIENCE, asked).await, Ok(Ok(Ok(true))))
}
