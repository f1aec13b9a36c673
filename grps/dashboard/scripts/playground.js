// The form of the playground: made from the description of the service, it offers requests that can pass.

const DTYPES = ["uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "string"];
const KINDS = ["tensors", "ndarray", "text", "file", "json"];
const PREDICT = "grps/v1/infer/predict";
// What the form was made from, as text.
let askedForm = "";

// Offers the models; the form is made anew only when they have changed.
function showAskModels() {
  const select = byId("ask-model"), before = select.value;
  const named = askable.filter((model) => model.name), names = named.map((model) => model.name);
  const options = named.map((model) => make("option", { value: model.name }, model.name));
  const standard = modelOf("");
  if (standard) options.unshift(make("option", { value: "" }, t("default_route", standard.title)));
  select.replaceChildren(...options);
  if (names.includes(before)) select.value = before;
  const key = formKey(modelOf(select.value));
  if (key !== askedForm) showInput(true);
}

const modelOf = (name) => askable.find((model) => (name ? model.name === name : model.isDefault));
const formKey = (model) => language + JSON.stringify(model);

// The kinds of request that can pass, the best first; none when no request can.
function kindsOf(model) {
  if (!model) return [];
  const { inputs } = model, file = model.takesBytes ? ["file"] : [];
  if (model.takes === "bytes") return file;
  if (model.takes === "text") return ["text", "json"];
  if (model.takes === "anything") return ["text", ...file, "json", "tensors", "ndarray"];
  const isCarried = inputs.every((input) => !input.required || !input.dtype || DTYPES.includes(input.dtype));
  const isArray = model.takesArray && inputs[0].dtype !== "string";
  return [...(isCarried ? ["tensors", "json"] : []), ...(isArray ? ["ndarray"] : [])];
}

function showInput(chooseKind) {
  const model = modelOf(byId("ask-model").value), kind = byId("ask-kind"), kinds = kindsOf(model);
  const chosen = chooseKind || !kinds.includes(kind.value) ? kinds[0] ?? "" : kind.value;
  askedForm = formKey(model);
  kind.replaceChildren(...KINDS.filter((name) => kinds.includes(name)).map((name) => make("option", { value: name }, t(`kind_${name}`))));
  kind.value = chosen;
  const isSendable = kinds.length > 0;
  for (const id of ["ask-send", "copy-curl", "copy-python"]) byId(id).disabled = !isSendable;
  const isArray = isSendable && model.returnsArray;
  byId("ask-ndarray").disabled = !isArray;
  if (!isArray) byId("ask-ndarray").checked = false;
  byId("ask-input").replaceChildren(...(isSendable ? fieldsOf(model, kind.value) : [make("p", { class: "note warn" }, whyNone(model))]));
}

function whyNone(model) {
  const input = model?.inputs.find((one) => one.required && one.dtype && !DTYPES.includes(one.dtype));
  return input ? t("no_request", input.name, input.dtype) : t("no_model");
}

function fieldsOf(model, kind) {
  const field = (id, key, element) => { element.id = id; return make("label", {}, make("span", { class: "quiet" }, t(key)), element); };
  const area = (key, text) => [field("ask-text", key, make("textarea", { spellcheck: "false" }, text))];
  const shown = model.takes === "tensors" ? model.inputs : [{ name: "", dtype: "float32", shape: [1, 2], required: true }];
  switch (kind) {
    case "tensors": return shown.map(tensorFields);
    case "file": {
      const preview = make("div", { id: "ask-preview" });
      return [field("ask-file", "file_input", make("input", { type: "file", onchange: () => showPreview(preview) })), preview];
    }
    case "text": return area("text_input", "hello");
    case "ndarray": return area("array_input", nested(exampleOf(shown[0] ?? { shape: [1, 2] })));
    default: {
      const message = model.takes === "tensors" ? tensorsMessage(shown.filter((one) => one.required).map(exampleTensor)) : { str_data: "hello" };
      return area("json_input", JSON.stringify(message));
    }
  }
}

const MOST_WRITTEN = 1e5;

// Values that an input takes: {shape, values}; one value stands for all elements.
function exampleOf(input) {
  if (input.example?.values?.length) return { shape: input.example.shape, values: input.example.values };
  return { shape: (input.shape ?? [1, 2]).map((size) => size ?? 1), values: [{ string: "hello", bool: true }[input.dtype] ?? 1] };
}

const sizeOf = (shape) => shape.reduce((product, size) => product * size, 1);
const filled = ({ shape, values }) => (values.length === 1 ? Array(Math.min(sizeOf(shape), MOST_WRITTEN)).fill(values[0]) : values);
const tensorOf = (name, dtype, shape, values) => ({ name, dtype: `DT_${dtype.toUpperCase()}`, shape, [`flat_${dtype}`]: values });
const tensorsMessage = (tensors) => ({ gtensors: { tensors } });

function exampleTensor(input) {
  const example = exampleOf(input);
  return tensorOf(input.name, input.dtype ?? "float32", example.shape, filled(example));
}

// An example as nested lists.
function nested(example) {
  let level = filled(example);
  for (const size of example.shape.slice(1).reverse()) {
    const lists = [];
    for (let start = 0; start < level.length; start += Math.max(size, 1)) lists.push(level.slice(start, start + size));
    level = lists;
  }
  return JSON.stringify(example.shape.length ? level : level[0]);
}

function tensorFields(input) {
  const example = exampleOf(input), dtype = input.dtype ?? "float32";
  const labelled = (key, element) => make("label", {}, t(key), element);
  const types = make("select", { class: "dtype" }, ...DTYPES.map((name) => make("option", { selected: name === dtype }, name)));
  const hint = t(dtype === "string" ? "text_lines" : "values_hint");
  const optional = input.required ? [] : [make("label", { class: "check optional" }, make("input", { type: "checkbox", class: "sent" }), t("optional_input", input.name))];
  return make("div", { class: "tensor" }, ...optional, labelled("tensor_name", make("input", { class: "name", value: input.name })), labelled("dtype", types),
    labelled("shape", make("input", { class: "shape", value: example.shape.join(", ") })),
    labelled("values", make("textarea", { class: "values", spellcheck: "false", title: hint }, example.values.join(dtype === "string" ? "\n" : ", "))));
}

// The elements that a field names: texts by line, numbers by commas or blanks.
function readValues(name, dtype, text) {
  if (dtype === "string") return text.replace(/\n$/, "").split("\n");
  return text.split(/[\s,]+/).filter(Boolean).map((part) => {
    if (/^[+-]?(nan|inf(inity)?)$/i.test(part) && dtype.startsWith("float")) return { n: "NaN", "-": "-Infinity" }[part[0].toLowerCase()] ?? "Infinity";
    const value = Number(part);
    if (Number.isNaN(value)) throw new Error(t("bad_number", name, part));
    return value;
  });
}

function readTensor(fields) {
  const value = (name) => fields.querySelector(`.${name}`).value;
  const [name, dtype, sizes] = [value("name").trim(), value("dtype"), value("shape").trim()];
  const shape = sizes === "" ? [] : sizes.split(",").map((size) => (size.trim() === "" ? NaN : Number(size)));
  if (shape.some((size) => !Number.isInteger(size) || size < 0)) throw new Error(t("bad_shape", name));
  const count = sizeOf(shape);
  let values = count === 0 ? [] : readValues(name, dtype, value("values"));
  if (values.length === 1) values = Array(Math.min(count, 1e7)).fill(values[0]);
  if (values.length !== count) throw new Error(t("bad_values", name, values.length, `[${shape}]`));
  return tensorOf(name, dtype, shape, values);
}

const isSent = (fields) => fields.querySelector(".sent")?.checked ?? true;

function parsed(text, key) {
  try { return JSON.parse(text); } catch (error) { throw new Error(t("not_json", t(key), error.message)); }
}

// The request as the form says it: {path, type, body, file, model, isStreaming}.
function readRequest() {
  const query = new URLSearchParams(), model = byId("ask-model").value, isStreaming = byId("ask-streaming").checked;
  if (model) query.set("model", model);
  if (isStreaming) query.set("streaming", "true");
  if (byId("ask-ndarray").checked) query.set("return-ndarray", "true");
  const path = PREDICT + (String(query) ? `?${query}` : "");
  const request = (type, body, file = null) => ({ path, type, body, file, model, isStreaming });
  const json = (body) => request("application/json", JSON.stringify(body));
  switch (byId("ask-kind").value) {
    case "tensors": return json(tensorsMessage([...document.querySelectorAll("#ask-input .tensor")].filter(isSent).map(readTensor)));
    case "text": return json({ str_data: byId("ask-text").value });
    case "ndarray": return json({ ndarray: parsed(byId("ask-text").value, "array_input") });
    case "json": parsed(byId("ask-text").value, "json_input"); return request("application/json", byId("ask-text").value);
    default: {
      const file = byId("ask-file").files[0];
      if (!file) throw new Error(t("no_file"));
      return request("application/octet-stream", file, file.name);
    }
  }
}
