//! A mail as text in the form of RFC 5322, with nothing in it that would be
//! another header or another recipient. Knows not where it is written to.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use billing_domain::time::Timestamp;
use billing_ports::{Mail, MailError};
use jiff::fmt::rfc2822::DateTimePrinter;

use super::sender::Sender;

/// Longest line in bytes without its end that goes as it stands: what RFC 5322 allows. A text
/// with a longer one is encoded.
pub(crate) const MAX_LINE: usize = 998;

/// Longest id: the name of a file with room for what is put around it.
const MAX_ID: usize = 64;

/// Longest address and longest part before its `@`: what SMTP takes.
const MAX_ADDRESS: usize = 254;
const MAX_LOCAL: usize = 64;

/// Longest subject in bytes: with its name it fits a line.
const MAX_SUBJECT: usize = 900;

/// Longest encoded word (RFC 2047), and what of it is not the text.
const MAX_WORD: usize = 75;
const WORD_BEGINS: &str = "=?utf-8?Q?";
const WORD_ENDS: &str = "?=";

/// Longest line of encoded text: what RFC 2045 allows.
const MAX_ENCODED: usize = 76;

/// How the text of a letter is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// As it stands where its lines fit, for people who open the file.
    EightBit,
    /// In plain characters, encoded where it has others: every server carries that.
    #[cfg_attr(
        not(any(test, feature = "smtp")),
        expect(dead_code, reason = "only a server asks for it")
    )]
    Plain,
}

impl Encoding {
    /// The word for it in a header, and the text.
    fn of(self, text: &str) -> (&'static str, String) {
        let lines = text.replace('\n', "\r\n");
        let fits = text.split('\n').all(|line| line.len() <= MAX_LINE);
        match self {
            Self::EightBit if fits => ("8bit", lines),
            Self::Plain if fits && lines.is_ascii() => ("7bit", lines),
            Self::EightBit | Self::Plain => {
                let encoded = BASE64_STANDARD.encode(lines);
                let lines = encoded.as_bytes().chunks(MAX_ENCODED);
                let lines: Vec<_> = lines.map(String::from_utf8_lossy).collect();
                ("base64", lines.join("\r\n"))
            }
        }
    }
}

/// `mail` as it is written by `sender`, dated `now`. Ids of letters are unique where
/// the sender's address is.
///
/// # Errors
///
/// [`MailError::Refused`] when something in it is not what it should be.
pub(super) fn letter(
    mail: &Mail,
    sender: &Sender,
    encoding: Encoding,
    now: Timestamp,
) -> Result<String, MailError> {
    if !is_id(&mail.id) {
        return Err(MailError::Refused("its id is none"));
    }
    if !is_address(&mail.to) {
        return Err(MailError::Refused("its address is none"));
    }
    if !is_subject(&mail.subject) {
        return Err(MailError::Refused("its subject is not one plain line"));
    }
    let parts = [Some(&mail.text), mail.html.as_ref()];
    if !parts.into_iter().flatten().all(|part| is_text(part)) {
        return Err(MailError::Refused("its text has a character that is none"));
    }
    let date = DateTimePrinter::new().timestamp_to_string(&now);
    let date = date.map_err(|_unheard_of| MailError::Refused("it has no date"))?;
    let body = match &mail.html {
        None => part("plain", &mail.text, encoding),
        Some(html) => both(mail, html, encoding)?,
    };
    Ok(format!(
        "From: {}\r\n\
         To: {}\r\n\
         Subject: {}\r\n\
         Message-ID: <{}@{}>\r\n\
         Date: {date}\r\n\
         MIME-Version: 1.0\r\n\
         {body}",
        sender.header(),
        mail.to,
        subject(&mail.subject),
        mail.id,
        sender.domain(),
    ))
}

/// A text with the headers that say what it is.
fn part(kind: &str, text: &str, encoding: Encoding) -> String {
    let (encoding, text) = encoding.of(text);
    format!(
        "Content-Type: text/{kind}; charset=utf-8\r\n\
         Content-Transfer-Encoding: {encoding}\r\n\
         \r\n\
         {text}"
    )
}

/// The text and the same as HTML, of which a reader shows what it can.
fn both(mail: &Mail, html: &str, encoding: Encoding) -> Result<String, MailError> {
    // Of the id, which is the same each time; no longer than 70 characters.
    let border = format!("=_{}", mail.id);
    // What stands in a part must not end it.
    if mail.text.contains(&border) || html.contains(&border) {
        return Err(MailError::Refused("its text has its own border in it"));
    }
    let (plain, html) = (
        part("plain", &mail.text, encoding),
        part("html", html, encoding),
    );
    Ok(format!(
        "Content-Type: multipart/alternative; boundary=\"{border}\"\r\n\
         \r\n\
         --{border}\r\n\
         {plain}\r\n\
         --{border}\r\n\
         {html}\r\n\
         --{border}--\r\n"
    ))
}

