//! The window itself: made here, shown when it has something to show, brought forward when it is asked for twice.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    path::Path,
    time::Duration,
};

use tauri::{App, AppHandle, Manager, WebviewUrl, WebviewWindow, WebviewWindowBuilder, plugin::TauriPlugin};
use tauri_plugin_window_state::StateFlags;
use tracing::{info, warn};

/// The window's name within the shell.
const MAIN: &str = "main";

/// A window whose page never says that it is ready is shown all the same, so that what went wrong can be seen.
const SHOWN_AT_LATEST: Duration = Duration::from_secs(3);

/// Makes the window, hidden until its page is ready.
pub(crate) fn make(app: &App) -> tauri::Result<()> {
    let window = WebviewWindowBuilder::new(app, MAIN, WebviewUrl::default())
        .title("Lifeboat")
        .inner_size(1280.0, 800.0)
        .min_inner_size(1024.0, 640.0)
        .visible(false)
        .build()?;
    tauri::async_runtime::spawn(async move {
        tokio::time::sleep(SHOWN_AT_LATEST).await;
        if !window.is_visible().unwrap_or(true) {
            warn!("the page did not say that it is ready; shown without");
            show(&window);
        }
    });
    Ok(())
}

/// Shows the window and gives it the keyboard.
pub(crate) fn show(window: &WebviewWindow) {
    if let Err(error) = window.show().and_then(|()| window.set_focus()) {
        warn!(%error, "window not shown");
    }
}

/// A second start on the same home brings the first one's window forward and ends. Other homes have windows of
/// their own. Goes over the session bus; without one there is no telling, and both run.
pub(crate) fn single_instance(identifier: &str, home: &Path) -> TauriPlugin<tauri::Wry> {
    tauri_plugin_single_instance::Builder::new()
        .dbus_id(bus_name(identifier, home))
        .callback(|app: &AppHandle, _arguments, _folder| {
            info!("started a second time");
            if let Some(window) = app.get_webview_window(MAIN) {
                drop(window.unminimize());
                show(&window);
            }
        })
        .build()
}

fn bus_name(identifier: &str, home: &Path) -> String {
    let mut hasher = DefaultHasher::new();
    std::fs::canonicalize(home).unwrap_or_else(|_| home.to_owned()).hash(&mut hasher);
    format!("{identifier}.home{:016x}", hasher.finish())
}

/// Keeps size and place between runs, but not whether the window could be seen: it is hidden while it is made.
pub(crate) fn state() -> TauriPlugin<tauri::Wry> {
    tauri_plugin_window_state::Builder::default()
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
