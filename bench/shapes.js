'use strict'

/**
 * The rows of `npm run bench -- --memory`, as data: what is stored under key number `i`.
 *
 * Keys have 16 characters. `words` is the command that writes the key on a server; `plain` is what
 * a JavaScript program would keep in its Map for the same purpose.
 */

/** Different text for every `i`, of exactly `length` characters. */
function text(i, length) {
  let made = ''
  for (let state = i + 1; made.length < length; state = (state * 48_271) % 2_147_483_647) {
    made += state.toString(36)
  }
  return flat(made.slice(0, length))
}

/** One string in one piece, as parsers make them: V8 would keep the parts it was put together of. */
function flat(string) {
  return Buffer.from(string, 'latin1').toString('latin1')
}

const key = (prefix, i) => flat(`${prefix}:`.padEnd(16 - String(i).length, '0') + i)

const tens = Array.from({ length: 10 }, (_, i) => i)

exports.SHAPES = [
  {
    name: 'strings',
    title: '1 M strings of 64 bytes',
    keys: 1_000_000,
    words: (i) => ['set', key('str', i), text(i, 64)],
    plain: (i) => text(i, 64),
  },
  {
    name: 'sessions',
    title: '1 M sessions of 500 bytes with TTL',
    keys: 1_000_000,
    words: (i) => ['set', key('sess', i), text(i, 500), 'EX', '86400'],
    plain: (i) => ({ value: text(i, 500), expiresAtMs: Date.now() + 86_400_000 }),
  },
  {
    name: 'hashes',
    title: '1 M hashes of five fields',
    keys: 1_000_000,
    words: (i) => ['hset', key('user', i), ...Object.entries(user(i)).flat()],
    plain: (i) => user(i),
  },
  {
    name: 'lists',
    title: '100 k lists of ten',
    keys: 100_000,
    words: (i) => ['rpush', key('list', i), ...tens.map((j) => text(i * 10 + j, 16))],
    plain: (i) => tens.map((j) => text(i * 10 + j, 16)),
  },
  {
    name: 'sorted sets',
    title: '100 k sorted sets of ten',
    keys: 100_000,
    words: (i) => ['zadd', key('zset', i), ...members(i).flat()],
    plain: (i) => members(i).map(([score, member]) => ({ member, score: Number(score) })),
  },
]

function user(i) {
  return {
    name: text(i, 12),
    email: flat(`${text(i, 10)}@example.com`),
    age: String(18 + (i % 60)),
    city: text(i + 7, 9),
    visits: String(i % 1000),
  }
}

function members(i) {
  return tens.map((j) => [String((i * 7 + j * 13) % 100_000), text(i * 10 + j, 16)])
}
