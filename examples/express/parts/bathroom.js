'use strict'

/**
 * A lock: SET with NX lets one in, EX frees it when its holder forgets, and a token makes sure that
 * only the holder unlocks.
 *
 *   bathroom   holder and token, for 15 seconds
 */

const { randomUUID } = require('node:crypto')
const { Router } = require('express')

const KEY = 'bathroom'
const HELD_SECONDS = 15

function bathroom(redis) {
  const router = Router()

  router.get('/bathroom', async (_request, response) => {
    response.json(await describe(redis))
  })

  router.post('/bathroom', async ({ body, session }, response) => {
    const holder = body?.as === 'housemate' ? 'Linus' : (session.name ?? 'You')
    const token = randomUUID().slice(0, 8)
    const value = JSON.stringify({ holder, token })
    const taken = await redis.set(KEY, value, 'EX', HELD_SECONDS, 'NX')
    const state = await describe(redis)
    await tellHouse(redis, state)
    if (!taken) return response.status(409).json({ refused: holder, ...state })
    response.json({ token, ...state })
  })

  router.delete('/bathroom', async (request, response) => {
    const released = await release(redis.duplicate(), String(request.body?.token))
    const state = await describe(redis)
    await tellHouse(redis, state)
    response.status(released ? 200 : 409).json({ released, ...state })
  })

  return router
}

/**
 * Deletes the lock only if it is still ours. Between looking and deleting it may end and be taken
 * by somebody else; WATCH makes EXEC do nothing then. A watch belongs to its connection, hence a
 * client that no other request uses.
 */
async function release(client, token) {
  try {
    await client.watch(KEY)
    const lock = JSON.parse(await client.get(KEY))
    if (lock?.token !== token) return false
    return (await client.multi().del(KEY).exec()) !== null
  } finally {
    client.disconnect()
  }
}

/** Who holds the lock and for how long yet. The token is the holder's secret. */
async function describe(redis) {
  const lock = JSON.parse(await redis.get(KEY))
  const ttlMs = await redis.pttl(KEY)
  return lock && ttlMs > 0 ? { holder: lock.holder, ttlMs } : { holder: null, ttlMs: 0 }
}

async function tellHouse(redis, state) {
  await redis.publish('house:bathroom', JSON.stringify(state))
}

module.exports = bathroom
