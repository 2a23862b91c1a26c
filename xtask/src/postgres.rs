//! A private PostgreSQL: fresh, on loopback, gone with the command that started it.
//!
//! Never touches a server that was there before, and asks no rights on the machine beyond a
//! temporary directory. What the databases in it hold is none of its business.

mod account;
mod guardian;
mod programs;

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use account::Account;
use guardian::Guardian;

use crate::failure::{Failure, Outcome};
use crate::process;

/// The variable by which tests and benchmarks learn the server's URL.
pub(crate) const URL_VARIABLE: &str = "BILLING_TEST_POSTGRES";

/// The superuser of the private server.
const USER: &str = "billing";
/// How often a start is tried: between choosing a free port and taking it another process may
/// take it. Twice in a row is rare, five times is another fault.
const START_TRIES: u32 = 5;
/// Seconds that `pg_ctl` waits for a start. It takes one; a busy CI machine may need ten.
const START_SECONDS: &str = "60";
/// Bytes of randomness in the password: 128 bits, out of guessing's reach.
const PASSWORD_BYTES: usize = 16;
/// Connections the server takes: every test process with its pool, several at once.
const MAX_CONNECTIONS: u32 = 300;

/// How much the server cares for its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Nothing survives a crash: fast, for tests.
    Scratch,
    /// As in production: for figures that mean something.
    Durable,
}

/// A running private server; dropping it stops it and removes its data.
#[derive(Debug)]
pub(crate) struct Postgres {
    url: String,
    guardian: Guardian,
}

impl Postgres {
    /// Starts a fresh server and proves that it is the one that answers.
    pub(crate) fn start(durability: Durability) -> Outcome<Self> {
        let bin = programs::directory()?;
        let account = Account::choose()?;
        let password = random()?;
        let base = directory(account)?;
        let guardian = Guardian::over(&base)?;
        let cluster = Cluster {
            bin,
            account,
            base,
            password,
        };
        cluster.create(durability)?;
        let port = cluster.start()?;
        cluster.verify(port)?;
        let url = format!(
            "postgres://{USER}:{}@127.0.0.1:{port}/postgres",
            cluster.password
        );
        Ok(Self { url, guardian })
    }

    /// The URL of its maintenance database, with a user who may create databases.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Has the process `pid` ended with this server, should we be killed before `release`.
    pub(crate) fn watch(&mut self, pid: u32) -> Outcome<()> {
        self.guardian.watch(pid)
    }

    /// Takes `watch` back: that process has ended by itself.
    pub(crate) fn release(&mut self) -> Outcome<()> {
        self.guardian.release()
    }
}

/// `cargo xtask postgres`: the URL on stdout, then patience until stdin closes.
pub(crate) fn serve() -> Outcome<()> {
    let server = Postgres::start(Durability::Scratch)?;
    let mut stdout = io::stdout();
    writeln!(stdout, "{URL_VARIABLE}={}", server.url())
        .and_then(|()| stdout.flush())
        .map_err(Failure::doing("print the URL"))?;
    eprintln!("xtask: PostgreSQL runs until stdin closes (Ctrl-D) or Ctrl-C");
    io::copy(&mut io::stdin(), &mut io::sink())
        .map(drop)
        .map_err(Failure::doing("wait on stdin"))
}

/// A server's files and the means to handle them.
struct Cluster {
    bin: PathBuf,
    account: Account,
    base: PathBuf,
    password: String,
}

impl Cluster {
    fn data(&self) -> PathBuf {
        self.base.join("data")
    }

    fn program(&self, name: &str) -> Command {
        let mut command = self.account.command(&self.bin.join(name), &self.base);
        command.env("LC_ALL", "C").env("PGPASSWORD", &self.password);
        command
    }

