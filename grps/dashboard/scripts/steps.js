// Step models: their slots, and how fast their outputs come. Nothing where there is no step model.

const stepModels = (live) => live.models.filter((model) => model.steps);
const languageModels = (live) => stepModels(live).filter((model) => model.steps.tokens);

const range = (counts) => (counts.count ? `${number(counts.p50_ms)} / ${number(counts.p99_ms)} ms` : "–");

function showSteps(live) {
  const rows = stepModels(live).filter((model) => !model.steps.tokens).map(({ model, steps }) => {
    const { minute } = steps;
    return row(model, `${number(steps.slots_in_use)} / ${number(steps.slots)}`, number(steps.waiting), number(minute.outputs / Math.max(1, minute.seconds)),
      range(minute.first_output), range(minute.between_outputs), number(steps.steps ? steps.outputs / steps.steps : null), number(steps.preemptions));
  });
  const titles = [["model"], ["slots_in_use", 1], ["waiting_sequences", 1], ["step_outputs", 1], ["first_output", 1], ["between_outputs", 1], ["outputs_per_step", 1], ["preemptions", 1]];
  byId("steps").hidden = !rows.length;
  byId("steps-table").replaceChildren(head(...titles), make("tbody", {}, ...rows));
}

// Language models are step models whose outputs are tokens.
function showLanguageModels(live) {
  const rows = languageModels(live).map(({ model, steps }) => {
    const { minute, tokens } = steps, rate = (count) => number(count / Math.max(1, minute.seconds));
    return row(model, `${number(steps.slots_in_use)} / ${number(steps.slots)}`, number(steps.waiting), rate(tokens.minute.generated), rate(tokens.minute.prompt),
      range(minute.first_output), range(minute.between_outputs), steps.cache_usage === null ? "–" : wholePercent(steps.cache_usage), number(steps.preemptions));
  });
  const titles = [["model"], ["running_sequences", 1], ["waiting_sequences", 1], ["generated_rate", 1], ["prompt_rate", 1], ["time_to_first", 1], ["time_per_token", 1], ["cache_usage", 1], ["preemptions", 1]];
  byId("language-models").hidden = !rows.length;
  byId("language-table").replaceChildren(head(...titles), make("tbody", {}, ...rows));
}

let tokensChart = null;
function showTokensChart(live) {
  const names = languageModels(live).map((model) => model.model);
  tokensChart = chartOfModels(tokensChart, "chart_tokens", names, (name) => `*generated_tokens(${name})`);
}

let slotsChart = null;
function showSlotsChart(live) {
  const names = stepModels(live).map((model) => model.model);
  slotsChart = chartOfModels(slotsChart, "chart_slots", names, (name) => `*slots_in_use(${name})`);
}
