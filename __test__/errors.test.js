'use strict'

// Errors: whose they are, what they say and what they carry.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { Redis, newRedis } = require('./lib/twin')

async function failure(promise) {
  return promise.then(
    (value) => assert.fail(`resolved with ${value}`),
    (error) => error,
  )
}

test('an error of the store is a ReplyError with its words and its command', async () => {
  const redis = newRedis()
  await redis.set('s', 'text')
  const error = await failure(redis.lpush('s', 1, Buffer.from('b')))
  assert.ok(error instanceof Redis.ReplyError)
  assert.ok(error instanceof Error)
  assert.equal(error.name, 'ReplyError')
  assert.equal(error.message, 'WRONGTYPE Operation against a key holding the wrong kind of value')
  assert.deepEqual(error.command, { name: 'lpush', args: ['s', '1', Buffer.from('b')] })
  assert.match(String(error), /^ReplyError: WRONGTYPE /)
})

test('too few and too many arguments are refused and change nothing', async () => {
  const redis = newRedis()
  const message = (name) => ({ message: `ERR wrong number of arguments for '${name}' command` })
  await assert.rejects(redis.get(), message('get'))
  await assert.rejects(redis.get('a', 'b'), message('get'))
  await assert.rejects(redis.set('k'), message('set'))
  await assert.rejects(redis.mset('a', 1, 'b'), message('mset'))
  assert.equal(await redis.dbsize(), 0)
})

test('an unknown command says so, with its arguments', async () => {
  const redis = newRedis()
  const error = await failure(redis.call('nosuch', 'a', 'b'))
  assert.equal(error.message, "ERR unknown command 'nosuch', with args beginning with: 'a' 'b' ")
  assert.deepEqual(error.command, { name: 'nosuch', args: ['a', 'b'] })
})

test('errors reach callbacks as their only argument', async () => {
  const redis = newRedis()
  const all = await new Promise((resolve) =>
    redis.incr('k', 'too many', (...args) => resolve(args)),
  )
  assert.equal(all.length, 1)
  assert.match(all[0].message, /wrong number/)
})

test('an error in a reply of several items stands in its place', async () => {
  const redis = newRedis()
  await redis.set('s', 'text')
  const results = await redis.multi().incr('s').incr('n').exec()
  assert.equal(results[0].length, 1)
  assert.ok(results[0][0] instanceof Redis.ReplyError)
  assert.match(results[0][0].message, /^ERR value is not an integer/)
  assert.deepEqual(results[1], [null, 1])
})

test('showFriendlyErrorStack names the line of the call', async () => {
  const redis = newRedis({ showFriendlyErrorStack: true })
  await redis.set('s', 'text')
  const error = await failure(theCaller(redis))
  assert.match(error.stack.split('\n')[1], /theCaller/)
  assert.match(error.stack, /^ReplyError: WRONGTYPE/)
})

function theCaller(redis) {
  return redis.llen('s')
}

test('commandTimeout rejects what takes longer', async () => {
  const redis = newRedis({ commandTimeout: 30 })
  assert.equal(await redis.set('k', 'v'), 'OK')
  await assert.rejects(redis.blpop('none', 5), { message: 'Command timed out' })
})
