// Runs before the scripts of a page that is drawn from a recording. The clock of the page stands
// still: it goes on by `pictures.advance`, and by the time that the recorded service took for a
// request. What is not determined by the recording (chance, timeouts) is fixed.
((start) => {
  const realSetTimeout = window.setTimeout, realFetch = window.fetch;
  const LONG_MS = 500, QUIET_MS = 120;
  const timers = new Map();
  let elapsed = 0, lastTimer = 1_000_000, pending = 0, chance = 0;

  const RealDate = Date;
  window.Date = class extends RealDate {
    constructor(...given) { given.length ? super(...given) : super(start + elapsed); }
    static now() { return start + elapsed; }
  };
  performance.now = () => elapsed;
  Math.random = () => { chance = (chance + 0.381966) % 1; return chance; };
  crypto.randomUUID = () => "00000000-0000-4000-8000-000000000000";
  AbortSignal.timeout = () => new AbortController().signal;

  const later = (call, every, repeats) => {
    timers.set(++lastTimer, { at: elapsed + every, every: repeats ? every : 0, call });
    return lastTimer;
  };
  window.setTimeout = (call, delay = 0, ...given) =>
    delay < LONG_MS ? realSetTimeout(call, delay, ...given) : later(() => call(...given), delay, false);
  window.setInterval = (call, delay = 0, ...given) => later(() => call(...given), Math.max(1, delay), true);
  for (const name of ["clearTimeout", "clearInterval"]) {
    const real = window[name];
    window[name] = (id) => { if (!timers.delete(id)) real.call(window, id); };
  }

  window.fetch = async (...given) => {
    pending += 1;
    try {
      const response = await realFetch(...given);
      elapsed += Number(response.headers.get("X-Recorded-Ms") ?? 0);
      return response;
    } finally { pending -= 1; }
  };

  window.pictures = {
    // Lets time pass for the page, and what was to happen meanwhile.
    advance(duration) {
      const end = elapsed + duration;
      for (;;) {
        const due = [...timers].filter(([, timer]) => timer.at <= end).sort(([, one], [, two]) => one.at - two.at)[0];
        if (!due) break;
        const [id, timer] = due;
        elapsed = Math.max(elapsed, timer.at);
        if (timer.every) timer.at += timer.every; else timers.delete(id);
        timer.call();
      }
      elapsed = end;
    },
    // Lets a second pass, and waits until the page has what it then asks for.
    async second() {
      window.pictures.advance(1000);
      for (let calm = 0; calm < 3;) {
        await new Promise((resolve) => realSetTimeout(resolve, 5));
        calm = pending ? 0 : calm + 1;
      }
    },
    // Waits until the page asks for nothing more and has drawn what it got.
    async quiet() {
      const pause = () => new Promise((resolve) => realSetTimeout(resolve, QUIET_MS));
      const frame = () => new Promise(requestAnimationFrame);
      for (let calm = 0; calm < 2;) { await pause(); await frame(); calm = pending ? 0 : calm + 1; }
      await document.fonts.ready;
      await Promise.all([...document.images].map((image) => image.decode().catch(() => null)));
    },
  };
})
