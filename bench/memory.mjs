/**
 * `npm run bench -- --memory`: what a key costs, in bytes.
 *
 * Every subject holds every shape in a process of its own: for latchkey, Map and lru-cache a child
 * running holder.mjs, for the servers a fresh server that a child fills over its socket. Two
 * figures: what the subject says it uses (INFO's used_memory; the heap for JavaScript), and by how
 * much the process grew (RSS), both less what it had before the first key and divided by the keys.
 *
 *   --quick      a hundredth of the keys      --keys 50000   at most so many keys
 */
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { startServer } from './servers.mjs'
import { printTable } from './table.mjs'

const { SHAPES } = createRequire(import.meta.url)('./shapes.js')
const here = path.dirname(fileURLToPath(import.meta.url))

const HOLDERS = ['latchkey', 'valkey-server', 'redis-server', 'map', 'lru-cache']

export async function compareMemory(options) {
  const results = {}
  const shapes = SHAPES.filter(
    ({ name }) => !options.only || options.only.split(',').includes(name),
  )
  const holders = HOLDERS.filter(
    (h) => !options.subjects || options.subjects.split(',').includes(h),
  )
  for (const shape of shapes) {
    const keys = Math.min(shape.keys / (options.quick ? 100 : 1), Number(options.keys ?? Infinity))
    results[shape.name] = {}
    for (const holder of holders) {
      const grown = await hold(holder, shape.name, keys)
      if (grown) results[shape.name][holder] = grown
    }
  }
  printMemory(shapes, holders, results)
  const file = options.json ?? path.join(here, 'results', 'local-memory.json')
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`)
}

/** Bytes per key `{ used, rss }`, or null when the subject is not on this machine. */
async function hold(holder, shape, keys) {
  if (!holder.endsWith('-server')) return inChild([holder, shape, keys])
  const server = await startServer(holder)
  if (!server) return null
  try {
    return await inChild([holder, shape, keys, server.socket, server.pid])
  } finally {
    server.stop()
  }
}

function inChild(args) {
  const holder = path.join(here, 'holder.mjs')
  const child = spawn(process.execPath, ['--expose-gc', holder, ...args.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(output))
      else reject(new Error(`holding ${args.join(' ')} failed with exit code ${code}`))
    })
  })
}

function printMemory(shapes, holders, results) {
  for (const [figure, title] of [
    ['used', 'Bytes per key, as the subject counts them (used_memory; the heap for JavaScript)'],
    ['rss', 'Bytes per key, as the process grew (RSS)'],
  ]) {
    const rows = shapes.map(({ name, title: row }) => [
      row,
      ...holders.map((holder) => results[name][holder]?.[figure].toFixed(0) ?? '-'),
    ])
    console.log(`${title}\n`)
    printTable(['', ...holders], rows)
    console.log()
  }
  printVerdict(shapes, results)
}

function printVerdict(shapes, results) {
  console.log('Target: below valkey-server in every row')
  for (const { name, title } of shapes) {
    const { latchkey: ours, 'valkey-server': theirs } = results[name]
    if (!ours || !theirs) continue
    const verdict = ours.used < theirs.used ? 'reached' : 'NOT REACHED'
    console.log(`  ${title}: ${ours.used.toFixed(1)} beside ${theirs.used.toFixed(1)}: ${verdict}`)
  }
}
