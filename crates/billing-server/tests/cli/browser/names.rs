//! Names that try to be more than names, as long as names may be.

/// It would write a title, load a picture, turn around what stands after it and end an attribute.
const HOSTILE: &str = "<script>document.title='x'</script>\u{202e}\u{2066}\"'&amp;<img src=x>";

/// Longest name of a plan, a feature or what is sold, in characters.
pub(super) const MAX_PLAN_NAME: usize = 200;

/// Such a name of so many bytes or, where `count` counts them, characters.
pub(super) fn longest(most: usize, count: fn(&str) -> usize) -> String {
    let mut name = HOSTILE.to_owned();
    let left = most.checked_sub(count(&name)).unwrap();
    name.push_str(&"x".repeat(left));
    name
}

/// The characters of a text.
pub(super) fn characters(text: &str) -> usize {
    text.chars().count()
}
