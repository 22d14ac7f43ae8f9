'use strict'

// Sessions made by hand: a hash per session, and a set per user that names them all.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { randomUUID } = require('node:crypto')
const { newRedis } = require('./lib/twin')

const TTL_SECONDS = 1800

/** What the tutorials put behind their login route. */
function sessions(redis) {
  return {
    async create(userId, data) {
      const id = randomUUID()
      await redis
        .multi()
        .hset(`session:${id}`, { userId, ...data })
        .expire(`session:${id}`, TTL_SECONDS)
        .sadd(`user:${userId}:sessions`, id)
        .exec()
      return id
    },
    /** Reading a session keeps it alive. */
    async read(id) {
      const [[, session], [, alive]] = await redis
        .pipeline()
        .hgetall(`session:${id}`)
        .expire(`session:${id}`, TTL_SECONDS)
        .exec()
      return alive ? session : null
    },
    async destroy(id) {
      const userId = await redis.hget(`session:${id}`, 'userId')
      await redis.multi().del(`session:${id}`).srem(`user:${userId}:sessions`, id).exec()
    },
    /** Signs out everywhere. */
    async destroyAll(userId) {
      const ids = await redis.smembers(`user:${userId}:sessions`)
      const keys = ids.map((id) => `session:${id}`)
      return redis.del(...keys, `user:${userId}:sessions`)
    },
  }
}

test('a session is read by its id and lives on with every read', async () => {
  const redis = newRedis()
  const store = sessions(redis)
  const id = await store.create(42, { role: 'admin' })
  await redis.expire(`session:${id}`, 5)
  assert.deepEqual(await store.read(id), { userId: '42', role: 'admin' })
  assert.ok((await redis.ttl(`session:${id}`)) > 5)
  assert.equal(await store.read('no-such-id'), null)
})

test('destroying a session takes it off its user', async () => {
  const redis = newRedis()
  const store = sessions(redis)
  const phone = await store.create(42, { device: 'phone' })
  const laptop = await store.create(42, { device: 'laptop' })
  await store.destroy(phone)
  assert.equal(await store.read(phone), null)
  assert.deepEqual(await redis.smembers('user:42:sessions'), [laptop])
  assert.equal(await redis.sismember('user:42:sessions', phone), 0)
})

test('signing out everywhere ends all sessions of one user and of nobody else', async () => {
  const redis = newRedis()
  const store = sessions(redis)
  await store.create(1, {})
  await store.create(1, {})
  const other = await store.create(2, {})
  assert.equal(await redis.scard('user:1:sessions'), 2)
  assert.equal(await store.destroyAll(1), 3)
  assert.deepEqual((await redis.keys('*')).sort(), [`session:${other}`, 'user:2:sessions'])
})

test('a session as JSON with an expiry in the same command', async () => {
  const redis = newRedis({ keyPrefix: 'sess:' })
  await redis.set('abc', JSON.stringify({ views: 1 }), 'EX', TTL_SECONDS)
  const session = JSON.parse(await redis.get('abc'))
  session.views++
  await redis.set('abc', JSON.stringify(session), 'KEEPTTL')
  assert.deepEqual(JSON.parse(await redis.getex('abc', 'EX', 60)), { views: 2 })
  assert.equal(await redis.ttl('abc'), 60)
  assert.equal(await newRedis().exists('sess:abc'), 1)
})
