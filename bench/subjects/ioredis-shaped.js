'use strict'

/**
 * Every row for a client with ioredis's methods: latchkey, ioredis itself and its mock.
 *
 * Load this file anew for each client (`fresh` in ../run.mjs): V8 collects type feedback per
 * loaded function, and loops shared between clients would be compiled for none of them.
 */
const { KEYS, MEMBERS, ENTRIES, VALUE, FIELDS, SESSION, SCRIPT } = require('../trials.js')

const FIELD_NAMES = Object.keys(FIELDS)

/** Writes what the reading rows read. */
exports.fill = async function fill(redis) {
  await redis.flushall()
  for (let i = 0; i < KEYS; i++) {
    await redis.set(`user:${i}:profile`, VALUE)
    await redis.set(`user:${i}:session`, SESSION)
  }
  for (let i = 0; i < 100; i++) await redis.hset(`user:${i}`, FIELDS)
  for (let i = 0; i < MEMBERS; i++) await redis.zadd('board', i, `member:${i}`)
}

exports.runsOf = (redis) => ({
  get: async (count) => {
    for (let i = 0; i < count; i++) await redis.get(`user:${i % KEYS}:profile`)
  },
  set: async (count) => {
    for (let i = 0; i < count; i++) await redis.set(`user:${i % KEYS}:profile`, VALUE)
  },
  'set EX': async (count) => {
    for (let i = 0; i < count; i++) await redis.set(`user:${i % KEYS}:token`, VALUE, 'EX', 60)
  },
  incr: async (count) => {
    for (let i = 0; i < count; i++) await redis.incr(`user:${i % KEYS}:visits`)
  },
  hset: async (count) => {
    for (let i = 0; i < count; i++) await redis.hset(`user:${i % 100}`, FIELD_NAMES[i % 10], VALUE)
  },
  'hgetall of 10': async (count) => {
    for (let i = 0; i < count; i++) await redis.hgetall(`user:${i % 100}`)
  },
  'lpush + rpop': async (count) => {
    for (let i = 0; i < count; i++) {
      await redis.lpush('queue', VALUE)
      await redis.rpop('queue')
    }
  },
  zadd: async (count) => {
    for (let i = 0; i < count; i++) await redis.zadd('board', i, `member:${i % MEMBERS}`)
  },
  'zrevrange 0 9': async (count) => {
    for (let i = 0; i < count; i++) await redis.zrevrange('board', 0, 9)
  },
  xadd: async (count) => {
    for (let i = 0; i < count; i++) {
      await redis.xadd('log', 'MAXLEN', '~', ENTRIES, '*', 'event', VALUE)
    }
  },
  'mget of 100': async (count) => {
    for (let i = 0; i < count; i++) await redis.mget(hundredKeys(i))
  },
  'pipeline of 100': async (count) => {
    for (let i = 0; i < count; i++) {
      const pipeline = redis.pipeline()
      for (const key of hundredKeys(i)) pipeline.get(key)
      await pipeline.exec()
    }
  },
  'Promise.all of 100': async (count) => {
    for (let i = 0; i < count; i++) await Promise.all(hundredKeys(i).map((key) => redis.get(key)))
  },
  'multi incr + expire': async (count) => {
    for (let i = 0; i < count; i++) {
      const key = `limit:${i % KEYS}:login`
      await redis.multi().incr(key).expire(key, 60).exec()
    }
  },
  '1 KB session read': async (count) => {
    for (let i = 0; i < count; i++) await redis.get(`user:${i % KEYS}:session`)
  },
  'script of one call': async (count) => {
    if (redis.visit === undefined) redis.defineCommand('visit', SCRIPT)
    for (let i = 0; i < count; i++) await redis.visit(`user:${i % KEYS}:visits`)
  },
})

function hundredKeys(from) {
  const keys = []
  for (let i = 0; i < 100; i++) keys.push(`user:${(from + i) % KEYS}:profile`)
  return keys
}
