// The request of the form as a program: for a shell, and for Python.

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
// A shell takes no longer argument.
const MOST_ARGUMENT = 100000;
const WIDE_LINE = 88;

// The key is that of the form, or what stands for it where it must not be read.
function asCurl(key = keyHeaders().Authorization) {
  const { path, type, body, file, isStreaming } = readRequest(), url = new URL(path, location.href);
  const isLong = !file && body.length > MOST_ARGUMENT;
  const parts = ["curl", quoted(String(url)), `-H ${quoted(`Content-Type: ${type}`)}`];
  if (isStreaming) parts.splice(1, 0, "-N");
  if (key) parts.push(`-H ${quoted(`Authorization: ${key}`)}`);
  if (file) return [...parts, `--data-binary ${quoted(`@${file}`)}`].join(" ");
  return isLong ? `${[...parts, "--data-binary @- <<'END'"].join(" ")}\n${body}\nEND` : [...parts, `-d ${quoted(body)}`].join(" ");
}

function asPython() {
  const { path, type, body, file, isStreaming } = readRequest(), url = new URL(path, location.href);
  const { Authorization: key } = keyHeaders();
  const headers = { ...(file ? { "Content-Type": type } : {}), ...(key ? { Authorization: key } : {}) };
  const given = file ? `data=Path(${JSON.stringify(file)}).read_bytes()` : `json=${pythonOf(numbersKept(body), "    ")}`;
  const lines = [JSON.stringify(String(url)), given];
  if (Object.keys(headers).length) lines.push(`headers=${pythonOf(headers, "    ")}`);
  lines.push("timeout=60", ...(isStreaming ? ["stream=True"] : []));
  const imports = [...(isStreaming ? ["import sys"] : []), ...(file ? ["from pathlib import Path"] : [])];
  const end = isStreaming
    ? ["for chunk in response.iter_content(chunk_size=None):", "    sys.stdout.buffer.write(chunk)", "    sys.stdout.flush()"]
    : ["print(response.status_code, response.text)"];
  return [...imports, ...(imports.length ? [""] : []), "import requests", "", "response = requests.post(", ...lines.map((line) => `    ${line},`), ")", ...end, ""].join("\n");
}

// What stands for a number, as it is written: Python's integers and floats lose nothing of it.
const NUMBER = "\u0000number ";

function numbersKept(text) {
  const marked = text.replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (part) => (part.startsWith('"') ? part : JSON.stringify(NUMBER + part)));
  return JSON.parse(marked);
}

// A value as Python writes it; equal elements in a row are written once.
function pythonOf(value, indent) {
  if (typeof value === "string") return value.startsWith(NUMBER) ? value.slice(NUMBER.length) : JSON.stringify(value);
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  const inner = `${indent}    `, isList = Array.isArray(value);
  if (isList && value.length > 16 && typeof value[0] === "string" && value.every((one) => one === value[0])) return `[${pythonOf(value[0], inner)}] * ${value.length}`;
  const parts = isList ? value.map((one) => pythonOf(one, inner)) : Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}: ${pythonOf(one, inner)}`);
  const [open, close] = isList ? "[]" : "{}", flat = `${open}${parts.join(", ")}${close}`;
  const isPlain = isList && value.every((one) => typeof one !== "object" || one === null);
  if (isPlain || (indent.length + flat.length <= WIDE_LINE && !flat.includes("\n"))) return flat;
  return `${open}\n${parts.map((part) => `${inner}${part},\n`).join("")}${indent}${close}`;
}

// Copies the request, and shows what was copied below the form.
async function copy(write) {
  byId("copied")?.remove();
  let text;
  try { text = write(); } catch (error) {
    byId("took").textContent = error.message;
    return;
  }
  const isCopied = await toClipboard(text);
  // Another copy may have ended meanwhile.
  byId("copied")?.remove();
  const close = make("button", { type: "button", class: "small", onclick: () => byId("copied").remove() }, t("close_copied"));
  const title = make("span", { role: "status" }, `${t(write === asCurl ? "copied_curl" : "copied_python")} · ${t(isCopied ? "copied" : "copy_by_hand")}`);
  byId("ask").append(make("div", { id: "copied", class: "code" }, make("div", { class: "code-head" }, title, close), make("pre", { id: "copied-text", tabindex: "0" }, text)));
}
