// Enqueues COUNT jobs with nothing but Node: REDIS_URL=redis://127.0.0.1:6379 node produce.mjs COUNT
import net from 'node:net'
import readline from 'node:readline'

process.on('uncaughtException', error => { console.error(error.message); process.exit(1) })
const queue = process.env.MILLPOND_QUEUE ?? 'orders', key = `mp:{${queue}}`, batchMax = 500
const { hostname, port } = new URL(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379')
const socket = net.connect(port || 6379, hostname)
// No answer to what is sent here has a line end inside, so it can be read by lines.
const lines = readline.createInterface({ input: socket, crlfDelay: Infinity })[Symbol.asyncIterator]()
const counts = { enqueued: 0, held: 0, duplicate: 0 }

const command = n => {
  const fields = ['kind', 'order.ship', 'data', `{"order":${n}}`, 'correlation_id', 'import-node']
  const more = [...(n % 10 ? [] : ['key', `order-${n}`]), ...(n % 7 ? [] : ['delay_ms', 2000])]
  return more.length ? ['FCALL', 'pond_enqueue', 1, key, ...fields, ...more] : ['XADD', `${key}:ready`, '*', ...fields]
}
const bulk = word => `$${Buffer.byteLength(`${word}`)}\r\n${word}\r\n`
async function read() {
  const { value: line = '-the server closed the connection' } = await lines.next()
  if (line[0] === '-') throw new Error(line.slice(1))
  if (line[0] !== '*') return line[0] === '$' ? (await lines.next()).value : line.slice(1)
  const parts = []
  for (let left = Number(line.slice(1)); left > 0; left--) parts.push(await read())
  return parts
}

const numbers = Array.from({ length: Number(process.argv[2]) }, (_, index) => index + 1)
const batches = [[['SADD', 'mp:queues', queue]]] // so that the queue is known before a worker serves it
while (numbers.length) batches.push(numbers.splice(0, batchMax).map(command))
for (const batch of batches) { // one round trip for many
  socket.write(batch.map(words => `*${words.length}\r\n${words.map(bulk).join('')}`).join(''))
  for (const [name] of batch) {
    const answer = await read()
    if (name === 'XADD') counts.enqueued++ // its answer is the id alone
    if (name === 'FCALL') counts[answer[0]]++
  }
}
console.log(JSON.stringify(counts))
socket.destroy()
