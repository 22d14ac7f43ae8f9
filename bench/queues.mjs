/**
 * `npm run bench -- queues`: packages that live on scripts, on latchkey and on ioredis with servers
 * of this machine (over TCP on loopback): jobs and checks per second.
 *
 *   --quick            a twentieth of the jobs, one round     --rounds 3   the table shows their median
 *   --only 'Bull add'  these rows                          --subjects latchkey,redis-server
 *
 * Every cell of every round is a process of its own, because what V8 has learned of a package on
 * one subject is wrong on another; the subjects of a row take turns.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { startServer } from './servers.mjs'
import { printTable, rate, ratio } from './table.mjs'

const { TRIALS } = createRequire(import.meta.url)('./queue-trials.js')
const here = path.dirname(fileURLToPath(import.meta.url))

const SERVERS = ['redis-server', 'valkey-server']

export async function compareQueues(options) {
  const rounds = Number(options.rounds ?? (options.quick ? 1 : 3))
  const chosen = (list, name) => list === undefined || list.split(',').includes(name)
  const only = options.only?.split(',').map((row) => row.trim())
  const trials = TRIALS.filter(({ name }) => !only || only.includes(name))
  const subjects = await openSubjects((name) => chosen(options.subjects, name))
  const versions = subjects.flatMap(({ name, version }) => (version ? [`${name} ${version}`] : []))
  const machine = [`${os.cpus()[0].model.trim()}, ${os.cpus().length} cores`]
  machine.push(`Node ${process.versions.node}`, ...versions)
  console.log(`${machine.join(' · ')}\nmedian of ${rounds} rounds\n`)
  const rates = await measure(trials, subjects, rounds, options.quick ? 20 : 1)
  for (const { stop } of subjects) stop()
  print(trials, subjects, rates)
  const file = options.json ?? path.join(here, 'results', 'local-queues.json')
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify({ machine, rounds, rates }, null, 2)}\n`)
}

async function openSubjects(isChosen) {
  const subjects = isChosen('latchkey') ? [{ name: 'latchkey', stop: () => {} }] : []
  for (const name of SERVERS.filter(isChosen)) {
    const server = await startServer(name)
    if (server) subjects.push({ ...server, name })
    else console.log(`No ${name} on this machine: its column is missing.\n`)
  }
  return subjects
}

/** Operations per second: `rates[row][subject]`. */
async function measure(trials, subjects, rounds, divisor) {
  const rates = {}
  for (const { name: row, jobs } of trials) {
    const samples = subjects.map(() => [])
    for (let round = 0; round < rounds; round++) {
      for (const [i, { port }] of subjects.entries()) {
        samples[i].push(await inChild([row, jobs / divisor, ...(port ? [port] : [])]))
      }
    }
    rates[row] = Object.fromEntries(subjects.map(({ name }, i) => [name, median(samples[i])]))
  }
  return rates
}

function median(list) {
  return list.sort((a, b) => a - b)[list.length >> 1]
}

function inChild(args) {
  const hand = path.join(here, 'hand.mjs')
  const child = spawn(process.execPath, [hand, ...args.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve(Number(output))
      else reject(new Error(`${args.join(' ')} failed with exit code ${code}`))
    })
  })
}

function print(trials, subjects, rates) {
  const names = subjects.map(({ name }) => name)
  const others = names.filter((name) => name !== 'latchkey')
  const compared = names.includes('latchkey') ? others : []
  console.log('Operations per second, and how many times as fast latchkey is')
  printTable(
    ['', ...names, ...compared.map((name) => `: ${name}`)],
    trials.map(({ name: row }) => [
      row,
      ...names.map((name) => rate(rates[row][name])),
      ...compared.map((name) => ratio(rates[row].latchkey, rates[row][name])),
    ]),
  )
  if (compared.length === 0) return
  console.log('\nTargets')
  for (const { name: row, reach } of trials) {
    const best = Math.max(...compared.map((name) => rates[row][name]))
    const reached = rates[row].latchkey / best
    const verdict = reached >= reach ? 'reached' : 'NOT REACHED'
    console.log(
      `  ${row}: ${reached.toFixed(2)} times the better server, wanted ${reach}: ${verdict}`,
    )
  }
}
