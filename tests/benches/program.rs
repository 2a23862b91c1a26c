//! The program as it is installed: how soon it answers, and what it takes when
//! nothing happens.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::stores::Folder;
use crate::table::{Row, Verdict, none, now};

/// Where there is no release program.
pub(crate) const NO_PROGRAM: &str = "run `cargo build --release` first";

/// Resident megabytes at rest.
const WANTED_MEMORY: u64 = 40;

/// Milliseconds from its start to its first good answer.
const WANTED_START: u128 = 200;

/// How long it is left alone before its memory is looked at: its first tick and
/// sweep are over then.
const REST: Duration = Duration::from_secs(5);

/// A program that is not ready by then is broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between questions whether it is ready: less would take the time that the
/// program needs.
const ASK_EVERY: Duration = Duration::from_millis(2);

/// Starts a second start, when its files are there.
pub(crate) fn measure() -> Vec<Row> {
    let what = "release program on SQLite, idle";
    let Some(path) = program() else {
        return Row::skipped(what, NO_PROGRAM);
    };
    let folder = Folder::fresh();
    start(&path, &folder, &[]).end();
    let running = start(&path, &folder, &[]);
    std::thread::sleep(REST);
    let memory = running.resident();
    let took = running.took;
    running.end();
    vec![
        Row {
            what: what.to_owned(),
            measured: format!("{memory} MB resident"),
            floor: none(),
            ratio: none(),
            wanted: format!("≤ {WANTED_MEMORY} MB"),
            verdict: Verdict::of(memory <= WANTED_MEMORY),
        },
        Row {
            what: "release program on SQLite, second start to ready".to_owned(),
            measured: format!("{} ms", took.as_millis()),
            floor: none(),
            ratio: none(),
            wanted: format!("< {WANTED_START} ms"),
            verdict: Verdict::of(took.as_millis() < WANTED_START),
        },
    ]
}

/// Resident megabytes of a process.
pub(crate) fn resident(process: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    kilobytes.unwrap_or(0_u64).div_ceil(1024)
}

/// The release program, beside the benchmarks. `None`: it was not built.
pub(crate) fn program() -> Option<PathBuf> {
    let own = std::env::current_exe().unwrap();
    let folder = own.parent().and_then(Path::parent).unwrap();
    Some(folder.join("billing")).filter(|path| path.exists())
}

/// A program at work.
pub(crate) struct Running {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    took: Duration,
}

impl Running {
    /// Its resident megabytes.
    pub(crate) fn resident(&self) -> u64 {
        resident(&self.child.id().to_string())
    }

    /// Ends it.
    pub(crate) fn end(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Starts it in `folder` with these settings, and waits until it is ready.
pub(crate) fn start(path: &Path, folder: &Folder, settings: &[(&str, &str)]) -> Running {
    let address = free();
    let began = now();
    let child = Command::new(path)
        .arg("serve")
        // Its own settings and no other: it refuses what it does not know.
        .env_clear()
        .env("BILLING_LISTEN", address.to_string())
        .envs(settings.iter().copied())
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut running = Running {
        child,
        address,
        took: Duration::ZERO,
    };
    while !is_ready(address) {
        if let Some(status) = running.child.try_wait().unwrap() {
            panic!("{} ended at once, with {status}", path.display());
        }
        if began.elapsed() > PATIENCE {
            running.end();
            panic!("{} is not ready after {PATIENCE:?}", path.display());
        }
        std::thread::sleep(ASK_EVERY);
    }
    running.took = began.elapsed();
    running
}

fn is_ready(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else {
        return false;
    };
    let mut answer = String::new();
    let asked = stream
        .write_all(b"GET /readyz HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n")
        .and_then(|()| stream.read_to_string(&mut answer));
    asked.is_ok() && answer.starts_with("HTTP/1.1 200 ")
}

fn free() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap()
}
