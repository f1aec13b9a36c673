// The colours of charts. Red is for failures only, so no other line has it.

const COLOURS = ["--line-1", "--line-2", "--line-3", "--line-4"];

// CSS colours may be written as light-dark(): a canvas wants the one that holds.
function resolved(name) {
  const probe = make("span", { style: `color: var(${name})` });
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

// The same colour, more or less see-through.
const faded = (rgb, alpha) => rgb.replace(/^rgba?\(([^,]+,[^,]+,[^,)]+).*$/, `rgba($1, ${alpha})`);
