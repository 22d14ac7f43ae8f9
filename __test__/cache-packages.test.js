'use strict'

// Packages that hand a Redis on to an application, or keep its cache there, as published:
// @fastify/redis and cache-manager-ioredis-yet.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const Fastify = require('fastify')
const fastifyRedis = require('@fastify/redis')
const { redisInsStore } = require('cache-manager-ioredis-yet')
const { afterwards } = require('./lib/watch')
const { newRedis } = require('./lib/twin')

/** The application of the plugin's README. */
function newApp(options) {
  const app = Fastify()
  afterwards(() => app.close())
  app.register(fastifyRedis, options)
  app.get('/foo', (request, reply) => {
    app.redis.get(request.query.key, (error, value) => {
      reply.send(error || value)
    })
  })
  app.post('/foo', (request, reply) => {
    app.redis.set(request.body.key, request.body.value, (error) => {
      reply.send(error || { status: 'ok' })
    })
  })
  return app
}

test('a Fastify application writes and reads through the client it was given', async () => {
  const app = newApp({ client: newRedis() })
  const payload = { key: 'k', value: 'v' }
  const stored = await app.inject({ method: 'POST', url: '/foo', payload })
  assert.deepEqual(stored.json(), { status: 'ok' })
  const read = await app.inject({ url: '/foo?key=k' })
  assert.equal(read.body, 'v')
})

test('Fastify does not wait for a client that is ready already', async () => {
  const client = newRedis()
  await client.set('k', 'v')
  assert.equal(client.status, 'ready')
  const read = await newApp({ client }).inject({ url: '/foo?key=k' })
  assert.equal(read.body, 'v')
})

test('Fastify closes a client only if it is told to', async () => {
  const kept = newRedis()
  const closed = newRedis()
  const app = Fastify()
  app.register(fastifyRedis, { client: kept, namespace: 'kept' })
  app.register(fastifyRedis, { client: closed, namespace: 'closed', closeClient: true })
  await app.ready()
  assert.equal(app.redis.kept, kept)
  assert.equal(await app.redis.closed.ping(), 'PONG')
  await app.close()
  assert.equal(await kept.ping(), 'PONG')
  await assert.rejects(closed.ping(), { message: 'Connection is closed.' })
})

test('an error inside of a Fastify handler is an answer with status 500', async () => {
  const client = newRedis()
  const app = newApp({ client })
  await client.lpush('list', 'x')
  const { statusCode, json } = await app.inject({ url: '/foo?key=list' })
  assert.equal(statusCode, 500)
  assert.match(json().message, /^WRONGTYPE/)
})

test('cache-manager keeps values with and without an end', async () => {
  const redis = newRedis()
  const cache = redisInsStore(redis, { ttl: 60_000 })
  await cache.set('user', { name: 'ada', born: new Date(0) })
  assert.deepEqual(await cache.get('user'), { name: 'ada', born: new Date(0) })
  const ttl = await cache.ttl('user')
  assert.ok(ttl > 59_000 && ttl <= 60_000, String(ttl))
  await cache.set('for ever', 1, 0)
  assert.equal(await cache.ttl('for ever'), -1)
  await cache.set('short', 1, 100)
  assert.ok((await cache.ttl('short')) <= 100)
  assert.equal(await cache.get('nothing'), undefined)
})

test('cache-manager writes, reads and deletes several at once', async () => {
  const redis = newRedis()
  const pairs = [
    ['a', 1],
    ['b', [2]],
  ]
  for (const ttl of [undefined, 60_000]) {
    const cache = redisInsStore(redis, { ttl })
    await cache.mset(pairs)
    assert.deepEqual(await cache.mget('a', 'none', 'b'), [1, undefined, [2]])
    assert.equal((await cache.ttl('b')) > 0, ttl !== undefined)
    assert.deepEqual((await cache.keys()).sort(), ['a', 'b'])
    await cache.mdel('a', 'b')
    assert.deepEqual(await cache.keys('*'), [])
  }
})

test('cache-manager clears its database and no other', async () => {
  const cache = redisInsStore(newRedis())
  const other = redisInsStore(newRedis({ db: 1 }))
  await cache.set('k', 1)
  await other.set('k', 2)
  await cache.reset()
  assert.equal(await cache.get('k'), undefined)
  assert.equal(await other.get('k'), 2)
})
