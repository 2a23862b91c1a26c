//! What a file may hold: its kinds, the columns of each, and what its header says of them.

use clap::ValueEnum;

use super::super::failure::Failure;
use super::records::Fields;

/// What is imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Customers
    Customers,
    /// What they subscribed to or bought, sold elsewhere and charged here from now on
    Subscriptions,
    /// Plans that they hold without paying
    Grants,
    /// Licenses, with the machines that they are activated on
    Licenses,
}

/// The column that names a row.
pub(super) const ID: &str = "id";

/// Other names of the same.
const ALSO_ID: [&str; 2] = ["external_id", "external_ref"];

impl Kind {
    const ALL: [Self; 4] = [
        Self::Customers,
        Self::Subscriptions,
        Self::Grants,
        Self::Licenses,
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Customers => "customers",
            Self::Subscriptions => "subscriptions",
            Self::Grants => "grants",
            Self::Licenses => "licenses",
        }
    }

    /// Columns that must be there.
    const fn required(self) -> &'static [&'static str] {
        match self {
            Self::Customers => &[ID],
            Self::Subscriptions => &[ID, "customer", "plan", "started_at"],
            Self::Grants => &[ID, "customer", "plan", "reason"],
            Self::Licenses => &[ID, "customer", "plan"],
        }
    }

    /// Columns that may be there.
    const fn optional(self) -> &'static [&'static str] {
        match self {
            Self::Customers => &["email", "lang", "github", "joined_at", "at_provider"],
            Self::Subscriptions => &[
                "price",
                "interval",
                "amount",
                "currency",
                "quantity",
                "paid_through",
                "ends",
                "provider",
            ],
            Self::Grants => &["until"],
            Self::Licenses => &["subscription", "started_at", "machines"],
        }
    }

    fn knows(self, column: &str) -> bool {
        self.required().contains(&column) || self.optional().contains(&column)
    }

    fn fits(self, columns: &[String]) -> bool {
        let named = |column: &str| columns.iter().any(|held| held == column);
        self.required().iter().all(|it| named(it)) && columns.iter().all(|it| self.knows(it))
    }
}

/// What the columns of a file mean.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) kind: Kind,
    /// The names, in their order. Empty: it is ignored.
    names: Vec<String>,
}

impl Header {
    /// Reads a header; `said` is what the file is said to hold.
    pub(super) fn read(
        fields: Fields<'_>,
        said: Option<Kind>,
        ignored: &[String],
    ) -> Result<Self, Failure> {
        let mut names = Vec::with_capacity(fields.len());
        for place in 0..fields.len() {
            let name = std::str::from_utf8(fields.get(place).unwrap_or_default());
            let name = name.map_err(|_not_text| not_utf8())?.trim();
            let name = if ALSO_ID.contains(&name) { ID } else { name };
            let is_ignored = ignored.iter().any(|it| it == name);
            names.push(if is_ignored {
                String::new()
            } else {
                name.to_owned()
            });
        }
        let columns: Vec<String> = names.iter().filter(|it| !it.is_empty()).cloned().collect();
        for (place, name) in columns.iter().enumerate() {
            if columns.iter().take(place).any(|before| before == name) {
                return Err(
                    Failure::refused(format!("the column {name} is there twice"))
                        .named("doubled_column"),
                );
            }
        }
        let kind = match said {
            Some(kind) => kind,
            None => guessed(&columns)?,
        };
        check(kind, &columns)?;
        Ok(Self { kind, names })
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn name(&self, place: usize) -> &str {
        self.names.get(place).map_or("", String::as_str)
    }

    /// Where the column of this name is. `None`: there is none.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|held| held == name)
    }
}

/// The one kind that these are the columns of.
fn guessed(columns: &[String]) -> Result<Kind, Failure> {
    let fitting: Vec<Kind> = Kind::ALL
        .into_iter()
        .filter(|it| it.fits(columns))
        .collect();
    if let [one] = fitting.as_slice() {
        return Ok(*one);
    }
    let kinds: Vec<&str> = fitting.iter().map(|kind| kind.as_str()).collect();
    let (what, code) = if kinds.is_empty() {
        (
            "these are the columns of no kind of import".to_owned(),
            "no_kind",
        )
    } else {
        (
            format!("these columns may be {}", kinds.join(" or ")),
            "ambiguous_kind",
        )
    };
    Err(Failure::refused(format!("{what}: {}", shown(columns)))
        .with_hint("Say which with --kind: what is wrong with a column is told then.")
        .named(code))
}

/// Every column is one of the kind's, and none is missing.
fn check(kind: Kind, columns: &[String]) -> Result<(), Failure> {
    let unknown = columns.iter().find(|column| !kind.knows(column));
    if let Some(column) = unknown {
        let known = [kind.required(), kind.optional()].concat().join(", ");
        let shown = shown(std::slice::from_ref(column));
        return Err(
            Failure::refused(format!("{} have no column {shown}", kind.as_str()))
                .with_hint(format!(
                    "They have: {known}. Leave it out, or say --ignore; columns that are parted \
                     by another sign than a comma need --delimiter."
                ))
                .named("unknown_column"),
        );
    }
    let missing = kind.required().iter();
    let missing = missing.filter(|name| !columns.iter().any(|column| column == *name));
    match missing.map(|name| (*name).to_owned()).next() {
        Some(name) => Err(Failure::refused(format!("the column {name} is missing"))
            .with_hint(format!("{} need it.", kind.as_str()))
            .named("missing_column")),
        None => Ok(()),
    }
}

/// Bytes of a header that are repeated in an error.
const MAX_SHOWN: usize = 200;

fn shown(columns: &[String]) -> String {
    let all = format!("{:?}", columns.join(","));
    all.chars().take(MAX_SHOWN).collect()
}

pub(super) fn not_utf8() -> Failure {
    Failure::refused("the header is no UTF-8")
        .with_hint("Save the file as UTF-8; spreadsheets call it \"CSV UTF-8\".")
        .named("not_utf8")
}
