// Looks out of sight whether a page that waits has something else to say, and shows it then:
// whoever listens to the page, or reads it at leisure, is not interrupted until there is news.
// Without this script the browser loads the page again and again.
const EVERY_MS = 2000;
// Ten minutes: whoever still waits has a link on the page.
const LOOKS = 300;
let looks = 0;

async function look() {
  looks += 1;
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (answer.ok && page.title !== document.title) {
      location.reload();
      return;
    }
  } catch {
    // Nobody answered: asked again as if nothing had been.
  }
  if (looks < LOOKS) setTimeout(look, EVERY_MS);
}

setTimeout(look, EVERY_MS);
