// The gateway's document as it changes: by server-sent events, by asking every 10 s where those are refused.

const SILENCE = 10000;
const ASK_EVERY = 10000;
const LISTEN_AGAIN = 60000;

// `hear(document)` gets each whole document; `lose()` is called when the gateway has been silent for too long.
export function follow(hear, lose) {
  const units = new Map();
  let events = null;
  let silence = null;
  let asking = null;

  function take(text, live) {
    const told = JSON.parse(text);
    for (const unit of told.units) units.set(unit.name, unit);
    const names = [...units.keys()].sort();
    clearTimeout(silence);
    silence = setTimeout(fall, SILENCE + (live ? 0 : ASK_EVERY));
    hear({ ...told, units: names.map((name) => units.get(name)), live, heard: performance.now() });
  }

  function fall() {
    lose();
    listen();
  }

  function listen() {
    events?.close();
    clearTimeout(asking);
    clearTimeout(silence);
    silence = setTimeout(fall, SILENCE);
    events = new EventSource("events");
    events.onmessage = (event) => take(event.data, true);
    events.onerror = () => {
      if (events.readyState === EventSource.CLOSED) ask(performance.now() + LISTEN_AGAIN); // refused; else it tries again
    };
  }

  async function ask(until) {
    if (performance.now() > until) return listen();
    try {
      const response = await fetch("state.json", { signal: AbortSignal.timeout(SILENCE) });
      if (response.ok) take(await response.text(), false);
    } catch (error) {
      console.warn(error);
    }
    asking = setTimeout(ask, ASK_EVERY, until);
    return undefined;
  }

  function stop() {
    events?.close();
    clearTimeout(asking);
    clearTimeout(silence);
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : listen()));
  listen();
}
