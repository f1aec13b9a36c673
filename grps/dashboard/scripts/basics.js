// Making elements, writing numbers, asking the service.

const byId = (id) => document.getElementById(id);

// Makes an element; what is text stays text, whoever wrote it.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

// Makes an element of a drawing.
function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// Writes a number in as few digits as tell it.
function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e9) return `${(value / 1e9).toFixed(1)}G`;
  if (size >= 1e6) return `${(value / 1e6).toFixed(1)}M`;
  if (size >= 1e4) return `${(value / 1e3).toFixed(1)}k`;
  if (size >= 100 || Number.isInteger(value)) return value.toFixed(0);
  return value.toFixed(size >= 10 ? 1 : 2);
}

function bytes(value) {
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (value < 1024) return `${value.toFixed(value < 10 && unit !== "B" ? 1 : 0)} ${unit}`;
    value /= 1024;
  }
  return `${value.toFixed(1)} TiB`;
}

const wholePercent = (ratio) => `${(100 * ratio).toFixed(0)} %`;
const percent = (part, whole) => (whole > 0 ? (100 * part) / whole : 0);

function duration(seconds) {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString(language === "zh" ? "zh-CN" : "en-GB");

const TIMEOUT_MS = 5000;

// The service sent no response, or one that is not its own.
class Unreachable extends Error {}

// The service refuses whoever sends no key, or this one.
class KeyRefused extends Unreachable {
  constructor(status) {
    super(t(status === 403 ? "key_lacks_read" : byId("token").value ? "unknown_key" : "needs_key"));
  }
}

// Whether a response refuses the key of the reader, and not the reader's browser.
const isKeyRefused = ({ status }) => status === 401 || (status === 403 && byId("token").value !== "");

// Paths are relative: the page also works behind a proxy that puts it under another one.
async function request(path, headers = {}) {
  try {
    return await fetch(path, { headers: { ...keyHeaders(), ...headers }, cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch { throw new Unreachable(t("no_connection")); }
}

// An admin call without a body.
async function post(path) {
  try {
    return await fetch(path, { method: "POST", headers: keyHeaders(), signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch { throw new Unreachable(t("no_connection")); }
}

async function getJson(path) {
  const response = await request(path);
  if (isKeyRefused(response)) throw new KeyRefused(response.status);
  if (!response.ok) throw new Unreachable(`${path}: HTTP ${response.status}`);
  try { return await response.json(); } catch { throw new Unreachable(t("no_connection")); }
}

// Shows rows by their keys in this order. Rows that are already shown stay the same elements, so
// that what is open, selected or focused stays so; `keep` decides which old rows stay at the end.
function showKeyed(parent, rows, keep = () => false) {
  const focused = document.activeElement;
  const old = parent.keyed ?? new Map(), keyed = new Map();
  for (const { key, create, update } of rows) {
    const element = old.get(key) ?? create();
    update?.(element);
    keyed.set(key, element);
  }
  for (const [key, element] of old) if (!keyed.has(key) && keep(element)) keyed.set(key, element);
  parent.keyed = keyed;
  const wanted = [...keyed.values()];
  for (const element of [...parent.children]) if (!wanted.includes(element)) element.remove();
  wanted.forEach((element, index) => {
    if (parent.children[index] !== element) parent.insertBefore(element, parent.children[index] ?? null);
  });
  if (focused !== document.activeElement && parent.contains(focused)) focused.focus({ preventScroll: true });
}

// Forgets all rows: they are made again.
function forgetKeyed(parent) {
  delete parent.keyed;
  parent.replaceChildren();
}

// The key of the reader: an operator from another machine, or any caller of a service with `auth`.
function keyHeaders() {
  const token = byId("token").value;
  return token ? { Authorization: `Bearer ${token}` } : {};
}

const monitor = (what) => `grps/v1/monitor/${what}`;

const remembered = (key, fallback) => {
  try { return localStorage.getItem(`grps.${key}`) ?? fallback; } catch { return fallback; }
};
const remember = (key, value) => {
  try { localStorage.setItem(`grps.${key}`, value); } catch { /* a private window keeps nothing */ }
};

// Copies a text, and returns whether the browser let it.
async function toClipboard(text) {
  return await navigator.clipboard?.writeText(text).then(() => true, () => false) ?? false;
}

// Copies a text; the button that was pressed says so.
async function copyText(text, button) {
  button.textContent = t(await toClipboard(text) ? "copied" : "not_copied");
  setTimeout(() => { button.textContent = t("copy"); }, 2000);
}