    fn create(&self, durability: Durability) -> Outcome<()> {
        let secret = self.base.join("password");
        fs::write(&secret, &self.password).map_err(Failure::doing("write the password"))?;
        self.account.give(&secret)?;
        // `password` rather than `trust`: any user of this machine can reach loopback, and a
        // superuser may run programs. Sent in clear, because hashing it costs a debug build of the
        // tests tens of milliseconds for each connection, and loopback is not listened to.
        let mut initdb = self.program("initdb");
        initdb.args([
            "--encoding=UTF8",
            "--locale=C",
            "--auth=password",
            "--no-sync",
        ]);
        initdb
            .arg(format!("--username={USER}"))
            .arg("--pwfile")
            .arg(&secret);
        process::read(initdb.arg("--pgdata").arg(self.data()))?;
        let configuration = self.data().join("postgresql.auto.conf");
        fs::write(configuration, settings(durability)).map_err(Failure::doing("write the settings"))
    }

    /// Starts the server on a port that is free; returns the port.
    fn start(&self) -> Outcome<u16> {
        let mut last = Failure::new("no start was tried");
        for _ in 0..START_TRIES {
            let port = free_port()?;
            let mut pg_ctl = self.program("pg_ctl");
            pg_ctl.args(["start", "--wait", "--silent", "--timeout", START_SECONDS]);
            pg_ctl.arg("--options").arg(format!("-p {port}"));
            pg_ctl.arg("--log").arg(self.base.join("log"));
            match process::read(pg_ctl.arg("--pgdata").arg(self.data())) {
                Ok(_) => return Ok(port),
                Err(failure) => {
                    let log = fs::read_to_string(self.base.join("log")).unwrap_or_default();
                    last = Failure::new(format!("{failure}\n{log}"));
                }
            }
        }
        Err(last)
    }

    /// Proves that the server on `port` is the one just started.
    fn verify(&self, port: u16) -> Outcome<()> {
        let mut psql = self.program("psql");
        psql.args([
            "--no-psqlrc",
            "--no-password",
            "--tuples-only",
            "--no-align",
        ]);
        psql.args(["--host=127.0.0.1", "--username", USER, "--dbname=postgres"]);
        psql.arg(format!("--port={port}"))
            .args(["--command", "show data_directory"]);
        let answered = process::read(&mut psql)?;
        let (ours, theirs) = (real(&self.data())?, real(Path::new(answered.trim()))?);
        if ours == theirs {
            Ok(())
        } else {
            Err(Failure::new(format!(
                "another PostgreSQL answers on port {port}"
            )))
        }
    }
}

fn settings(durability: Durability) -> String {
    let shared = format!(
        "listen_addresses = '127.0.0.1'\n\
         unix_socket_directories = ''\n\
         max_connections = {MAX_CONNECTIONS}\n"
    );
    match durability {
        Durability::Scratch => format!(
            "{shared}fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n\
             autovacuum = off\n"
        ),
        Durability::Durable => format!("{shared}fsync = on\nsynchronous_commit = on\n"),
    }
}

/// A fresh directory, closed to others, that `account` owns and can reach.
fn directory(account: Account) -> Outcome<PathBuf> {
    let name = format!("billing-postgres-{}", random()?);
    let own = std::env::temp_dir();
    let parents = [own.as_path(), Path::new("/tmp"), Path::new("/var/tmp")];
    for parent in parents {
        let path = parent.join(&name);
        if fs::DirBuilder::new().mode(0o700).create(&path).is_err() {
            continue;
        }
        account.give(&path)?;
        // Root's own temporary directory may be closed to the account it lends.
        if process::succeeds(account.command(Path::new("ls"), Path::new("/")).arg(&path)) {
            return Ok(path);
        }
        fs::remove_dir(&path).map_err(Failure::doing("remove a directory of no use"))?;
    }
    Err(Failure::new(
        "found no temporary directory for PostgreSQL's data",
    ))
}

/// Random hexadecimal digits from the system.
fn random() -> Outcome<String> {
    let mut bytes = [0; PASSWORD_BYTES];
    fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(Failure::doing("read random bytes"))?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

fn free_port() -> Outcome<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(Failure::doing("find a free port"))
}

fn real(path: &Path) -> Outcome<PathBuf> {
    fs::canonicalize(path).map_err(Failure::doing(format!("resolve {}", path.display())))
}
