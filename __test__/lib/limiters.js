'use strict'

// The packages for rate limits, each the way its README shows it, behind one face: a limiter is
// made of a client, and `hit(key)` resolves to whether the hit is within `MAX` for `WINDOW_MS`.

const MAX = 20

const WINDOW_MS = 60_000

const LIMITERS = {
  'rate-limit-redis': async ({ redis }) => {
    const { RedisStore } = require('rate-limit-redis')
    const store = new RedisStore({ sendCommand: (...args) => redis.call(...args) })
    await store.init({ windowMs: WINDOW_MS })
    return { hit: async (key) => (await store.increment(key)).totalHits <= MAX }
  },

  'rate-limiter-flexible': async ({ redis }) => {
    const { RateLimiterRedis, RateLimiterRes } = require('rate-limiter-flexible')
    const options = { storeClient: redis, points: MAX, duration: WINDOW_MS / 1000 }
    const limiter = new RateLimiterRedis(options)
    const hit = async (key) => {
      try {
        await limiter.consume(key)
        return true
      } catch (refusal) {
        if (refusal instanceof RateLimiterRes) return false
        throw refusal
      }
    }
    return { hit }
  },

  '@fastify/rate-limit': async ({ redis }) => {
    const app = require('fastify')()
    const keyGenerator = ({ query }) => query.key
    const options = { max: MAX, timeWindow: WINDOW_MS, redis, keyGenerator }
    await app.register(require('@fastify/rate-limit'), options)
    app.get('/', async () => 'hello')
    const hit = async (key) => {
      const { statusCode, body } = await app.inject({ url: '/', query: { key } })
      if (statusCode === 200) return true
      if (statusCode === 429) return false
      throw new Error(body)
    }
    return { hit, close: () => app.close() }
  },

  /** It takes a client of ioredis or nothing: one that comes in through the store's own door. */
  '@nest-lab/throttler-storage-redis': async ({ path }) => {
    const { ThrottlerStorageRedisService } = require('@nest-lab/throttler-storage-redis')
    const storage = new ThrottlerStorageRedisService({ path })
    const hit = async (key) => {
      const { isBlocked } = await storage.increment(key, WINDOW_MS, MAX, WINDOW_MS, 'default')
      return !isBlocked
    }
    return { hit, close: () => storage.onModuleDestroy() }
  },
}

module.exports = { LIMITERS, MAX, WINDOW_MS }
