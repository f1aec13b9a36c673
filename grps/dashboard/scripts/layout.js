// Where the nodes of a graph stand in its picture.

const BOX = { width: 208, height: 92, gapX: 86, gapY: 26, edge: 14 };
// The width of the request and the response.
const END_WIDTH = 104;

// The graphs, or the models of the default route as one.
function pictured(served) {
  const named = served.graphs.filter((graph) => graph.nodes.length);
  const row = served.default_models ?? [];
  if (served.graphs.some((graph) => graph.name === served.default) || row.length < 2) return named;
  const nodes = row.map((model, index) => ({ name: model, model, after: [index ? row[index - 1] : "request"], when: null }));
  return [{ name: served.default, nodes, outputs: [] }, ...named];
}

// Which column each node stands in: one after all that it takes from.
function columns(graph) {
  const column = new Map([["request", 0]]);
  for (const node of graph.nodes) column.set(node.name, 1 + Math.max(...node.after.map((from) => column.get(from) ?? 0), 0));
  return column;
}

// The nodes whose outputs the response has.
function givers(graph) {
  const taken = new Set(graph.nodes.flatMap((node) => node.after));
  if (!graph.outputs.length) return graph.nodes.map((node) => node.name).filter((name) => !taken.has(name));
  return [...new Set(graph.outputs.map((output) => output.from.slice(0, output.from.lastIndexOf("."))))].filter((from) => from !== "request");
}

// Places by name, the edges between them, and the size of the picture. Columns are centred.
function layout(graph) {
  const column = columns(graph), depth = Math.max(...column.values()) + 1, members = new Map();
  const names = [["request", 0], ...graph.nodes.map((node) => [node.name, column.get(node.name)]), ["answer", depth]];
  for (const [name, x] of names) members.set(x, [...(members.get(x) ?? []), name]);
  const most = Math.max(...[...members.values()].map((one) => one.length)), full = most * (BOX.height + BOX.gapY) - BOX.gapY;
  const places = new Map();
  // The ends of the picture are narrower than a node.
  const left = (x) => BOX.edge + (x === 0 ? 0 : END_WIDTH + BOX.gapX + (x - 1) * (BOX.width + BOX.gapX));
  for (const [x, inColumn] of members) {
    const top = BOX.edge + (full - (inColumn.length * (BOX.height + BOX.gapY) - BOX.gapY)) / 2;
    inColumn.forEach((name, index) => places.set(name, { x: left(x), y: top + index * (BOX.height + BOX.gapY), width: x === 0 || x === depth ? END_WIDTH : BOX.width }));
  }
  const edges = [...graph.nodes.flatMap((node) => node.after.map((from) => ({ from, to: node.name, when: node.when }))), ...givers(graph).map((from) => ({ from, to: "answer", when: null }))];
  return { places, edges: edges.filter((edge) => places.has(edge.from) && places.has(edge.to)), width: left(depth) + END_WIDTH + BOX.edge, height: full + 2 * BOX.edge };
}
