//! Starting the background process so that it outlives the caller, and following it until it is up.

use std::{
    ffi::OsString,
    fs::{self, File},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use process_wrap::tokio::{CommandWrap, ProcessSession};
use tokio::{io::AsyncWriteExt, time::sleep};

use crate::{
    Phase, Progress, RangeStatus, Size,
    cluster::random_text,
    error::RangeError,
    place::{Place, remove_file},
    progress::{Line, Listener, VARIABLE},
    status,
    tools::tail,
};

/// The files of one start.
struct Launch {
    log: PathBuf,
    progress: PathBuf,
}

/// Starts the launcher in a session of its own and waits until the range is up.
pub(crate) async fn up(
    home: &Path,
    size: Size,
    launcher: (PathBuf, Vec<String>),
    mut progress: impl FnMut(Progress) + Send,
) -> Result<RangeStatus, RangeError> {
    let place = Place::prepare(home)?;
    if matches!(status(&place.home).await.phase, Phase::Up | Phase::Starting) {
        return Err(RangeError::Running { home: place.home });
    }
    let name = &random_text()?[..8];
    let launch = Launch {
        log: place.folder.join(format!("serve-{name}.log")),
        progress: place.folder.join(format!("progress-{name}.jsonl")),
    };
    let outcome = follow(&place, size, launcher, &launch, &mut progress).await;
    remove_file(&launch.progress)?;
    if outcome.is_err() {
        remove_file(&launch.log)?;
        // It stays when a range is or was in it.
        let _ = fs::remove_dir(&place.folder);
    }
    outcome?;
    Ok(status(&place.home).await)
}

async fn follow(
    place: &Place,
    size: Size,
    (program, mut arguments): (PathBuf, Vec<String>),
    launch: &Launch,
    progress: &mut (impl FnMut(Progress) + Send),
) -> Result<(), RangeError> {
    let create = |path: &Path| {
        File::options().append(true).create_new(true).mode(0o600).open(path).map_err(RangeError::file("create", path))
    };
    let log = create(&launch.log)?;
    let copy = log.try_clone().map_err(RangeError::file("open", &launch.log))?;
    create(&launch.progress)?;
    let mut lines = Listener::open(&launch.progress).map_err(RangeError::file("open", &launch.progress))?;

    // A program given by a path is found from where the caller stands, not from where the range does.
    let program = if program.components().count() > 1 {
        std::path::absolute(&program).map_err(RangeError::file("find", &program))?
    } else {
        program
    };
    let mut last: Vec<OsString> = arguments.drain(..).map(OsString::from).collect();
    let size = match size {
        Size::Small => "small",
        Size::Large => "large",
    };
    last.extend(["--home".into(), place.home.clone().into_os_string(), "--size".into(), size.into()]);
    let mut child = CommandWrap::with_new(&program, |command| {
        command
            .args(&last)
            .env(VARIABLE, &launch.progress)
            .current_dir(&place.home)
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(copy);
    })
    .wrap(ProcessSession)
    .spawn()
    .map_err(|error| RangeError::Program { program: program.display().to_string(), output: error.to_string() })?;

    // Held until the range is up: should this process end before, the range ends with it.
    let mut held = child.stdin().take();
    loop {
        // Looked at before the lines are read: what it wrote last is there by then.
        let ended = child.try_wait().ok().flatten();
        while let Some(line) = lines.next() {
            match line {
                Line::Step(step) => progress(step),
                Line::Ready => {
                    if let Some(held) = &mut held {
                        // One that has ended since does not take it; whoever asks for its state hears so.
                        let _ = held.write_all(b"\n").await;
                    }
                    return Ok(());
                }
                Line::Failed(problem) => return Err(RangeError::Told(problem)),
            }
        }
        if let Some(code) = ended {
            let text = fs::read_to_string(&launch.log).unwrap_or_default();
            let log = tail(&text, 5);
            return Err(RangeError::Ended { log: if log.is_empty() { code.to_string() } else { log } });
        }
        sleep(Duration::from_millis(40)).await;
    }
}
