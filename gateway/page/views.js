// What the page shows of a document: one unit, all units, the gateway.

import { bar, element, icon } from "./build.js";
import { ago, amount, bytes, duration, has, number, say, signalName, time } from "./words.js";

const MAIN = {
  bms: ["pack_voltage", "current", "remaining_capacity", "temperature_1", "charge_mosfet", "discharge_mosfet", "protections", "warnings"],
  charge_controller: ["stage", "pv_voltage", "pv_current", "battery_voltage", "charge_current", "energy_today"],
  unit: ["wifi_rssi", "spool_readings", "uptime", "reset_cause"],
};
const SHOWN_ABOVE = {
  bms: (name) => /^cell_|^soc$/.test(name),
  charge_controller: (name) => ["pv_power", "load_power"].includes(name),
  unit: () => false,
};
const TITLES = { bms: "battery", charge_controller: "solar", unit: "board" };
const MARKS = { lowest: "▼", highest: "▲" };
const RESTING_AMPERES = 0.05;

const soft = (text, attributes = {}) => element("p", { class: "soft", ...attributes }, text);
// What the gateway and the devices say themselves is English, as it is in their logs.
const told = (text) => element("p", { class: "soft told", lang: "en" }, text);

function since(state, then) {
  return then === null ? null : (state.now - then + performance.now() - state.heard) / 1000;
}

export function isStale(state, device) {
  const age = since(state, device.taken);
  return age === null || age > state.stale_after;
}

function entry(title, ...content) {
  return element("div", {}, element("dt", {}, title), element("dd", {}, ...content));
}

function old(age) {
  return element("span", { class: "old" }, say("stale"), " · ", ago(age));
}

// ---- the three answers

// `yes` is null while it is not known; `age` is a short word beside it, and `troubles` are what stands against it.

function wired(state, unit) {
  const troubles = unit.devices.flatMap((device) => {
    if (isStale(state, device)) return [[say("device.silent", { device: device.name })]];
    return device.error ? [[say("device.error", { device: device.name }), device.error]] : [];
  });
  const yes = unit.devices.length ? !troubles.length : null;
  return { yes, age: yes ? say("wired.yes") : yes === null ? say("wired.unknown") : null, troubles };
}

function stored(state, unit) {
  const age = since(state, unit.acknowledged);
  const { trouble } = state.journal;
  return {
    yes: trouble ? false : age === null ? null : age <= state.stale_after,
    age: age === null ? ago(null) : say("stored.ago", { age: ago(age) }),
    troubles: trouble ? [[say("disk.trouble"), trouble]] : [],
  };
}

function sent(state) {
  const { trouble, last_forwarded: forwarded } = state.database;
  const elapsed = (performance.now() - state.heard) / 1000;
  return {
    yes: trouble ? false : forwarded === null ? null : true,
    age: forwarded === null ? ago(null) : say("sent.ago", { age: ago(forwarded + elapsed) }),
    troubles: trouble ? [[say("database.away"), trouble]] : [],
  };
}

export function answers(state, unit) {
  return { wired: wired(state, unit), stored: stored(state, unit), sent: sent(state) };
}

function kind(yes) {
  return yes === null ? "unknown" : yes ? "good" : "bad";
}

function verdict(state, unit, all) {
  const bad = Object.keys(all).find((question) => all[question].yes === false);
  if (bad) return ["bad", `bad.${bad}`];
  if (state.alarms.some((alarm) => alarm.unit === unit.name)) return ["bad", "bad.alarm"];
  return Object.values(all).some(({ yes }) => yes === null) ? ["unknown", "unknown"] : ["good", "good"];
}

function presence(unit) {
  return say(unit.online === null ? "presence.unknown" : unit.online ? "online" : "offline");
}

