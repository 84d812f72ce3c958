//! A recorded run of the writer: `record.c` compiled, put before it, and its log read.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::{Duration, Instant},
};

use crate::{script::Orders, world};

/// One thing that happened to the files below the home, or to what the writer said.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// A file was made.
    Made {
        file: u64,
        path: PathBuf,
    },
    /// A file has one more name.
    Linked {
        file: u64,
        path: PathBuf,
    },
    /// A folder was opened, so that it can be synced by its number.
    Folder {
        file: u64,
        path: PathBuf,
    },
    FolderMade {
        path: PathBuf,
    },
    Written {
        file: u64,
        offset: u64,
        bytes: Vec<u8>,
    },
    /// Cut or extended with zeros.
    Length {
        file: u64,
        length: u64,
    },
    /// Extended to at least this.
    Reserved {
        file: u64,
        length: u64,
    },
    Renamed {
        from: PathBuf,
        to: PathBuf,
    },
    Removed {
        path: PathBuf,
    },
    Synced {
        file: u64,
    },
    /// A sync was answered with a failure.
    SyncFailed {
        file: u64,
    },
    /// Lines of the writer: acknowledgements.
    Said(String),
    /// A call was made to fail.
    Failed {
        call: u64,
        name: String,
    },
}

/// What the recorder is asked for besides recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disk {
    Good,
    /// Says that it synced, and did not.
    Lying,
    /// The call of this number fails in this way.
    Failing {
        at: u64,
        with: &'static str,
    },
}

/// How a recorded run ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) events: Vec<Event>,
    /// Whether it came to its end without a panic, in time.
    pub(crate) ended: Result<(), String>,
}

/// Runs the writer to its end on a disk.
pub(crate) fn run(orders: &Orders, disk: Disk, log: &Path) -> Run {
    let mut command = orders.command();
    command.env("LD_PRELOAD", recorder()).env("LIFEBOAT_RECORD_HOME", &orders.home).env("LIFEBOAT_RECORD_LOG", log);
    command.env("LIFEBOAT_RECORD_ACKS", &orders.acks);
    match disk {
        Disk::Good => {}
        Disk::Lying => {
            command.env("LIFEBOAT_RECORD_SYNCS", "swallowed");
        }
        Disk::Failing { at, with } => {
            command.env("LIFEBOAT_FAIL_AT", at.to_string()).env("LIFEBOAT_FAIL_WITH", with);
        }
    }
    let said = log.with_extension("said");
    let out = std::fs::File::create(&said).expect("a file");
    command.stdout(out.try_clone().expect("the same file")).stderr(out);
    let mut child = command.spawn().expect("the writer starts");
    let since = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("its state") {
            break Some(status);
        }
        if since.elapsed() > Duration::from_mins(2) {
            child.kill().expect("killed");
            child.wait().expect("it has ended");
            break None;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let text = std::fs::read_to_string(&said).unwrap_or_default();
    let ended = match status {
        None => Err("it hung".to_owned()),
        Some(status) if !status.success() || text.contains("panicked") => Err(format!("{status}: {text}")),
        Some(_) => Ok(()),
    };
    Run { events: read(&std::fs::read(log).expect("the log")), ended }
}

/// The compiled recorder; compiled once.
fn recorder() -> &'static Path {
    static RECORDER: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = RECORDER.get_or_init(|| {
        let folder = world::folder();
        let path = folder.path().join("record.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("durability/record.c");
        let mut command = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
        command.args(["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o"]).arg(&path).arg(source);
        let output = command.output().expect("a C compiler, which Rust needs for linking too");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        (folder, path)
    });
    path
}

fn read(mut log: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    while log.len() >= 40 {
        let number = |at: usize| u64::from_ne_bytes(log[at * 8..at * 8 + 8].try_into().expect("eight bytes"));
        let (kind, file, offset, first, second) =
            (number(0) as u8, number(1), number(2), number(3) as usize, number(4) as usize);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        let (one, two) = (&log[40..40 + first], &log[40 + first..40 + first + second]);
        let path = || PathBuf::from(text(one));
        events.push(match kind {
            b'C' => Event::Made { file, path: path() },
            b'K' => Event::Linked { file, path: path() },
            b'D' => Event::Folder { file, path: path() },
            b'M' => Event::FolderMade { path: path() },
            b'W' => Event::Written { file, offset, bytes: one.to_vec() },
            b'T' => Event::Length { file, length: offset },
            b'L' => Event::Reserved { file, length: offset },
            b'R' => Event::Renamed { from: path(), to: text(two).into() },
            b'U' => Event::Removed { path: path() },
            b'S' => Event::Synced { file },
            b'F' => Event::SyncFailed { file },
            b'A' => Event::Said(text(one)),
            b'X' => Event::Failed { call: file, name: text(one) },
            other => panic!("the log has a record of kind {other}"),
        });
        log = &log[40 + first + second..];
    }
    assert!(log.is_empty(), "the log ends in the middle of a record");
    events
}
