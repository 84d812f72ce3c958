//! The windows: made here, shown when they have something to show, brought forward when they are asked for again.
//!
//! The main window is hidden, not closed, while the program is in the tray. The kiosk is a window of its own, with a
//! page and a capability of its own; where the program is started as one, there is no other until somebody leaves it.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use clap::Parser;
use tauri::{
    AppHandle, Manager, Monitor, WebviewUrl, WebviewWindow, WebviewWindowBuilder, WindowEvent, plugin::TauriPlugin,
};
use tauri_plugin_window_state::StateFlags;
use tracing::{error, info, warn};

use crate::{graphics, options::Options, presence, presence::Presence};

/// The main window's name within the shell.
pub(crate) const MAIN: &str = "main";

/// The kiosk's name within the shell.
pub(crate) const KIOSK: &str = "kiosk";

/// A window whose page never says that it is ready is shown all the same, so that what went wrong can be seen.
const SHOWN_AT_LATEST: Duration = Duration::from_secs(3);

/// A page that is not ready after this is taken for one the graphics card does not show.
const READY_AT_LATEST: Duration = Duration::from_secs(8);

/// What is remembered of the windows.
#[derive(Debug, Default)]
pub(crate) struct Windows {
    /// A page has said that it is ready.
    ready: AtomicBool,
    /// Tests do without being told.
    withheld: bool,
    /// The main window is wanted on the screen: not while it is in the tray.
    wanted: AtomicBool,
    /// The program is to become itself again, with safe graphics, when it has ended well.
    again: AtomicBool,
}

impl Windows {
    pub(crate) fn new(withheld: bool) -> Self {
        Self { withheld, ..Self::default() }
    }

    /// Whether to begin again with safe graphics.
    pub(crate) fn again(&self) -> bool {
        self.again.load(Ordering::Acquire)
    }
}

/// Makes the window the program is started with.
pub(crate) fn first(handle: &AppHandle, options: &Options) -> tauri::Result<()> {
    if options.kiosk {
        kiosk(handle)?;
    } else {
        make(handle, !options.background, None)?;
        if options.background {
            let handle = handle.clone();
            tauri::async_runtime::spawn(async move {
                if !handle.state::<Presence>().has_tray().await {
                    info!("this desktop shows no tray, so the window is shown");
                    bring_forward(&handle);
                }
            });
        }
    }
    tauri::async_runtime::spawn(watch_readiness(handle.clone()));
    Ok(())
}

/// Makes the main window, at a place within its page if one is given, hidden until the page is ready.
fn make(handle: &AppHandle, wanted: bool, place: Option<&str>) -> tauri::Result<()> {
    handle.state::<Windows>().wanted.store(wanted, Ordering::Release);
    let page = place.map_or_else(WebviewUrl::default, |place| WebviewUrl::App(format!("index.html{place}").into()));
    let window = WebviewWindowBuilder::new(handle, MAIN, page)
        .title("Lifeboat")
        .inner_size(1280.0, 800.0)
        .min_inner_size(1024.0, 640.0)
        .visible(false)
        .build()?;
    let closing = handle.clone();
    window.on_window_event(move |event| {
        if let WindowEvent::CloseRequested { api, .. } = event {
            api.prevent_close();
            let handle = closing.clone();
            tauri::async_runtime::spawn(async move { presence::closed(&handle).await });
        }
    });
    tauri::async_runtime::spawn(show_at_latest(window));
    Ok(())
}

/// Opens the wall, on another screen than the main window's where there is one.
pub(crate) fn kiosk(handle: &AppHandle) -> tauri::Result<()> {
    if let Some(window) = handle.get_webview_window(KIOSK) {
        show(&window);
        return Ok(());
    }
    let window = WebviewWindowBuilder::new(handle, KIOSK, WebviewUrl::App("kiosk.html".into()))
        .title("Lifeboat wall")
        .inner_size(1280.0, 720.0)
        .visible(false)
        .build()?;
    if let Some(monitor) = other_monitor(handle, &window) {
        window.set_position(*monitor.position())?;
    }
    window.set_fullscreen(true)?;
    let left = handle.clone();
    window.on_window_event(move |event| {
        if matches!(event, WindowEvent::Destroyed) && left.get_webview_window(MAIN).is_none() {
            info!("the wall was left; the main window is opened");
            let handle = left.clone();
            // Not from within the event of another window.
            tauri::async_runtime::spawn(async move { bring_forward(&handle) });
        }
    });
    tauri::async_runtime::spawn(show_at_latest(window));
    Ok(())
}

fn other_monitor(handle: &AppHandle, window: &WebviewWindow) -> Option<Monitor> {
    let here = handle.get_webview_window(MAIN)?.current_monitor().ok()??;
    window.available_monitors().ok()?.into_iter().find(|monitor| monitor.position() != here.position())
}

/// Closes the wall.
pub(crate) fn leave(window: &WebviewWindow) {
    if let Err(error) = window.destroy() {
        warn!(%error, "window not closed");
    }
}

