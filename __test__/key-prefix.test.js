'use strict'

// keyPrefix: it stands before keys, before every key, and before nothing else.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { once } = require('node:events')
const { newRedis } = require('./lib/twin')

function prefixed(options) {
  return [newRedis({ keyPrefix: 'app:', ...options }), newRedis()]
}

test('the prefix is put before the keys of a command', async () => {
  const [redis, plain] = prefixed()
  assert.equal(await redis.set('k', 'v'), 'OK')
  assert.equal(await plain.get('app:k'), 'v')
  assert.equal(await redis.get('k'), 'v')
  await redis.mset('a', 1, 'b', 2)
  await redis.mset({ c: 3 })
  assert.deepEqual(await plain.mget('app:a', 'app:b', 'app:c'), ['1', '2', '3'])
  assert.deepEqual(await redis.mget(['a', 'b']), ['1', '2'])
  await redis.rename('a', 'z')
  assert.deepEqual((await plain.keys('*')).sort(), ['app:b', 'app:c', 'app:k', 'app:z'])
  assert.equal(await redis.del('b', 'c', 'z', 'k'), 4)
})

test('key positions that depend on the arguments are found', async () => {
  const [redis, plain] = prefixed()
  await redis.zadd('z1', 1, 'a')
  await redis.zadd('z2', 2, 'a')
  assert.equal(await redis.zunionstore('out', 2, 'z1', 'z2', 'WEIGHTS', 1, 2), 1)
  assert.equal(await plain.zscore('app:out', 'a'), '5')
  assert.deepEqual(await redis.zinter(2, 'z1', 'z2', 'WITHSCORES'), ['a', '3'])
  await redis.xadd('s', '1-1', 'f', 'v')
  assert.deepEqual(await redis.xread('COUNT', 1, 'STREAMS', 's', 'none', 0, 0), [
    ['app:s', [['1-1', ['f', 'v']]]],
  ])
  await redis.rpush('l', 1, 2, 3)
  assert.deepEqual(await redis.blpop('none', 'l', 1), ['app:l', '1'])
  assert.deepEqual(await redis.lmpop(2, 'none', 'l', 'LEFT'), ['app:l', ['2']])
  assert.deepEqual(await redis.blmpop(1, 1, 'l', 'LEFT'), ['app:l', ['3']])
})

test('patterns and channels are no keys', async () => {
  const [redis, plain] = prefixed()
  await redis.set('k', 'v')
  assert.deepEqual(await redis.keys('*'), ['app:k'])
  assert.deepEqual(await redis.scan(0, 'MATCH', 'k'), ['0', []])
  assert.deepEqual(await redis.scan(0, 'MATCH', 'app:k'), ['0', ['app:k']])
  await redis.subscribe('news')
  const heard = once(redis, 'message')
  await plain.publish('news', 'x')
  assert.deepEqual(await heard, ['news', 'x'])
})

test('pipelines and transactions have the prefix too', async () => {
  const [redis, plain] = prefixed()
  await redis.pipeline().set('a', 1).incr('a').exec()
  await redis.multi().incr('a').hset('h', { f: 1 }).exec()
  assert.equal(await plain.get('app:a'), '3')
  assert.deepEqual(await plain.hgetall('app:h'), { f: '1' })
  await redis.call('set', 'called', 1)
  assert.equal(await plain.get('app:called'), '1')
})

test('a watched key is watched with its prefix', async () => {
  const [redis, plain] = prefixed()
  await redis.watch('k')
  await plain.set('app:k', 1)
  assert.equal(await redis.multi().get('k').exec(), null)
})

test('prefix and key may be Buffers', async () => {
  const plain = newRedis()
  const redis = newRedis({ keyPrefix: Buffer.from([1, 58]) })
  await redis.set('k', 'v')
  await redis.set(Buffer.from('b'), 'w')
  assert.equal(await plain.get('\u0001:k'), 'v')
  assert.equal(await plain.get('\u0001:b'), 'w')
  const [text] = prefixed()
  await text.set(Buffer.from([255]), 'x')
  assert.equal(await plain.get(Buffer.from([97, 112, 112, 58, 255])), 'x')
})

test('an error shows the key as it was sent', async () => {
  const [redis] = prefixed()
  await redis.set('k', 'v')
  const error = await redis.llen('k').catch((reason) => reason)
  assert.deepEqual(error.command, { name: 'llen', args: ['app:k'] })
})

test('the prefix stands before the key whatever else a call is given', async () => {
  const [redis, plain] = prefixed()
  await redis.ping()
  const calls = [
    () => redis.set('a', 'v', 'EX', 100),
    () => redis.set('b', 1),
    () => redis.set(['c', 'v']),
    () => redis.set('d', null),
    () => new Promise((resolve) => redis.set('e', 'v', resolve)),
    () => redis.setBuffer('f', 'v'),
    () => redis.rpush('g', 1, 2, 3, 4, 5, 6, 7, 8, 9, 10),
    () => redis.hset('h', { f: 1 }),
    () => redis.set(9, 'v'),
  ]
  for (const call of calls) await call()
  const expected = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', '9'].map((key) => `app:${key}`)
  assert.deepEqual((await plain.keys('*')).sort(), expected.sort())
  assert.equal(await plain.llen('app:g'), 10)
  assert.deepEqual(await redis.hgetall('h'), { f: '1' })
  assert.deepEqual(await redis.lrange('g', 0, 1), ['1', '2'])
  const waits = redis.blpop('none', 'later', 5)
  await plain.rpush('app:later', 'x')
  assert.deepEqual(await waits, ['app:later', 'x'])
})
