/**
 * `npm run bench`: one table, measured in one process with the rounds interleaved.
 *
 *   --quick            shorter and fewer rounds, to see that everything runs
 *   --rounds 9         how many rounds; the table shows their median
 *   --only get,incr    these rows            --subjects latchkey,map    these columns
 *   --json file        where the figures go (default bench/results/local.json)
 *   server             another table: redis-benchmark against servers (see server.mjs)
 *   queues             another table: packages that live on scripts (see queues.mjs)
 *   --memory           the other table: bytes per key (see memory.mjs)
 *
 * Every round goes through all subjects of a row before the next row, so that what slows the
 * machine for a second slows all of them. Nothing is asserted; the last section says which of the
 * project's targets this run reached.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { startServer } from './servers.mjs'
import { printTable, rate, ratio } from './table.mjs'

const require = createRequire(import.meta.url)
const here = path.dirname(fileURLToPath(import.meta.url))
const { TRIALS } = require('./trials.js')

const SUBJECTS = [
  'latchkey',
  'ioredis-tcp',
  'ioredis-unix',
  'node-redis',
  'ioredis-mock',
  'lru-cache',
  'node-cache',
  'keyv',
  'map',
]

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean' },
    rounds: { type: 'string' },
    only: { type: 'string' },
    subjects: { type: 'string' },
    json: { type: 'string' },
    memory: { type: 'boolean' },
    keys: { type: 'string' },
    requests: { type: 'string' },
    threads: { type: 'string' },
  },
})

if (positionals[0] === 'server') {
  const { compareServers } = await import('./server.mjs')
  await compareServers(options)
} else if (positionals[0] === 'queues') {
  const { compareQueues } = await import('./queues.mjs')
  await compareQueues(options)
} else if (options.memory) {
  const { compareMemory } = await import('./memory.mjs')
  await compareMemory(options)
} else {
  await compareSpeed()
}

async function compareSpeed() {
  const rounds = Number(options.rounds ?? (options.quick ? 3 : 9))
  const roundMs = options.quick ? 30 : 150
  const trials = TRIALS.filter(({ name }) => chosen(options.only, name))
  const server = await openServer()
  const subjects = await openSubjects(server)
  const rates = await measure(trials, subjects, { rounds, roundMs })
  for (const subject of subjects) await subject.close()
  server?.stop()

  const machine = describeMachine(server)
  console.log(
    `${Object.values(machine).join(' · ')}\nmedian of ${rounds} rounds of ${roundMs} ms\n`,
  )
  printRates(trials, subjects, rates)
  printRatios(trials, subjects, rates)
  printTargets(trials, subjects, rates)
  const file = options.json ?? path.join(here, 'results', 'local.json')
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify({ machine, rounds, roundMs, rates }, null, 2)}\n`)
}

/** A redis-server for the columns that need one, if any of them is asked for. */
async function openServer() {
  const needed = SUBJECTS.some((name) => {
    return chosen(options.subjects, name) && require(`./subjects/${name}.js`).needsServer
  })
  if (!needed) return null
  const server = await startServer('redis-server')
  if (!server) console.log('No redis-server on this machine: its columns stay empty.\n')
  return server
}

function chosen(list, name) {
  return list === undefined || list.split(',').includes(name)
}

async function openSubjects(server) {
  const opened = []
  for (const name of SUBJECTS) {
    if (!chosen(options.subjects, name)) continue
    const subject = require(`./subjects/${name}.js`)
    if (subject.needsServer && !server) continue
    opened.push({ name, ...(await subject.open({ fresh, server })) })
  }
  return opened
}

/** Loads a module again, with code that V8 has seen nothing of. */
function fresh(file) {
  const place = require.resolve(file)
  delete require.cache[place]
  return require(place)
}

