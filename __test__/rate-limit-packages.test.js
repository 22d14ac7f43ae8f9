'use strict'

// Rate limits of packages that are built on scripts. They are what npm has of them, and count in a
// store of latchkey.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { once } = require('node:events')
const { mkdtempSync, rmSync } = require('node:fs')
const http = require('node:http')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { afterwards, mayConnectTo } = require('./lib/watch')
const { crew } = require('./lib/crew')
const { LIMITERS, MAX, WINDOW_MS } = require('./lib/limiters')
const { newRedis, newStore } = require('./lib/fleeting')

/** Opens a store to the clients of ioredis, over a Unix socket: the path. */
async function listen(store) {
  const folder = mkdtempSync(join(tmpdir(), 'limits-'))
  afterwards(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'socket')
  const server = await store.listen({ path })
  afterwards(() => server.close())
  return path
}

/** Which comes in at a Unix socket, and so is not tested where there are none. */
const isFromOutside = (name) => name.startsWith('@nest')
const skipOf = (name) => isFromOutside(name) && process.platform === 'win32'

/** What several limiters of one store are made with. */
async function newPlace(name) {
  const store = newStore()
  const path = isFromOutside(name) ? await listen(store) : undefined
  const redis = newRedis({ store })
  const newLimiter = async () => {
    const limiter = await LIMITERS[name]({ redis: newRedis({ store }), path })
    afterwards(() => limiter.close?.())
    return limiter
  }
  return { store, redis, path, newLimiter }
}

const count = (answers) => answers.filter((passed) => passed).length

const hits = (hit, times) => Promise.all(Array.from({ length: times }, () => hit('somebody')))

for (const name of Object.keys(LIMITERS)) {
  const skip = skipOf(name)
  test(`${name}: of hits at the same time exactly as many pass as the limit says`, {
    skip,
  }, async () => {
    const { newLimiter } = await newPlace(name)
    const [one, other] = [await newLimiter(), await newLimiter()]
    const answers = await Promise.all([hits(one.hit, 40), hits(other.hit, 40)])
    assert.equal(count(answers.flat()), MAX)
    assert.equal(await one.hit('somebody else'), true)
  })

  test(`${name}: a new window begins when the first one is over`, { skip }, async () => {
    const { store, newLimiter } = await newPlace(name)
    const { hit } = await newLimiter()
    await hits(hit, MAX + 1)
    store.advance(WINDOW_MS - 1)
    assert.equal(await hit('somebody'), false)
    store.advance(1)
    assert.equal(count(await hits(hit, MAX + 1)), MAX)
  })

  test(`${name}: no hit is lost or counted twice when the store forgets its scripts`, {
    skip,
  }, async () => {
    const { redis, newLimiter } = await newPlace(name)
    const { hit } = await newLimiter()
    const before = await hits(hit, 5)
    await redis.script('FLUSH')
    const after = await hits(hit, MAX)
    assert.equal(count(before) + count(after), MAX)
  })
}

for (const name of Object.keys(LIMITERS)) {
  const skip = skipOf(name)
  test(`${name}: the limit holds for all workers together`, { skip }, async () => {
    // Clients of ioredis may come to any store; the others share the one of the process.
    const path = isFromOutside(name) ? await listen(newStore()) : undefined
    const redis = newRedis()
    await redis.flushall()
    const passed = await crew(
      4,
      async ({ load, redis, data }) => {
        const { LIMITERS, MAX } = load('./limiters')
        const { hit, close } = await LIMITERS[data.name]({ redis, path: data.path })
        await hit('warm-up')
        return async () => {
          const answers = await Promise.all(Array.from({ length: MAX }, () => hit('somebody')))
          await close?.()
          return answers.filter((passed) => passed).length
        }
      },
      { name, path },
    )
    assert.equal(
      passed.reduce((sum, n) => sum + n, 0),
      MAX,
    )
    await redis.flushall()
  })
}

test('rate-limit-redis: as the store of express-rate-limit, behind requests of a real app', async () => {
  const express = require('express')
  const { rateLimit } = require('express-rate-limit')
  const { RedisStore } = require('rate-limit-redis')
  const redis = newRedis({ store: newStore() })
  const app = express()
  const store = new RedisStore({ sendCommand: (...args) => redis.call(...args) })
  app.use(rateLimit({ windowMs: WINDOW_MS, limit: 5, standardHeaders: 'draft-8', store }))
  app.get('/', (_req, res) => res.end('hello'))
  const server = app.listen(0, '127.0.0.1')
  afterwards(() => server.close())
  await once(server, 'listening')
  const port = mayConnectTo(server.address().port)

  const replies = await Promise.all(Array.from({ length: 12 }, () => get(port)))
  const statuses = replies.map(({ statusCode }) => statusCode)
  assert.equal(statuses.filter((status) => status === 200).length, 5)
  assert.equal(statuses.filter((status) => status === 429).length, 7)
  assert.match(replies[0].headers.ratelimit, /r=\d+; t=60/)
})

