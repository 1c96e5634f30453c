// Handlers for `pond worker --exec`, in Node 18 or later and nothing else: a file to copy.
//
//   import { handles, run } from "./millpond.mjs";
//   handles("email.send", async (job) => mail.send(job.data.to));
//   run();
//
// A handler returns, and its job is done; it throws, and the job is tried again. `Fail`: no further try can help.
import { AsyncLocalStorage } from "node:async_hooks";
import { createInterface } from "node:readline";

export class Retry extends Error {
  constructor(text, { afterMs, rootCause } = {}) {
    super(text);
    this.more = { after_ms: afterMs, root_cause: rootCause };
  }
}

export class Fail extends Retry {
  constructor(text, { cause = "failed", rootCause } = {}) {
    super(text, { rootCause });
    this.more.cause = cause;
  }
}

/** The job would wait too long for a limit: let it through, and it goes on later, without a try counted. */
export class Limited extends Retry {}

/** The saga goes no further in this run: let it through. A `catch` throws on what it does not know. */
export class Suspended extends Error {}

/** The intent's budget has no room: find a cheaper way, or let it through, and the intent's policy decides. */
export class BudgetExhausted extends Fail {
  constructor({ error, cause, policy }) {
    super(error, { cause });
    this.policy = policy;
  }
}

const handlers = new Map();
export const handles = (kind, handler) => handlers.set(kind, handler);

