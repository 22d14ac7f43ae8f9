'use strict'

// SCAN and its relatives as streams.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { once } = require('node:events')
const { Redis, newRedis } = require('./lib/twin')

async function collect(stream) {
  const items = []
  for await (const chunk of stream) items.push(...chunk)
  return items
}

async function fill(redis, count) {
  const names = Array.from({ length: count }, (_, i) => `key:${i}`)
  await redis.mset(names.flatMap((name) => [name, 1]))
  return names.sort()
}

test('scanStream gives every key once it has ended', async () => {
  const redis = newRedis()
  const names = await fill(redis, 500)
  const stream = redis.scanStream({ count: 50 })
  assert.ok(stream instanceof Redis.ScanStream)
  assert.deepEqual([...new Set(await collect(stream))].sort(), names)
})

test('scanStream takes match and type', async () => {
  const redis = newRedis()
  await fill(redis, 20)
  await redis.sadd('key:set', 'm')
  const found = await collect(redis.scanStream({ match: 'key:1*' }))
  assert.equal(found.length, 11)
  assert.deepEqual(await collect(redis.scanStream({ type: 'set' })), ['key:set'])
})

test('hscanStream, sscanStream and zscanStream give the items of a key', async () => {
  const redis = newRedis()
  await redis.hset('h', { a: 1, b: 2 })
  await redis.sadd('s', 'x', 'y')
  await redis.zadd('z', 1, 'one')
  assert.deepEqual(await collect(redis.hscanStream('h')), ['a', '1', 'b', '2'])
  assert.deepEqual((await collect(redis.sscanStream('s'))).sort(), ['x', 'y'])
  assert.deepEqual(await collect(redis.zscanStream('z', { match: 'o*' })), ['one', '1'])
})

test('the Buffer streams give Buffers', async () => {
  const redis = newRedis()
  await redis.set('k', 'v')
  await redis.hset('h', 'f', 'v')
  assert.deepEqual(await collect(redis.scanBufferStream({ match: 'k' })), [Buffer.from('k')])
  assert.deepEqual(await collect(redis.hscanBufferStream('h')), [
    Buffer.from('f'),
    Buffer.from('v'),
  ])
})

test('close() ends a scan early', async () => {
  const redis = newRedis()
  await fill(redis, 1000)
  const stream = redis.scanStream({ count: 10 })
  let chunks = 0
  stream.on('data', () => {
    chunks += 1
    stream.close()
  })
  await once(stream, 'end')
  assert.ok(chunks < 20, `${chunks} chunks`)
})

test('a scan may be paused', async () => {
  const redis = newRedis()
  const names = await fill(redis, 200)
  const found = new Set()
  const stream = redis.scanStream({ count: 20 })
  stream.on('data', (keys) => {
    for (const key of keys) found.add(key)
    stream.pause()
    redis.get(keys[0] || 'none').then(() => stream.resume())
  })
  await once(stream, 'end')
  assert.deepEqual([...found].sort(), names)
})

test('an error of the command is an error of the stream', async () => {
  const redis = newRedis()
  await redis.set('k', 'v')
  const stream = redis.sscanStream('k')
  const failed = once(stream, 'error')
  stream.resume()
  const [error] = await failed
  assert.match(error.message, /^WRONGTYPE/)
})
