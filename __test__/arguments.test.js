'use strict'

// What may be passed to a command, and how.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { Redis, newRedis } = require('./lib/twin')

test('numbers are written as JavaScript writes them, big integers in full', async () => {
  const redis = newRedis()
  for (const [number, text] of [
    [1, '1'],
    [-0, '0'],
    [1.5, '1.5'],
    [1e21, '1000000000000000000000'],
    [2 ** 53, '9007199254740992'],
    [-5, '-5'],
    [1e-7, '1e-7'],
    [NaN, 'NaN'],
    [Infinity, 'Infinity'],
  ]) {
    await redis.set('k', number)
    assert.equal(await redis.get('k'), text)
  }
})

test('null and undefined are the empty string, booleans and objects are what String makes', async () => {
  const redis = newRedis()
  await redis.rpush('l', null, undefined, true, false, { a: 1 }, 10n)
  const expected = ['', '', 'true', 'false', '[object Object]', '10']
  assert.deepEqual(await redis.lrange('l', 0, -1), expected)
  await redis.set(null, 'empty key')
  assert.equal(await redis.get(undefined), 'empty key')
})

test('a Date is a string, not a moment', async () => {
  const redis = newRedis()
  const date = new Date(0)
  await redis.set('k', date)
  assert.equal(await redis.get('k'), String(date))
})

test('Buffers are taken as the bytes they are, as keys too', async () => {
  const redis = newRedis()
  const bytes = Buffer.from([0, 255, 10, 13])
  assert.equal(await redis.set(bytes, bytes), 'OK')
  assert.deepEqual(await redis.getBuffer(bytes), bytes)
  assert.equal(await redis.set('empty', Buffer.alloc(0)), 'OK')
  assert.equal(await redis.get('empty'), '')
})

test('text of any script comes back as it was, and a lone surrogate is replaced', async () => {
  const redis = newRedis()
  for (const text of [
    '',
    'plain',
    'ünïcödé',
    '日本語',
    '🎉 party',
    'a\u0000b',
    'x'.repeat(70_000),
  ]) {
    await redis.set('k', text)
    assert.equal(await redis.get('k'), text)
  }
  await redis.set('k', 'a\ud800b')
  assert.equal(await redis.get('k'), 'a\ufffdb')
})

test('an array is flattened wherever it stands, one level deep', async () => {
  const redis = newRedis()
  assert.equal(await redis.rpush('l', ['a', 'b']), 2)
  assert.equal(await redis.rpush(['l', 'c'], ['d']), 4)
  assert.equal(await redis.rpush(['l', ['e', 'f']]), 5)
  assert.deepEqual(await redis.lrange(['l', 0, -1]), ['a', 'b', 'c', 'd', 'e,f'])
  assert.deepEqual(await redis.mget([]).catch((error) => error.message), wrongArity('mget'))
})

