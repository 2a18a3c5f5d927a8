// The page: what the gateway tells, in the view and the language that were chosen, and the few things that may be done.

import { element, patchChildren } from "./build.js";
import { chart } from "./chart.js";
import { follow } from "./live.js";
import { duration, languages, loadWords, rememberLanguage, say, time } from "./words.js";
import { overview, unitView } from "./views.js";

const CHARTED = {
  bms: ["soc", "pack_voltage", "current", "cell_voltage_spread"],
  charge_controller: ["pv_power", "load_power"],
};
const ASK_AGAIN = { "24h": 300000, "7d": 900000, losses: 60000 };

const at = (id) => document.getElementById(id);
const histories = new Map();
let state = null;
let lost = false;
let span = "24h";
let losses = null;
let lossesAt = -Infinity;
let action = null;

function chosenUnit() {
  const name = decodeURIComponent(location.hash.slice(1));
  return state.units.find((unit) => unit.name === name) ?? (state.units.length === 1 ? state.units[0] : null);
}

// ---- what is asked for beside the stream

async function answer(path) {
  const response = await fetch(path, { signal: AbortSignal.timeout(60000) });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

async function refreshLosses() {
  if (performance.now() - lossesAt < ASK_AGAIN.losses) return;
  lossesAt = performance.now();
  try {
    losses = await answer("losses.json");
  } catch (error) {
    console.warn(error);
  }
}

async function refreshHistory(unit, device) {
  const key = [unit.name, device.name, span].join();
  const known = histories.get(key) ?? { at: -Infinity, told: undefined };
  if (performance.now() - known.at < ASK_AGAIN[span]) return;
  histories.set(key, { ...known, at: performance.now() });
  const query = new URLSearchParams({ unit: unit.name, device: device.name, measurement: device.measurement, span });
  let told = known.told ?? { failed: true };
  try {
    told = await answer(`history.json?${query}`);
  } catch (error) {
    console.warn(error);
  }
  histories.set(key, { at: performance.now(), told });
  showCharts();
}

// ---- what is shown

function showHeader() {
  document.title = state ? `${state.site} · ${say("title")}` : say("title");
  const now = state?.utc ? time(state.utc + performance.now() - state.heard) : say("time.unknown");
  patchChildren(at("header"), [
    element("div", {}, element("h1", {}, state ? state.site : say("title")),
      element("p", { class: "soft", id: "clock" }, state ? `${now} · ${say(state.live ? "live" : "every")}` : say("connecting"))),
    element("div", { role: "group", id: "languages", "aria-label": say("choose.language") }, languages().map(({ tag, name, chosen }) =>
      element("button", { type: "button", lang: tag, "data-language": tag, "aria-pressed": String(chosen) }, name)))]);
  at("skip").textContent = say("skip");
  at("lost").textContent = lost ? say("lost") : "";
}

function show() {
  showHeader();
  if (state === null) return;
  const unit = chosenUnit();
  const before = at("charts");
  patchChildren(at("main"), unit ? unitView(state, unit, losses) : overview(state, losses));
  if (at("charts") && at("charts") !== before) showCharts();
  refreshLosses();
  for (const device of unit?.devices ?? []) {
    if (device.measurement in CHARTED) refreshHistory(unit, device);
  }
}

function showCharts() {
  const unit = state && chosenUnit();
  if (!unit || !at("charts")) return;
  const figures = unit.devices.flatMap((device) => (CHARTED[device.measurement] ?? []).map((name) =>
    chart(device, name, span, histories.get([unit.name, device.name, span].join())?.told)));
  patchChildren(at("charts"), [
    element("div", { class: "bar-of-title" }, element("h3", { id: "charts-title" }, say("charts")),
      element("div", { role: "group", "aria-labelledby": "charts-title" }, ["24h", "7d"].map((one) =>
        element("button", { type: "button", "data-span": one, "aria-pressed": String(one === span) }, say(`span.${one}`))))),
    element("div", { class: "figures" }, figures)]);
}

// ---- what may be done

function askPin(wanted) {
  action = wanted;
  at("asked").replaceChildren(element("form", { method: "dialog" },
    element("h2", { id: "asked-title" }, say(wanted.path === "export" ? "export" : "acknowledge")),
    element("label", { for: "pin" }, say("pin")),
    element("input", { id: "pin", type: "password", inputmode: "numeric", autocomplete: "off", required: true }),
    element("p", { id: "refused", role: "alert" }),
    element("div", { class: "buttons" }, element("button", { type: "button", "data-action": "cancel" }, say("cancel")),
      element("button", { type: "submit", class: "main" }, say("do")))));
  at("asked").showModal();
}

async function act() {
  let refused = "action.failed";
  let wait = 0;
  try {
    const response = await fetch(action.path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ ...action.said, pin: at("pin").value }),
      signal: AbortSignal.timeout(30000),
    });
    if (response.ok) return at("asked").close();
    if (response.status === 403) refused = "pin.wrong";
    wait = (await response.json()).wait ?? 0;
  } catch (error) {
    console.warn(error);
  }
  at("refused").textContent = wait ? say("pin.wait", { duration: duration(wait) }) : say(refused);
  at("pin").value = "";
  at("pin").focus();
  return undefined;
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest("button, #skip");
  if (button === null) return;
  const { language, span: chosen, action: wanted, ...said } = button.dataset;
  if (language) {
    rememberLanguage(language);
    show();
    showCharts();
  } else if (chosen) {
    span = chosen;
    show();
    showCharts();
  } else if (wanted === "cancel") at("asked").close();
  else if (wanted) askPin({ path: wanted, said });
});
at("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the part behind # names the unit
  at("main").focus();
});
at("asked").addEventListener("submit", (event) => {
  event.preventDefault();
  act();
});
at("asked").addEventListener("close", () => at("asked").replaceChildren()); // no PIN stays behind
window.addEventListener("hashchange", () => {
  show();
  scrollTo(0, 0);
});

await loadWords();
showHeader();
follow(
  (told) => {
    state = told;
    lost = false;
    show();
  },
  () => {
    lost = true;
    show();
  },
);
setInterval(show, 1000); // ages grow while nothing is heard
