//! A blank window of the same kit, for `npm run bench` to measure Lifeboat's beside. Says `ready` when its page is loaded.

use std::{io::Write as _, process::ExitCode};

use tauri::{
    WebviewUrl, WebviewWindowBuilder,
    http::{HeaderValue, Response, header::CONTENT_TYPE},
    webview::PageLoadEvent,
};

const PAGE: &str = "<!doctype html><title>Blank</title>";

fn main() -> ExitCode {
    let ran = tauri::Builder::default()
        // A page of its own: about:blank is there before anybody can be told of it.
        .register_uri_scheme_protocol("blank", |_, _| {
            let mut page = Response::new(PAGE.as_bytes());
            page.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
            page
        })
        .setup(|app| {
            WebviewWindowBuilder::new(app, "blank", WebviewUrl::CustomProtocol("blank://localhost/".parse()?))
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
