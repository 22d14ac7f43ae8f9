'use strict'

/**
 * Cache-aside: ask the cache first, the slow source only on a miss, and leave the answer behind.
 *
 *   trains:<station>   the departures as JSON, for 20 seconds
 *   trains:saved       milliseconds that nobody had to wait
 */

const { setTimeout: sleep } = require('node:timers/promises')
const { Router } = require('express')

const CACHE_SECONDS = 20
const STATIONS = {
  harbour: ['Ferry Point', 'Old Lighthouse', 'Sandbanks'],
  market: ['Cathedral', 'University', 'Airport'],
  hill: ['Observatory', 'Vineyards', 'Monastery'],
}

function trains(redis, { apiMs }) {
  const router = Router()

  router.get('/trains/:station', async ({ params: { station } }, response) => {
    if (!Object.hasOwn(STATIONS, station)) {
      return response.status(404).json({ error: 'No such station' })
    }
    const start = performance.now()
    const key = `trains:${station}`

    let departures = JSON.parse(await redis.get(key))
    const hit = departures !== null
    if (!hit) {
      departures = await askRailway(station, apiMs)
      await redis.set(key, JSON.stringify(departures), 'EX', CACHE_SECONDS)
    }

    const ms = performance.now() - start
    const saved = hit ? Math.round(departures.tookMs - ms) : 0
    const savedMs = await redis.incrby('trains:saved', saved)
    response.json({
      hit,
      ms,
      apiMs: departures.tookMs,
      savedMs,
      ttl: await redis.ttl(key),
      departures,
    })
  })

  router.delete('/trains/:station', async ({ params: { station } }, response) => {
    response.json({ removed: await redis.del(`trains:${station}`) })
  })

  return router
}

/** Stands for any API that takes its time. */
async function askRailway(station, apiMs) {
  const start = performance.now()
  await sleep(apiMs)
  const now = Date.now()
  const rows = STATIONS[station].map((to, at) => ({
    to,
    at: new Date(now + (at * 7 + 3) * 60_000).toTimeString().slice(0, 5),
    platform: ((station.length + at * 2) % 6) + 1,
  }))
  return { rows, tookMs: Math.round(performance.now() - start) }
}

module.exports = trains
