/**
 * One subject doing one row of `npm run bench -- queues`, in a process of its own; prints how many
 * operations it did in a second.
 *
 *   node hand.mjs <row> <operations> [<port of the server>]      without a server: latchkey
 */
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const { RUNS } = require('./queue-runs.js')

const [row, operations, port] = process.argv.slice(2)
const warmUp = Math.ceil(Number(operations) / 4)
const total = warmUp + Number(operations)

const backend = port ? serverBackend(Number(port)) : latchkeyBackend()
await backend.clear()
const { prepare, perform, close } = await RUNS[row](backend)
await prepare?.(total)
await perform(0, warmUp)
const start = process.hrtime.bigint()
await perform(warmUp, total)
const seconds = Number(process.hrtime.bigint() - start) / 1e9
console.log(Number(operations) / seconds)
await close()
await backend.close()

/** Packages are given clients; the store is the process's own, and new. */
function latchkeyBackend() {
  const Redis = require('../index.js')
  const made = []
  const client = () => {
    const redis = new Redis({ maxRetriesPerRequest: null, enableReadyCheck: false })
    made.push(redis)
    return redis
  }
  return {
    client,
    connection: client,
    bull: () => ({ createClient: client }),
    clear: () => {},
    close: () => {
      for (const redis of made) redis.disconnect()
    },
  }
}

/** Packages are given an address, and make clients of ioredis themselves where they do so. */
function serverBackend(port) {
  const Redis = require('ioredis')
  const address = { host: '127.0.0.1', port }
  return {
    client: () => new Redis(address),
    connection: () => address,
    bull: () => ({ redis: address }),
    clear: async () => {
      const redis = new Redis(address)
      await redis.flushall()
      await redis.quit()
    },
    close: () => {},
  }
}
