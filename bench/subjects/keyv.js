'use strict'

/** keyv over its own in-memory Map. Its methods are asynchronous by themselves. */
const { KEYS, VALUE, SESSION } = require('../trials.js')

exports.open = async () => {
  const { default: Keyv } = require('keyv')
  const cache = new Keyv()
  for (let i = 0; i < KEYS; i++) {
    await cache.set(`user:${i}:profile`, VALUE)
    await cache.set(`user:${i}:session`, SESSION)
  }
  return { runs: runsOf(cache), close: () => cache.disconnect() }
}

const runsOf = (cache) => ({
  get: async (count) => {
    for (let i = 0; i < count; i++) await cache.get(`user:${i % KEYS}:profile`)
  },
  set: async (count) => {
    for (let i = 0; i < count; i++) await cache.set(`user:${i % KEYS}:profile`, VALUE)
  },
  'set EX': async (count) => {
    for (let i = 0; i < count; i++) await cache.set(`user:${i % KEYS}:token`, VALUE, 60_000)
  },
  incr: async (count) => {
    for (let i = 0; i < count; i++) {
      const key = `user:${i % KEYS}:visits`
      await cache.set(key, ((await cache.get(key)) ?? 0) + 1)
    }
  },
  'mget of 100': async (count) => {
    for (let i = 0; i < count; i++) await cache.getMany(hundredKeys(i))
  },
  'Promise.all of 100': async (count) => {
    for (let i = 0; i < count; i++) await Promise.all(hundredKeys(i).map((key) => cache.get(key)))
  },
  '1 KB session read': async (count) => {
    for (let i = 0; i < count; i++) await cache.get(`user:${i % KEYS}:session`)
  },
})

function hundredKeys(from) {
  const keys = []
  for (let i = 0; i < 100; i++) keys.push(`user:${(from + i) % KEYS}:profile`)
  return keys
}
