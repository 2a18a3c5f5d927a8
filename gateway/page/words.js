// Everything that is said in words comes from words.json; numbers, times and ages are written as the language does.

const REMEMBERED = "language";

let words = {};
let units = {};
let language = "en";

export async function loadWords() {
  [words, units] = await Promise.all(["words.json", "signals.json"].map(async (file) => (await fetch(file)).json()));
  const known = (tag) => tag && Object.hasOwn(words, tag.split("-")[0]);
  const wanted = [localStorage.getItem(REMEMBERED), ...navigator.languages].find(known) ?? "en";
  useLanguage(wanted.split("-")[0]);
}

export function useLanguage(chosen) {
  language = chosen;
  document.documentElement.lang = chosen;
}

export function rememberLanguage(chosen) {
  localStorage.setItem(REMEMBERED, chosen);
  useLanguage(chosen);
}

export function languages() {
  return Object.keys(words).map((tag) => ({ tag, name: words[tag].language, chosen: tag === language }));
}

export const has = (key) => Object.hasOwn(words.en, key);

export function say(key, values = {}) {
  return words[language][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

export function number(value, digits = 0) {
  return new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}

export function time(utc, options = { dateStyle: "medium", timeStyle: "short" }) {
  return new Intl.DateTimeFormat(language, options).format(utc);
}

function span(seconds, way) {
  if (seconds < 90) return say(`${way}.seconds`, { n: number(seconds) });
  if (seconds < 5400) return say(`${way}.minutes`, { n: number(seconds / 60) });
  if (seconds < 129600) return say(`${way}.hours`, { n: number(seconds / 3600) });
  return say(`${way}.days`, { n: number(seconds / 86400) });
}

export const ago = (seconds) => (seconds === null ? say("never") : span(seconds, "ago"));
export const duration = (seconds) => span(seconds, "for");

export function bytes(count) {
  const [unit, size, digits] = [["GB", 1e9, 2], ["MB", 1e6, 1], ["kB", 1e3, 0]].find(([, size]) => count >= size) ?? ["B", 1, 0];
  return `${number(count / size, digits)} ${unit}`;
}

export function signalName(measurement, name) {
  const cell = /^cell_(\d+)_voltage$/.exec(name);
  if (cell) return say("cell", { n: Number(cell[1]) });
  const numbered = /^(temperature)_(\d)$/.exec(name);
  return numbered ? say(`${measurement}.${numbered[1]}`, { n: numbered[2] }) : say(`${measurement}.${name}`);
}

const DIGITS = { V: 2, A: 2, W: 0, Wh: 0, "%": 0, Ah: 1, "°C": 1, dBm: 0 };

export function amount(measurement, name, value) {
  const unit = units[measurement]?.[name] ?? "";
  if (typeof value === "boolean") return say(value ? "on" : "off");
  if (typeof value === "string") return has(`${name}.${value}`) ? say(`${name}.${value}`) : value;
  if (["protections", "warnings", "faults"].includes(name)) return value ? `0x${value.toString(16)}` : say("none");
  if (unit === "B") return bytes(value);
  if (unit === "s") return value < 10 ? `${number(value, 2)} s` : duration(value);
  if (unit === "V" && name.endsWith("spread")) return `${number(value * 1000)} mV`;
  if (unit === "V" && name.startsWith("cell")) return `${number(value, 3)} V`;
  if (unit === "Wh" && value >= 10000) return `${number(value / 1000, 1)} kWh`;
  return `${number(value, DIGITS[unit] ?? 0)}${unit && ` ${unit}`}`;
}
