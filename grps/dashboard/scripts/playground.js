// Asking a model, with a form made from what it says of its inputs.

const DTYPES = ["uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "string"];
const PREDICT = "grps/v1/infer/predict";
let askedModels = "";

function showAskModels(served) {
  const graphs = served.graphs.filter((graph) => graph.nodes.length).map((graph) => graph.name);
  const names = [...graphs, ...served.models.map((model) => model.model)];
  const key = `${language}:${served.default}:${names.join()}`;
  if (key === askedModels) return;
  askedModels = key;
  const select = byId("ask-model"), before = select.value;
  const options = names.map((name) => make("option", { value: name }, name));
  if (served.default !== null) options.unshift(make("option", { value: "" }, t("default_route", served.default)));
  select.replaceChildren(...options);
  if ([...select.options].some((option) => option.value === before)) select.value = before;
  showInput(served);
}

// What the first model of a name says of itself.
function modelOf(served, name) {
  const graph = served.graphs.find((one) => one.name === (name || served.default));
  if (graph) return { takes: "tensors", inputs: graph.inputs };
  const wanted = name || (served.default_models ?? [])[0];
  return served.models.find((model) => model.model === wanted) ?? served.models[0];
}

function showInput(served, chooseKind = true) {
  const model = modelOf(served, byId("ask-model").value), kind = byId("ask-kind");
  if (chooseKind) kind.value = model?.raw_body === "bytes" ? "file" : model?.takes === "message" ? "text" : "tensors";
  const area = byId("ask-input");
  const field = (id, key, element) => { element.id = id; return make("label", {}, make("span", { class: "quiet" }, t(key)), element); };
  if (kind.value === "tensors") {
    const inputs = model?.inputs?.length ? model.inputs : [{ name: "input", dtype: "float32", shape: [1, 2] }];
    area.replaceChildren(...inputs.map(tensorFields));
  } else if (kind.value === "file") {
    const preview = make("div", { id: "ask-preview" });
    area.replaceChildren(field("ask-file", "file_input", make("input", { type: "file", onchange: () => showPreview(preview) })), preview);
  } else {
    const texts = { text: ["text_input", "hello"], ndarray: ["array_input", "[[1.0, 2.0]]"], json: ["json_input", '{"str_data": "hello"}'] };
    const [key, value] = texts[kind.value];
    area.replaceChildren(field("ask-text", key, make("textarea", { spellcheck: "false" }, value)));
  }
}

function tensorFields(input) {
  const shape = (input.shape ?? [1]).map((size) => size ?? 1).join(", ");
  const labelled = (key, element) => make("label", {}, t(key), element);
  const dtype = make("select", { class: "dtype" }, ...DTYPES.map((name) => make("option", { selected: name === (input.dtype ?? "float32") }, name)));
  return make("div", { class: "tensor" }, labelled("tensor_name", make("input", { class: "name", value: input.name })), labelled("dtype", dtype),
    labelled("shape", make("input", { class: "shape", value: shape })), labelled("values", make("textarea", { class: "values", spellcheck: "false", title: t("values_hint") }, input.dtype === "string" ? "hello" : "1")));
}

function showPreview(area) {
  const file = byId("ask-file").files[0];
  area.replaceChildren();
  if (!file) return;
  const source = URL.createObjectURL(file);
  if (file.type.startsWith("image/")) area.append(make("img", { src: source, alt: file.name, style: "max-height:10rem" }));
  if (file.type.startsWith("audio/")) area.append(make("audio", { src: source, controls: true }));
}

function readTensor(fields) {
  const value = (name) => fields.querySelector(`.${name}`).value.trim();
  const [name, dtype] = [value("name"), value("dtype")];
  const shape = value("shape") === "" ? [] : value("shape").split(",").map((size) => Number(size));
  if (shape.some((size) => !Number.isInteger(size) || size < 0)) throw new Error(t("bad_shape", name));
  const count = shape.reduce((product, size) => product * size, 1);
  const texts = value("values").split(/[\s,]+/).filter(Boolean);
  let values = dtype === "string" ? texts : texts.map(Number);
  if (values.length === 1) values = Array(Math.min(count, 1e6)).fill(values[0]);
  if (values.length !== count) throw new Error(t("bad_values", name, values.length, `[${shape}]`));
  return { name, dtype: `DT_${dtype.toUpperCase()}`, shape, [`flat_${dtype}`]: values };
}

// The request as the form says it: {path, type, body, file}.
function readRequest() {
  const query = new URLSearchParams();
  if (byId("ask-model").value) query.set("model", byId("ask-model").value);
  if (byId("ask-streaming").checked) query.set("streaming", "true");
  if (byId("ask-ndarray").checked) query.set("return-ndarray", "true");
  const path = PREDICT + (String(query) ? `?${query}` : "");
  const json = (body) => ({ path, type: "application/json", body: JSON.stringify(body), file: null });
  switch (byId("ask-kind").value) {
    case "tensors": return json({ gtensors: { tensors: [...document.querySelectorAll("#ask-input .tensor")].map(readTensor) } });
    case "text": return json({ str_data: byId("ask-text").value });
    case "ndarray": return json({ ndarray: JSON.parse(byId("ask-text").value) });
    case "json": return { path, type: "application/json", body: byId("ask-text").value, file: null };
    default: {
      const file = byId("ask-file").files[0];
      if (!file) throw new Error(t("no_file"));
      return { path, type: "application/octet-stream", body: file, file: file.name };
    }
  }
}

async function ask(event) {
  event.preventDefault();
  byId("answer").hidden = false;
  const shown = byId("answer-shown");
  byId("answer-bars").replaceChildren();
  try {
    const request = readRequest(), started = performance.now();
    const response = await fetch(request.path, { method: "POST", headers: { "Content-Type": request.type, "X-Grps-Timing": "true" }, body: request.body });
    await showAnswer(response, shown);
    byId("took").textContent = `${response.status} · ${t("took", number(performance.now() - started))} · ${response.headers.get("X-Request-Id") ?? ""}`;
    showTiming(response.headers.get("X-Grps-Timing"));
  } catch (error) {
    byId("took").textContent = "";
    shown.replaceChildren(make("p", { class: "note bad", role: "alert" }, error.message));
  }
}

async function showAnswer(response, shown) {
  const type = response.headers.get("Content-Type") ?? "";
  if (byId("ask-streaming").checked && response.ok) return showChunks(response, shown);
  if (type.startsWith("application/octet-stream")) {
    const blob = await response.blob(), start = new Uint8Array(await blob.slice(0, 4).arrayBuffer());
    const isPicture = (start[0] === 0x89 && start[1] === 0x50) || (start[0] === 0xff && start[1] === 0xd8);
    if (isPicture) return shown.replaceChildren(make("img", { src: URL.createObjectURL(blob), alt: t("answer") }));
    return shown.replaceChildren(make("pre", { tabindex: "0" }, `${blob.size} B`), make("a", { href: URL.createObjectURL(blob), download: "answer.bin" }, "answer.bin"));
  }
  const text = await response.text();
  let pretty = text;
  try { pretty = JSON.stringify(JSON.parse(text), null, 1); } catch { /* not every answer is JSON */ }
  shown.replaceChildren(make("pre", { tabindex: "0" }, pretty.length > 20000 ? `${pretty.slice(0, 20000)} …` : pretty));
}

async function showChunks(response, shown) {
  const text = make("pre", { tabindex: "0" });
  shown.replaceChildren(text);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) text.append(piece.value);
}

