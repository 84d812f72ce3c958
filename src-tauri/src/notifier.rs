//! Notifications of the desktop. A click on one brings the window forward at what it is about.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI32, Ordering},
    },
};

use lifeboat_domain::presence::Notice;
use tauri::AppHandle;
use tauri_plugin_notification::NotificationExt;
use tracing::{info, warn};

/// How many notifications are remembered for a click.
const REMEMBERED: usize = 100;

/// Tells the desktop, and remembers where a click leads.
#[derive(Debug)]
pub(crate) struct Notifier {
    handle: AppHandle,
    routes: Mutex<BTreeMap<i32, String>>,
    next: AtomicI32,
}

impl Notifier {
    pub(crate) fn new(handle: AppHandle) -> Self {
        Self { handle, routes: Mutex::default(), next: AtomicI32::new(1) }
    }

    /// Calls `open` with the place of every notification that is clicked. Clicks on those shown before are not
    /// reported by the plug-in, so this comes first.
    pub(crate) fn listen(&self, open: impl Fn(&AppHandle, &str) + Send + Sync + 'static) {
        let handle = self.handle.clone();
        let listening = self.handle.notification().on_action(move |performed| {
            let Some(id) = performed.notification().map(tauri_plugin_notification::ActiveNotification::id) else {
                return;
            };
            let route = tauri::Manager::state::<Self>(&handle).routes().get(&id).cloned();
            if let Some(route) = route {
                info!(route, "a notification was clicked");
                open(&handle, &route);
            }
        });
        if let Err(error) = listening {
            warn!(%error, "clicks on notifications are not heard");
        }
    }

    /// Shows a notice.
    ///
    /// # Errors
    /// When it could not be handed to the desktop, in words. Whether the desktop shows it is not known.
    pub(crate) fn tell(&self, notice: &Notice) -> Result<(), String> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        {
            let mut routes = self.routes();
            routes.insert(id, notice.route.hash());
            if routes.len() > REMEMBERED {
                routes.pop_first();
            }
        }
        info!(kind = %notice.kind, title = notice.title, "notification");
        let builder = self.handle.notification().builder().id(id).title(&notice.title).body(&notice.body);
        builder.show().map_err(|error| error.to_string())
    }

    fn routes(&self) -> MutexGuard<'_, BTreeMap<i32, String>> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
