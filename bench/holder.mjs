/**
 * One subject holding one shape, in a process of its own; prints its bytes per key as JSON.
 *
 *   node --expose-gc holder.mjs <subject> <shape> <keys> [<socket of the server> <its pid>]
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const { SHAPES } = require('./shapes.js')

const [subject, shapeName, keyCount, socket, pid] = process.argv.slice(2)
const shape = SHAPES.find(({ name }) => name === shapeName)
const keys = Number(keyCount)
const BATCH = 1_000
const WARM_UP = 100_000

const holder = await openHolder()
// The first keys make what is made once (buffers, compiled code, shards), and asking for keys that
// are not there makes the garbage of filling without its keys; neither is counted.
await holder.fill(0, BATCH)
await holder.clear()
for (let i = 0; i < WARM_UP; i += BATCH) await holder.ask(i, i + BATCH)
const before = await holder.measure()
for (let i = 0; i < keys; i += BATCH) await holder.fill(i, Math.min(i + BATCH, keys))
const after = await holder.measure()
console.log(
  JSON.stringify({
    used: (after.used - before.used) / keys,
    rss: (after.rss - before.rss) / keys,
  }),
)
await holder.close()

function openHolder() {
  if (subject === 'map') return plainHolder(new Map())
  if (subject === 'lru-cache') {
    const { LRUCache } = require('lru-cache')
    return plainHolder(new LRUCache({ max: Math.max(keys, BATCH) }))
  }
  if (subject === 'latchkey') {
    const Redis = require('../index.js')
    return redisHolder(new Redis({ store: new Redis.Store() }), ownRss)
  }
  const Redis = require('ioredis')
  return redisHolder(new Redis({ path: socket }), serverRss)
}

function plainHolder(map) {
  return {
    fill: (from, to) => {
      for (let i = from; i < to; i++) map.set(shape.words(i)[1], shape.plain(i))
    },
    ask: (from, to) => {
      for (let i = from; i < to; i++) map.has(shape.plain(i))
    },
    clear: () => map.clear(),
    measure: () => {
      globalThis.gc()
      const { heapUsed, external } = process.memoryUsage()
      return { used: heapUsed + external, rss: ownRss() }
    },
    close: () => {},
  }
}

function redisHolder(redis, rss) {
  return {
    fill: async (from, to) => {
      const pipeline = redis.pipeline()
      for (let i = from; i < to; i++) pipeline.call(...shape.words(i))
      for (const [error] of await pipeline.exec()) if (error) throw error
    },
    ask: async (from, to) => {
      const pipeline = redis.pipeline()
      for (let i = from; i < to; i++) pipeline.exists(...shape.words(i).slice(1))
      await pipeline.exec()
    },
    clear: () => redis.flushall(),
    measure: async () => {
      globalThis.gc()
      const used = /^used_memory:(\d+)/m.exec(await redis.info('memory'))[1]
      return { used: Number(used), rss: rss() }
    },
    close: () => redis.quit(),
  }
}

function ownRss() {
  return process.memoryUsage.rss()
}

/** On Linux from the kernel; what the server itself reports can be a tenth of a second old. */
function serverRss() {
  return Number(/^VmRSS:\s*(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024
}