/** The response to a request of its own connection. */
async function get(port) {
  const [response] = await once(http.get({ port, host: '127.0.0.1', agent: false }), 'response')
  response.resume()
  await once(response, 'end')
  return response
}

test('rate-limit-redis: hits can be looked up, undone and forgotten', async () => {
  const { RedisStore } = require('rate-limit-redis')
  const redis = newRedis({ store: newStore() })
  const store = new RedisStore({ sendCommand: (...args) => redis.call(...args), prefix: 'mine:' })
  await store.init({ windowMs: WINDOW_MS })
  await store.increment('k')
  const { totalHits, resetTime } = await store.increment('k')
  assert.equal(totalHits, 2)
  const resetMs = resetTime - Date.now()
  assert.ok(resetMs > WINDOW_MS - 5000 && resetMs <= WINDOW_MS, `resets in ${resetMs} ms`)
  await store.decrement('k')
  assert.equal((await store.get('k')).totalHits, 1)
  assert.deepEqual(await redis.keys('*'), ['mine:k'])
  await store.resetKey('k')
  assert.equal((await store.increment('k')).totalHits, 1)
})

test('rate-limiter-flexible: what is left, penalties, rewards, blocks, and forgetting', async () => {
  const { RateLimiterRedis } = require('rate-limiter-flexible')
  const redis = newRedis({ store: newStore() })
  const limiter = new RateLimiterRedis({ storeClient: redis, points: 5, duration: 60 })
  assert.equal(await limiter.get('k'), null)
  const first = await limiter.consume('k', 2)
  assert.deepEqual(
    { ...first.toJSON() },
    { remainingPoints: 3, msBeforeNext: 60_000, consumedPoints: 2, isFirstInDuration: true },
  )
  assert.equal((await limiter.penalty('k', 2)).consumedPoints, 4)
  assert.equal((await limiter.reward('k', 3)).consumedPoints, 1)
  assert.equal((await limiter.get('k')).remainingPoints, 4)
  await limiter.block('k', 30)
  await assert.rejects(limiter.consume('k'), { msBeforeNext: 30_000, remainingPoints: 0 })
  await limiter.set('k', 2, 0)
  assert.equal(await redis.ttl('rlflx:k'), -1)
  assert.equal(await limiter.delete('k'), true)
  assert.equal(await limiter.delete('k'), false)
})

test('rate-limiter-flexible: points that are never given back', async () => {
  const { RateLimiterRedis } = require('rate-limiter-flexible')
  const redis = newRedis({ store: newStore() })
  const limiter = new RateLimiterRedis({ storeClient: redis, points: 3, duration: 0 })
  const tries = Array.from({ length: 6 }, () => limiter.consume('k'))
  const results = await Promise.allSettled(tries)
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 3)
  assert.equal(await redis.ttl('rlflx:k'), -1)
})

test('rate-limiter-flexible: limits together, and bursts above one', async () => {
  const { RateLimiterRedis, RateLimiterUnion, BurstyRateLimiter } = require('rate-limiter-flexible')
  const store = newStore()
  const storeClient = newRedis({ store })
  const limiter = (keyPrefix, points, duration) =>
    new RateLimiterRedis({ storeClient, keyPrefix, points, duration })
  const union = new RateLimiterUnion(limiter('second', 2, 1), limiter('minute', 3, 60))
  const tryUnion = () => union.consume('k').then(() => [], Object.keys)
  assert.deepEqual(await Promise.all([tryUnion(), tryUnion(), tryUnion()]), [[], [], ['second']])
  store.advance(1000)
  assert.deepEqual(await tryUnion(), ['minute'])

  const bursty = new BurstyRateLimiter(limiter('steady', 2, 1), limiter('burst', 3, 60))
  const tries = await Promise.allSettled(Array.from({ length: 9 }, () => bursty.consume('k')))
  assert.equal(tries.filter(({ status }) => status === 'fulfilled').length, 5)
})

test('rate-limiter-flexible: a client that is not ready is not asked, if so wished', async () => {
  const { RateLimiterRedis, RateLimiterMemory } = require('rate-limiter-flexible')
  const redis = newRedis({ store: newStore(), lazyConnect: true })
  const insuranceLimiter = new RateLimiterMemory({ points: 1, duration: 60 })
  const options = { storeClient: redis, points: 5, duration: 60, rejectIfRedisNotReady: true }
  const limiter = new RateLimiterRedis({ ...options, insuranceLimiter })
  await assert.rejects(new RateLimiterRedis(options).consume('k'), /not ready/)
  assert.equal((await limiter.consume('k')).remainingPoints, 0)
  await redis.connect()
  assert.equal((await limiter.consume('k')).remainingPoints, 4)
})