fn is_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    (1..=MAX_ID).contains(&id.len()) && id.bytes().all(plain)
}

/// Whether this is one address and nothing else: no name, no comment, no
/// quotes, no list.
pub(super) fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let in_local = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let in_label = |c: char| c.is_alphanumeric() || c == '-';
    text.len() <= MAX_ADDRESS
        && (1..=MAX_LOCAL).contains(&local.len())
        && local.chars().all(in_local)
        && domain
            .split('.')
            .all(|label| !label.is_empty() && label.chars().all(in_label))
}

fn is_subject(text: &str) -> bool {
    (1..=MAX_SUBJECT).contains(&text.len()) && !text.contains(char::is_control)
}

/// Whether a mail may say this.
fn is_text(text: &str) -> bool {
    !text.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t'))
}

/// The subject as a header says it: as it stands where it is plain, else in
/// encoded words, one a line.
fn subject(text: &str) -> String {
    let is_plain = text.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    if is_plain && !text.contains("=?") {
        return text.to_owned();
    }
    words(text)
}

/// A text in encoded words, one a line.
pub(super) fn words(text: &str) -> String {
    let room = MAX_WORD
        .saturating_sub(WORD_BEGINS.len())
        .saturating_sub(WORD_ENDS.len());
    let mut words = vec![String::new()];
    for c in text.chars() {
        let encoded = encoded(c);
        match words.last_mut() {
            Some(word) if word.len().saturating_add(encoded.len()) <= room => {
                word.push_str(&encoded);
            }
            _ => words.push(encoded),
        }
    }
    let words: Vec<String> = words
        .iter()
        .map(|word| format!("{WORD_BEGINS}{word}{WORD_ENDS}"))
        .collect();
    words.join("\r\n ")
}

