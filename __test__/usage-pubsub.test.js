'use strict'

// Publish and subscribe: chat rooms, patterns and the clean-up of a cache in every process.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { once } = require('node:events')
const { newRedis } = require('./lib/twin')

test('two subscribers both get what is published, in order', async () => {
  const publisher = newRedis()
  const subscribers = [newRedis(), newRedis()]
  const heard = subscribers.map((subscriber) => {
    const messages = []
    subscriber.on('message', (channel, message) => messages.push([channel, message]))
    return messages
  })
  for (const subscriber of subscribers) assert.equal(await subscriber.subscribe('news'), 1)

  assert.equal(await publisher.publish('news', 'one'), 2)
  assert.equal(await publisher.publish('news', 'two'), 2)
  assert.equal(await publisher.publish('weather', 'rain'), 0)
  await Promise.all(subscribers.map((subscriber) => last(subscriber, publisher, 'news')))
  for (const messages of heard) {
    assert.deepEqual(messages.slice(0, 2), [
      ['news', 'one'],
      ['news', 'two'],
    ])
  }
})

test('psubscribe hears every channel of a pattern and names it', async () => {
  const publisher = newRedis()
  const subscriber = newRedis()
  const heard = []
  subscriber.on('pmessage', (...all) => heard.push(all))
  assert.equal(await subscriber.psubscribe('room:*', 'alert'), 2)

  assert.equal(await publisher.publish('room:1', 'hello'), 1)
  assert.equal(await publisher.publish('lobby', 'nobody'), 0)
  assert.equal(await publisher.publish('alert', 'fire'), 1)
  if (heard.length < 2) await once(subscriber, 'pmessage')
  if (heard.length < 2) await once(subscriber, 'pmessage')
  assert.deepEqual(heard, [
    ['room:*', 'room:1', 'hello'],
    ['alert', 'alert', 'fire'],
  ])
})

test('subscribe with a callback tells how many channels there are', async () => {
  const subscriber = newRedis()
  const count = await new Promise((resolve, reject) => {
    subscriber.subscribe('a', 'b', (err, n) => (err ? reject(err) : resolve(n)))
  })
  assert.equal(count, 2)
  assert.equal(await subscriber.unsubscribe('a'), 1)
  assert.equal(await subscriber.unsubscribe(), 0)
})

test('after unsubscribe nothing is heard any more', async () => {
  const publisher = newRedis()
  const subscriber = newRedis()
  await subscriber.subscribe('news')
  await subscriber.unsubscribe('news')
  assert.equal(await publisher.publish('news', 'late'), 0)
  assert.equal(await subscriber.set('works', 'again'), 'OK')
})

test('a process that hears of a change drops its own copy', async () => {
  const redis = newRedis()
  const subscriber = newRedis()
  const local = new Map([['user:1', 'old']])
  await subscriber.subscribe('invalidate')
  subscriber.on('message', (_channel, key) => local.delete(key))

  const dropped = once(subscriber, 'message')
  await redis.multi().set('user:1', 'new').publish('invalidate', 'user:1').exec()
  await dropped
  assert.equal(local.has('user:1'), false)
})

test('messageBuffer gives the bytes as they were', async () => {
  const publisher = newRedis()
  const subscriber = newRedis()
  await subscriber.subscribe('bytes')
  const heard = once(subscriber, 'messageBuffer')
  await publisher.publish('bytes', Buffer.from([255, 0, 1]))
  assert.deepEqual(await heard, [Buffer.from('bytes'), Buffer.from([255, 0, 1])])
})

test('PUBSUB tells who listens', async () => {
  const redis = newRedis()
  const subscriber = newRedis()
  await subscriber.subscribe('news')
  await subscriber.psubscribe('a*')
  assert.deepEqual(await redis.pubsub('CHANNELS'), ['news'])
  assert.deepEqual(await redis.pubsub('NUMSUB', 'news', 'none'), ['news', 1, 'none', 0])
  assert.equal(await redis.pubsub('NUMPAT'), 1)
})

/** Resolves when the subscriber has heard everything that was published before. */
async function last(subscriber, publisher, channel) {
  const end = `end ${Math.random()}`
  const heard = new Promise((resolve) => {
    subscriber.on('message', (_channel, message) => message === end && resolve())
  })
  await publisher.publish(channel, end)
  await heard
}
