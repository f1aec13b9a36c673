// What a message holds, as people read it: labels with scores, images, sound, texts and tensors.

const LABEL_NAMES = /^(label|class|class_?name|name|category|language|tag|token|word|answer|entity|text)(s|es)?$/i;
const SCORE_NAMES = /(^|_)(score|prob|probability|probabilities|confidence|similarity|relevance)s?$/i;
const FEW_SCORES = 10, MOST_SCORES = 1000, MOST_ROWS = 8, FEW_VALUES = 64, FIRST_VALUES = 12, MOST_TEXTS = 20;

const isNumeric = (value) => typeof value === "number";
const isPlainObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const asNumber = (value) => ({ NaN, Infinity, "-Infinity": -Infinity }[value] ?? value);

// A number in six digits at most.
const digits = (value) => (Number.isInteger(value) || typeof value !== "number" ? String(value) : String(Number(value.toPrecision(6))));

// A table of labels, the best first: rows of {label, score}, which may have a number each.
function scoreTable(rows) {
  const sorted = [...rows].sort((a, b) => b.score - a.score), numbered = rows.every((one) => one.index !== undefined);
  const high = sorted[0]?.score ?? 0, low = Math.min(sorted.at(-1)?.score ?? 0, 0);
  const isRatio = low >= 0 && high <= 1, most = isRatio ? 1 : high - low || 1;
  const body = make("tbody"), titles = [...(numbered ? [["position", 1]] : []), ["label"], ["bar"], ["score", 1]];
  const show = (shown) => body.replaceChildren(...shown.map(({ label, score, index }) => make("tr", {},
    ...(numbered ? [make("td", { class: "number" }, String(index))] : []), make("th", { scope: "row" }, label),
    make("td", { class: "bar-cell" }, make("span", { class: "bar-track" }, make("i", { style: `width:${Math.max(0, (100 * (score - low)) / most)}%` }))),
    make("td", { class: "number" }, score.toFixed(isRatio ? 4 : 3)))));
  show(sorted.slice(0, FEW_SCORES));
  const headed = make("thead", {}, make("tr", {}, ...titles.map(([key, isNumber]) => (key === "bar" ? make("td") : make("th", { scope: "col", class: isNumber ? "number" : "" }, t(key))))));
  const table = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("score") }, make("table", { class: "scores" }, headed, body));
  if (sorted.length <= FEW_SCORES) return table;
  const more = make("button", { type: "button", class: "small", onclick: () => { show(sorted.slice(0, MOST_SCORES)); more.remove(); } }, t("show_all", Math.min(sorted.length, MOST_SCORES)));
  return make("div", {}, table, more);
}

// The labels and scores that a JSON value is; null for other values.
function scoresIn(value) {
  if (Array.isArray(value) && value.length) {
    if (!value.every(isPlainObject)) return null;
    const [label, score] = namesIn(value[0]);
    const isEach = label && value.every((one) => typeof one[label] === "string" && isNumeric(one[score]));
    return isEach ? value.map((one) => ({ label: one[label], score: one[score] })) : null;
  }
  if (!isPlainObject(value)) return null;
  const entries = Object.entries(value);
  if (entries.length > 1 && entries.every(([, one]) => isNumeric(one))) return entries.map(([label, score]) => ({ label, score }));
  const [label, score] = namesIn(value), labels = value[label], scores = value[score];
  if (typeof labels === "string" && isNumeric(scores)) return [{ label: labels, score: scores }];
  const isPair = Array.isArray(labels) && Array.isArray(scores) && labels.length === scores.length && labels.length > 0;
  return isPair && scores.every(isNumeric) ? labels.map((one, index) => ({ label: String(one), score: scores[index] })) : null;
}

function namesIn(object) {
  const names = Object.keys(object);
  const score = names.find((name) => SCORE_NAMES.test(name)), label = names.find((name) => LABEL_NAMES.test(name) && name !== score);
  return label && score ? [label, score] : [null, null];
}

// What JSON holds besides its text; [] where only the text can show it.
function valueElements(value, depth = 0) {
  const scores = scoresIn(value);
  if (scores) return [scoreTable(scores)];
  if (typeof value === "string") {
    const media = mediaIn(value);
    return media ? [bytesElement(media, "answer")] : [];
  }
  if (depth > 3 || typeof value !== "object" || value === null) return [];
  return Object.entries(value).slice(0, MOST_ROWS).flatMap(([name, one]) => {
    const found = valueElements(one, depth + 1);
    return found.length ? [make("h4", {}, Array.isArray(value) ? t("row_number", Number(name) + 1) : name), ...found] : [];
  });
}

