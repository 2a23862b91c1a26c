//! Which known word somebody probably meant.
//!
//! Deliberately simple: plain edit distance over short words.

/// Longest word that is compared; longer ones are no typing mistakes of a key.
const MAX_COMPARED: usize = super::MAX_KEY_CHARS;

/// The candidate closest to `word`, if one is close enough to have been meant:
/// at most one edit in three characters. The first among equals.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters: Vec<char> = word.chars().flat_map(char::to_lowercase).collect();
    if letters.is_empty() || letters.len() > MAX_COMPARED {
        return None;
    }
    let allowed = letters.len().div_ceil(3);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= MAX_COMPARED)
        .map(|candidate| (distance(&letters, candidate), candidate))
        .filter(|(edits, _)| *edits <= allowed)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions and replacements from `word` to `other`.
fn distance(word: &[char], other: &str) -> usize {
    let mut row: Vec<usize> = (0..=word.len()).collect();
    for (line, letter) in other.chars().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        let mut left = line.saturating_add(1);
        next.push(left);
        for (mine, pair) in word.iter().zip(row.windows(2)) {
            let &[diagonal, above] = pair else { continue };
            let replaced = diagonal.saturating_add(usize::from(*mine != letter));
            left = replaced.min(above.min(left).saturating_add(1));
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_mistake_finds_its_word_and_a_stranger_does_not() {
        let known = ["amount", "interval", "retired", "lock"];
        assert_eq!(nearest("amuont", known), Some("amount"));
        assert_eq!(nearest("Interval", known), Some("interval"));
        assert_eq!(nearest("intervall", known), Some("interval"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(nearest(&"a".repeat(100), known), None);
        assert_eq!(distance(&['a', 'b'], "abc"), 1);
        assert_eq!(distance(&['a', 'b'], "xy"), 2);
    }
}
