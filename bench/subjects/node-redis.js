'use strict'

/** node-redis with a redis-server of this machine, over TCP on loopback. */
const { KEYS, MEMBERS, ENTRIES, VALUE, FIELDS, SESSION, SCRIPT } = require('../trials.js')

const FIELD_NAMES = Object.keys(FIELDS)

exports.needsServer = true

exports.open = async ({ server }) => {
  const { createClient } = require('redis')
  const client = createClient({ socket: { host: server.host, port: server.port } })
  await client.connect()
  await fill(client)
  return { runs: runsOf(client), close: () => client.close() }
}

async function fill(client) {
  await client.flushAll()
  for (let i = 0; i < KEYS; i++) {
    await client.set(`user:${i}:profile`, VALUE)
    await client.set(`user:${i}:session`, SESSION)
  }
  for (let i = 0; i < 100; i++) await client.hSet(`user:${i}`, FIELDS)
  for (let i = 0; i < MEMBERS; i++) await client.zAdd('board', { score: i, value: `member:${i}` })
}

const runsOf = (client) => ({
  get: async (count) => {
    for (let i = 0; i < count; i++) await client.get(`user:${i % KEYS}:profile`)
  },
  set: async (count) => {
    for (let i = 0; i < count; i++) await client.set(`user:${i % KEYS}:profile`, VALUE)
  },
  'set EX': async (count) => {
    for (let i = 0; i < count; i++) await client.set(`user:${i % KEYS}:token`, VALUE, { EX: 60 })
  },
  incr: async (count) => {
    for (let i = 0; i < count; i++) await client.incr(`user:${i % KEYS}:visits`)
  },
  hset: async (count) => {
    for (let i = 0; i < count; i++) await client.hSet(`user:${i % 100}`, FIELD_NAMES[i % 10], VALUE)
  },
  'hgetall of 10': async (count) => {
    for (let i = 0; i < count; i++) await client.hGetAll(`user:${i % 100}`)
  },
  'lpush + rpop': async (count) => {
    for (let i = 0; i < count; i++) {
      await client.lPush('queue', VALUE)
      await client.rPop('queue')
    }
  },
  zadd: async (count) => {
    for (let i = 0; i < count; i++) {
      await client.zAdd('board', { score: i, value: `member:${i % MEMBERS}` })
    }
  },
  'zrevrange 0 9': async (count) => {
    for (let i = 0; i < count; i++) await client.zRange('board', 0, 9, { REV: true })
  },
  xadd: async (count) => {
    const TRIM = { strategy: 'MAXLEN', strategyModifier: '~', threshold: ENTRIES }
    for (let i = 0; i < count; i++) await client.xAdd('log', '*', { event: VALUE }, { TRIM })
  },
  'mget of 100': async (count) => {
    for (let i = 0; i < count; i++) await client.mGet(hundredKeys(i))
  },
  'pipeline of 100': async (count) => {
    for (let i = 0; i < count; i++) {
      const pipeline = client.multi()
      for (const key of hundredKeys(i)) pipeline.get(key)
      await pipeline.execAsPipeline()
    }
  },
  'Promise.all of 100': async (count) => {
    for (let i = 0; i < count; i++) await Promise.all(hundredKeys(i).map((key) => client.get(key)))
  },
  'multi incr + expire': async (count) => {
    for (let i = 0; i < count; i++) {
      const key = `limit:${i % KEYS}:login`
      await client.multi().incr(key).expire(key, 60).exec()
    }
  },
  '1 KB session read': async (count) => {
    for (let i = 0; i < count; i++) await client.get(`user:${i % KEYS}:session`)
  },
  'script of one call': async (count) => {
    const sha = await client.scriptLoad(SCRIPT.lua)
    for (let i = 0; i < count; i++) {
      await client.evalSha(sha, { keys: [`user:${i % KEYS}:visits`] })
    }
  },
})

function hundredKeys(from) {
  const keys = []
  for (let i = 0; i < 100; i++) keys.push(`user:${(from + i) % KEYS}:profile`)
  return keys
}
