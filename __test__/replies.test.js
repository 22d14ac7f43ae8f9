'use strict'

// The shapes of replies: ioredis's default ones, Buffers, numbers as strings, and RESP3's.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { newRedis } = require('./lib/twin')

test('simple replies are strings, numbers and null', async () => {
  const redis = newRedis()
  assert.equal(await redis.set('k', 'v'), 'OK')
  assert.equal(await redis.get('k'), 'v')
  assert.equal(await redis.get('none'), null)
  assert.equal(await redis.strlen('k'), 1)
  assert.equal(await redis.set('k', 'w', 'NX'), null)
  assert.equal(await redis.set('k', 'w', 'GET'), 'v')
  assert.equal(await redis.ping(), 'PONG')
  assert.equal(await redis.ping('hi'), 'hi')
  assert.equal(await redis.type('k'), 'string')
  assert.equal(await redis.incrbyfloat('f', 0.1), '0.1')
})

test('hgetall is an object, empty for no key, with own properties whatever the fields', async () => {
  const redis = newRedis()
  assert.deepEqual(await redis.hgetall('none'), {})
  await redis.hset('h', '__proto__', 'p', 'constructor', 'c', 'toString', 't', 'plain', '1')
  const object = await redis.hgetall('h')
  const entries = Object.entries(object).sort()
  assert.deepEqual(entries, [
    ['__proto__', 'p'],
    ['constructor', 'c'],
    ['plain', '1'],
    ['toString', 't'],
  ])
  assert.equal(Object.getPrototypeOf(object), Object.prototype)
  const buffers = await redis.hgetallBuffer('h')
  assert.deepEqual(buffers.plain, Buffer.from('1'))
})

test('scans are a cursor and a list', async () => {
  const redis = newRedis()
  await redis.mset('a', 1, 'b', 2)
  const [cursor, keys] = await redis.scan(0)
  assert.equal(cursor, '0')
  assert.deepEqual(keys.sort(), ['a', 'b'])
  await redis.hset('h', 'f', 'v')
  assert.deepEqual(await redis.hscan('h', 0), ['0', ['f', 'v']])
  assert.deepEqual(await redis.hscanBuffer('h', '0'), [
    Buffer.from('0'),
    [Buffer.from('f'), Buffer.from('v')],
  ])
})

test('sorted sets give scores as strings, in a flat list', async () => {
  const redis = newRedis()
  await redis.zadd('z', 1, 'a', 2.5, 'b')
  assert.deepEqual(await redis.zrange('z', 0, -1), ['a', 'b'])
  assert.deepEqual(await redis.zrange('z', 0, -1, 'WITHSCORES'), ['a', '1', 'b', '2.5'])
  assert.deepEqual(await redis.zrevrange('z', 0, 0, 'WITHSCORES'), ['b', '2.5'])
  assert.deepEqual(await redis.zrangebyscore('z', '-inf', '+inf', 'WITHSCORES', 'LIMIT', 1, 1), [
    'b',
    '2.5',
  ])
  assert.equal(await redis.zscore('z', 'b'), '2.5')
  assert.deepEqual(await redis.zmscore('z', 'a', 'none'), ['1', null])
  assert.equal(await redis.zincrby('z', 1.5, 'a'), '2.5')
  assert.deepEqual(await redis.zpopmin('z'), ['a', '2.5'])
  assert.equal(await redis.zadd('z', 'INCR', 1, 'b'), '3.5')
})

test('streams are nested lists', async () => {
  const redis = newRedis()
  await redis.xadd('s', '1-1', 'name', 'ada', 'age', 36)
  await redis.xadd('s', '2-1', 'name', 'bob')
  const entries = [
    ['1-1', ['name', 'ada', 'age', '36']],
    ['2-1', ['name', 'bob']],
  ]
  assert.deepEqual(await redis.xrange('s', '-', '+'), entries)
  assert.deepEqual(await redis.xread('STREAMS', 's', '0'), [['s', entries]])
  assert.equal(await redis.xread('STREAMS', 's', '9'), null)
  assert.deepEqual(await redis.xreadBuffer('COUNT', 1, 'STREAMS', 's', '1-1'), [
    [Buffer.from('s'), [[Buffer.from('2-1'), [Buffer.from('name'), Buffer.from('bob')]]]],
  ])
})

test('the Buffer twin of a command gives Buffers for all text', async () => {
  const redis = newRedis()
  assert.deepEqual(await redis.setBuffer('k', 'v'), Buffer.from('OK'))
  assert.deepEqual(await redis.getBuffer('k'), Buffer.from('v'))
  assert.equal(await redis.getBuffer('none'), null)
  assert.equal(await redis.incrBuffer('n'), 1)
  assert.deepEqual(await redis.mgetBuffer('k', 'none', 'n'), [
    Buffer.from('v'),
    null,
    Buffer.from('1'),
  ])
  await redis.rpush('l', 'x', Buffer.from([255]))
  assert.deepEqual(await redis.lrangeBuffer('l', 0, -1), [Buffer.from('x'), Buffer.from([255])])
})