/** Operations per second: `rates[row][subject]`. */
async function measure(trials, subjects, { rounds, roundMs }) {
  const collectGarbage = exposeGc()
  const cells = cellsOf(trials, subjects)
  for (let round = 0; round < rounds; round++) {
    for (const { name: row } of trials) {
      collectGarbage()
      for (const cell of cells.filter((one) => one.row === row && !one.failed)) {
        await sample(cell, roundMs)
      }
    }
  }
  const rates = Object.fromEntries(trials.map(({ name }) => [name, {}]))
  for (const { row, subject, samples, failed } of cells) {
    if (failed) console.log(`${subject} failed at ${row}: ${failed.message}\n`)
    else rates[row][subject] = median(samples)
  }
  return rates
}

function cellsOf(trials, subjects) {
  return trials.flatMap(({ name: row }) => {
    return subjects
      .filter(({ runs }) => runs[row])
      .map(({ name, runs }) => ({ row, subject: name, operate: runs[row], count: 0, samples: [] }))
  })
}

/** One round of one cell. A subject that cannot do its row loses that cell and nothing else. */
async function sample(cell, roundMs) {
  try {
    cell.count ||= await calibrate(cell.operate, roundMs)
    cell.samples.push(cell.count / (await time(cell.operate, cell.count)))
  } catch (error) {
    if (cell.subject === 'latchkey') throw error
    cell.failed = error
  }
}

/** How many operations fill one round; finding out also warms the code up. */
async function calibrate(operate, roundMs) {
  let count = 8
  for (;;) {
    const ms = (await time(operate, count)) * 1000
    if (ms >= roundMs / 2) return Math.ceil((count * roundMs) / ms)
    count *= 2
  }
}

async function time(operate, count) {
  const start = process.hrtime.bigint()
  await operate(count)
  return Number(process.hrtime.bigint() - start) / 1e9
}

function median(list) {
  const sorted = [...list].sort((a, b) => a - b)
  return sorted[sorted.length >> 1]
}

function exposeGc() {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc')
}

function describeMachine(server) {
  return {
    cpu: `${os.cpus()[0].model.trim()}, ${os.cpus().length} cores`,
    node: `Node ${process.versions.node}`,
    server: server ? `${server.program} ${server.version}` : 'no server',
  }
}

function printRates(trials, subjects, rates) {
  console.log('Operations per second, each awaited before the next begins')
  const names = subjects.map(({ name }) => name)
  const rows = trials.map(({ name }) => [name, ...names.map((n) => rate(rates[name][n]))])
  printTable(['', ...names], rows)
}

function printRatios(trials, subjects, rates) {
  if (!subjects.some(({ name }) => name === 'latchkey')) return
  console.log('\nHow many times as fast latchkey is')
  const names = subjects.map(({ name }) => name).filter((name) => name !== 'latchkey')
  const rows = trials.map(({ name }) => [
    name,
    ...names.map((other) => ratio(rates[name].latchkey, rates[name][other])),
  ])
  printTable(['', ...names.map((name) => `: ${name}`)], rows)
}

function printTargets(trials, subjects, rates) {
  if (!subjects.some(({ name }) => name === 'latchkey')) return
  console.log('\nTargets')
  for (const { name, reach, withinUs } of trials) {
    if (withinUs !== undefined) {
      const us = 1e6 / rates[name].latchkey
      const verdict = us <= withinUs ? 'reached' : 'NOT REACHED'
      console.log(`  ${name}: ${us.toFixed(2)} µs, wanted ${withinUs}: ${verdict}`)
    }
    for (const { over, ratio: wanted } of reach) {
      const reached = rates[name].latchkey / rates[name][over]
      if (!Number.isFinite(reached)) continue
      const verdict = reached >= wanted ? 'reached' : 'NOT REACHED'
      const figure = reached.toFixed(reached < 10 ? 2 : 0)
      console.log(`  ${name}: ${figure} times ${over}, wanted ${wanted}: ${verdict}`)
    }
  }
}
