'use strict'

/**
 * lru-cache behind async functions, as a cache that an application awaits.
 *
 * The rows without a deadline use a cache that tracks none, which is lru-cache at its fastest.
 */
const { KEYS, VALUE, SESSION } = require('../trials.js')

exports.open = async () => {
  const { LRUCache } = require('lru-cache')
  const cache = new LRUCache({ max: 10 * KEYS })
  const timed = new LRUCache({ max: 10 * KEYS, ttl: 60_000 })
  for (let i = 0; i < KEYS; i++) {
    cache.set(`user:${i}:profile`, VALUE)
    cache.set(`user:${i}:session`, SESSION)
  }
  return { runs: runsOf(cache, timed), close: () => {} }
}

function runsOf(cache, timed) {
  const get = async (key) => cache.get(key)
  const set = async (key, value) => cache.set(key, value)
  const setFor = async (key, value, seconds) => timed.set(key, value, { ttl: seconds * 1000 })
  const incr = async (key) => {
    const next = (cache.get(key) ?? 0) + 1
    cache.set(key, next)
    return next
  }
  const mget = async (keys) => keys.map((key) => cache.get(key))
  return {
    get: async (count) => {
      for (let i = 0; i < count; i++) await get(`user:${i % KEYS}:profile`)
    },
    set: async (count) => {
      for (let i = 0; i < count; i++) await set(`user:${i % KEYS}:profile`, VALUE)
    },
    'set EX': async (count) => {
      for (let i = 0; i < count; i++) await setFor(`user:${i % KEYS}:token`, VALUE, 60)
    },
    incr: async (count) => {
      for (let i = 0; i < count; i++) await incr(`user:${i % KEYS}:visits`)
    },
    'mget of 100': async (count) => {
      for (let i = 0; i < count; i++) await mget(hundredKeys(i))
    },
    'Promise.all of 100': async (count) => {
      for (let i = 0; i < count; i++) await Promise.all(hundredKeys(i).map((key) => get(key)))
    },
    '1 KB session read': async (count) => {
      for (let i = 0; i < count; i++) await get(`user:${i % KEYS}:session`)
    },
  }
}

function hundredKeys(from) {
  const keys = []
  for (let i = 0; i < 100; i++) keys.push(`user:${(from + i) % KEYS}:profile`)
  return keys
}