test('bytes that are no text are replaced in strings', async () => {
  const redis = newRedis()
  await redis.set('k', Buffer.from([97, 255, 98]))
  assert.equal(await redis.get('k'), 'a\ufffdb')
  await redis.rpush('l', Buffer.from([97, 255, 98]), 'é', 'plain')
  assert.deepEqual(await redis.lrange('l', 0, -1), ['a\ufffdb', 'é', 'plain'])
})

test('lists of mixed items keep their places', async () => {
  const redis = newRedis()
  await redis.mset('a', '日本', 'b', '', 'c', 'x'.repeat(100))
  assert.deepEqual(await redis.mget('a', 'none', 'b', 'c', 'a'), [
    '日本',
    null,
    '',
    'x'.repeat(100),
    '日本',
  ])
  const keys = Array.from({ length: 3000 }, (_, i) => `key:${i}`)
  await redis.mset(keys.flatMap((key, i) => [key, `välue ${i}`]))
  assert.deepEqual(
    await redis.mget(keys),
    keys.map((_, i) => `välue ${i}`),
  )
})

test('stringNumbers gives every integer as a string', async () => {
  const redis = newRedis({ stringNumbers: true })
  assert.equal(await redis.incrby('n', '9007199254740993'), '9007199254740993')
  assert.equal(await redis.strlen('n'), '16')
  assert.deepEqual(await redis.smismember('s', 'a', 'b'), ['0', '0'])
  assert.deepEqual(await redis.pipeline().incr('n').get('n').exec(), [
    [null, '9007199254740994'],
    [null, '9007199254740994'],
  ])
  assert.deepEqual(await redis.multi().decr('n').exec(), [[null, '9007199254740993']])
  const resp3 = newRedis({ stringNumbers: true, replyMapping: 'resp3' })
  await resp3.zadd('z', 1.5, 'a')
  assert.equal(await resp3.zscore('z', 'a'), '1.5')
  assert.deepEqual(await resp3.zrange('z', 0, -1, 'WITHSCORES'), [['a', '1.5']])
})

test('integers beyond 2^53 lose their last digits without stringNumbers', async () => {
  const redis = newRedis()
  assert.equal(await redis.incrby('n', '9223372036854775807'), 2 ** 63)
  assert.equal(await redis.get('n'), '9223372036854775807')
})

test('replyMapping resp3 gives maps as objects and doubles as numbers', async () => {
  const redis = newRedis({ replyMapping: 'resp3' })
  await redis.hset('h', 'f', 'v', '__proto__', 'p')
  assert.deepEqual(Object.entries(await redis.hgetall('h')).sort(), [
    ['__proto__', 'p'],
    ['f', 'v'],
  ])
  await redis.zadd('z', 1.5, 'a', 2, 'b')
  assert.equal(await redis.zscore('z', 'a'), 1.5)
  assert.deepEqual(await redis.zrange('z', 0, -1, 'WITHSCORES'), [
    ['a', 1.5],
    ['b', 2],
  ])
  await redis.sadd('s', 'm')
  assert.deepEqual(await redis.smembers('s'), ['m'])
  await redis.xadd('x', '1-1', 'f', 'v')
  assert.deepEqual(await redis.xread('STREAMS', 'x', 0), { x: [['1-1', ['f', 'v']]] })
  assert.equal(await redis.get('none'), null)
  const buffers = await redis.hgetallBuffer('h')
  assert.deepEqual(buffers.f, Buffer.from('v'))
  assert.deepEqual(await redis.multi().hgetall('h').zscore('z', 'b').exec(), [
    [null, await redis.hgetall('h')],
    [null, 2],
  ])
})

test('protocol 2 gives the same shapes as the default', async () => {
  const redis = newRedis({ protocol: 2 })
  await redis.hset('h', 'f', 'v')
  assert.deepEqual(await redis.hgetall('h'), { f: 'v' })
  await redis.zadd('z', 1.5, 'a')
  assert.deepEqual(await redis.zrange('z', 0, -1, 'WITHSCORES'), ['a', '1.5'])
  await redis.xadd('x', '1-1', 'f', 'v')
  assert.deepEqual(await redis.xread('STREAMS', 'x', 0), [['x', [['1-1', ['f', 'v']]]]])
})

test('resp3 replies need protocol 3', () => {
  assert.throws(() => newRedis({ protocol: 2, replyMapping: 'resp3', lazyConnect: true }), {
    message: 'The "resp3" replyMapping is only supported with protocol 3',
  })
})

test('config get and info are what they are on the wire', async () => {
  const redis = newRedis()
  assert.deepEqual(await redis.config('GET', 'maxmemory-policy'), [
    'maxmemory-policy',
    'noeviction',
  ])
  assert.match(await redis.info('server'), /^# Server\r\nredis_version:/)
})