// What is remembered are these bytes: members in order, as other languages write them.
const inOrder = (name, value) => {
  if (typeof value === "number" && !Number.isFinite(value)) throw new TypeError(`${name || "it"} is ${value}, which JSON has not`);
  if (!value || typeof value !== "object" || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
};
const encoded = (value) => JSON.stringify(value, inOrder);
const write = (line) => process.stdout.write(line + "\n");
console.log = console.info = console.error; // what is printed goes to the worker's log, not between the messages

const ahead = [];
const waiting = [];
const cancelled = new Set();
const hear = () => (ahead.length ? Promise.resolve(ahead.shift()) : new Promise((take) => waiting.push(take)));
const take = (message) => (waiting.length ? waiting.shift()(message) : ahead.push(message));
const inStep = new AsyncLocalStorage();
const described = (error) =>
  error instanceof Retry ? error.message : error instanceof Error ? `${error.name}: ${error.message}` : String(error);
const milliseconds = (seconds) => (seconds === undefined ? undefined : Math.round(seconds * 1000));
const resultOf = (said) => (said.result_base64 ? Buffer.from(said.result_base64, "base64") : said.result);

class Job {
  #undos = new Map();
  #turn = Promise.resolve();
  #reservations = 0;

  constructor(request) {
    Object.assign(this, request);
  }

  get isCancelled() {
    return cancelled.has(this.id);
  }

  heartbeat(progress, note) {
    this.#say("heartbeat", { progress, note });
    if (this.isCancelled) throw new Retry("it was told to stop");
  }

  enqueue(kind, data, { queue, key, delayMs, priority } = {}) {
    this.#say("enqueue", { kind, data, queue, key, delay_ms: delayMs, priority });
  }

  spend(usd) {
    this.#say("spend", { usd });
  }

  /** Waits until a limit, which all workers share, has room for a call; throws `Limited` when that would take long. */
  limit(name, cost = 1) {
    if (inStep.getStore() === this) return this.#limitNow(name, cost); // its step's turn
    const asked = this.#turn.then(() => this.#limitNow(name, cost));
    this.#turn = asked.catch(() => {});
    return asked;
  }

  async #limitNow(name, cost) {
    this.#say("limit", { name, cost });
    const said = await hear();
    if (said.type === "limited") throw new Limited(said.error);
    if (said.type !== "granted") throw new Fail(said.error, { cause: "limit" });
    const release = () => this.#say("limit_release", { name });
    return { name, cost, release, adjust: (actual) => this.#say("limit_adjust", { name, cost, actual }) };
  }

  /** Keeps so much of the intent's budget while `fn({ took, tookNothing })` runs, and books what it took. */
  reserve({ usd = 0, tokens = 0, calls = 1, name, within = 30 }, fn) {
    const own = name ?? `${++this.#reservations}`;
    const ask = async () => {
      this.#say("reserve", { name: own, usd, tokens, calls, within_ms: milliseconds(within) });
      const said = await hear();
      if (said.type === "exhausted") throw new BudgetExhausted(said);
    };
    const asked = inStep.getStore() === this ? ask() : this.#turn.then(ask);
    if (inStep.getStore() !== this) this.#turn = asked.catch(() => {});
    return asked.then(async () => {
      let truth = {};
      try {
        return await fn({ took: (what) => (truth = what), tookNothing: () => (truth = undefined) });
      } finally {
        this.#say(truth ? "commit" : "refund", { name: own, ...truth });
      }
    });
  }

  // A job becomes a saga with the first of these. What is done is remembered by its name, and is not done again.

  step(name, fn, { undo, undoAlways, effect, probe, pivot, retries, timeout, input } = {}) {
    const how = undoAlways ? "always" : undo ? "result" : undefined;
    const more = { effect, undo: how, probe: probe && true, pivot, retries: retries || undefined, input };
    more.timeout_ms = milliseconds(timeout);
    return this.#ask("step", name, more, { go: fn, probe, undo: undoAlways ?? undo });
  }

  sleep(name, seconds) {
    return this.#ask("sleep", name, { ms: milliseconds(seconds) });
  }

  signal(name, { within } = {}) {
    return this.#ask("signal", name, { within_ms: milliseconds(within) });
  }

  callback(name, send, { within, undo, effect, retries, input } = {}) {
    const more = { effect, undo: undo && "always", retries: retries || undefined, input };
    return this.#ask("callback", name, { ...more, within_ms: milliseconds(within) }, { go: send, undo });
  }

  fanOut(name, kind, items, { limit, atLeast, undo } = {}) {
    const more = { kind, items, limit, at_least: atLeast, undo: undo && "always" };
    return this.#ask("fan_out", name, more, { undo });
  }

  /** One after the other, also in `Promise.all`. */
  #ask(type, name, more, does = {}) {
    if (inStep.getStore() === this) throw new Fail(`${type} ${name} is inside of a step`, { cause: "saga_step" });
    const asked = this.#turn.then(() => this.#askNow(type, name, more, does));
    this.#turn = asked.catch(() => {});
    return asked;
  }

  async #askNow(type, name, more, does) {
    this.#say(type, { name, ...more });
    let error;
    while (true) {
      const said = await hear();
      if (said.type === "go" || said.type === "probe") {
        error = await this.#do(said, does[said.type]);
        continue;
      }
      this.#undos.set(said.name, does);
      if (said.type === "stepped") return resultOf(said);
      if (said.type === "suspended") throw new Suspended(said.name);
      if (said.type === "failed") throw new Fail(said.error, { cause: said.cause });
      throw error ?? new Retry(said.error);
    }
  }

  /** Does what the worker asks for, tells it how that ended, and gives what was thrown. */
  async #do(said, fn) {
    const { type, name, key, attempt, token } = said;
    // In an undo the key ends with `:undo`; `stepKey` is the one that the step itself ran with.
    const stepKey = type === "undo" ? key.slice(0, -":undo".length) : key;
    const step = { name, key, stepKey, attempt, token };
    const ended = type === "undo" ? "undo_" : "step_";
    try {
      const result = await inStep.run(this, () => (type === "undo" ? fn(resultOf(said), step) : fn(step)));
      const word = type === "probe" ? "probed" : `${ended}done`;
      try {
        this.#say(word, { name, result: type === "undo" ? undefined : (result ?? undefined) });
      } catch (error) {
        this.#say(word, { name, result_dropped: described(error) }); // it has happened
      }
    } catch (error) {
      this.#say(`${ended}failed`, { name, error: described(error).slice(0, 4000), ...error?.more });
      return error;
    }
  }

  #say(type, members) {
    write(encoded({ type, id: this.id, ...members }));
  }

  async runBy(handler) {
    let answer;
    try {
      if (!handler) throw new Fail(`no handler for ${this.kind}`, { cause: "unknown_kind" });
      answer = { type: "done", result: (await handler(this)) ?? undefined };
    } catch (error) {
      const type = error instanceof Suspended ? "suspended" : error instanceof Fail ? "fail" : "retry";
      const more = { error: described(error).slice(0, 4000), trace: error?.stack?.slice(0, 4000), ...error?.more };
      answer = { type, ...(type === "suspended" ? {} : more) };
    }
    await this.#turn; // what still runs of a `Promise.all`
    try {
      this.#say(answer.type, answer);
    } catch (error) {
      this.#say("done", { result_dropped: described(error) }); // the work is done
    }
    if (this.phase !== "undo") return;
    for (let said; (said = await hear()).type !== "undone"; ) {
      await this.#do(said, this.#undos.get(said.name)[said.type]);
    }
  }
}

export async function run() {
  if (process.env.MILLPOND_ASK === "kinds") return write(encoded({ type: "kinds", kinds: [...handlers.keys()] }));
  const input = createInterface({ input: process.stdin });
  input.on("close", () => process.exit(0)); // the worker is gone
  input.on("line", (line) => {
    const message = JSON.parse(line);
    if (message.type === "cancel") cancelled.add(message.id);
    else if (message.type !== "enqueued" && message.type !== "refused") take(message);
  });
  for (let message; (message = await hear()); ) {
    if (message.type !== "job") continue;
    cancelled.clear();
    await new Job(message).runBy(handlers.get(message.kind));
  }
}
