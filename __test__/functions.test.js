'use strict'

// FUNCTION, FCALL and FCALL_RO as methods.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { newRedis } = require('./lib/twin')

async function failure(promise) {
  return promise.then(
    () => assert.fail('it should have been rejected'),
    (error) => error,
  )
}

/** The code of a library, whose function has the library's name. */
function library(name, body, flags = '') {
  return `#!lua name=${name}
    redis.register_function{
      function_name = '${name}', flags = {${flags}},
      callback = function(keys, args) ${body} end
    }`
}

test('functions are loaded, called, listed and removed', async () => {
  const redis = newRedis()
  await redis.function('FLUSH')
  assert.equal(
    await redis.function('LOAD', library('greet', "return 'hello ' .. args[1]")),
    'greet',
  )
  assert.equal(await redis.fcall('greet', 0, 'you'), 'hello you')
  assert.deepEqual(await redis.fcallBuffer('greet', 0, ['you']), Buffer.from('hello you'))
  const again = await failure(redis.function('LOAD', library('greet', 'return 1')))
  assert.equal(again.message, "ERR Library 'greet' already exists")
  const writes = await failure(redis.fcall_ro('greet', 0, 'you'))
  assert.equal(writes.message, 'ERR Can not execute a script with write flag using *_ro command.')
  const unknown = await failure(redis.fcall('nobody', 0))
  assert.equal(unknown.message, 'ERR Function not found')
  assert.deepEqual(unknown.command, { name: 'fcall', args: ['nobody', '0'] })
  assert.deepEqual(await redis.function('LIST', 'LIBRARYNAME', 'gr*'), [
    [
      'library_name',
      'greet',
      'engine',
      'LUA',
      'functions',
      [['name', 'greet', 'description', null, 'flags', []]],
    ],
  ])
  const dump = await redis.functionBuffer('DUMP')
  assert.ok(Buffer.isBuffer(dump))
  assert.equal(await redis.function('DELETE', 'greet'), 'OK')
  assert.deepEqual(await redis.function('LIST'), [])
  assert.equal(await redis.function('RESTORE', dump), 'OK')
  assert.equal(await redis.fcall('greet', 0, 'again'), 'hello again')
  assert.deepEqual(await redis.multi().fcall('greet', 0, 'x').exec(), [[null, 'hello x']])
  assert.equal(await redis.function('FLUSH'), 'OK')
})

test('keys of functions have the prefix, and what follows them has not', async () => {
  const redis = newRedis({ keyPrefix: 'app:' })
  await redis.function(
    'LOAD',
    'REPLACE',
    library('prefixed', 'return {keys[1], args[1]}', "'no-writes'"),
  )
  assert.deepEqual(await redis.fcall('prefixed', 1, 'k', 'k'), ['app:k', 'k'])
  assert.deepEqual(await redis.fcall_ro('prefixed', 1, 'k', 'k'), ['app:k', 'k'])
})
