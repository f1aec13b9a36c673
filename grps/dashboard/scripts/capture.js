// The recording of requests: whether it runs, how much it has, and its start and stop.

Object.assign(TEXTS.en, {
  capture: "Recorded requests", capture_hint: "Requests with their responses. grpst replay sends them again.",
  capture_off: "nothing is recorded", capture_running: "recording", capture_stopped: "stopped", capture_failed: "recording has stopped: {0}",
  capture_kept: "{0} requests, {1} of {2}", capture_of: "{0} % of the requests of {1}", capture_all: "all models",
  capture_left_out: "{0} not recorded", capture_start: "Start", capture_stop: "Stop", capture_removes: "Earlier records will be removed.",
});
Object.assign(TEXTS.zh, {
  capture: "录制的请求", capture_hint: "请求及其响应。grpst replay 可以重新发送这些请求。",
  capture_off: "未录制", capture_running: "录制中", capture_stopped: "已停止", capture_failed: "录制已停止：{0}",
  capture_kept: "{0} 个请求，已用 {1}，上限 {2}", capture_of: "{1}：录制 {0} % 的请求", capture_all: "所有模型",
  capture_left_out: "{0} 个未录制", capture_start: "开始", capture_stop: "停止", capture_removes: "之前录制的内容将被删除。",
});

const CAPTURE = "grps/v1/admin/capture";
let captureNow = null;

async function refreshCapture() {
  const response = await request(CAPTURE);
  // Only operators see it.
  captureNow = response.ok ? await response.json() : null;
  showCapture();
}

function showCapture() {
  byId("capture").hidden = !captureNow;
  if (!captureNow) return;
  const { state, error, models, sample_ratio, records, bytes: size, max_bytes, left_out } = captureNow;
  const running = state === "running";
  const parts = [t(`capture_${state}`, error ?? "")];
  if (running) parts.push(t("capture_of", number(sample_ratio * 100), models.join(t("comma")) || t("capture_all")));
  if (state !== "off") parts.push(t("capture_kept", number(records), bytes(size), bytes(max_bytes)));
  const missing = left_out.reduce((sum, one) => sum + one.count, 0);
  if (missing) parts.push(t("capture_left_out", number(missing)));
  byId("capture-state").textContent = parts.join(" · ");
  const button = byId("capture-change");
  button.textContent = t(running ? "capture_stop" : "capture_start");
  button.title = !running && records ? t("capture_removes") : "";
}

async function changeCapture() {
  const action = captureNow?.state === "running" ? "stop" : "start";
  // A failed recording is stopped first.
  if (captureNow?.state === "failed") await post(`${CAPTURE}/stop`);
  const answer = await post(`${CAPTURE}/${action}`);
  if (!answer.ok) {
    const failed = await answer.json().catch(() => null);
    byId("capture-state").textContent = failed?.status?.msg ?? String(answer.status);
    return;
  }
  captureNow = await answer.json();
  showCapture();
}
