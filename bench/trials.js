'use strict'

/**
 * The rows of `npm run bench`, as data. How a subject does a row stands in `subjects/`.
 *
 * An operation is what one turn of the row's loop does and awaits. Keys are made in the loop, as
 * an application does it, from `KEYS` different ones; values are 64 bytes where nothing else is said.
 *
 * `reach` is the ratio that latchkey is to reach in the same run, against which subject; `withinUs`
 * how many microseconds one operation of latchkey may take.
 */
const SINGLE = [{ over: 'ioredis-tcp', ratio: 100 }]
const COMPOSITE = [{ over: 'ioredis-tcp', ratio: 30 }]
const BULK = [{ over: 'ioredis-tcp', ratio: 5 }]
const CACHE = [...SINGLE, { over: 'lru-cache', ratio: 1 }]

exports.TRIALS = [
  { name: 'get', reach: CACHE },
  { name: 'set', reach: CACHE },
  { name: 'set EX', reach: CACHE },
  { name: 'incr', reach: SINGLE },
  { name: 'hset', reach: SINGLE },
  { name: 'hgetall of 10', reach: COMPOSITE },
  { name: 'lpush + rpop', reach: COMPOSITE },
  { name: 'zadd', reach: SINGLE },
  { name: 'zrevrange 0 9', reach: COMPOSITE },
  { name: 'xadd', reach: SINGLE },
  { name: 'mget of 100', reach: BULK },
  { name: 'pipeline of 100', reach: BULK },
  { name: 'Promise.all of 100', reach: BULK },
  { name: 'multi incr + expire', reach: COMPOSITE },
  { name: '1 KB session read', reach: SINGLE },
  { name: 'script of one call', reach: COMPOSITE, withinUs: 2 },
]

/** How many different keys the rows go round over. */
exports.KEYS = 10_000

/** Members of the sorted set that zadd changes and zrevrange reads. */
exports.MEMBERS = 1_000

/** Entries that the stream keeps, so that a fast subject does not fill the memory. */
exports.ENTRIES = 10_000

exports.VALUE = 'v'.repeat(64)

exports.FIELDS = Object.fromEntries(
  Array.from({ length: 10 }, (_, i) => [`field:${i}`, `value of field ${i}`]),
)

/** A custom command: one key, one call. */
exports.SCRIPT = { numberOfKeys: 1, lua: "return redis.call('INCR', KEYS[1])" }

exports.SESSION = JSON.stringify({
  cookie: {
    originalMaxAge: 86_400_000,
    expires: '2030-01-01T00:00:00.000Z',
    httpOnly: true,
    path: '/',
  },
  user: { id: 4711, name: 'Ada Lovelace', roles: ['admin', 'author'] },
  cart: Array.from({ length: 12 }, (_, i) => ({ id: `article-${i}`, count: i + 1 })),
}).padEnd(1024)
