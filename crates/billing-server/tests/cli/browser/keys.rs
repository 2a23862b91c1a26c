//! A keyboard: what somebody does who uses no mouse. Wherever the focus goes, it has to be seen.

use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::key::Key;
use serde::Deserialize;

use super::chromium::Browser;

/// Stops on the way to something: more than any page of these tests has.
const MAX_STOPS: usize = 80;

/// What has the focus, and whether somebody sees that it has.
const FOCUSED: &str = r"
    const at = document.activeElement;
    if (!at || at === document.body) return null;
    const label = at.labels?.[0]?.textContent ?? '';
    const style = getComputedStyle(at), box = at.getBoundingClientRect();
    return {
        says: `${label} ${at.textContent}`.replace(/\s+/g, ' ').trim(),
        has_ring: at.matches(':focus-visible') && style.outlineStyle !== 'none'
            && parseFloat(style.outlineWidth) > 0,
        is_on_screen: box.width > 1 && box.right > 0 && box.left < innerWidth
            && box.bottom > 0 && box.top < innerHeight,
    };
";

#[derive(Debug, Deserialize)]
struct Focused {
    says: String,
    has_ring: bool,
    is_on_screen: bool,
}

impl Browser {
    /// Strikes one key.
    pub(super) fn strikes(&self, key: Key) {
        self.types(&char::from(key).to_string());
    }

    /// Strikes one key while `held` is held down.
    pub(super) fn strikes_with(&self, held: Key, key: char) {
        let held = char::from(held);
        let actions = KeyActions::new("keyboard".to_owned())
            .then(KeyAction::Down { value: held })
            .then(KeyAction::Down { value: key })
            .then(KeyAction::Up { value: key })
            .then(KeyAction::Up { value: held });
        let done = self.client.perform_actions(actions);
        self.runtime.block_on(done).unwrap();
    }

    /// Strikes one key after the other.
    pub(super) fn types(&self, text: &str) {
        let keyboard = KeyActions::new("keyboard".to_owned());
        let struck = text.chars().fold(keyboard, |keys, value| {
            keys.then(KeyAction::Down { value })
                .then(KeyAction::Up { value })
        });
        let done = self.client.perform_actions(struck);
        self.runtime.block_on(done).unwrap();
    }

    /// Goes on, stop by stop, to what says this.
    #[track_caller]
    pub(super) fn tabs_to(&self, says: &str) {
        self.goes_to(says, || self.strikes(Key::Tab));
    }

    /// Goes back, stop by stop, to what says this.
    #[track_caller]
    pub(super) fn tabs_back_to(&self, says: &str) {
        self.goes_to(says, || self.strikes_with(Key::Shift, char::from(Key::Tab)));
    }

    #[track_caller]
    fn goes_to(&self, says: &str, one_stop: impl Fn()) {
        let mut passed = Vec::new();
        for _ in 0..MAX_STOPS {
            one_stop();
            let Some(focused) = self.focused() else {
                continue;
            };
            assert!(
                focused.has_ring && focused.is_on_screen,
                "nobody sees where the focus is at {}: {focused:?}",
                self.at()
            );
            if focused.says.contains(says) {
                return;
            }
            passed.push(focused.says);
        }
        panic!("no way to {says:?} at {}: {passed:?}", self.at());
    }

    /// What has the focus. `None`: nothing of the page has.
    fn focused(&self) -> Option<Focused> {
        serde_json::from_value(self.ask(FOCUSED)).unwrap()
    }
}