/// A character of an encoded word.
fn encoded(c: char) -> String {
    match c {
        ' ' => "_".to_owned(),
        c if c.is_ascii_alphanumeric() => c.to_string(),
        c => {
            let mut bytes = [0; 4];
            let bytes = c.encode_utf8(&mut bytes).bytes();
            bytes.fold(String::new(), |mut text, byte| {
                // Writing to a `String` cannot fail.
                let _written = write!(text, "={byte:02X}");
                text
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail() -> Mail {
        Mail {
            id: "bss_1".to_owned(),
            to: "ana@example.com".to_owned(),
            subject: "Your billing at Acme".to_owned(),
            text: "Good day.\n\nGrüße\n".to_owned(),
            html: None,
        }
    }

    fn written(mail: &Mail) -> Result<String, MailError> {
        let now = "2026-03-01T12:00:00Z".parse().unwrap();
        letter(mail, &Sender::nobody(), Encoding::EightBit, now)
    }

    #[test]
    fn a_letter_has_its_headers_and_then_its_text() {
        assert_eq!(
            written(&mail()).unwrap(),
            "From: billing@billing.invalid\r\n\
             To: ana@example.com\r\n\
             Subject: Your billing at Acme\r\n\
             Message-ID: <bss_1@billing.invalid>\r\n\
             Date: Sun, 1 Mar 2026 12:00:00 -0000\r\n\
             MIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: 8bit\r\n\
             \r\n\
             Good day.\r\n\r\nGrüße\r\n"
        );
    }

    #[test]
    fn a_letter_with_html_has_both_parts_and_each_says_what_it_is() {
        let html = Some("<p>Grüße</p>\n".to_owned());
        let whole = written(&Mail { html, ..mail() }).unwrap();
        let (head, body) = whole.split_once("\r\n\r\n").unwrap();
        let says = "Content-Type: multipart/alternative; boundary=\"=_bss_1\"";
        assert!(head.ends_with(says), "{head}");
        assert_eq!(
            body,
            "--=_bss_1\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: 8bit\r\n\
             \r\n\
             Good day.\r\n\r\nGrüße\r\n\r\n\
             --=_bss_1\r\n\
             Content-Type: text/html; charset=utf-8\r\n\
             Content-Transfer-Encoding: 8bit\r\n\
             \r\n\
             <p>Grüße</p>\r\n\r\n\
             --=_bss_1--\r\n"
        );
        for bad in ["--=_bss_1--", "a\rb"] {
            let html = Some(bad.to_owned());
            assert!(written(&Mail { html, ..mail() }).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_is_one_address_is_taken_and_nothing_else() {
        for good in ["a@b", "a.b+c=d@x-y.example", "müller@bücher.example"] {
            let to = good.to_owned();
            written(&Mail { to, ..mail() }).unwrap();
        }
        for bad in [
            "",
            "ana",
            "@example.com",
            "ana@",
            "ana@example..com",
            "ana@example.com\r\nBcc: eve@evil.example",
            "ana@example.com\nBcc: eve@evil.example",
            "ana@example.com,eve@evil.example",
            "ana@example.com;eve@evil.example",
            "ana@example.com, eve@evil.example",
            "ana@example.com@evil.example",
            "<ana@example.com>",
            "Ana <ana@example.com>",
            "\"ana\"@example.com",
            "ana(eve)@example.com",
            "ana@[127.0.0.1]",
            "ana @example.com",
            "ana\u{85}x@example.com",
            "ana\u{2028}x@example.com",
            "ana\0@example.com",
        ] {
            let to = bad.to_owned();
            let refused = written(&Mail { to, ..mail() });
            assert_eq!(
                refused,
                Err(MailError::Refused("its address is none")),
                "{bad:?}"
            );
        }
        let to = format!("{}@example.com", "a".repeat(65));
        assert!(written(&Mail { to, ..mail() }).is_err());
    }

    #[test]
    fn nothing_in_a_subject_or_an_id_is_another_header() {
        for bad in [
            "",
            "Hello\r\nBcc: eve@evil.example",
            "Hello\nBcc: eve@evil.example",
            "Hello\rthere",
            "Hello\u{85}there",
            "\0",
            &"x".repeat(901),
        ] {
            let subject = bad.to_owned();
            assert!(written(&Mail { subject, ..mail() }).is_err(), "{bad:?}");
        }
        for bad in [
            "",
            "../bss_1",
            "a/b",
            "a.b",
            "a\r\nBcc: x",
            "ü",
            &"x".repeat(65),
        ] {
            let id = bad.to_owned();
            assert!(written(&Mail { id, ..mail() }).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_subject_that_is_not_plain_is_encoded_in_short_words() {
        let said = |subject: &str| {
            let subject = subject.to_owned();
            let text = written(&Mail { subject, ..mail() }).unwrap();
            let (_, rest) = text.split_once("Subject: ").unwrap();
            rest.split_once("\r\nMessage-ID").unwrap().0.to_owned()
        };
        assert_eq!(said("Grüße"), "=?utf-8?Q?Gr=C3=BC=C3=9Fe?=");
        // What looks like an encoded word is not read as one.
        assert_eq!(said("=?x?="), "=?utf-8?Q?=3D=3Fx=3F=3D?=");
        let long = said(&"日本 ".repeat(20));
        assert!(
            long.split("\r\n ")
                .all(|word| word.len() <= 75 && word.is_ascii())
        );
        assert_eq!(long.matches("=E6=97=A5").count(), 20, "none is cut in two");
    }

    #[test]
    fn a_text_has_nothing_that_mail_does_not_carry() {
        for (text, taken) in [
            ("a\rb", false),
            ("a\0b", false),
            ("a\u{85}b", false),
            ("a\tb", true),
        ] {
            let text = text.to_owned();
            assert_eq!(written(&Mail { text, ..mail() }).is_ok(), taken);
        }
    }

    #[test]
    fn no_line_is_too_long_however_long_the_lines_of_a_text_are() {
        let now = "2026-03-01T12:00:00Z".parse().unwrap();
        for encoding in [Encoding::EightBit, Encoding::Plain] {
            for (length, encoded) in [(998, false), (999, true), (60_000, true)] {
                let long = "x".repeat(length);
                let mail = Mail {
                    text: format!("Good day.\n{long}\n"),
                    html: Some(format!("<p>{long}</p>")),
                    ..mail()
                };
                let whole = letter(&mail, &Sender::nobody(), encoding, now).unwrap();
                let longest = whole.split("\r\n").map(str::len).max().unwrap();
                assert!(longest <= MAX_LINE, "{longest}");
                let (_, body) = whole.split_once("text/plain").unwrap();
                let (head, body) = body.split_once("\r\n\r\n").unwrap();
                let (body, _) = body.split_once("\r\n--=_bss_1").unwrap();
                assert_eq!(head.ends_with("base64"), encoded, "{head}");
                let said = if encoded {
                    BASE64_STANDARD.decode(body.replace("\r\n", "")).unwrap()
                } else {
                    body.into()
                };
                let said = String::from_utf8(said).unwrap();
                assert_eq!(said.replace("\r\n", "\n"), mail.text);
            }
        }
    }
}
