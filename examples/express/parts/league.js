'use strict'

/**
 * A leaderboard: a sorted set keeps its members in order of their scores.
 *
 *   league   names by plates washed
 */

const { Router } = require('express')

const KEY = 'league'
const HOUSEMATES = [31, 'Grace', 24, 'Linus', 18, 'Ada', 9, 'Ken']

function league(redis) {
  const router = Router()

  router.get('/league', async (_request, response) => {
    // NX leaves everybody who is on the board already as they are.
    await redis.zadd(KEY, 'NX', ...HOUSEMATES)
    response.json({ rows: await top(redis) })
  })

  router.post('/league', async ({ session }, response) => {
    const name = session.name ?? 'You'
    await redis.zincrby(KEY, 5, name)
    const rank = await redis.zrevrank(KEY, name)
    const rows = await top(redis)
    await redis.publish('house:league', JSON.stringify({ rows }))
    response.json({ rows, name, rank: rank + 1 })
  })

  return router
}

/** `['Grace', '31', 'Linus', '24', …]` as rows. */
async function top(redis) {
  const flat = await redis.zrevrange(KEY, 0, 5, 'WITHSCORES')
  return Array.from({ length: flat.length / 2 }, (_, at) => ({
    name: flat[at * 2],
    score: Number(flat[at * 2 + 1]),
  }))
}

module.exports = league
