//! YAML as a small tree of texts with their places.
//!
//! Only what a plan file needs: mappings, lists and texts. Tags, anchors,
//! aliases and further documents are mistakes. Bounded in size, depth and
//! number of values. Deliberately gives no text a type: `5.00` stays `5.00`.

use std::collections::BTreeMap;

use billing_domain::catalog::Path;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use crate::error::{Mark, Mistake, MistakeCode};

/// The largest plan file: 1 MiB holds thousands of plans.
pub const MAX_FILE_BYTES: usize = 1024 * 1024;

/// The deepest nesting. A plan file needs seven levels.
pub const MAX_DEPTH: usize = 16;

/// Values in a plan file, keys included. A file of the largest size that means
/// something has fewer.
pub const MAX_NODES: usize = 200_000;

/// A value and where it begins.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) mark: Mark,
    pub(crate) value: Value,
}

#[derive(Debug)]
pub(crate) enum Value {
    /// A text; `plain` when it was written without quotes.
    Text {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Map),
    /// Something already reported, about which nothing more is said.
    Broken,
}

/// A mapping in the order of the file.
#[derive(Debug, Default)]
pub(crate) struct Map {
    pub(crate) entries: Vec<Entry>,
    index: BTreeMap<String, usize>,
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_mark: Mark,
    pub(crate) node: Node,
}

impl Map {
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.index
            .get(key)
            .and_then(|place| self.entries.get(*place))
    }
}

/// Reads `text`. `None` when there is nothing to go on with; the mistakes say why.
pub(crate) fn parse(text: &str) -> (Option<Node>, Vec<Mistake>) {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => {
                let at = mark(*error.marker());
                let expected = "YAML that can be read";
                builder.report(at, MistakeCode::Syntax, error.info().to_owned(), expected);
                // What came before is half a file, and judging it would mislead.
                return (None, builder.mistakes);
            }
        };
        if !builder.take(event, mark(span.start)) {
            return (None, builder.mistakes);
        }
    }
    (builder.root, builder.mistakes)
}

fn mark(marker: Marker) -> Mark {
    Mark {
        line: marker.line().max(1),
        column: marker.col().saturating_add(1),
    }
}

/// A mapping or list that is still open.
#[derive(Debug)]
struct Open {
    mark: Mark,
    inside: Inside,
}

#[derive(Debug)]
enum Inside {
    List(Vec<Node>),
    /// The key whose value comes next, if one has been read; its text is `None`
    /// when it is no text.
    Map(Map, Option<(Option<String>, Mark)>),
}

#[derive(Debug, Default)]
struct Builder {
    root: Option<Node>,
    open: Vec<Open>,
    documents: usize,
    nodes: usize,
    mistakes: Vec<Mistake>,
}

impl Builder {
    fn report(&mut self, mark: Mark, code: MistakeCode, found: String, expected: &str) {
        self.mistakes.push(Mistake {
            mark,
            path: Path::root(),
            code,
            found,
            expected: expected.to_owned(),
        });
    }

    /// Whether to go on.
    fn take(&mut self, event: Event<'_>, at: Mark) -> bool {
        match event {
            Event::DocumentStart(_) => {
                self.documents = self.documents.saturating_add(1);
                if self.documents > 1 {
                    let found = "a second document".to_owned();
                    self.report(at, MistakeCode::SecondDocument, found, "one plan file");
                    return false;
                }
                true
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse(anchor, tag.is_some(), at);
                let plain = style == ScalarStyle::Plain;
                let text = text.into_owned();
                self.place(at, Value::Text { text, plain })
            }
            Event::Alias(_) => {
                let found = "an alias".to_owned();
                let expected = "the value itself, written out";
                self.report(at, MistakeCode::Unsupported, found, expected);
                self.place(at, Value::Broken)
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse(anchor, tag.is_some(), at);
                self.enter(at, Inside::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse(anchor, tag.is_some(), at);
                self.enter(at, Inside::Map(Map::default(), None))
            }
            Event::SequenceEnd | Event::MappingEnd => self.leave(),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => true,
        }
    }

    fn refuse(&mut self, anchor: usize, tagged: bool, at: Mark) {
        for (there, what) in [(anchor > 0, "an anchor"), (tagged, "a tag")] {
            if there {
                let expected = "a plain value";
                self.report(at, MistakeCode::Unsupported, what.to_owned(), expected);
            }
        }
    }

    fn enter(&mut self, mark: Mark, inside: Inside) -> bool {
        if self.open.len() >= MAX_DEPTH {
            let found = format!("more than {MAX_DEPTH} levels of nesting");
            self.report(mark, MistakeCode::TooDeep, found, "a plan file");
            return false;
        }
        self.open.push(Open { mark, inside });
        true
    }

    fn leave(&mut self) -> bool {
        let Some(Open { mark, inside }) = self.open.pop() else {
            return true;
        };
        let value = match inside {
            Inside::List(items) => Value::List(items),
            Inside::Map(map, _) => Value::Map(map),
        };
        self.place(mark, value)
    }

    /// Puts a finished value where it belongs.
    fn place(&mut self, mark: Mark, value: Value) -> bool {
        self.nodes = self.nodes.saturating_add(1);
        if self.nodes > MAX_NODES {
            let found = format!("more than {MAX_NODES} values");
            self.report(mark, MistakeCode::TooMany, found, "a plan file");
            return false;
        }
        let node = Node { mark, value };
        let mistake = match self.open.last_mut().map(|open| &mut open.inside) {
            None => {
                self.root = Some(node);
                None
            }
            Some(Inside::List(items)) => {
                items.push(node);
                None
            }
            Some(Inside::Map(map, pending)) => match pending.take() {
                None => {
                    let (key, mistake) = key_of(node);
                    *pending = Some((key, mark));
                    mistake
                }
                Some((Some(key), key_mark)) => insert(map, key, key_mark, node),
                Some((None, _)) => None,
            },
        };
        if let Some((code, found, expected)) = mistake {
            self.report(mark, code, found, expected);
        }
        true
    }
}

type Complaint = Option<(MistakeCode, String, &'static str)>;

fn key_of(node: Node) -> (Option<String>, Complaint) {
    match node.value {
        Value::Text { text, .. } => (Some(text), None),
        Value::Broken => (None, None),
        Value::List(_) | Value::Map(_) => (
            None,
            Some((
                MistakeCode::WrongShape,
                "a key that is no text".to_owned(),
                "a text as the key",
            )),
        ),
    }
}

fn insert(map: &mut Map, key: String, key_mark: Mark, node: Node) -> Complaint {
    if map.index.contains_key(&key) {
        // Kept without an index, so that it is seen and reported where it stands.
        map.entries.push(Entry {
            key,
            key_mark,
            node: Node {
                mark: node.mark,
                value: Value::Broken,
            },
        });
        return None;
    }
    map.index.insert(key.clone(), map.entries.len());
    map.entries.push(Entry {
        key,
        key_mark,
        node,
    });
    None
}

impl Map {
    /// The entries whose key stands for the first time, and those that repeat one.
    pub(crate) fn partition(&self) -> (Vec<&Entry>, Vec<&Entry>) {
        let (first, repeated): (Vec<_>, Vec<_>) =
            self.entries.iter().enumerate().partition(|(place, entry)| {
                self.index.get(&entry.key).is_some_and(|at| at == place)
            });
        let bare = |list: Vec<(usize, _)>| list.into_iter().map(|(_, entry)| entry).collect();
        (bare(first), bare(repeated))
    }
}
