'use strict'

// Callbacks: exactly once, never within the call, and what they throw is not swallowed.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { newRedis } = require('./lib/twin')

test('a callback comes last after any arguments, and the promise comes as well', async () => {
  const redis = newRedis()
  const calls = []
  const promise = redis.set('k', 'v', 'EX', 100, (...args) => calls.push(args))
  assert.deepEqual(calls, [])
  assert.equal(await promise, 'OK')
  await redis.get('k', (...args) => calls.push(args))
  await redis.getBuffer('k', (...args) => calls.push(args))
  await redis.get('none', (...args) => calls.push(args))
  await redis.mget(['k', 'none'], (...args) => calls.push(args))
  await redis.hgetall('none', (...args) => calls.push(args))
  await redis.call('strlen', 'k', (...args) => calls.push(args))
  await redis.ping((...args) => calls.push(args))
  assert.deepEqual(calls, [
    [null, 'OK'],
    [null, 'v'],
    [null, Buffer.from('v')],
    [null, null],
    [null, ['v', null]],
    [null, {}],
    [null, 1],
    [null, 'PONG'],
  ])
})

test('with a callback a rejection is nobody else’s business', async () => {
  const redis = newRedis()
  const calls = []
  redis.incr('k', 'x', (...args) => calls.push(args.length))
  redis.call('nosuch', (...args) => calls.push(args.length))
  await redis.ping()
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(calls, [1, 1])
})

test('callbacks come in the order of their commands', async () => {
  const redis = newRedis()
  const order = []
  for (let i = 0; i < 100; i++) redis.incr('n', (_error, value) => order.push(value))
  await redis.get('n')
  assert.deepEqual(
    order,
    Array.from({ length: 100 }, (_, i) => i + 1),
  )
})

test('every method has its callback called once', async () => {
  const redis = newRedis()
  const calls = { blpop: 0, exec: 0, multi: 0, subscribe: 0, connect: 0, quit: 0 }
  await redis.rpush('l', 1)
  await redis.blpop('l', 1, () => calls.blpop++)
  await redis
    .pipeline()
    .get('k')
    .exec(() => calls.exec++)
  await redis
    .multi()
    .get('k')
    .exec(() => calls.multi++)
  await redis.subscribe('c', () => calls.subscribe++)
  await redis.connect(() => calls.connect++).catch(() => {})
  await redis.quit(() => calls.quit++)
  await new Promise((resolve) => setTimeout(resolve, 5))
  assert.deepEqual(calls, { blpop: 1, exec: 1, multi: 1, subscribe: 1, connect: 1, quit: 1 })
})

test('what a callback throws is an uncaught exception', async () => {
  const redis = newRedis()
  const thrown = await withUncaught(() => {
    redis.get('k', () => {
      throw new Error('from the callback')
    })
  })
  assert.equal(thrown.message, 'from the callback')
  assert.equal(await redis.ping(), 'PONG')
})

test('what a message listener throws is an uncaught exception, and the others are served', async () => {
  const redis = newRedis()
  const other = newRedis()
  const publisher = newRedis()
  const heard = []
  await redis.subscribe('news')
  await other.subscribe('news')
  redis.on('message', (_channel, message) => {
    heard.push(message)
    if (message === 'one') throw new Error('from the listener')
  })
  other.on('message', (_channel, message) => heard.push(message))
  const thrown = await withUncaught(() => {
    publisher.publish('news', 'one')
    publisher.publish('news', 'two')
  })
  assert.equal(thrown.message, 'from the listener')
  while (heard.length < 4) await publisher.ping()
  assert.deepEqual(heard.sort(), ['one', 'one', 'two', 'two'])
})

/** The exception that nobody catches, kept from the test runner. */
function withUncaught(task) {
  return new Promise((resolve) => {
    const listeners = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.once('uncaughtException', (error) => {
      for (const listener of listeners) process.on('uncaughtException', listener)
      resolve(error)
    })
    task()
  })
}