function hero(state, unit) {
  const all = answers(state, unit);
  const [mood, sentence] = verdict(state, unit, all);
  const troubles = Object.values(all).flatMap((one) => one.troubles);
  return element("section", { id: "hero", class: `card ${mood}`, "aria-labelledby": "hero-title" },
    element("h2", { id: "hero-title" }, unit.name, " ", element("span", { class: "soft" }, presence(unit))),
    element("p", { id: "verdict" }, icon(mood), say(sentence)),
    element("dl", { class: "answers" }, Object.entries(all).map(([question, { yes, age }]) =>
      element("div", { id: `answer-${question}`, class: kind(yes) },
        element("dt", {}, say(question)),
        element("dd", {}, element("strong", {}, icon(kind(yes)), say(yes === null ? "not.known" : yes ? "yes" : "no")),
          age === null ? null : soft(age))))),
    troubles.length ? element("ul", { id: "troubles" }, troubles.map(([words, detail]) =>
      element("li", {}, icon("bad"), words, detail ? told(detail) : null))) : null);
}

// ---- a device

function value(state, device, name) {
  const { measurement, values, earlier } = device;
  if (Object.hasOwn(values, name)) {
    const age = since(state, device.taken);
    const shown = amount(measurement, name, values[name]);
    return isStale(state, device)
      ? entry(signalName(measurement, name), element("span", { class: "stale" }, shown), old(age))
      : entry(signalName(measurement, name), element("span", { title: say("read.ago", { age: ago(age) }) }, shown));
  }
  const [before, taken] = earlier[name];
  return entry(signalName(measurement, name),
    element("span", { class: "stale" }, amount(measurement, name, before)), old(since(state, taken)));
}

function both(device) {
  return { ...Object.fromEntries(Object.entries(device.earlier).map(([name, [before]]) => [name, before])), ...device.values };
}

// A value in large, and whether it is old; null when the device has never told it.
function large(state, device, name, ...more) {
  const values = both(device);
  if (!Object.hasOwn(values, name)) return null;
  const fresh = Object.hasOwn(device.values, name) && !isStale(state, device);
  const taken = Object.hasOwn(device.values, name) ? device.taken : device.earlier[name][1];
  return element("div", { class: "large" },
    element("span", { class: "name" }, signalName(device.measurement, name)),
    element("span", { class: fresh ? "figure" : "figure stale" }, amount(device.measurement, name, values[name])),
    fresh ? null : old(since(state, taken)), ...more);
}

function flow(device) {
  const { current } = device.values;
  if (current === undefined) return null;
  const way = Math.abs(current) < RESTING_AMPERES ? "resting" : current > 0 ? "charging" : "discharging";
  return element("span", { class: "soft" }, say(way));
}

function cells(state, device) {
  const values = both(device);
  const names = Object.keys(values).filter((name) => /^cell_\d+_voltage$/.test(name)).sort();
  if (!names.length) return null;
  const volts = names.map((name) => values[name]);
  const [least, most] = [Math.min(...volts), Math.max(...volts)];
  const room = Math.max(0.02, (most - least) / 2);
  const [low, high] = [least - room, most + room];
  const show = (volt) => amount("bms", "cell_01_voltage", volt);
  const marks = new Map([[volts.indexOf(least), "lowest"], [volts.indexOf(most), "highest"]]);
  const missed = names.find((name) => !Object.hasOwn(device.values, name));
  const taken = missed ? device.earlier[missed][1] : device.taken;
  const stale = missed !== undefined || isStale(state, device);
  return element("div", { class: stale ? "cells stale" : "cells" },
    element("h4", { id: `cells-${device.name}` }, say("cells"),
      element("span", { class: "soft" }, ` ${say("spread")} ${amount("bms", "cell_voltage_spread", most - least)}`)),
    stale ? old(since(state, taken)) : null,
    element("ol", { "aria-labelledby": `cells-${device.name}` }, names.map((name, index) =>
      element("li", { class: marks.get(index) ?? null },
        element("span", { class: "cell" }, element("span", { class: "unseen" }, signalName("bms", name)),
          element("span", { "aria-hidden": "true" }, String(index + 1))),
        bar((values[name] - low) / (high - low)),
        element("span", { class: "volt" }, marks.has(index)
          ? [element("span", { "aria-hidden": "true" }, MARKS[marks.get(index)]), element("span", { class: "unseen" }, say(marks.get(index)), " ")]
          : "", show(values[name]))))),
    soft(`${MARKS.highest} ${say("highest")} · ${MARKS.lowest} ${say("lowest")} · ${say("bars", { low: show(low), high: show(high) })}`));
}

