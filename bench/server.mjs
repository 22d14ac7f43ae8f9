/**
 * `npm run bench -- server`: redis-benchmark against latchkey, redis-server and valkey-server, one
 * table for each depth of pipelining.
 *
 *   --rounds 5         how many rounds; the table shows their median
 *   --requests 100000  requests of a round at -P 1; at -P 16 ten times as many
 *   --only get,set     these rows
 *   --threads 1        threads of redis-benchmark
 *
 * Every row goes through all servers before the next row begins, so that what slows the machine
 * for a second slows all of them; every other round goes backwards, so that none is always first.
 *
 * At -P 16 redis-benchmark itself is busy all the time in the quickest rows: they show how little a
 * server leaves it to wait for.
 */
import { spawn, spawnSync } from 'node:child_process'
import net from 'node:net'
import os from 'node:os'
import { fileURLToPath } from 'node:url'
import { startServer } from './servers.mjs'
import { printTable, rate, ratio } from './table.mjs'

const ROWS = ['GET', 'SET', 'INCR', 'LPUSH', 'LPOP', 'SADD', 'HSET', 'ZADD', 'MSET', 'LRANGE_100']
const CLIENTS = 50
const PIPELINES = [1, 16]

export async function compareServers(options) {
  const rounds = Number(options.rounds ?? 5)
  const requests = Number(options.requests ?? 100_000)
  const wanted = options.only?.toUpperCase().split(',')
  const rows = ROWS.filter((name) => !wanted || wanted.includes(name))
  const servers = await openServers()
  console.log(
    `${os.cpus()[0].model.trim()}, ${os.cpus().length} cores · redis-benchmark -c ${CLIENTS} · ` +
      `median of ${rounds} rounds\n${servers.map(({ name, version }) => `${name} ${version}`).join(' · ')}`,
  )
  try {
    for (const depth of PIPELINES) {
      const rates = measure(servers, rows, depth, rounds, requests * (depth > 1 ? 10 : 1), options)
      console.log(`\nRequests per second, -P ${depth}`)
      print(rates, rows, servers)
    }
  } finally {
    for (const server of servers) server.stop()
  }
}

async function openServers() {
  const own = await startLatchkey()
  const others = []
  for (const program of ['redis-server', 'valkey-server']) {
    const server = await startServer(program)
    if (server) others.push({ ...server, name: program })
    else console.log(`No ${program} on this machine: its column is missing.\n`)
  }
  return [own, ...others]
}

/** Our own server as a process of its own, on a free port that it prints. */
async function startLatchkey() {
  const bin = fileURLToPath(new URL('../bin/latchkey.js', import.meta.url))
  const port = await freePort()
  const child = spawn(process.execPath, [bin, '--port', String(port)], { stdio: 'pipe' })
  process.once('exit', () => child.kill())
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve)
    child.once('exit', () => reject(new Error('latchkey did not start')))
  })
  const version = process.env.npm_package_version ?? ''
  return { name: 'latchkey', version, port, stop: () => child.kill() }
}

function freePort() {
  return new Promise((resolve) => {
    const listener = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = listener.address()
      listener.close(() => resolve(port))
    })
  })
}

/** `rates[row][server]` in requests per second. */
function measure(servers, rows, depth, rounds, requests, { threads }) {
  const rates = Object.fromEntries(rows.map((row) => [row, {}]))
  for (const row of rows) {
    const samples = new Map(servers.map(({ name }) => [name, []]))
    for (let round = 0; round < rounds; round++) {
      for (const { name, port } of round % 2 === 0 ? servers : servers.toReversed()) {
        samples.get(name).push(run(row, port, depth, requests, threads))
      }
    }
    for (const [name, list] of samples) {
      rates[row][name] = list.sort((a, b) => a - b)[list.length >> 1]
    }
  }
  return rates
}

function run(row, port, depth, requests, threads) {
  const flags = ['-p', port, '-c', CLIENTS, '-n', requests, '-P', depth, '-t', row.toLowerCase()]
  if (threads) flags.push('--threads', threads)
  const done = spawnSync('redis-benchmark', [...flags, '--csv'].map(String), { encoding: 'utf8' })
  if (done.error) throw done.error
  // the last line is the row asked for; LRANGE fills its list first
  const line = done.stdout.trim().split('\n').at(-1)
  return Number(/^"[^"]*","([\d.]+)"/.exec(line)[1])
}

function print(rates, rows, servers) {
  const names = servers.map(({ name }) => name)
  const others = names.slice(1)
  const table = rows.map((row) => {
    const best = Math.max(...others.map((name) => rates[row][name]))
    const compared = others.length ? [ratio(rates[row].latchkey, best)] : []
    return [row, ...names.map((name) => rate(rates[row][name])), ...compared]
  })
  printTable(['', ...names, ...(others.length ? [': best other'] : [])], table)
}
