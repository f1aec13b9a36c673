// Images and sound: known by their first bytes, shown and played.

// The first bytes of files that a browser shows or plays, and their types.
const SIGNATURES = [
  ["image/png", "\x89PNG"], ["image/jpeg", "\xff\xd8\xff"], ["image/gif", "GIF8"], ["image/webp", "RIFF....WEBP"],
  ["audio/wav", "RIFF....WAVE"], ["audio/ogg", "OggS"], ["audio/flac", "fLaC"], ["audio/mpeg", "ID3"], ["audio/mpeg", "\xff\xfb"],
];
// Images with fewer columns are shown larger than they are.
const TINY = 128;
const ENDINGS = { png: "image/png", jpg: "image/jpeg", jpeg: "image/jpeg", gif: "image/gif", webp: "image/webp", wav: "audio/wav", mp3: "audio/mpeg", ogg: "audio/ogg", flac: "audio/flac" };

// The type of a file by its first bytes; "" for one that is neither image nor sound.
function mediaType(start) {
  const has = (signature) => [...signature].every((sign, index) => sign === "." || start[index] === sign.charCodeAt(0));
  return SIGNATURES.find(([, signature]) => has(signature))?.[0] ?? "";
}

const typeByName = (name) => ENDINGS[name.slice(name.lastIndexOf(".") + 1).toLowerCase()] ?? "";

// Addresses of what is shown, by the place where it is shown; they are given back with it.
const blobAddresses = new Map();

function blobAddress(blob, place) {
  const address = URL.createObjectURL(blob);
  blobAddresses.set(place, [...(blobAddresses.get(place) ?? []), address]);
  return address;
}

function forgetBlobs(place) {
  (blobAddresses.get(place) ?? []).forEach((address) => URL.revokeObjectURL(address));
  blobAddresses.delete(place);
}

// An image or a player; what the browser can't show says so.
function mediaElement(blob, place, label) {
  const note = make("span", { class: "quiet", role: "status" }), source = blobAddress(blob, place);
  if (blob.type.startsWith("image/")) {
    const onload = () => {
      note.textContent = t("picture_size", image.naturalWidth, image.naturalHeight);
      image.classList.toggle("tiny", image.naturalWidth < TINY);
    };
    const image = make("img", { src: source, alt: label, onload, onerror: () => { note.textContent = t("no_picture"); } });
    return make("figure", { class: "media" }, image, make("figcaption", { class: "quiet" }, note));
  }
  const onerror = () => { note.textContent = t("no_sound"); };
  return make("figure", { class: "media" }, make("audio", { src: source, controls: true, "aria-label": label, onerror }), make("figcaption", {}, note));
}

// Bytes as what they are: an image, sound, or their size; all of them can be downloaded.
function bytesElement(data, place, type = "") {
  const known = mediaType(data.subarray(0, 12)) || (/^(image|audio)\//.test(type) ? type : "");
  const blob = new Blob([data], { type: known || "application/octet-stream" });
  const ending = Object.keys(ENDINGS).find((name) => ENDINGS[name] === known) ?? "bin";
  const link = make("a", { href: blobAddress(blob, place), download: `response.${ending}` }, t("download"));
  const about = make("p", { class: "quiet" }, `${bytes(data.length)} · `, link);
  if (!known) return make("div", {}, about);
  return make("div", {}, mediaElement(blob, place, t(known.startsWith("image/") ? "picture_label" : "sound_label")), about);
}

// Bytes that are written in base64; null for any other text.
function fromBase64(text) {
  if (text.length % 4 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return null;
  return Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
}

// An image or sound in a text: base64 with or without the head of a data address; null for other texts.
function mediaIn(text) {
  if (text.length < 32) return null;
  const written = text.replace(/^data:(image|audio)\/[\w.+-]+;base64,/, "").replace(/\s+/g, "");
  const start = fromBase64(written.slice(0, 16));
  return start && mediaType(start) ? fromBase64(written) : null;
}

const LEAST_SIDE = 16, MOST_PIXELS = 2 ** 24, MOST_PICTURES = 4;

// The images that a tensor of bytes is: [height, width, channels], or several of them; [] for none.
function picturesIn({ dtype, shape, values }) {
  if (dtype !== "uint8" || shape.length < 3 || shape.length > 4) return [];
  const [height, width, channels] = shape.slice(-3), count = shape.length === 4 ? shape[0] : 1;
  if (height < LEAST_SIDE || width < LEAST_SIDE || ![1, 3, 4].includes(channels) || height * width > MOST_PIXELS) return [];
  const size = height * width * channels;
  return Array.from({ length: Math.min(count, MOST_PICTURES) }, (_, index) => drawn(values.slice(index * size, (index + 1) * size), height, width, channels));
}

function drawn(values, height, width, channels) {
  const canvas = make("canvas", { width, height, class: width < TINY ? "tiny" : "", role: "img", "aria-label": t("picture_label") });
  const context = canvas.getContext("2d"), image = context.createImageData(width, height);
  for (let pixel = 0; pixel < height * width; pixel += 1) {
    const at = pixel * channels;
    for (let color = 0; color < 3; color += 1) image.data[pixel * 4 + color] = values[channels === 1 ? at : at + color];
    image.data[pixel * 4 + 3] = channels === 4 ? values[at + 3] : 255;
  }
  context.putImageData(image, 0, 0);
  return make("figure", { class: "media" }, canvas, make("figcaption", { class: "quiet" }, t("picture_size", width, height)));
}

// Shows the file that the form sends.
function showPreview(area) {
  const file = byId("ask-file").files[0];
  forgetBlobs("input");
  area.replaceChildren();
  if (!file) return;
  const type = file.type || typeByName(file.name), blob = file.slice(0, file.size, type);
  if (/^(image|audio)\//.test(type)) area.append(mediaElement(blob, "input", file.name));
  area.append(make("p", { class: "quiet" }, `${file.name} · ${bytes(file.size)}`));
}