function device(state, shown) {
  const { measurement, name } = shown;
  const age = since(state, shown.taken);
  const stale = isStale(state, shown);
  const names = Object.keys(both(shown)).filter((signal) => !SHOWN_ABOVE[measurement](signal));
  const main = MAIN[measurement].filter((signal) => names.includes(signal));
  const rest = names.filter((signal) => !main.includes(signal));
  const soc = both(shown).soc;
  const above = {
    bms: () => [
      large(state, shown, "soc", soc === undefined ? null : bar(Math.min(1, Math.max(0, soc / 100)), "soc"), flow(shown)),
      cells(state, shown)],
    charge_controller: () => [element("div", { class: "pair" }, large(state, shown, "pv_power"), large(state, shown, "load_power"))],
    unit: () => [],
  };
  const title = `device-${name}`;
  return element("section", { id: title, class: `card ${measurement}`, "aria-labelledby": `${title}-title` },
    element("h3", { id: `${title}-title` }, say(TITLES[measurement]), " ",
      element("span", { class: "soft" }, `${name} · ${shown.model}`)),
    element("p", { class: stale ? "freshness stale" : "freshness" }, icon(stale || shown.error ? "bad" : "good"),
      stale ? old(age) : say("read.ago", { age: ago(age) })),
    shown.error ? told(shown.error) : null,
    ...above[measurement](),
    element("dl", {}, main.map((signal) => value(state, shown, signal)),
      measurement === "unit" ? entry(say("board.clock"), say(shown.board_clock ? "set" : "not.set")) : null),
    rest.length ? element("details", { id: `more-${name}` }, element("summary", {}, say("more", { n: rest.length })),
      element("dl", {}, rest.map((signal) => value(state, shown, signal)))) : null);
}

// ---- alarms and losses, the gateway

function alarm(state, { unit, device: of, name, since: began, text, acknowledged }) {
  const where = unit === of ? say("gateway") : `${unit} ${of}`;
  const when = began === null ? say("time.unknown") : say("alarm.since", { time: time(began) });
  return element("li", {}, icon("bad"), element("span", {},
    has(`alarm.${name}`) ? element("strong", {}, say(`alarm.${name}`)) : element("strong", { lang: "en" }, name), told(text),
    soft(`${where} · ${when}${acknowledged ? ` · ${say("alarm.acknowledged")}` : ""}`)),
    acknowledged || !state.actions.pin ? null
      : element("button", { type: "button", "data-action": "acknowledge", "data-unit": unit, "data-device": of, "data-name": name },
        say("acknowledge")));
}

function loss({ unit, time_ms: began, readings, duration: seconds, reason }) {
  return element("li", {}, element("strong", {}, say("loss", { n: number(readings), duration: duration(seconds) })), " ",
    say(`reason.${reason}`), " ", element("span", { class: "soft" }, `${unit} · ${time(began)}`));
}

export function events(state, losses) {
  return element("section", { id: "events", class: "card", "aria-labelledby": "events-title" },
    element("h3", { id: "events-title" }, say("events")),
    element("h4", {}, say("alarms")),
    state.alarms.length ? element("ul", { class: "alarms" }, state.alarms.map((one) => alarm(state, one))) : soft(say("no.alarms")),
    element("h4", {}, say("losses")),
    losses?.length ? element("ul", {}, losses.map(loss)) : soft(say(losses ? "no.losses" : "not.known")));
}

function spent(title, { spent: used, limit }) {
  return entry(title, bytes(used), limit === null ? soft(say("budget.free"))
    : [bar(Math.min(1, used / limit), "budget"), soft(say("budget.of", { part: bytes(used), whole: bytes(limit) }))]);
}

function health(title, yes, word, ...more) {
  return entry(title, element("span", { class: `status ${kind(yes)}` }, icon(kind(yes)), say(word)), ...more.filter(Boolean));
}

function clock({ trusted, steered, system_error: error }) {
  const source = trusted ? (steered ? "clock.ntp" : "clock.database") : "clock.none";
  const off = error === null || Math.abs(error) < 2 ? null
    : soft(say("clock.offset", { seconds: duration(Math.abs(error)) }));
  return [source, off];
}

