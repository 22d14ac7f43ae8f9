'use strict'

/**
 * A job queue: handlers push, one worker waits for work with BLPOP.
 *
 *   oven:queue      ids of what waits, first come first served
 *   oven:<id>       dish, who ordered it, and its state
 *   oven:recent     the latest ids, for the page
 *   oven:next       the number of the latest order
 */

const { setTimeout: sleep } = require('node:timers/promises')
const { Router } = require('express')

const RECENT = 5
const KEPT_SECONDS = 3600

function openOven(redis, { bakeMs }) {
  // A blocking command occupies its client, so the worker has one to itself.
  const worker = redis.duplicate()
  let open = true
  const done = work()

  async function work() {
    while (open) {
      try {
        const [, id] = await worker.blpop('oven:queue', 0)
        await move(redis, id, 'baking')
        await sleep(bakeMs)
        await move(redis, id, 'ready')
      } catch (error) {
        if (open) throw error
      }
    }
  }

  const router = Router()

  router.get('/oven', async (_request, response) => {
    response.json(await describe(redis))
  })

  router.post('/oven', async ({ body, session }, response) => {
    const dish = String(body?.dish ?? '')
      .trim()
      .slice(0, 30)
    if (!dish) return response.status(400).json({ error: 'What should we bake?' })
    const id = await redis.incr('oven:next')
    await redis
      .multi()
      .hset(`oven:${id}`, { dish, who: session.name ?? 'somebody', state: 'waiting' })
      .expire(`oven:${id}`, KEPT_SECONDS)
      .lpush('oven:recent', id)
      .ltrim('oven:recent', 0, RECENT - 1)
      .rpush('oven:queue', id)
      .exec()
    await tellHouse(redis)
    response.json({ id })
  })

  function close() {
    open = false
    worker.disconnect()
    return done
  }

  return { router, close }
}

async function move(redis, id, state) {
  await redis.hset(`oven:${id}`, 'state', state)
  await tellHouse(redis)
}

async function tellHouse(redis) {
  await redis.publish('house:oven', JSON.stringify(await describe(redis)))
}

async function describe(redis) {
  const ids = await redis.lrange('oven:recent', 0, -1)
  const hashes = await Promise.all(ids.map((id) => redis.hgetall(`oven:${id}`)))
  const jobs = hashes.map((hash, at) => ({ id: ids[at], ...hash })).filter(({ dish }) => dish)
  return { jobs, waiting: await redis.llen('oven:queue') }
}

module.exports = { openOven }
