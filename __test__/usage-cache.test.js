'use strict'

// Redis as a cache, as tutorials for ioredis write it.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { once } = require('node:events')
const { newRedis } = require('./lib/twin')

/** A slow source that counts how often it is asked. */
function database(rows) {
  return {
    asked: 0,
    async find(id) {
      this.asked++
      return rows[id]
    },
    async save(id, row) {
      rows[id] = row
    },
  }
}

test("cache-aside asks the source once and keeps the answer for as long as 'EX' says", async () => {
  const redis = newRedis()
  const users = database({ 7: { id: 7, name: 'Ada' } })

  async function getUser(id) {
    const key = `user:${id}`
    const cached = await redis.get(key)
    if (cached) return JSON.parse(cached)
    const user = await users.find(id)
    await redis.set(key, JSON.stringify(user), 'EX', 3600)
    return user
  }

  assert.deepEqual(await getUser(7), { id: 7, name: 'Ada' })
  assert.deepEqual(await getUser(7), { id: 7, name: 'Ada' })
  assert.equal(users.asked, 1)
  const ttl = await redis.ttl('user:7')
  assert.ok(ttl > 3590 && ttl <= 3600, `ttl ${ttl}`)

  await redis.del('user:7')
  await getUser(7)
  assert.equal(users.asked, 2)
})

test('cache-aside with setex and in lower case is the same', async () => {
  const redis = newRedis()
  assert.equal(await redis.setex('a', 60, 'x'), 'OK')
  assert.equal(await redis.set('b', 'x', 'ex', 60), 'OK')
  assert.equal(await redis.set('c', 'x', 'PX', '60000'), 'OK')
  for (const key of ['a', 'b', 'c']) {
    const ttl = await redis.ttl(key)
    assert.ok(ttl > 55 && ttl <= 60, `${key} has ${ttl}`)
  }
})

test('a missing key is null, and a negative answer can be cached', async () => {
  const redis = newRedis()
  const users = database({})

  async function getUser(id) {
    const cached = await redis.get(`user:${id}`)
    if (cached !== null) return JSON.parse(cached)
    const user = (await users.find(id)) ?? null
    await redis.set(`user:${id}`, JSON.stringify(user), 'EX', user ? 3600 : 30)
    return user
  }

  assert.equal(await getUser(1), null)
  assert.equal(await getUser(1), null)
  assert.equal(users.asked, 1)
})

test('write-through updates source and cache, and readers see the new value at once', async () => {
  const redis = newRedis()
  const products = database({ p1: { price: 10 } })

  async function saveProduct(id, product) {
    await products.save(id, product)
    await redis.multi().hset(`product:${id}`, product).expire(`product:${id}`, 600).exec()
  }

  await saveProduct('p1', { price: 12, title: 'Kettle' })
  assert.deepEqual(await redis.hgetall('product:p1'), { price: '12', title: 'Kettle' })
  assert.deepEqual(await products.find('p1'), { price: 12, title: 'Kettle' })
  assert.equal(await redis.ttl('product:p1'), 600)
})

test('invalidating a tag removes every key that carries it', async () => {
  const redis = newRedis()

  async function setTagged(key, value, tags) {
    const pipeline = redis.pipeline()
    pipeline.set(key, value, 'EX', 300)
    for (const tag of tags) {
      pipeline.sadd(`tag:${tag}`, key)
      pipeline.expire(`tag:${tag}`, 300)
    }
    await pipeline.exec()
  }

  async function invalidate(tag) {
    const keys = await redis.smembers(`tag:${tag}`)
    if (keys.length === 0) return 0
    const results = await redis
      .pipeline()
      .del(...keys)
      .del(`tag:${tag}`)
      .exec()
    return results[0][1]
  }

  await setTagged('page:1', 'one', ['news', 'home'])
  await setTagged('page:2', 'two', ['news'])
  await setTagged('page:3', 'three', ['home'])

  assert.equal(await invalidate('news'), 2)
  assert.deepEqual(await redis.mget('page:1', 'page:2', 'page:3'), [null, null, 'three'])
  assert.equal(await redis.exists('tag:news'), 0)
  assert.equal(await invalidate('news'), 0)
})

