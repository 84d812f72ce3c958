//! A blank window of the same kit, for `npm run bench` to measure Lifeboat's beside. Says `ready` when its page is loaded.

use std::{io::Write as _, process::ExitCode};

use tauri::{WebviewUrl, WebviewWindowBuilder, webview::PageLoadEvent};

fn main() -> ExitCode {
    let ran = tauri::Builder::default()
        .setup(|app| {
            WebviewWindowBuilder::new(app, "blank", WebviewUrl::External("about:blank".parse()?))
                .inner_size(1280.0, 800.0)
                .on_page_load(|_, loaded| {
                    if matches!(loaded.event(), PageLoadEvent::Finished) {
                        let mut out = std::io::stdout();
                        // Nobody may be reading.
                        drop(writeln!(out, "ready").and_then(|()| out.flush()));
                    }
                })
                .build()?;
            Ok(())
        })
        .run(context());
    if ran.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[expect(clippy::exit, reason = "what Tauri's macro expands to")]
fn context() -> tauri::Context {
    tauri::generate_context!()
}
