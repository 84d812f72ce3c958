//! Monitoring plug-ins: a program by its argument vector, in a process group of its own, with nothing of our
//! environment, and gone with everything it started when its time is over.

use std::{
    io::ErrorKind,
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use lifeboat_domain::check::{
    Outcome, PluginProbe,
    judge::{self, CouldNot, PluginRun},
};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    task::JoinHandle,
    time::timeout,
};

use super::{Attempt, Stage, locked};

/// So much of what it writes is kept of each stream; the rest is read and forgotten, so that it never waits for us.
const KEPT: usize = 64 * 1_024;
/// How long to go on reading after the program has ended. What it wrote itself is there by then; something it left
/// behind may hold the stream open for ever.
const GRACE: Duration = Duration::from_millis(100);
/// Where the programs are that plug-ins call by name.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";

pub(super) async fn plugin(attempt: &Attempt<'_>, probe: &PluginProbe) -> Result<Outcome, CouldNot> {
    let target = probe.endpoint.as_ref().map(|endpoint| attempt.target(endpoint)).transpose()?;
    let not_there =
        |names: Vec<String>| CouldNot::NotBound(format!("not bound: the endpoint has no {}", names.join(", ")));
    let filled = probe.filled(target).map_err(not_there)?;
    let Some((program, arguments)) = filled.split_first() else {
        return Err(CouldNot::Local("no program to run".to_owned()));
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .env("LANG", "C")
        .env("PATH", PATH)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    if let Some(variable) = &probe.credential_variable {
        let handle = target.and_then(|target| target.credential());
        let handle = handle.ok_or_else(|| not_there(vec!["credential".to_owned()]))?;
        command.env(variable, attempt.credential(handle).await?.reveal());
    }
    attempt.now_at(Stage::Running);
    let mut child = command.spawn().map_err(|error| not_run(program, &error))?;
    let group = Group::of(&child);
    let (output, errors) = (Reading::from(child.stdout.take()), Reading::from(child.stderr.take()));
    // A little is kept to see the end of what has to be ended.
    let patience = attempt.left().saturating_sub(GRACE * 2).max(attempt.left() / 2);
    let ended = timeout(patience, child.wait()).await;
    drop(group);
    let Ok(ended) = ended else {
        let _ = timeout(GRACE, child.wait()).await;
        return Err(attempt.ran_out(attempt.limit));
    };
    let status = ended.map_err(|error| CouldNot::Local(format!("the plug-in was lost: {error}")))?;
    let (output, errors) = tokio::join!(output.kept(), errors.kept());
    Ok(judge::plugin(&PluginRun { code: status.code(), output, errors }))
}

fn not_run(program: &str, error: &std::io::Error) -> CouldNot {
    CouldNot::Local(match error.kind() {
        ErrorKind::NotFound if program.contains("/nagios/") || program.contains("/monitoring-plugins/") => {
            format!("there is no {program}: install the monitoring plug-ins (apt-get install monitoring-plugins)")
        }
        ErrorKind::NotFound => format!("there is no {program}: install it, or correct its path in the plan"),
        ErrorKind::PermissionDenied => format!("{program} may not be run by this user"),
        _ => format!("{program} could not be run: {error}"),
    })
}

/// The process group of a child; all of it is ended when dropped. A group keeps its number for as long as anything is
/// left in it, so nobody else is hit.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Mostly there is nothing left to end.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Reads a stream to its end, however long that is, and keeps its beginning.
struct Reading {
    kept: Arc<Mutex<Vec<u8>>>,
    task: JoinHandle<()>,
}

impl Reading {
    fn from(stream: Option<impl AsyncRead + Unpin + Send + 'static>) -> Self {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&kept);
        let task = tokio::spawn(async move {
            let Some(mut stream) = stream else { return };
            let mut buffer = vec![0; 8_192];
            while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                let mut kept = locked(&into);
                let room = KEPT - kept.len();
                kept.extend_from_slice(&buffer[..count.min(room)]);
            }
        });
        Self { kept, task }
    }

    async fn kept(mut self) -> String {
        let _ = timeout(GRACE, &mut self.task).await;
        String::from_utf8_lossy(&locked(&self.kept)).into_owned()
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.task.abort();
    }
}
