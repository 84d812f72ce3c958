//! What the engine will answer itself, in one place until it does.

use std::{
    env,
    path::{Path, PathBuf},
};

use lifeboat_engine::doctor::DoctorReport;

use crate::view::{KeychainState, KeychainView};

/// The folder this user's Lifeboat keeps everything in.
pub(crate) fn default_home() -> PathBuf {
    let data = env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    data.or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share")))
        .unwrap_or_else(|| PathBuf::from("."))
        .join("lifeboat")
}

/// The plan that comes with the program.
pub(crate) fn bundled_plan() -> PathBuf {
    if cfg!(debug_assertions) {
        return PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/plans/samia-tarot"));
    }
    let program = env::current_exe().unwrap_or_default();
    program.parent().unwrap_or(Path::new("/usr/bin")).join("../lib/lifeboat/plans/samia-tarot")
}

/// What this computer has and lacks.
pub(crate) async fn doctor(_home: &Path) -> DoctorReport {
    DoctorReport { items: Vec::new() }
}

/// The keychain as it is found now.
pub(crate) async fn keychain() -> KeychainView {
    KeychainView { state: KeychainState::Absent, detail: "not looked at yet".to_owned() }
}
