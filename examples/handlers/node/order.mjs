#!/usr/bin/env node
// An order that remembers its steps: {"cents": 990, "pages": ["a", "b"]}. The charge is undone when the rest fails.
// pond worker --queue orders --exec 'node examples/handlers/node/order.mjs'
import { Fail, handles, run } from "./millpond.mjs";

const bank = new Map(); // a real one is elsewhere, and takes keys

handles("order.page", (job) => ({ page: job.data.toUpperCase() }));

handles("order", async (job) => {
  const charge = await job.step("charge", (step) => ({ id: bank.set(step.key, job.data.cents).size }), {
    undoAlways: (result, step) => console.log(`refund of ${result?.id ?? step.key}`),
  });
  await job.sleep("cool-off", 2);
  const pages = await job.fanOut("pages", "order.page", job.data.pages, { limit: 8 });
  if (pages.length === 0) throw new Fail("an order without pages", { cause: "no_pages" });
  // From here on there is only forward.
  await job.step("letter", () => console.log(`charge ${charge.id}: ${pages.map((page) => page.page)}`), {
    effect: "once",
    pivot: true,
  });
  return { pages: pages.length };
});

run();
