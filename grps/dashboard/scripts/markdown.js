// Markdown as elements: what models write in their answers. Text becomes text nodes only, tags are
// chosen here, and the only attribute that text reaches is the address of a link with http or https.

const DEEPEST = 8;
const MOST_COLUMNS = 100;
const FENCE = /^ {0,3}(`{3,}(?!`)|~{3,}(?!~))[ \t]*([\w+#.-]{0,30})[^`\n]*$/;
const HEADING = /^ {0,3}(#{1,6})[ \t]+(.*)$/;
const RULE = /^ {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$/;
const ITEM = /^( {0,12})([-*+]|\d{1,9}[.)])(?:[ \t]+(.*))?$/;
const QUOTE = /^ {0,3}> ?(.*)$/;
// Other numbers than 1 may begin a line of a paragraph by chance.
const BREAKING_ITEM = /^ {0,12}(?:[-*+]|1[.)])[ \t]+\S/;

// Returns a text as nodes.
function markdown(text) {
  return blocks(text.replace(/\r\n?/g, "\n").split("\n"), 0);
}

// Makes an element with children of which there may be too many for the arguments of a call.
function holding(tag, attributes, children) {
  const element = make(tag, attributes);
  for (const child of children) element.append(child);
  return element;
}

function blocks(lines, depth) {
  const nodes = [];
  for (let at = 0; at < lines.length;) {
    const [made, next] = depth > DEEPEST ? paragraph(lines, at, depth) : block(lines, at, depth);
    if (made) nodes.push(made);
    at = next;
  }
  return nodes;
}

// The block that begins at a line, and the line behind it.
function block(lines, at, depth) {
  const line = lines[at];
  if (!line.trim()) return [null, at + 1];
  if (FENCE.test(line)) return code(lines, at);
  const heading = HEADING.exec(line);
  if (heading) return [holding("h3", { class: `heading-${heading[1].length}` }, inline(heading[2].trim())), at + 1];
  if (RULE.test(line)) return [make("hr"), at + 1];
  if (QUOTE.test(line)) return quote(lines, at, depth);
  if (ITEM.test(line)) return list(lines, at, depth);
  if (isTable(lines, at)) return table(lines, at);
  return paragraph(lines, at, depth);
}

const beginsBlock = (lines, at) => [FENCE, HEADING, RULE, QUOTE, BREAKING_ITEM].some((form) => form.test(lines[at])) || isTable(lines, at);

function paragraph(lines, at, depth) {
  let end = at + 1;
  while (end < lines.length && lines[end].trim() && (depth > DEEPEST || !beginsBlock(lines, end))) end += 1;
  const text = lines.slice(at, end).map((line) => line.trim()).join("\n");
  return [text ? holding("p", {}, inline(text)) : null, end];
}

// A fence that is not closed yet goes on to the end.
function code(lines, at) {
  const [, fence, name] = FENCE.exec(lines[at]);
  const isEnd = (line) => line.trim().startsWith(fence) && !line.trim().replaceAll(fence[0], "");
  let end = at + 1;
  while (end < lines.length && !isEnd(lines[end])) end += 1;
  const text = lines.slice(at + 1, end).join("\n");
  return [codeBlock(text, name), end + 1];
}

function codeBlock(text, name) {
  const copied = make("button", { type: "button", class: "small", onclick: () => copyText(text, copied) }, t("copy"));
  return make("div", { class: "code" }, make("div", { class: "code-head" }, make("span", {}, name), copied), make("pre", { tabindex: "0" }, make("code", {}, text)));
}

function quote(lines, at, depth) {
  let end = at;
  const inner = [];
  for (; end < lines.length && QUOTE.test(lines[end]); end += 1) inner.push(QUOTE.exec(lines[end])[1]);
  return [holding("blockquote", {}, blocks(inner, depth + 1)), end];
}

function list(lines, at, depth) {
  const [, margin, mark] = ITEM.exec(lines[at]), isOrdered = /\d/.test(mark), items = [];
  let end = at;
  while (end < lines.length) {
    const item = ITEM.exec(lines[end]);
    if (!item || item[1].length > margin.length + 1 || /\d/.test(item[2]) !== isOrdered || RULE.test(lines[end])) break;
    const [inner, next] = itemLines(lines, end + 1, item[1].length, item[2].length);
    items.push(holding("li", {}, itemNodes(blocks([item[3] ?? "", ...inner], depth + 1))));
    end = next;
  }
  const start = isOrdered ? Number.parseInt(mark, 10) : 1;
  const made = isOrdered ? holding("ol", { start: start === 1 ? null : String(start) }, items) : holding("ul", {}, items);
  // A rule that looks like an item ends a list before it begins.
  return items.length ? [made, end] : paragraph(lines, at, depth);
}

// Lines that belong to an item: those that are indented, and the rest of its paragraph.
function itemLines(lines, at, margin, size) {
  const inner = [], indentOf = (line = "") => (line.trim() ? line.length - line.trimStart().length : 0);
  let end = at;
  for (; end < lines.length; end += 1) {
    const line = lines[end], indent = indentOf(line);
    if (indent >= margin + 2) inner.push(line.slice(Math.min(indent, margin + size + 1)));
    else if (!line.trim() && indentOf(lines[end + 1]) >= margin + 2) inner.push("");
    else if (line.trim() && lines[end - 1].trim() && !beginsBlock(lines, end) && !ITEM.test(line)) inner.push(line);
    else break;
  }
  // An empty line between two items is part of the list.
  const next = end < lines.length && !lines[end].trim() && ITEM.test(lines[end + 1] ?? "") ? end + 1 : end;
  return [inner, next];
}

// The only paragraph of an item needs no element of its own.
function itemNodes(nodes) {
  return nodes[0]?.tagName === "P" ? [...nodes[0].childNodes, ...nodes.slice(1)] : nodes;
}

function isTable(lines, at) {
  if (!lines[at].includes("|") || !lines[at + 1]?.includes("-")) return false;
  const marks = cells(lines[at + 1]);
  return marks.length <= MOST_COLUMNS && marks.every((mark) => /^:?-+:?$/.test(mark)) && marks.length === cells(lines[at]).length;
}

// A cell goes up to a bar that stands neither behind a backslash nor in code.
const CELL = /(?:\\.|`[^`]*`|[^|])*/y;

function cells(line) {
  const text = line.trim().replace(/^\|/, "").replace(/(?<!\\)\|$/, ""), found = [];
  for (let at = 0; at <= text.length;) {
    CELL.lastIndex = at;
    const [cell] = CELL.exec(text);
    found.push(cell.trim().replaceAll("\\|", "|"));
    at += cell.length + 1;
  }
  return found;
}

// Missing cells are not filled up: a short text could ask for millions of them.
function table(lines, at) {
  const names = cells(lines[at]), last = names.length - 1, rows = [];
  let end = at + 2;
  for (; end < lines.length && lines[end].includes("|"); end += 1) {
    const row = cells(lines[end]);
    rows.push(row.length > names.length ? [...row.slice(0, last), row.slice(last).join(" | ")] : row);
  }
  const head = holding("tr", {}, names.map((name) => holding("th", { scope: "col" }, inline(name))));
  const body = rows.map((row) => holding("tr", {}, row.map((cell) => holding("td", {}, inline(cell)))));
  return [make("div", { class: "scroll", tabindex: "0" }, make("table", {}, make("thead", {}, head), holding("tbody", {}, body))), end];
}

// What stands in a line: how each form begins, and what is made of it. All lengths have bounds.
const LINK = /\[([^[\]\n]{1,500})\]\(\s{0,9}<?(https?:\/\/[^\s<>()]{1,2000}(?:\([^\s<>()]{0,200}\)[^\s<>()]{0,200})?)>?(?:\s{1,9}"[^"\n]{0,300}")?\s{0,9}\)/y;
const ADDRESS = /https?:\/\/[^\s<>"`|]{1,2000}/y;
const MARKS = [["***", "both"], ["**", "strong"], ["__", "strong"], ["~~", "del"], ["*", "em"], ["_", "em"]];

function inline(text, depth = 0, isInLink = false) {
  const nodes = [], hopeless = new Set();
  let plain = 0, at = 0;
  const add = (node) => { if (typeof node === "string" && typeof nodes.at(-1) === "string") nodes.push(nodes.pop() + node); else nodes.push(node); };
  const put = (node, length) => {
    if (at > plain) add(text.slice(plain, at));
    add(node);
    at += length;
    plain = at;
  };
  while (at < text.length) {
    const found = depth > DEEPEST ? null : special(text, at, depth, isInLink, hopeless);
    if (found) put(...found);
    else at += 1;
  }
  if (at > plain) add(text.slice(plain));
  return nodes;
}

// The element that begins at a place of a text, with its length there; null for plain text.
function special(text, at, depth, isInLink, hopeless) {
  switch (text[at]) {
    case "\\": return /[!-/:-@[-`{-~]/.test(text[at + 1] ?? "") ? [text[at + 1], 2] : null;
    case "\n": return [make("br"), 1];
    case "`": return codeSpan(text, at, hopeless);
    case "[": return isInLink ? null : link(text, at, depth);
    case "h": return isInLink || /\w/.test(text[at - 1] ?? "") ? null : address(text, at);
    case "*": case "_": case "~": return emphasis(text, at, depth, isInLink, hopeless);
    default: return null;
  }
}

function codeSpan(text, at, hopeless) {
  const [start, end, after] = codeRange(text, at, hopeless);
  if (end < 0) return [text.slice(at, start), start - at];
  return [make("code", {}, text.slice(start, end).replace(/\n/g, " ")), after - at];
}

// Where the code begins whose mark is at a place, where it ends, and what is behind it. If its mark has
// no other one, it ends nowhere, which is noted in `hopeless`.
function codeRange(text, at, hopeless) {
  let start = at + 1;
  while (text[start] === "`") start += 1;
  const mark = text.slice(at, start);
  for (let end = start; !hopeless.has(mark);) {
    end = text.indexOf(mark, end);
    if (end < 0) hopeless.add(mark);
    else if (text[end + mark.length] !== "`" && text[end - 1] !== "`") return [start, end, end + mark.length];
    else while (text[end] === "`") end += 1;
  }
  return [start, -1, start];
}

const anchor = (href, children) => holding("a", { href, target: "_blank", rel: "noopener noreferrer" }, children);

function link(text, at, depth) {
  LINK.lastIndex = at;
  const found = LINK.exec(text);
  return found ? [anchor(found[2], inline(found[1], depth + 1, true)), found[0].length] : null;
}

function address(text, at) {
  ADDRESS.lastIndex = at;
  const found = ADDRESS.exec(text)?.[0].replace(/[.,;:!?'"*_~)\]}]+$/, "");
  return found && /^https?:\/\/\w/.test(found) ? [anchor(found, [found]), found.length] : null;
}

const isBlank = (character) => character === undefined || /\s/.test(character);
const isWord = (character) => character !== undefined && /[\p{L}\p{N}]/u.test(character);

function emphasis(text, at, depth, isInLink, hopeless) {
  const [mark, tag] = MARKS.find(([one]) => text.startsWith(one, at)) ?? [];
  if (!mark || isBlank(text[at + mark.length]) || (mark[0] === "_" && isWord(text[at - 1]))) return null;
  const end = hopeless.has(mark) ? -1 : closing(text, at + mark.length, mark, hopeless);
  if (end < 0) {
    hopeless.add(mark);
    return [mark, mark.length];
  }
  const inner = inline(text.slice(at + mark.length, end), depth + 1, isInLink);
  const made = tag === "both" ? make("strong", {}, holding("em", {}, inner)) : holding(tag, {}, inner);
  return [made, end + mark.length - at];
}

// Where a mark ends what it began; -1 for nowhere. Code between the two is passed over.
function closing(text, from, mark, hopeless) {
  for (let end = from; end < text.length;) {
    if (text[end] === "`") [, , end] = codeRange(text, end, hopeless);
    else if (text[end] === "\\") end += 2;
    else if (end === from || !text.startsWith(mark, end)) end += 1;
    else {
      let size = mark.length;
      while (text[end + size] === mark[0]) size += 1;
      const isMark = size === mark.length || (size === 3 && mark.length < 3);
      if (isMark && !isBlank(text[end - 1]) && !(mark[0] === "_" && isWord(text[end + size]))) return end + size - mark.length;
      end += size;
    }
  }
  return -1;
}
