// What the description of the service says of its models: the requests that each of them takes.

const DESCRIPTION = "openapi.json";
// The models as the form of the playground needs them; the first ones are those of the description.
let askable = [];
let describedTag = "";
// Whether the API that the chat speaks is on.
let isChatServed = false;

// Reads the description if it has changed.
async function refreshDescription() {
  const response = await request(DESCRIPTION, describedTag ? { "If-None-Match": describedTag } : {});
  if (response.status === 304) return;
  if (isKeyRefused(response)) throw new KeyRefused(response.status);
  if (!response.ok) throw new Unreachable(`${DESCRIPTION}: HTTP ${response.status}`);
  const description = await response.json();
  askable = modelsIn(description);
  isChatServed = `/${CHAT}` in description.paths;
  describedTag = response.headers.get("ETag") ?? "";
  showAskModels();
}

// The models that predict runs.
function modelsIn(document) {
  const content = document.paths[`/${PREDICT}`]?.post.requestBody.content ?? {};
  const schemas = document.components.schemas;
  // Code of the service reads the request and writes the response.
  if ("*/*" in content) return [{ name: "", title: t("own_code"), isDefault: true, takes: "anything", takesBytes: true, inputs: [] }];
  const ends = (type, end) => alternatives(content[type]?.schema).map(nameOf).filter((name) => name?.endsWith(end)).map((name) => name.slice(0, -end.length));
  const requests = ends("application/json", ".request"), bytes = ends("application/octet-stream", ".bytes");
  return [...new Set([...requests, ...bytes])].map((key) => {
    const response = `${key}.response`;
    return {
      ...requestOf(schemas, `${key}.request`, `${key}.bytes`),
      takesBytes: bytes.includes(key),
      returnsArray: returnsArray(schemas, schemas[response]),
    };
  });
}

const alternatives = (schema) => schema?.anyOf ?? (schema ? [schema] : []);
const nameOf = (schema) => schema.$ref?.split("/").pop();

// What a model takes: {name, title, isDefault, takes, takesArray, inputs}.
function requestOf(schemas, request, bytes) {
  const schema = schemas[request], own = schema ?? schemas[bytes];
  const model = { name: own.title, title: own.title, isDefault: own["x-default"] === true, takes: "bytes", takesArray: false, inputs: [] };
  if (!schema) return model;
  const message = schema.allOf[0];
  model.name = schema.properties?.model.enum[0] ?? "";
  const known = { GrpsInput: "anything", GrpsTextInput: "text", GrpsFileInput: "bytes" }[nameOf(message)];
  if (known) return { ...model, takes: known };
  const fields = alternatives(message);
  const list = fields.map((one) => one.properties.gtensors.properties?.tensors).find(Boolean);
  return {
    ...model, takes: "tensors",
    takesArray: fields.some((one) => one.properties.ndarray),
    inputs: (list?.prefixItems ?? []).map(inputOf),
  };
}

// An input with its type, shape and example: {name, dtype, shape, required, example}.
function inputOf(schema) {
  const { name, dtype, shape } = schema.properties, example = schema.examples?.[0];
  const type = dtype?.enum[0].toLowerCase().replace(/^dt_/, "") ?? schema.title ?? null;
  return {
    name: name.const, dtype: type, required: !schema["x-optional"],
    shape: shape.items ? null : (shape.prefixItems ?? []).map((size) => size.const ?? null),
    example: example ? { shape: example.shape, values: example[`flat_${type}`] } : null,
  };
}

// Whether a response can have an array: one tensor, or whatever code returns.
function returnsArray(schemas, response) {
  if (response.allOf) return Boolean(schemas[nameOf(response.allOf[0])].properties.ndarray);
  return (response.properties.gtensors.properties.tensors.prefixItems ?? []).length <= 1;
}
