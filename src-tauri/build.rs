//! Gives Tauri the list of our commands, so that each of them is denied unless `capabilities/` allows it.

use tauri_build::{AppManifest, Attributes};

macro_rules! commands {
    ($($name:ident),* $(,)?) => {
        const COMMANDS: &[&str] = &[$(stringify!($name)),*];
    };
}

include!("src/commands.in");

fn main() {
    println!("cargo:rerun-if-changed=src/commands.in");
    if let Err(error) = tauri_build::try_build(Attributes::new().app_manifest(AppManifest::new().commands(COMMANDS))) {
        println!("cargo:error=the shell's configuration was refused: {error:#}");
        std::process::exit(1);
    }
}