function textElements(text) {
  const media = mediaIn(text);
  if (media) return [bytesElement(media, "answer")];
  const value = /^\s*[[{]/.test(text) ? asJson(text) : null, found = value === null ? [] : valueElements(value);
  return found.length ? found : [make("p", { class: "answer-text", tabindex: "0" }, cut(text))];
}

// What the fields of a GRPS message hold; [] for other JSON without anything to show.
function messageElements(message, model) {
  if (!isPlainObject(message)) return valueElements(message);
  if (message.gtensors?.tensors) return tensorElements(message.gtensors.tensors.map(readBack), model);
  if (message.ndarray !== undefined) return tensorElements([flattened(message.ndarray)], model);
  if (typeof message.str_data === "string") return textElements(message.str_data);
  if (typeof message.bin_data === "string") return [bytesElement(fromBase64(message.bin_data) ?? new Uint8Array(), "answer")];
  if (message.gmap) return mapElements(message.gmap);
  const { status, model: _, ...rest } = message;
  return valueElements(rest);
}

function mapElements(gmap) {
  const numbers = Object.fromEntries(["s_i32", "s_i64", "s_f", "s_d"].flatMap((kind) => Object.entries(gmap[kind] ?? {}).map(([name, value]) => [name, Number(value)])));
  const scores = scoresIn(numbers);
  return [
    ...(scores ? [scoreTable(scores)] : Object.entries(numbers).map(([name, value]) => make("p", {}, t("pair", name, digits(value))))),
    ...Object.entries(gmap.s_s ?? {}).flatMap(([name, text]) => [make("h4", {}, name), ...textElements(text)]),
    ...Object.entries(gmap.s_b ?? {}).flatMap(([name, text]) => [make("h4", {}, name), bytesElement(fromBase64(text) ?? new Uint8Array(), "answer")]),
  ];
}

// A tensor of a response: {name, dtype, shape, values}.
function readBack(tensor) {
  const dtype = (tensor.dtype ?? "").toLowerCase().replace(/^dt_/, "");
  // An integer that a number of JavaScript can't hold stays a text.
  const read = (value) => (typeof asNumber(value) === "string" && Number.isSafeInteger(Number(value)) ? Number(value) : asNumber(value));
  const values = (tensor[`flat_${dtype}`] ?? []).map((value) => (dtype === "string" ? value : read(value)));
  return { name: tensor.name ?? "", dtype, shape: tensor.shape ?? [values.length], values };
}

function flattened(nested) {
  const shape = [];
  for (let level = nested; Array.isArray(level); [level] = level) shape.push(level.length);
  const values = [nested].flat(Infinity), isText = values.some((value) => typeof value === "string" && typeof asNumber(value) === "string");
  return { name: "", dtype: isText ? "string" : "", shape, values: isText ? values.map(String) : values.map((value) => Number(asNumber(value))) };
}

function tensorElements(tensors, model) {
  const pair = scoredTensors(tensors);
  const rest = tensors.filter((tensor) => !pair?.used.includes(tensor));
  return [...(pair ? pair.elements : []), ...rest.flatMap((tensor) => tensorElement(tensor, model))];
}

// A tensor of texts with a tensor of as many numbers: labels and their scores; null without such a pair.
function scoredTensors(tensors) {
  const texts = tensors.filter(({ dtype, values }) => dtype === "string" && values.length);
  for (const labels of texts) {
    const fits = ({ dtype, shape, values }) => dtype.startsWith("float") && values.length === labels.values.length && shape.at(-1) === labels.shape.at(-1);
    const scores = tensors.find((tensor) => fits(tensor) && SCORE_NAMES.test(tensor.name)) ?? (texts.length === 1 ? tensors.find(fits) : null);
    if (!scores) continue;
    const isTable = labels.shape.length > 1, length = isTable ? labels.shape.at(-1) : labels.values.length;
    const numbers = tensors.find(({ name, dtype, values }) => /^(index|indices|id|class_?id)$/i.test(name) && /int/.test(dtype) && values.length === labels.values.length);
    // What the converter fills rows up with is no label.
    const isFilled = (one) => one.label === "" && one.index === -1;
    const indexOf = (position) => numbers?.values[position] ?? (isTable || length < 2 ? undefined : position);
    const rows = inRows(labels.values.map((label, position) => ({ label, score: scores.values[position], index: indexOf(position) })), length);
    return { used: [labels, scores, numbers], elements: titledRows(rows, (row) => scoreTable(row.filter((one) => !isFilled(one)))) };
  }
  return null;
}

const inRows = (values, length) => Array.from({ length: Math.ceil(values.length / Math.max(length, 1)) }, (_, row) => values.slice(row * length, (row + 1) * length));

// A table for each row of a batch, which a call makes; of many rows, for the first.
function titledRows(rows, tableOf) {
  if (rows.length === 1) return [tableOf(rows[0])];
  const titled = rows.slice(0, MOST_ROWS).flatMap((row, at) => [make("h4", {}, t("row_number", at + 1)), tableOf(row)]);
  return rows.length > MOST_ROWS ? [...titled, make("p", { class: "quiet" }, t("more_rows", rows.length - MOST_ROWS))] : titled;
}

function tensorElement(tensor, model) {
  const { name, dtype, shape, values } = tensor, size = shape.at(-1) ?? 1;
  const title = make("h4", {}, name, make("span", { class: "quiet" }, ` ${dtype} [${shape.join(", ")}]`));
  const pictures = picturesIn(tensor);
  if (pictures.length) return [title, ...pictures];
  if (dtype === "string") return [title, textList(values)];
  const columns = columnsOf(model, name, size);
  if (isScores(tensor, columns)) {
    const rows = inRows(values.map((score, index) => ({ label: columns?.[index % size] ?? t("class_number", index % size), score })), size);
    return [title, ...titledRows(rows, scoreTable)];
  }
  return [title, values.length <= FEW_VALUES ? fewValues(shape, values) : statistics(values)];
}

// Whether the numbers of a tensor are scores of classes: they are named so, or add up to 1 in each row.
function isScores({ name, dtype, shape, values }, columns) {
  const size = shape.at(-1) ?? 0;
  if (size < 2 || shape.length > 2 || (dtype && !dtype.startsWith("float")) || !values.every((value) => Number.isFinite(value))) return false;
  if (columns || SCORE_NAMES.test(name)) return true;
  const sums = inRows(values, size).map((row) => row.reduce((sum, value) => sum + value, 0));
  return values.every((value) => value >= 0 && value <= 1) && sums.every((sum) => Math.abs(sum - 1) < 1e-3);
}

// The names of the columns of an output, which some engines know; null for none.
function columnsOf(model, name, size) {
  const served = servedNow.models.find((one) => one.model === (model || servedNow.default));
  const outputs = served?.description?.outputs ?? [];
  const columns = outputs.find((one) => one.name === name)?.columns;
  return columns?.length === size ? columns.map(String) : null;
}

function textList(values) {
  const list = make("ol", { class: "texts" }, ...values.slice(0, MOST_TEXTS).map((text) => make("li", {}, cut(text))));
  return values.length > MOST_TEXTS ? make("div", {}, list, make("p", { class: "quiet" }, t("more_texts", values.length - MOST_TEXTS))) : list;
}

// All values of a small tensor, a row in each line.
function fewValues(shape, values) {
  const lines = inRows(values.map(digits), shape.length > 1 ? shape.at(-1) : Math.max(values.length, 1));
  return make("p", { class: "answer-values", tabindex: "0" }, lines.map((line) => line.join(", ")).join("\n"));
}

// What a large tensor has: its extremes, its mean, and how it begins.
function statistics(values) {
  let count = 0, sum = 0, squares = 0, low = Infinity, high = -Infinity, zeros = 0;
  for (const value of values.map(Number)) {
    if (!Number.isFinite(value)) continue;
    count += 1;
    const delta = value - sum;
    sum += delta / count;
    squares += delta * (value - sum);
    low = Math.min(low, value);
    high = Math.max(high, value);
    if (value === 0) zeros += 1;
  }
  const figures = [["minimum", low], ["maximum", high], ["average", sum], ["deviation", Math.sqrt(squares / Math.max(count, 1))], ["zeros", zeros]];
  if (count < values.length) figures.push(["not_finite", values.length - count]);
  const shown = figures.map(([key, value]) => make("div", {}, make("dt", {}, t(key)), make("dd", {}, count ? digits(value) : "–")));
  return make("div", {}, make("dl", { class: "statistics" }, make("div", {}, make("dt", {}, t("values")), make("dd", {}, t("elements", values.length))), ...shown),
    make("p", { class: "answer-values", tabindex: "0" }, `${values.slice(0, FIRST_VALUES).map(digits).join(", ")}, …`));
}