function exporting({ pin, export: stick }) {
  if (!pin || stick === null) return [];
  const done = stick.readings === null ? null
    : soft(say("export.done", { n: number(stick.readings), m: number(stick.there_before) }), { role: "status" });
  return [
    element("button", { type: "button", "data-action": "export", disabled: stick.running },
      say(stick.running ? "export.running" : "export")),
    done, ...(stick.error ? [soft(say("export.failed"), { role: "status" }), told(stick.error)] : [])];
}

export function gateway(state) {
  const { journal, database, broker, set_aside: aside } = state;
  const [source, off] = clock(state.clock);
  const waiting = [journal.backlog_age === null ? null : soft(say("oldest", { age: ago(journal.backlog_age) })),
    !journal.backlog_readings ? null
      : soft(database.backlog_gone_in === null ? say("eta.unknown") : say("eta", { duration: duration(database.backlog_gone_in) }))];
  return element("section", { id: "gateway", class: "card", "aria-labelledby": "gateway-title" },
    element("h3", { id: "gateway-title" }, say("gateway")),
    element("dl", {},
      entry(say("backlog"), say("readings", { n: number(journal.backlog_readings) }), ...waiting.filter(Boolean)),
      spent(say("budget.today"), database.budget.day), spent(say("budget.month"), database.budget.month),
      health(say("clock"), state.clock.trusted, source, off,
        journal.undated_readings ? soft(say("undated", { n: number(journal.undated_readings) })) : null),
      health(say("broker"), !broker.trouble, broker.trouble ? "away" : "there", broker.trouble && told(broker.trouble)),
      health(say("database"), !database.trouble, database.trouble ? "away" : "there", database.trouble && told(database.trouble)),
      health(say("disk"), !journal.trouble, journal.trouble ? "trouble" : "fine", journal.trouble && told(journal.trouble),
        journal.damages ? soft(say("damages", { n: number(journal.damages) })) : null),
      entry(say("set.aside"), say("messages", { n: number(aside.dead_letters) }),
        aside.signals ? soft(say("signals", { n: number(aside.signals) })) : "")),
    ...exporting(state.actions));
}

// ---- whole views

function summary(state, unit) {
  const all = answers(state, unit);
  const [mood] = verdict(state, unit, all);
  const values = Object.assign({}, ...unit.devices.filter((one) => !isStale(state, one)).map((one) => one.values));
  const figures = [["bms", "soc"], ["charge_controller", "pv_power"]].filter(([, name]) => values[name] !== undefined)
    .map(([measurement, name]) => `${signalName(measurement, name)} ${amount(measurement, name, values[name])}`);
  return element("li", {}, element("a", { class: `card ${mood}`, href: `#${unit.name}` },
    element("strong", {}, icon(mood), unit.name, " ", element("span", { class: "soft" }, presence(unit))),
    element("span", { class: "three" }, Object.entries(all).map(([question, { yes }]) =>
      element("span", { class: `status ${kind(yes)}` }, icon(kind(yes)), say(question),
        element("span", { class: "unseen" }, ` ${say(yes === null ? "not.known" : yes ? "yes" : "no")}`)))),
    figures.length ? element("span", { class: "soft" }, figures.join(" · ")) : null));
}

export function overview(state, losses) {
  return [
    element("h2", { id: "units-title" }, say("units")),
    state.units.length ? element("ul", { id: "units" }, state.units.map((unit) => summary(state, unit))) : soft(say("no.units")),
    element("div", { class: "cards" }, events(state, losses), gateway(state))];
}

export function unitView(state, unit, losses) {
  const shown = (...measurements) => unit.devices.filter((one) => measurements.includes(one.measurement))
    .map((one) => device(state, one));
  return [
    state.units.length > 1 ? element("nav", {}, element("a", { href: "#" }, "← ", say("all.units"))) : null,
    hero(state, unit),
    element("div", { class: "cards" },
      element("div", { class: "stack" }, shown("bms")),
      element("div", { class: "stack" }, shown("charge_controller"), shown("unit"))),
    element("section", { id: "charts", class: "card", "aria-labelledby": "charts-title", "data-own": true }),
    element("div", { class: "cards" }, events(state, losses), gateway(state))].filter(Boolean);
}