test('scanStream finds the keys of a pattern and a pipeline unlinks them', async () => {
  const redis = newRedis()
  const pipeline = redis.pipeline()
  for (let i = 0; i < 500; i++) pipeline.set(`cache:${i}`, i)
  await pipeline.set('kept', 'yes').exec()

  const stream = redis.scanStream({ match: 'cache:*', count: 100 })
  const deletions = []
  stream.on('data', (keys) => {
    if (keys.length > 0) deletions.push(redis.unlink(...keys))
  })
  await once(stream, 'end')
  await Promise.all(deletions)

  assert.deepEqual(await redis.keys('*'), ['kept'])
})

test('a scanStream is an async iterator too', async () => {
  const redis = newRedis()
  await redis.mset({ 'a:1': 1, 'a:2': 2, 'b:1': 3 })
  const found = new Set()
  for await (const keys of redis.scanStream({ match: 'a:*' })) {
    for (const key of keys) found.add(key)
  }
  assert.deepEqual([...found].sort(), ['a:1', 'a:2'])
})

test('mget fills many at once, with null where a key is missing', async () => {
  const redis = newRedis()
  await redis.mset('a', 1, 'b', 2)
  assert.deepEqual(await redis.mget('a', 'missing', 'b'), ['1', null, '2'])
  assert.deepEqual(await redis.mget(['a', 'b']), ['1', '2'])
})

test('getset reads a counter and starts it again', async () => {
  const redis = newRedis()
  await redis.incr('hits')
  await redis.incrby('hits', 4)
  assert.equal(await redis.getset('hits', 0), '5')
  assert.equal(await redis.get('hits'), '0')
  assert.equal(await redis.decr('hits'), -1)
  assert.equal(await redis.incrbyfloat('hits', 1.5), '0.5')
})

test('a callback as the last argument gets the reply', async () => {
  const redis = newRedis()
  const call = (start) =>
    new Promise((resolve, reject) => {
      start((err, result) => (err ? reject(err) : resolve(result)))
    })

  assert.equal(await call((cb) => redis.set('key', 'value', cb)), 'OK')
  assert.equal(await call((cb) => redis.get('key', cb)), 'value')
  assert.equal(await call((cb) => redis.set('key', 'other', 'EX', 10, cb)), 'OK')
  assert.equal(await call((cb) => redis.get('nothing', cb)), null)
  await assert.rejects(
    call((cb) => redis.lpush('key', 1, cb)),
    { name: 'ReplyError', message: /^WRONGTYPE / },
  )
})

test('an object or a Map is a hash; its values come back as strings', async () => {
  const redis = newRedis()
  assert.equal(await redis.hset('user:1', { name: 'Ada', age: 36, admin: true }), 3)
  assert.equal(await redis.hset('user:2', new Map([['name', 'Alan']])), 1)
  assert.equal(await redis.hset('user:2', 'age', 41, 'city', 'London'), 2)
  assert.deepEqual(await redis.hgetall('user:1'), { name: 'Ada', age: '36', admin: 'true' })
  assert.deepEqual(await redis.hmget('user:2', 'city', 'nothing'), ['London', null])
  assert.equal(await redis.hincrby('user:1', 'age', 1), 37)
  assert.deepEqual(await redis.hgetall('nobody'), {})
})

test('binary values keep their bytes', async () => {
  const redis = newRedis()
  const image = Buffer.from([0, 255, 13, 10, 128])
  await redis.set('image', image)
  assert.deepEqual(await redis.getBuffer('image'), image)
  assert.equal(await redis.strlen('image'), 5)
})
