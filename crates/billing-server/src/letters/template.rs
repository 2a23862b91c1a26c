//! Templates: a text with `{{placeholders}}` and nothing else. What a value says is never read
//! as a template, and in HTML stands for itself alone.
//!
//! Knows no letter: which placeholders there are is told.

use std::collections::BTreeMap;

use billing_domain::catalog::nearest;

/// What begins and ends a placeholder.
const BEGINS: &str = "{{";
const ENDS: &str = "}}";

/// Longest name of a placeholder that is shown in an error.
const MAX_SHOWN: usize = 40;

/// What stands for the placeholders of a letter.
pub(super) type Values = BTreeMap<&'static str, String>;

/// Characters of a name that are shown: whoever chose it, a line has to hold it.
const MAX_NAME: usize = 80;

/// A name as it is shown.
pub(super) fn shortened(name: &str) -> String {
    if name.chars().count() <= MAX_NAME {
        return name.to_owned();
    }
    let kept = name.chars().take(MAX_NAME.saturating_sub(1));
    kept.chain(['…']).collect()
}

/// Something that is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct TemplateProblem {
    /// In which line, from 1.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub what: String,
}

/// A text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Value(&'static str),
}

impl Template {
    /// Reads `text`, whose first line is `first` of its file, and in which `known` may stand.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub(super) fn read(
        text: &str,
        first: usize,
        known: &[&'static str],
    ) -> Result<Self, Vec<TemplateProblem>> {
        let (mut pieces, mut problems) = (Vec::new(), Vec::new());
        let (mut rest, mut line) = (text, first);
        while let Some((before, behind)) = rest.split_once(BEGINS) {
            line = line.saturating_add(before.matches('\n').count());
            pieces.push(Piece::Text(before.to_owned()));
            let ended = behind.split_once(ENDS);
            let Some((name, after)) = ended.filter(|(name, _)| !name.contains('\n')) else {
                let what = format!("a {BEGINS} without its {ENDS} in the same line");
                problems.push(TemplateProblem { line, what });
                rest = behind;
                continue;
            };
            match known.iter().find(|held| **held == name.trim()) {
                Some(name) => pieces.push(Piece::Value(name)),
                None => problems.push(unknown(name.trim(), line, known)),
            }
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        if problems.is_empty() {
            Ok(Self { pieces })
        } else {
            Err(problems)
        }
    }

    /// Whether this placeholder stands in it.
    pub(super) fn says(&self, name: &str) -> bool {
        let mut pieces = self.pieces.iter();
        pieces.any(|piece| matches!(piece, Piece::Value(held) if *held == name))
    }

    /// As plain text.
    pub(super) fn plain(&self, values: &Values) -> String {
        self.filled(values, |value, out| out.push_str(value))
    }

    /// As HTML: a value is text or what an attribute says, and never a tag.
    pub(super) fn html(&self, values: &Values) -> String {
        self.filled(values, |value, out| {
            for c in value.chars() {
                match c {
                    '&' => out.push_str("&amp;"),
                    '<' => out.push_str("&lt;"),
                    '>' => out.push_str("&gt;"),
                    '"' => out.push_str("&quot;"),
                    '\'' => out.push_str("&#39;"),
                    c => out.push(c),
                }
            }
        })
    }

    fn filled(&self, values: &Values, put: impl Fn(&str, &mut String)) -> String {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Value(name) => {
                    let value = values.get(name).map_or("", String::as_str);
                    // A value is one line, whoever chose it.
                    let line: String = value
                        .chars()
                        .map(|c| if c.is_control() { ' ' } else { c })
                        .collect();
                    put(&line, &mut out);
                }
            }
        }
        out
    }
}

fn unknown(name: &str, line: usize, known: &[&'static str]) -> TemplateProblem {
    let shown: String = name.chars().take(MAX_SHOWN).collect();
    let meant = nearest(name, known.iter().copied());
    let meant = meant.map_or(String::new(), |near| format!("did you mean {near}? "));
    let all = known.join(", ");
    TemplateProblem {
        line,
        what: format!("no placeholder {shown:?}; {meant}there are {all}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["plan", "link"];

    fn values(plan: &str) -> Values {
        let link = "https://b.example/?a=1&b='2'\"".to_owned();
        Values::from([("plan", plan.to_owned()), ("link", link)])
    }

    #[test]
    fn values_stand_for_themselves_in_text_and_in_html() {
        let text = "<p>{{plan}} at <a href=\"{{ link }}\">it</a></p>";
        let template = Template::read(text, 1, KNOWN).unwrap();
        let hostile = values("<script>{{link}}</script>\r\nBcc: eve");
        assert_eq!(
            template.plain(&hostile),
            "<p><script>{{link}}</script>  Bcc: eve at \
             <a href=\"https://b.example/?a=1&b='2'\"\">it</a></p>"
        );
        assert_eq!(
            template.html(&hostile),
            "<p>&lt;script&gt;{{link}}&lt;/script&gt;  Bcc: eve at \
             <a href=\"https://b.example/?a=1&amp;b=&#39;2&#39;&quot;\">it</a></p>"
        );
    }

    #[test]
    fn everything_that_is_wrong_is_named_with_its_line() {
        let text = "{{plan}}\n{{plam}}\nfoo {{ {{link}}\n{{\nplan}}\n{{}}\n";
        let problems = Template::read(text, 3, KNOWN).unwrap_err();
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "line 4: no placeholder \"plam\"; did you mean plan? there are plan, link",
                "line 5: no placeholder \"{{link\"; did you mean link? there are plan, link",
                "line 6: a {{ without its }} in the same line",
                "line 8: no placeholder \"\"; there are plan, link",
            ]
        );
    }
}