test('@fastify/rate-limit: headers say what is left, and routes have limits of their own', async () => {
  const redis = newRedis({ store: newStore() })
  const app = require('fastify')()
  afterwards(() => app.close())
  const options = { max: 3, timeWindow: '1 minute', redis, nameSpace: 'mine-' }
  await app.register(require('@fastify/rate-limit'), options)
  app.get('/', async () => 'hello')
  const own = { config: { rateLimit: { max: 1, timeWindow: 1000 } } }
  app.get('/strict', own, async () => 'hello')

  const first = await app.inject('/')
  assert.equal(first.headers['x-ratelimit-limit'], '3')
  assert.equal(first.headers['x-ratelimit-remaining'], '2')
  assert.equal(first.headers['x-ratelimit-reset'], '60')
  assert.equal((await app.inject('/strict')).statusCode, 200)
  const refused = await app.inject('/strict')
  assert.equal(refused.statusCode, 429)
  assert.equal(refused.headers['retry-after'], '1')
  assert.equal((await app.inject('/')).headers['x-ratelimit-remaining'], '1')
  assert.equal((await redis.keys('mine-*')).length, 2)
})

for (const [option, ttls] of [
  ['continueExceeding', [1000, 1000]],
  ['exponentialBackoff', [1000, 2000]],
]) {
  test(`@fastify/rate-limit: with ${option} a hit too many makes the wait longer`, async () => {
    const store = newStore()
    const redis = newRedis({ store })
    const app = require('fastify')()
    afterwards(() => app.close())
    const options = { max: 1, timeWindow: 1000, redis, [option]: true }
    await app.register(require('@fastify/rate-limit'), options)
    app.get('/', async () => 'hello')
    assert.equal((await app.inject('/')).statusCode, 200)
    for (const ttl of ttls) {
      store.advance(500)
      assert.equal((await app.inject('/')).statusCode, 429)
      const [key] = await redis.keys('*')
      assert.equal(await redis.pttl(key), ttl)
    }
  })
}

test('@fastify/rate-limit: a limit can be looked at without a hit', async () => {
  const redis = newRedis({ store: newStore() })
  const app = require('fastify')()
  afterwards(() => app.close())
  await app.register(require('@fastify/rate-limit'), { global: false, redis })
  const limit = app.createRateLimit({ max: 2, timeWindow: 1000 })
  app.get('/hit', (request) => limit(request))
  app.get('/look', (request) => limit(request, { increment: false }))
  const remaining = async (url) => (await app.inject(url)).json().remaining
  const seen = []
  for (const url of ['/look', '/hit', '/look', '/hit', '/look']) seen.push(await remaining(url))
  assert.deepEqual(seen, [2, 1, 1, 0, 0])
})

test('@nest-lab/throttler-storage-redis: takes a client of ioredis that comes in by the store', {
  skip: skipOf('@nest'),
}, async () => {
  const { Redis: IoRedis } = require('ioredis')
  const { ThrottlerStorageRedisService } = require('@nest-lab/throttler-storage-redis')
  const store = newStore()
  const client = new IoRedis({ path: await listen(store) })
  afterwards(() => client.disconnect())
  const storage = new ThrottlerStorageRedisService(client)
  const hit = () => storage.increment('k', 10_000, 2, 30_000, 'default')
  const passed = { totalHits: 1, timeToExpire: 10, isBlocked: false, timeToBlockExpire: 0 }
  assert.deepEqual(await hit(), passed)
  assert.deepEqual(await hit(), { ...passed, totalHits: 2 })
  const blocked = { totalHits: 3, timeToExpire: 10, isBlocked: true, timeToBlockExpire: 30 }
  assert.deepEqual(await hit(), blocked)
  store.advance(30_000)
  assert.deepEqual(await hit(), passed)
})

test('@nest-lab/throttler-storage-redis: the guard of @nestjs/throttler lets the limit through', {
  skip: skipOf('@nest'),
}, async () => {
  require('reflect-metadata')
  const { Reflector } = require('@nestjs/core')
  const { ThrottlerGuard, ThrottlerException } = require('@nestjs/throttler')
  const { ThrottlerStorageRedisService } = require('@nest-lab/throttler-storage-redis')
  const storage = new ThrottlerStorageRedisService({ path: await listen(newStore()) })
  afterwards(() => storage.onModuleDestroy())
  const guard = new ThrottlerGuard([{ ttl: WINDOW_MS, limit: 3 }], storage, new Reflector())
  await guard.onModuleInit()
  const headers = {}
  const response = { header: (name, value) => Object.assign(headers, { [name]: value }) }
  const context = {
    getHandler: () => context.getHandler,
    getClass: () => Object,
    switchToHttp: () => ({ getRequest: () => ({ ip: '1.2.3.4' }), getResponse: () => response }),
  }
  const results = await Promise.allSettled(
    Array.from({ length: 10 }, () => guard.canActivate(context)),
  )
  const refusals = results.filter(({ status }) => status === 'rejected')
  assert.equal(refusals.length, 7)
  for (const { reason } of refusals) assert.ok(reason instanceof ThrottlerException)
  assert.equal(headers['X-RateLimit-Limit'], 3)
})
