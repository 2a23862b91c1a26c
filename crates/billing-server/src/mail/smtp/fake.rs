//! A server that speaks as much SMTP as a mail needs, on loopback, and what it was
//! told. Refuses, hangs up and falls silent where a test says so.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What the server does at a word, such as `RCPT`. `hello` stands for its greeting,
/// and `.` for the end of a letter.
#[derive(Clone, Copy)]
pub(super) enum Does {
    /// Answers with this line.
    Says(&'static str),
    /// Says nothing, for ever.
    Hangs,
    /// Breaks off.
    Leaves,
}

/// A server, and what it was told.
pub(super) struct Fake {
    address: SocketAddr,
    heard: Arc<Mutex<Heard>>,
}

/// What a server was told, over all sessions.
#[derive(Default)]
struct Heard {
    /// Every line that is no part of a letter.
    lines: Vec<String>,
    /// Every letter, its lines ended by `\r\n` and dots as they were meant.
    letters: Vec<String>,
}

impl Fake {
    /// A server with these extensions that takes everything, but for `script`.
    pub(super) async fn start(
        extensions: &'static [&'static str],
        script: &[(&'static str, Does)],
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard: Arc<Mutex<Heard>> = Arc::default();
        let script: BTreeMap<&'static str, Does> = script.iter().copied().collect();
        let noted = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let script = script.clone();
                let noted = Arc::clone(&noted);
                tokio::spawn(async move { serve(stream, extensions, &script, &noted).await });
            }
        });
        Self { address, heard }
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.heard.lock().unwrap().lines.clone()
    }

    pub(super) fn letters(&self) -> Vec<String> {
        self.heard.lock().unwrap().letters.clone()
    }
}

/// One session, until somebody leaves.
async fn serve(
    stream: TcpStream,
    extensions: &[&str],
    script: &BTreeMap<&'static str, Does>,
    heard: &Mutex<Heard>,
) {
    let mut stream = BufReader::new(stream);
    let mut word = "hello".to_owned();
    let mut letter: Option<String> = None;
    loop {
        let answer = match script.get(word.as_str()) {
            Some(Does::Says(answer)) => format!("{answer}\r\n"),
            Some(Does::Hangs) => std::future::pending().await,
            Some(Does::Leaves) => return,
            None => usual(&word, extensions),
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        if word == "DATA" && answer.starts_with('3') {
            letter = Some(String::new());
        }
        let Some(next) = read(&mut stream, &mut letter, heard).await else {
            return;
        };
        word = next;
    }
}

fn usual(word: &str, extensions: &[&str]) -> String {
    match word {
        "hello" => "220 mail.example.com\r\n".to_owned(),
        "EHLO" => {
            let rest = extensions.iter().map(|name| format!("250-{name}\r\n"));
            let rest: String = rest.collect();
            format!("250-mail.example.com\r\n{rest}250 HELP\r\n")
        }
        "AUTH" => "235 known\r\n".to_owned(),
        "DATA" => "354 go on\r\n".to_owned(),
        "QUIT" => "221 goodbye\r\n".to_owned(),
        _ => "250 fine\r\n".to_owned(),
    }
}

/// The next word that wants an answer. `None`: the other side has left.
async fn read(
    stream: &mut BufReader<TcpStream>,
    letter: &mut Option<String>,
    heard: &Mutex<Heard>,
) -> Option<String> {
    loop {
        let mut bytes = Vec::new();
        let read = stream.read_until(b'\n', &mut bytes).await.ok()?;
        if read == 0 {
            return None;
        }
        let line = String::from_utf8_lossy(&bytes).into_owned();
        let Some(text) = letter.as_mut() else {
            let line = line.trim_end().to_owned();
            let word = line.split(' ').next().unwrap_or_default().to_owned();
            heard.lock().unwrap().lines.push(line);
            return Some(word);
        };
        if line == ".\r\n" {
            heard.lock().unwrap().letters.push(std::mem::take(text));
            *letter = None;
            return Some(".".to_owned());
        }
        text.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}
