// BullMQ: one process, ten handlers at a time, done jobs removed. As in pace.py, the first handler begins the time and
// the last one ends it.

import { Queue, Worker } from "bullmq";

const [socket, what, count] = process.argv.slice(2);
const jobs = Number(count);
const payload = { to: "a@b.c", n: 12345, subject: "hello world, how are you" };
const connection = { path: socket, maxRetriesPerRequest: null };

function say(jobs, seconds) {
    console.log(JSON.stringify({ jobs, seconds }));
    process.exit(0);
}

if (what === "fill") {
    const queue = new Queue("bench", { connection, defaultJobOptions: { removeOnComplete: true } });
    for (let start = 0; start < jobs; start += 1000) {
        const length = Math.min(1000, jobs - start);
        await queue.addBulk(Array.from({ length }, () => ({ name: "email", data: payload })));
    }
    say(jobs, 1);
} else {
    let done = 0;
    let started = 0;
    const handler = async () => {
        done += 1;
        if (done === 1) started = performance.now();
        if (done === jobs) say(jobs - 1, (performance.now() - started) / 1000);
    };
    new Worker("bench", handler, { connection, concurrency: 10 });
}
