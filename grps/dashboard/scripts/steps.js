// Step models: their slots, and how fast their outputs come. Nothing where there is no step model.

const stepModels = (live) => live.models.filter((model) => model.steps);

const range = (counts) => (counts.count ? `${number(counts.p50_ms)} / ${number(counts.p99_ms)} ms` : "–");

function showSteps(live) {
  const rows = stepModels(live).map(({ model, steps }) => {
    const { minute } = steps;
    return row(model, `${number(steps.slots_in_use)} / ${number(steps.slots)}`, number(steps.waiting), number(minute.outputs / Math.max(1, minute.seconds)),
      range(minute.first_output), range(minute.between_outputs), number(steps.steps ? steps.outputs / steps.steps : null), number(steps.preemptions));
  });
  const titles = [["model"], ["slots_in_use", 1], ["waiting_sequences", 1], ["step_outputs", 1], ["first_output", 1], ["between_outputs", 1], ["outputs_per_step", 1], ["preemptions", 1]];
  byId("steps").hidden = !rows.length;
  byId("steps-table").replaceChildren(head(...titles), make("tbody", {}, ...rows));
}

let slotsChart = null;
function showSlotsChart(live) {
  const names = stepModels(live).map((model) => model.model);
  slotsChart = chartOfModels(slotsChart, "chart_slots", names, (name) => `*slots_in_use(${name})`);
}
