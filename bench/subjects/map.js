'use strict'

/**
 * A plain Map behind async functions: what a program has without any library, and about the least
 * that an awaited call can cost. It has no limit, and deadlines are only looked at on reading.
 */
const { KEYS, VALUE, FIELDS, SESSION } = require('../trials.js')

const FIELD_NAMES = Object.keys(FIELDS)

exports.open = async () => {
  const cache = new Map()
  for (let i = 0; i < KEYS; i++) {
    cache.set(`user:${i}:profile`, VALUE)
    cache.set(`user:${i}:session`, SESSION)
  }
  for (let i = 0; i < 100; i++) cache.set(`user:${i}`, new Map(Object.entries(FIELDS)))
  return { runs: runsOf(cache), close: () => {} }
}

function runsOf(cache) {
  const get = async (key) => cache.get(key)
  const set = async (key, value) => cache.set(key, value)
  const setFor = async (key, value, seconds) =>
    cache.set(key, { value, expiresAtMs: Date.now() + seconds * 1000 })
  const incr = async (key) => {
    const next = (cache.get(key) ?? 0) + 1
    cache.set(key, next)
    return next
  }
  const hset = async (key, field, value) => cache.get(key).set(field, value)
  const hgetall = async (key) => Object.fromEntries(cache.get(key))
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
    hset: async (count) => {
      for (let i = 0; i < count; i++) await hset(`user:${i % 100}`, FIELD_NAMES[i % 10], VALUE)
    },
    'hgetall of 10': async (count) => {
      for (let i = 0; i < count; i++) await hgetall(`user:${i % 100}`)
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
