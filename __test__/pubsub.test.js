'use strict'

// Subscribing, messages, and what a subscribed client may do.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { once } = require('node:events')
const { newRedis } = require('./lib/twin')

test('subscribe answers how many channels and patterns there are', async () => {
  const redis = newRedis()
  assert.equal(await redis.subscribe('a', 'b'), 2)
  assert.equal(await redis.subscribe(['b', 'c']), 3)
  assert.equal(await redis.psubscribe('p*'), 4)
  assert.equal(await redis.unsubscribe('a', 'none'), 3)
  assert.equal(await redis.punsubscribe('p*'), 2)
  assert.equal(await redis.unsubscribe(), 0)
})

test('a message comes with its channel, in the order of publishing', async () => {
  const redis = newRedis()
  const publisher = newRedis()
  const heard = []
  redis.on('message', (...all) => heard.push(all))
  await redis.subscribe('news')
  for (let i = 0; i < 20; i++) publisher.publish('news', i)
  await publisher.publish('news', 'last')
  while (heard.length < 21) await once(redis, 'message')
  assert.deepEqual(heard[0], ['news', '0'])
  assert.deepEqual(heard[19], ['news', '19'])
  assert.deepEqual(heard[20], ['news', 'last'])
})

test('by default other commands work while subscribed', async () => {
  const redis = newRedis()
  await redis.subscribe('news')
  assert.equal(redis.mode, 'normal')
  assert.equal(await redis.set('k', 'v'), 'OK')
  assert.equal(await redis.get('k'), 'v')
  assert.equal(await redis.publish('news', 'to myself'), 1)
  assert.deepEqual(await redis.pipeline().get('k').exec(), [[null, 'v']])
})

test('with protocol 2 a subscribed client takes no other commands', async () => {
  const redis = newRedis({ protocol: 2 })
  const message = 'Connection in subscriber mode, only subscriber commands may be used'
  await redis.subscribe('news')
  assert.equal(redis.mode, 'subscriber')
  await assert.rejects(redis.get('k'), { message })
  await assert.rejects(redis.publish('news', 'x'), { message })
  assert.equal(await redis.psubscribe('p'), 2)
  assert.equal(await redis.unsubscribe('news'), 1)
  await assert.rejects(redis.get('k'), { message })
  assert.equal(await redis.punsubscribe(), 0)
  assert.equal(redis.mode, 'normal')
  assert.equal(await redis.get('k'), null)
})

test('a subscribed client with protocol 2 may quit', async () => {
  const redis = newRedis({ protocol: 2 })
  await redis.subscribe('news')
  assert.equal(await redis.quit(), 'OK')
})

test('patterns give pattern, channel and message', async () => {
  const redis = newRedis()
  const publisher = newRedis()
  await redis.psubscribe('news.*')
  const heard = once(redis, 'pmessage')
  const bytes = once(redis, 'pmessageBuffer')
  await publisher.publish('news.today', Buffer.from('rain'))
  assert.deepEqual(await heard, ['news.*', 'news.today', 'rain'])
  assert.deepEqual(await bytes, ['news.*', Buffer.from('news.today'), Buffer.from('rain')])
})

test('shard channels have events of their own', async () => {
  const redis = newRedis()
  const publisher = newRedis()
  assert.equal(await redis.ssubscribe('shard'), 1)
  const heard = once(redis, 'smessage')
  const bytes = once(redis, 'smessageBuffer')
  assert.equal(await publisher.spublish('shard', 'x'), 1)
  assert.equal(await publisher.publish('shard', 'not for shards'), 0)
  assert.deepEqual(await heard, ['shard', 'x'])
  assert.deepEqual(await bytes, [Buffer.from('shard'), Buffer.from('x')])
  assert.equal(await redis.sunsubscribe('shard'), 0)
})

test('messageBuffer gives bytes that are no text', async () => {
  const redis = newRedis()
  const publisher = newRedis()
  await redis.subscribe('bytes')
  const bytes = once(redis, 'messageBuffer')
  const text = once(redis, 'message')
  await publisher.publish('bytes', Buffer.from([0, 255, 1]))
  assert.deepEqual(await bytes, [Buffer.from('bytes'), Buffer.from([0, 255, 1])])
  assert.deepEqual(await text, ['bytes', '\0\ufffd\u0001'])
})

test('an empty message is heard', async () => {
  const redis = newRedis()
  const publisher = newRedis()
  await redis.subscribe('news')
  const heard = once(redis, 'message')
  await publisher.publish('news', '')
  assert.deepEqual(await heard, ['news', ''])
})

test('a listener runs after the call that published, not within it', async () => {
  const redis = newRedis()
  await redis.subscribe('news')
  let inside = true
  const heard = new Promise((resolve) => redis.once('message', () => resolve(inside)))
  const published = redis.publish('news', 'x')
  inside = false
  await published
  assert.equal(await heard, false)
})

test('a client that unsubscribed hears no more', async () => {
  const redis = newRedis()
  const publisher = newRedis()
  const heard = []
  redis.on('message', (...all) => heard.push(all))
  await redis.subscribe('a', 'b')
  await redis.unsubscribe('a')
  assert.equal(await publisher.publish('a', 1), 0)
  assert.equal(await publisher.publish('b', 2), 1)
  if (heard.length === 0) await once(redis, 'message')
  assert.deepEqual(heard, [['b', '2']])
})

test('pubsub tells of channels, patterns and numbers', async () => {
  const redis = newRedis()
  const subscriber = newRedis()
  await subscriber.subscribe('a', 'b')
  await subscriber.psubscribe('p*')
  assert.deepEqual((await redis.pubsub('CHANNELS')).sort(), ['a', 'b'])
  assert.deepEqual(await redis.pubsub('NUMSUB', 'a', 'none'), ['a', 1, 'none', 0])
  assert.equal(await redis.pubsub('NUMPAT'), 1)
  assert.deepEqual(await redis.send_command('PUBSUB', ['NUMSUB', 'a']), ['a', 1])
})

test('a disconnected client is not subscribed any more', async () => {
  const redis = newRedis()
  const subscriber = newRedis()
  await subscriber.subscribe('a')
  subscriber.disconnect()
  await once(subscriber, 'end')
  while ((await redis.publish('a', 'x')) !== 0);
})

test('subscribe in a pipeline', async () => {
  const redis = newRedis()
  const publisher = newRedis()
  const heard = once(redis, 'message')
  assert.deepEqual(await redis.pipeline().subscribe('a', 'b').set('k', 1).exec(), [
    [null, 2],
    [null, 'OK'],
  ])
  await publisher.publish('b', 'x')
  assert.deepEqual(await heard, ['b', 'x'])
})

test('a subscription behind a command that takes long is confirmed like any other', async () => {
  const redis = newRedis()
  const publisher = newRedis()
  const pairs = Array.from({ length: 12_000 }, (_, i) => [`key:${i}`, 'v'])
  await publisher.mset(pairs.flat())
  const heard = once(redis, 'message')
  const keys = redis.keys('*')
  const subscribed = redis.subscribe('a', 'b')
  assert.equal((await keys).length, pairs.length)
  assert.equal(await subscribed, 2)
  await publisher.publish('b', 'x')
  assert.deepEqual(await heard, ['b', 'x'])
  assert.equal(await redis.unsubscribe('a', 'b'), 0)
  assert.equal(await publisher.publish('b', 'x'), 0)
})
