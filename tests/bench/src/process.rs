//! What a process has used, as the kernel counts it (proc(5)).

use std::{collections::BTreeMap, fs, path::Path, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use crate::Failure;

/// The kernel counts processor time in hundredths of a second.
const TICKS: f64 = 100.0;

/// Seconds of processor time: of the process itself, and of its children that have ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cpu {
    pub(crate) own: f64,
    pub(crate) children: f64,
}

pub(crate) fn cpu(pid: u32) -> Result<Cpu, Failure> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name stands in brackets and may hold anything.
    let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
    let fields: Vec<f64> = after.split_whitespace().map(|field| field.parse().unwrap_or(0.0)).collect();
    let of = |at: usize| fields.get(at).copied().unwrap_or(0.0) / TICKS;
    Ok(Cpu { own: of(11) + of(12), children: of(13) + of(14) })
}

/// A number of kilobytes or of something else behind a name, summed over the lines that have it.
fn named(path: &Path, name: &str) -> f64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.split_whitespace().next()?.parse::<f64>().ok())
        .sum()
}

/// Memory in use that is in RAM, in MiB.
pub(crate) fn resident(pid: u32) -> f64 {
    named(Path::new(&format!("/proc/{pid}/status")), "VmRSS") / 1_024.0
}

/// How often its threads went to sleep by themselves.
pub(crate) fn sleeps(pid: u32) -> f64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    tasks.map(|task| named(&task.path().join("status"), "voluntary_ctxt_switches")).sum()
}

/// The proportional memory of a process and all below it, in MiB.
pub(crate) fn proportional(root: u32) -> f64 {
    let mut parents: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        if let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) {
            let parent = named(&entry.path().join("status"), "PPid") as u32;
            parents.entry(parent).or_default().push(pid);
        }
    }
    let (mut sum, mut waiting) = (0.0, vec![root]);
    while let Some(pid) = waiting.pop() {
        sum += named(Path::new(&format!("/proc/{pid}/smaps_rollup")), "Pss") / 1_024.0;
        waiting.extend(parents.remove(&pid).unwrap_or_default());
    }
    sum
}

/// A program that runs beside this one and ends with it.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    pub(crate) pid: u32,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Result<Self, Failure> {
        let child = command.kill_on_drop(true).spawn()?;
        let pid = child.id().ok_or("it ended at once")?;
        Ok(Self { child, pid })
    }

    pub(crate) fn lines(&mut self) -> Result<Lines<BufReader<ChildStdout>>, Failure> {
        Ok(BufReader::new(self.child.stdout.take().ok_or("its output is not read")?).lines())
    }

    pub(crate) fn input(&mut self) -> Result<tokio::process::ChildStdin, Failure> {
        Ok(self.child.stdin.take().ok_or("it is not listening")?)
    }

    /// Asks it to end and waits; what does not want to is ended.
    pub(crate) async fn end(mut self) {
        if let Some(pid) = i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw) {
            // It may have ended meanwhile.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        if tokio::time::timeout(Duration::from_secs(15), self.child.wait()).await.is_err() {
            drop(self.child.kill().await);
        }
    }
}

/// A command that says nothing.
pub(crate) fn quiet(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// What it was measured on.
pub(crate) fn machine() -> String {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':')).map_or("", |(_, name)| name);
    format!("Measured on {cpus} cores ({}), in a build with optimisations.", model.trim())
}
