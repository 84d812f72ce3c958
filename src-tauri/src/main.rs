//! Lifeboat's window. Starts, wires and ends; what the window asks is in `commands`, who answers in `bridge`.

use std::{
    env,
    io::{self, Write},
    panic::{self, AssertUnwindSafe},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use clap::Parser;
use tauri::{AppHandle, Manager, RunEvent};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info, warn};
use tracing_appender::{
    non_blocking::WorkerGuard,
    rolling::{InitError, RollingFileAppender, Rotation},
};
use tracing_subscriber::EnvFilter;

use crate::{
    bridge::Bridge,
    notifier::Notifier,
    options::{Hidden, Options, RangeVerb},
    presence::Presence,
    tray::Icon,
    window::Windows,
};

mod bridge;
mod commands;
mod graphics;
mod notifier;
mod options;
mod presence;
mod sound;
mod tray;
mod view;
mod window;

/// Something could not be done here, as in the command line's answers.
const COULD_NOT: u8 = 3;

/// How long the engine may take to write everything at the end.
const CLOSING_PATIENCE: Duration = Duration::from_secs(10);

/// How many days of logs are kept.
const LOGS_KEPT: usize = 14;

fn main() -> ExitCode {
    // An error means that one is installed already.
    drop(rustls::crypto::ring::default_provider().install_default());
    let options = Options::parse();
    match options.hidden {
        Some(Hidden::Range { verb: RangeVerb::Serve { home, size } }) => serve(&home, size.into()),
        None => open(options),
    }
}

/// The range's background process. Nothing of the window is touched: it outlives the session.
fn serve(home: &Path, size: lifeboat_range::Size) -> ExitCode {
    let ended = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(lifeboat_range::serve(home, size)).map_err(|error| error.to_string()));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(&format!("the practice range ended: {error}")),
    }
}

fn open(options: Options) -> ExitCode {
    if !["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|key| env::var_os(key).is_some_and(|value| !value.is_empty())) {
        return refuse(
            "there is no display: neither DISPLAY nor WAYLAND_DISPLAY is set. \
             Without one, `lifeboat watch` shows the same live status in a terminal.",
        );
    }
    if options.safe_graphics && !graphics::are_safe() {
        return refuse(&format!("graphics could not be made safe: {}", graphics::become_safe(&[])));
    }
    let home = options.home();
    // A home that cannot be written has no logs; the window opens all the same and says what is wrong with it.
    let guard = log_to(&home.join("logs")).inspect_err(|error| say(&format!("no logs are kept: {error}")));
    info!(version = env!("CARGO_PKG_VERSION"), home = %home.display(), safe_graphics = graphics::are_safe(), "starting");
    if options.was_not_ready {
        warn!("the window was not ready in time before, so it is drawn with safe graphics");
    }

    let context = context();
    let builder = tauri::Builder::default()
        .plugin(window::single_instance(&context.config().identifier, &home))
        .plugin(window::state())
        .plugin(tauri_plugin_notification::init())
        .plugin(tauri_plugin_autostart::Builder::new().args(options.at_login()).build())
        .invoke_handler(commands::handler())
        .setup(move |app| {
            let handle = app.handle().clone();
            app.manage(Bridge::new(handle.clone(), &options));
            app.manage(Windows::new(options.withhold_ready));
            let pictures = env::temp_dir().join(window::bus_name(&handle.config().identifier, &options.home()));
            app.manage(Presence::new(Icon::make(&handle, pictures, presence::wish), options.was_not_ready));
            app.manage(Notifier::new(handle.clone()));
            app.state::<Notifier>().listen(presence::go);
            window::first(&handle, &options)?;
            tauri::async_runtime::spawn(end_on_signal(handle.clone()));
            tauri::async_runtime::spawn(presence::follow(handle.clone()));
            tauri::async_runtime::spawn(async move { handle.state::<Bridge>().start().await });
            Ok(())
        });
    // GTK panics when the display does not answer; that is no fault of the program, and told as what it is.
    panic::set_hook(Box::new(|panic| error!(%panic, "panic")));
    let built = panic::catch_unwind(AssertUnwindSafe(|| builder.build(context)));
    drop(panic::take_hook());
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        error!(%panic, "panic");
        print(panic);
    }));
    match built {
        Ok(Ok(app)) => {
            let ended = app.handle().clone();
            let code = app.run_return(|handle, event| match event {
                // The last window is gone, but nobody said to quit.
                RunEvent::ExitRequested { code: None, api, .. } => api.prevent_exit(),
                RunEvent::Exit => close(handle),
                _ => {}
            });
            if ended.state::<Windows>().again() {
                // Nothing of this program is left to write it afterwards.
                drop(guard);
                let error = graphics::become_safe(&["--safe-graphics", "--was-not-ready"]);
                return refuse(&format!("the window could not be opened again: {error}"));
            }
            ExitCode::from(u8::try_from(code).unwrap_or(1))
        }
        Ok(Err(error)) => refuse(&format!("the window could not be opened: {error}")),
        Err(_) => refuse("the window could not be opened: the display does not answer"),
    }
}

#[expect(clippy::exit, reason = "what Tauri's macro expands to")]
fn context() -> tauri::Context {
    tauri::generate_context!()
}

/// One file a day. Secrets are never logged: the engine's types for them cannot be printed.
fn log_to(folder: &Path) -> Result<WorkerGuard, InitError> {
    // Missing folders are made by the appender, but only after it has complained about them.
    drop(std::fs::create_dir_all(folder));
    let file = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("lifeboat.log")
        .max_log_files(LOGS_KEPT)
        .build(folder)?;
    let (writer, guard) = tracing_appender::non_blocking(file);
    let filter = EnvFilter::try_from_env("LIFEBOAT_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_writer(writer).with_ansi(false).with_env_filter(filter).init();
    Ok(guard)
}

/// Ends the program as closing the window does, when the session or a person's Ctrl+C ends it.
async fn end_on_signal(handle: AppHandle) {
    let caught = async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
        io::Result::Ok(())
    };
    match caught.await {
        Ok(()) => handle.exit(0),
        Err(error) => warn!(%error, "signals are not listened for"),
    }
}

/// The window is gone; what the engine still has to write is written.
fn close(handle: &AppHandle) {
    let closed = tauri::async_runtime::block_on(async {
        tokio::time::timeout(CLOSING_PATIENCE, handle.state::<Bridge>().close()).await
    });
    if closed.is_err() {
        error!("the engine did not close in time");
    }
}

fn refuse(why: &str) -> ExitCode {
    error!("{why}");
    say(why);
    ExitCode::from(COULD_NOT)
}

/// Says something to whoever started the program. Without anybody there, there is nobody to tell.
fn say(words: &str) {
    drop(writeln!(io::stderr(), "lifeboat-desktop: {words}"));
}
