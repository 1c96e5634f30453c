#!/usr/bin/env node
// Visits pages and writes their links: {"url": "http://…", "folder": "links", "depth": 1}. Needs no packages.
import { createHash } from "node:crypto";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

const say = (message) => process.stdout.write(JSON.stringify(message) + "\n");

async function visit(job) {
  const { url, folder, depth = 0 } = job.data;
  const response = await fetch(url, { signal: AbortSignal.timeout(Math.max(1, job.deadline_ms - Date.now())) });
  if (response.status === 429 || response.status >= 500) {
    return { type: "retry", error: `${url} answered ${response.status}`, after_ms: 5000 };
  }
  if (!response.ok) return { type: "fail", error: `${url} answered ${response.status}`, cause: "not_found" };
  const page = (await response.text()).slice(0, 5_000_000);
  const links = new Set();
  for (const [, , href] of page.matchAll(/<a\s[^>]*?href\s*=\s*(["'])(.*?)\1/gis)) {
    if (!URL.canParse(href, url)) continue;
    const link = new URL(href, url);
    link.hash = "";
    if (link.protocol.startsWith("http")) links.add(link.href);
  }
  mkdirSync(folder, { recursive: true });
  const name = (url) => createHash("sha256").update(url).digest("hex").slice(0, 32);
  const file = `${folder}/${name(url)}.json`;
  writeFileSync(`${file}.${process.pid}`, JSON.stringify({ url, links: [...links].sort() }));
  renameSync(`${file}.${process.pid}`, file); // a run that is cut off leaves no half a file
  for (const link of depth > 0 ? [...links].slice(0, 500) : []) {
    if (new URL(link).host !== new URL(url).host) continue;
    // One key a page: however many pages link to it, it is visited once.
    const child = { kind: job.kind, data: { url: link, folder, depth: depth - 1 }, key: `page-${name(link)}` };
    say({ type: "enqueue", id: job.id, ref: name(link), ...child });
  }
  return { type: "done", result: { file, links: links.size } };
}

// The worker asks once, before the first job; then it sends jobs of no other kind.
if (process.env.MILLPOND_ASK === "kinds") say({ type: "kinds", kinds: ["page.visit"] });

for await (const line of createInterface({ input: process.stdin })) {
  const job = JSON.parse(line);
  // What became of the child jobs: a page that is known, or was found at another depth, is fine.
  if (job.type !== "job") continue;
  const answer = await visit(job).catch((error) => ({ type: "retry", error: `${error.name}: ${error.message}` }));
  say({ id: job.id, ...answer });
}
