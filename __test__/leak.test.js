'use strict'

// What nobody holds any more is given back.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { setFlagsFromString } = require('node:v8')
const { runInNewContext } = require('node:vm')
const Redis = require('..')

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc')

async function count(redis) {
  return (await redis.client('LIST')).trim().split('\n').length
}

test('clients that were forgotten without disconnect() are closed', async () => {
  const redis = new Redis({ store: new Redis.Store() })
  const { store } = redis.options
  for (let i = 0; i < 200; i++) await new Redis({ store }).ping()
  assert.ok((await count(redis)) > 1)
  const patience = Date.now() + 20_000
  while ((await count(redis)) > 10 && Date.now() < patience) {
    gc()
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  assert.ok((await count(redis)) <= 10, `${await count(redis)} clients are left`)
  redis.disconnect()
})

test('a client that is subscribed or waits is not forgotten', async () => {
  const store = new Redis.Store()
  const redis = new Redis({ store })
  const heard = new Promise((resolve) => {
    const subscriber = new Redis({ store })
    subscriber.subscribe('news')
    subscriber.once('message', (_channel, message) => {
      resolve(message)
      subscriber.disconnect()
    })
  })
  const popped = new Redis({ store }).blpop('jobs', 0)
  await redis.ping()
  for (let i = 0; i < 5; i++) {
    gc()
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  assert.equal(await redis.publish('news', 'hello'), 1)
  assert.equal(await heard, 'hello')
  await redis.rpush('jobs', 'job')
  assert.deepEqual(await popped, ['jobs', 'job'])
  redis.disconnect()
})

test('the many replies of a long loop leave nothing behind', async () => {
  const redis = new Redis({ store: new Redis.Store() })
  await redis.hset('h', { a: 'x'.repeat(100), b: 'y'.repeat(100) })
  const round = async () => {
    for (let i = 0; i < 3000; i++) {
      await redis.hgetall('h')
      await redis.incr('a', 'wrong').catch(() => {})
      await redis.pipeline().get('k').lrange('h', 0, 1).exec()
      await redis.blpop('none', 0.001)
      i += 99
      for (let n = 0; n < 99; n++) await redis.get('k')
    }
    gc()
    return process.memoryUsage().heapUsed
  }
  await round()
  const before = await round()
  await round()
  const after = await round()
  assert.ok(after - before < 1_000_000, `${after - before} bytes more`)
  redis.disconnect()
})
