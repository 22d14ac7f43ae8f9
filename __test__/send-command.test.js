'use strict'

// A `sendCommand` that somebody has put in place of ours, as tracing tools do.

const { test, afterEach } = require('node:test')
const assert = require('node:assert/strict')
const { once } = require('node:events')
const { newRedis, Redis } = require('./lib/twin')

const { prototype } = Redis
const original = prototype.sendCommand

/** What ioredis says on its own when it connects. */
const HANDSHAKE = ['hello', 'client', 'info']

/** @returns {string[]} what passes from now on */
function watch(target) {
  const seen = []
  target.sendCommand = function (command, ...rest) {
    if (!HANDSHAKE.includes(command.name)) seen.push([command.name, ...command.args].join(' '))
    return Reflect.apply(original, this, [command, ...rest])
  }
  return seen
}

afterEach(() => {
  prototype.sendCommand = original
})

/** A client in the state in which its methods take the fast path. */
async function readyClient(options) {
  const redis = newRedis(options)
  await once(redis, 'ready')
  await redis.ping()
  return redis
}

test('commands of every client pass through a sendCommand that is set on the class', async () => {
  const redis = await readyClient()
  const seen = watch(prototype)
  assert.equal(await redis.set('k', 1, 'EX', 60), 'OK')
  assert.equal(await redis.get('k'), '1')
  assert.deepEqual(await redis.getBuffer('k'), Buffer.from('1'))
  assert.equal(await redis.call('get', 'k'), '1')
  assert.deepEqual(await redis.hgetall('none'), {})
  assert.deepEqual(seen, ['set k 1 EX 60', 'get k', 'get k', 'get k', 'hgetall none'])
  const later = newRedis()
  await later.ping()
  assert.equal(seen.at(-1), 'ping')
})

test('so do those of one client that has one of its own, until it is taken away', async () => {
  const redis = await readyClient()
  const other = await readyClient()
  const seen = watch(redis)
  await redis.incr('n')
  await other.incr('n')
  assert.deepEqual(seen, ['incr n'])
  delete redis.sendCommand
  assert.equal(await redis.get('n'), '2')
  assert.deepEqual(seen, ['incr n'])
})

test('errors, callbacks and prefixes are as they are without', async () => {
  const redis = await readyClient({ keyPrefix: 'p:' })
  const seen = watch(redis)
  const args = await new Promise((resolve) => redis.set('k', 'x', (...all) => resolve(all)))
  assert.deepEqual(args, [null, 'OK'])
  await assert.rejects(redis.lpush('k', 1), /WRONGTYPE/)
  assert.deepEqual(seen, ['set p:k x', 'lpush p:k 1'])
})

test('what a sendCommand answers is what the caller gets', async () => {
  const redis = await readyClient()
  redis.sendCommand = () => Promise.resolve('another')
  assert.equal(await redis.get('k'), 'another')
})