// Reads the header of an answer that tells its steps.
function showTiming(header) {
  if (!header) return;
  const bars = header.split(", ").map((part) => {
    const [name, ...fields] = part.split(";");
    const values = Object.fromEntries(fields.map((field) => field.split("=")));
    return { name, start_ms: Number(values.start), length_ms: Number(values.dur), requests: Number(values.requests ?? 0), rows: Number(values.rows ?? 0), small: values.small };
  });
  const total = bars.pop();
  byId("answer-bars").replaceChildren(waterfall(bars, total.length_ms));
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function asCurl() {
  const { path, type, body, file } = readRequest(), url = new URL(path, location.href);
  return `curl ${quoted(String(url))} -H ${quoted(`Content-Type: ${type}`)} ${file ? `--data-binary ${quoted(`@${file}`)}` : `-d ${quoted(body)}`}`;
}

function asPython() {
  const { path, type, body, file } = readRequest(), url = new URL(path, location.href);
  const data = file ? `open(${JSON.stringify(file)}, "rb")` : `${JSON.stringify(body)}.encode()`;
  return ["import requests", "", "answer = requests.post(", `    ${JSON.stringify(String(url))},`, `    data=${data},`, `    headers={"Content-Type": ${JSON.stringify(type)}},`, ")", "print(answer.status_code, answer.text)"].join("\n");
}

async function copy(write) {
  try {
    const text = write();
    try { await navigator.clipboard.writeText(text); } catch { /* shown below, to be copied by hand */ }
    byId("answer").hidden = false;
    byId("answer-bars").replaceChildren();
    byId("answer-shown").replaceChildren(make("pre", { tabindex: "0" }, text));
    byId("took").textContent = t("copied");
  } catch (error) {
    byId("took").textContent = error.message;
  }
}
