"use strict";

const PERIOD = 3000;

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function age(seconds) {
  if (seconds === null) return "never";
  if (seconds < 90) return `${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} days ago`;
}

function shown(value, unit) {
  if (typeof value === "boolean") return value ? "on" : "off";
  if (typeof value === "number" && !Number.isInteger(value)) value = Number(value.toFixed(3));
  return unit ? `${value} ${unit}` : String(value);
}

function label(name) {
  return name.replaceAll("_", " ");
}

function entry(list, title, text, className, more) {
  const box = element("div");
  box.append(element("dt", title));
  const content = element("dd", text, className);
  if (more) content.append(element("div", more, "soft"));
  box.append(content);
  list.append(box);
}

function answer(list, question, yes, more) {
  const unknown = yes === null;
  entry(list, question, unknown ? "not known yet" : yes ? "yes" : "no", unknown ? "" : yes ? "good" : "bad", more);
}

function showGateway(state) {
  const list = element("dl");
  list.id = "gateway";
  const { journal, database, clock, broker, set_aside: setAside } = state;
  entry(list, "Broker", broker.trouble ? "away" : "there", broker.trouble ? "bad" : "good", broker.trouble);
  entry(list, "Database", database.trouble ? "away" : "there", database.trouble ? "bad" : "good", database.trouble);
  entry(list, "Last forwarded", age(database.last_forwarded));
  entry(list, "Backlog", `${journal.backlog_readings} readings`, "",
    journal.backlog_age === null ? null : `oldest ${age(journal.backlog_age)}`);
  entry(list, "Clock", clock.trusted ? "trusted" : "not trusted", clock.trusted ? "good" : "bad",
    journal.undated_readings ? `${journal.undated_readings} readings wait for a time` : null);
  entry(list, "Disk", journal.trouble ? "trouble" : "good", journal.trouble ? "bad" : "good", journal.trouble);
  entry(list, "Set aside", `${setAside.dead_letters} messages`, setAside.dead_letters ? "bad" : "",
    setAside.signals ? `${setAside.signals} signals` : null);
  document.getElementById("gateway").replaceWith(list);
}

function showDevice(device) {
  const box = element("div", undefined, device.stale ? "device stale" : "device");
  box.append(element("h3", `${device.name} · ${device.model}`));
  box.append(element("p", `${device.stale ? "stale, read " : "read "}${age(device.age)}`, device.stale ? "bad" : "soft"));
  if (device.trouble) box.append(element("p", device.trouble, "bad"));
  const main = element("dl");
  const rest = element("dl");
  for (const { name, description, unit, value, main: first } of device.values) {
    const list = first ? main : rest;
    entry(list, label(name), shown(value, unit));
    list.lastChild.title = description;
  }
  box.append(main);
  if (rest.childElementCount) {
    const fold = element("details");
    fold.id = `more-${device.name}`;
    fold.append(element("summary", `more values (${rest.childElementCount})`), rest);
    box.append(fold);
  }
  return box;
}

function showUnit(unit, state) {
  const box = element("section");
  box.id = `unit-${unit.name}`;
  const presence = unit.online === null ? "not heard of yet" : unit.online ? "online" : "offline";
  const title = element("h2", `${unit.name} `);
  title.append(element("span", presence, unit.online ? "good" : "bad"));
  box.append(title);
  const answers = element("dl", undefined, "answers");
  answer(answers, "Wired?", unit.wired, unit.wired_trouble);
  const acknowledged = unit.acknowledged;
  answer(answers, "Stored?", acknowledged === null ? null : acknowledged <= state.stale_after && !state.journal.trouble,
    `acknowledged ${age(acknowledged)}`);
  const { trouble, last_forwarded: forwarded } = state.database;
  answer(answers, "Sent?", forwarded === null && !trouble ? null : !trouble, trouble || `forwarded ${age(forwarded)}`);
  box.append(answers);
  for (const device of unit.devices) box.append(showDevice(device));
  return box;
}

function show(state) {
  document.getElementById("site").textContent = state.site;
  document.getElementById("clock").textContent =
    state.utc === null ? "time not known yet" : new Date(state.utc).toLocaleString();
  showGateway(state);
  const units = document.getElementById("units");
  const unfolded = new Set(
    [...units.querySelectorAll("section details[open]")].map((fold) => fold.closest("section").id + fold.id));
  units.replaceChildren(...state.units.map((unit) => showUnit(unit, state)));
  for (const fold of units.querySelectorAll("section details")) {
    fold.open = unfolded.has(fold.closest("section").id + fold.id);
  }
}

async function refresh() {
  const lost = document.getElementById("lost");
  try {
    const response = await fetch("state.json", { signal: AbortSignal.timeout(10000) });
    if (!response.ok) throw new Error(`status ${response.status}`);
    show(await response.json());
    lost.hidden = true;
  } catch (error) {
    console.warn(error);
    lost.hidden = false;
  }
  setTimeout(refresh, PERIOD);
}

refresh();