test('many arguments are as good as few', async () => {
  const redis = newRedis()
  const members = Array.from({ length: 1000 }, (_, i) => `m${i}`)
  assert.equal(await redis.sadd('s', ...members), 1000)
  assert.equal(await redis.sadd('s', members), 0)
  assert.equal(await redis.del('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 's'), 1)
  for (let count = 1; count <= 10; count++) {
    assert.equal(await redis.rpush('l', ...members.slice(0, count)), (count * (count + 1)) / 2)
  }
})

test('mset, msetnx, hset and hmset take objects and Maps', async () => {
  const redis = newRedis()
  assert.equal(await redis.mset({ a: 1, b: 'two' }), 'OK')
  assert.equal(
    await redis.mset(
      new Map([
        ['c', 3],
        ['d', Buffer.from('four')],
      ]),
    ),
    'OK',
  )
  assert.deepEqual(await redis.mget('a', 'b', 'c', 'd'), ['1', 'two', '3', 'four'])
  assert.equal(await redis.msetnx({ a: 9, z: 9 }), 0)
  assert.equal(await redis.hset('h', { name: 'ada', age: 36 }), 2)
  assert.equal(await redis.hmset('h', new Map([['city', 'london']])), 'OK')
  assert.equal(await redis.hset('h', 'x', 1, 'y', null), 2)
  assert.deepEqual(await redis.hgetall('h'), {
    name: 'ada',
    age: '36',
    city: 'london',
    x: '1',
    y: '',
  })
})

test('any command may be called by name, in any case', async () => {
  const redis = newRedis()
  assert.equal(await redis.call('set', 'k', 'v'), 'OK')
  assert.equal(await redis.call('GET', ['k']), 'v')
  assert.deepEqual(await redis.callBuffer('get', 'k'), Buffer.from('v'))
  assert.equal(await redis.send_command('get', 'k'), 'v')
  assert.deepEqual(await redis.call('MGET', 'k', 'none'), ['v', null])
  await redis.hset('h', 'f', 'v')
  assert.deepEqual(await redis.call('hgetall', 'h'), { f: 'v' })
})

test('call with a callback, and send_command with a list', async () => {
  const redis = newRedis()
  const reply = await new Promise((resolve, reject) => {
    redis.send_command('SET', ['k', 'v'], (error, value) =>
      error ? reject(error) : resolve(value),
    )
  })
  assert.equal(reply, 'OK')
})

test('sendCommand takes a Command, whose reply is Buffers unless an encoding is named', async () => {
  const redis = newRedis()
  const set = new Redis.Command('set', ['k', 5])
  assert.equal(redis.sendCommand(set), set.promise)
  assert.deepEqual(await set.promise, Buffer.from('OK'))
  const text = new Redis.Command('get', ['k'], { replyEncoding: 'utf8' })
  assert.equal(await redis.sendCommand(text), '5')
  const hex = new Redis.Command('get', [['k']], { replyEncoding: 'hex' })
  assert.equal(await redis.sendCommand(hex), '35')
  assert.deepEqual(new Redis.Command('mget', ['a', 'b']).getKeys(), ['a', 'b'])
  const called = await new Promise((resolve) => {
    const command = new Redis.Command('get', ['k'], { replyEncoding: 'utf8' }, (...all) =>
      resolve(all),
    )
    redis.sendCommand(command)
  })
  assert.deepEqual(called, [null, '5'])
})

test('transformers change the arguments and the reply of a command', async () => {
  const redis = newRedis()
  const { Command } = Redis
  Command.setArgumentTransformer('echo', (args) => args.map((arg) => `<${arg}>`))
  Command.setReplyTransformer('echo', (reply) => reply.toUpperCase())
  try {
    assert.equal(await redis.echo('a'), '<A>')
    assert.deepEqual(await redis.pipeline().echo('b').exec(), [[null, '<B>']])
    assert.deepEqual(await redis.multi().echo('c').exec(), [[null, '<C>']])
    assert.equal(await redis.call('ECHO', 'd'), 'd')
  } finally {
    Command.setArgumentTransformer('echo', undefined)
    Command.setReplyTransformer('echo', undefined)
  }
  assert.equal(await redis.echo('a'), 'a')
})

test('what a transformer throws rejects', async () => {
  const redis = newRedis()
  Redis.Command.setReplyTransformer('echo', () => {
    throw new Error('not today')
  })
  try {
    await assert.rejects(redis.echo('a'), { message: 'not today' })
  } finally {
    Redis.Command.setReplyTransformer('echo', (reply) => reply)
  }
})

test('a hand-made reply transformer for hgetall is given the plain list', async () => {
  const redis = newRedis()
  const before = Redis.Command._transformer.reply.hgetall
  await redis.hset('h', 'f', 'v')
  Redis.Command.setReplyTransformer('hgetall', (reply) => ['transformed', ...reply])
  try {
    assert.deepEqual(await redis.hgetall('h'), ['transformed', 'f', 'v'])
    assert.deepEqual(await redis.multi().hgetall('h').exec(), [[null, ['transformed', 'f', 'v']]])
  } finally {
    Redis.Command.setReplyTransformer('hgetall', before)
  }
  assert.deepEqual(await redis.hgetall('h'), { f: 'v' })
})

test('a value that changes after the call does not change what was sent', async () => {
  const redis = newRedis()
  const list = ['l', 'a']
  const pipeline = redis.pipeline().rpush(list)
  list[1] = 'b'
  await pipeline.exec()
  assert.deepEqual(await redis.lrange('l', 0, -1), ['a'])
})

function wrongArity(name) {
  return `ERR wrong number of arguments for '${name}' command`
}