/// A page has something to show.
pub(crate) fn ready(window: &WebviewWindow) {
    let windows = window.state::<Windows>();
    if windows.withheld && !graphics::are_safe() {
        return;
    }
    info!(window = window.label(), "the window is ready");
    windows.ready.store(true, Ordering::Release);
    if window.label() != MAIN || windows.wanted.load(Ordering::Acquire) {
        show(window);
    }
}

async fn show_at_latest(window: WebviewWindow) {
    tokio::time::sleep(SHOWN_AT_LATEST).await;
    let is_wanted = window.label() != MAIN || window.state::<Windows>().wanted.load(Ordering::Acquire);
    if is_wanted && !window.is_visible().unwrap_or(true) {
        warn!("the page did not say that it is ready; shown without");
        show(&window);
    }
}

/// Begins again with safe graphics when no page is ready in time; once, because with them there is nothing left to
/// try.
async fn watch_readiness(handle: AppHandle) {
    tokio::time::sleep(READY_AT_LATEST).await;
    let windows = handle.state::<Windows>();
    if windows.ready.load(Ordering::Acquire) {
        return;
    }
    if graphics::are_safe() {
        error!("the window is not ready, with safe graphics either; `lifeboat watch` shows the same in a terminal");
        return;
    }
    warn!("the window was not ready in {} s; starting again with safe graphics", READY_AT_LATEST.as_secs());
    windows.again.store(true, Ordering::Release);
    handle.exit(0);
}

/// Shows the window and gives it the keyboard.
fn show(window: &WebviewWindow) {
    if let Err(error) = window.show().and_then(|()| window.set_focus()) {
        warn!(%error, "window not shown");
    }
}

/// Brings the main window back, from wherever it is; makes it where there is none yet.
pub(crate) fn bring_forward(handle: &AppHandle) {
    bring_forward_at(handle, None);
}

/// Brings the main window back. The place is only for a window that has to be made: one that is there is told.
pub(crate) fn bring_forward_at(handle: &AppHandle, place: Option<&str>) {
    handle.state::<Windows>().wanted.store(true, Ordering::Release);
    if let Some(window) = handle.get_webview_window(MAIN) {
        drop(window.unminimize());
        show(&window);
    } else if let Err(error) = make(handle, true, place) {
        error!(%error, "window not made");
    }
}

/// Takes the main window off the screen.
pub(crate) fn hide(handle: &AppHandle) {
    handle.state::<Windows>().wanted.store(false, Ordering::Release);
    with_main(handle, WebviewWindow::hide);
}

/// Makes the main window small.
pub(crate) fn minimize(handle: &AppHandle) {
    with_main(handle, WebviewWindow::minimize);
}

fn with_main(handle: &AppHandle, act: impl FnOnce(&WebviewWindow) -> tauri::Result<()>) {
    if let Some(Err(error)) = handle.get_webview_window(MAIN).as_ref().map(act) {
        warn!(%error, "window not changed");
    }
}

/// A second start on the same home brings the first one's window forward and ends. Other homes have windows of
/// their own. Goes over the session bus; without one there is no telling, and both run.
pub(crate) fn single_instance(identifier: &str, home: &Path) -> TauriPlugin<tauri::Wry> {
    tauri_plugin_single_instance::Builder::new()
        .dbus_id(bus_name(identifier, home))
        .callback(|app: &AppHandle, arguments, _folder| {
            info!("started a second time");
            match Options::try_parse_from(arguments) {
                Ok(options) if options.background => {}
                Ok(options) if options.kiosk => {
                    if let Err(error) = kiosk(app) {
                        error!(%error, "the wall was not opened");
                    }
                }
                Ok(_) | Err(_) => bring_forward(app),
            }
        })
        .build()
}

/// A name for what belongs to one home only.
pub(crate) fn bus_name(identifier: &str, home: &Path) -> String {
    let mut hasher = DefaultHasher::new();
    std::fs::canonicalize(home).unwrap_or_else(|_| home.to_owned()).hash(&mut hasher);
    format!("{identifier}.home{:016x}", hasher.finish())
}

/// Keeps size and place between runs, but not whether the window could be seen: it is hidden while it is made.
pub(crate) fn state() -> TauriPlugin<tauri::Wry> {
    tauri_plugin_window_state::Builder::default()
        .with_denylist(&[KIOSK])
        .with_state_flags(StateFlags::SIZE | StateFlags::POSITION | StateFlags::MAXIMIZED)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_home_has_a_name_of_its_own_on_the_bus() {
        let (one, other) = (Path::new("/nowhere/one"), Path::new("/nowhere/other"));
        assert_eq!(bus_name("com.example.app", one), bus_name("com.example.app", one));
        assert_ne!(bus_name("com.example.app", one), bus_name("com.example.app", other));
        // A part of a bus name may not begin with a digit.
        assert!(bus_name("com.example.app", one).starts_with("com.example.app.home"));
    }
}
