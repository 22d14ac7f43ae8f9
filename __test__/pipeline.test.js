'use strict'

// pipeline(), multi() and exec().

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { Redis, newRedis } = require('./lib/twin')

test('a pipeline gives a pair of error and reply for each command', async () => {
  const redis = newRedis()
  const pipeline = redis.pipeline()
  assert.equal(pipeline.length, 0)
  assert.equal(pipeline.set('k', 'v'), pipeline)
  pipeline.get('k').incr('k').getBuffer('k').hset('h', { f: 1 }).hgetall('h')
  assert.equal(pipeline.length, 6)
  const results = await pipeline.exec()
  assert.deepEqual(results.slice(0, 2), [
    [null, 'OK'],
    [null, 'v'],
  ])
  const [error] = results[2]
  assert.equal(results[2].length, 1)
  assert.ok(error instanceof Redis.ReplyError)
  assert.deepEqual(error.command, { name: 'incr', args: ['k'] })
  assert.deepEqual(results.slice(3), [
    [null, Buffer.from('v')],
    [null, 1],
    [null, { f: '1' }],
  ])
})

test('nothing is sent before exec()', async () => {
  const redis = newRedis()
  const pipeline = redis.pipeline().set('k', 'v')
  assert.equal(await redis.get('k'), null)
  await pipeline.exec()
  assert.equal(await redis.get('k'), 'v')
})

test('an empty pipeline gives an empty list', async () => {
  const redis = newRedis()
  assert.deepEqual(await redis.pipeline().exec(), [])
  assert.deepEqual(await redis.pipeline([]).exec(), [])
  assert.deepEqual(await redis.multi().exec(), [])
})

test('a pipeline may be given as a list', async () => {
  const redis = newRedis()
  const commands = [
    ['set', 'k', 1],
    ['incr', 'k'],
    ['mget', ['k', 'none']],
    ['call', 'GET', 'k'],
  ]
  const expected = [
    [null, 'OK'],
    [null, 2],
    [null, ['2', null]],
    [null, '2'],
  ]
  assert.deepEqual(await redis.pipeline(commands).exec(), expected)
  assert.deepEqual(await redis.multi(commands).exec(), expected)
})

test('callbacks of the commands come before that of the pipeline', async () => {
  const redis = newRedis()
  const calls = []
  const results = await redis
    .pipeline()
    .set('k', 'v', (...args) => calls.push(['set', ...args]))
    .incr('k', (error) => calls.push(['incr', error.message]))
    .get('k', (...args) => calls.push(['get', ...args]))
    .exec((error, all) => calls.push(['exec', error, all.length]))
  assert.equal(results.length, 3)
  assert.deepEqual(calls, [
    ['set', null, 'OK'],
    ['incr', 'ERR value is not an integer or out of range'],
    ['get', null, 'v'],
    ['exec', null, 3],
  ])
})

test('exec(true), as some libraries call it, is exec()', async () => {
  const redis = newRedis()
  assert.deepEqual(await redis.pipeline().set('k', 1).exec(true), [[null, 'OK']])
  assert.deepEqual(await redis.multi().incr('k').pttl('k').exec(true), [
    [null, 2],
    [null, -1],
  ])
})

test('a transaction gives what EXEC gives', async () => {
  const redis = newRedis()
  const results = await redis
    .multi()
    .set('k', 'v')
    .getBuffer('k')
    .get('k')
    .hset('h', 'f', 'v')
    .hgetall('h')
    .zadd('z', 1, 'a')
    .zrange('z', 0, -1, 'WITHSCORES')
    .exec()
  assert.deepEqual(results, [
    [null, 'OK'],
    [null, Buffer.from('v')],
    [null, 'v'],
    [null, 1],
    [null, { f: 'v' }],
    [null, 1],
    [null, ['a', '1']],
  ])
})

test('the callbacks in a transaction are told QUEUED', async () => {
  const redis = newRedis()
  const calls = []
  await redis
    .multi()
    .set('k', 'v', (...args) => calls.push(args))
    .exec((...args) => calls.push(args))
  assert.deepEqual(calls, [
    [null, 'QUEUED'],
    [null, [[null, 'OK']]],
  ])
})

test('a wrong command aborts the transaction, and the error names what was wrong', async () => {
  const redis = newRedis()
  const error = await redis
    .multi()
    .set('k', 'v')
    .set('k')
    .exec()
    .catch((reason) => reason)
  assert.equal(error.message, 'EXECABORT Transaction discarded because of previous errors.')
  assert.deepEqual(
    error.previousErrors.map(({ message }) => message),
    ["ERR wrong number of arguments for 'set' command"],
  )
  assert.equal(await redis.get('k'), null)
  assert.equal(await redis.set('k', 'not in a transaction any more'), 'OK')
})

test('an error while executing undoes nothing', async () => {
  const redis = newRedis()
  const [first, second, third] = await redis.multi().set('k', 'v').incr('k').set('j', 1).exec()
  assert.deepEqual(first, [null, 'OK'])
  assert.match(second[0].message, /not an integer/)
  assert.deepEqual(third, [null, 'OK'])
})

test('exec() gives null when a watched key was touched', async () => {
  const redis = newRedis()
  const other = newRedis()
  await redis.set('k', 1)
  assert.equal(await redis.watch('k'), 'OK')
  await other.set('k', 2)
  assert.equal(await redis.multi().set('k', 3).exec(), null)
  assert.equal(await redis.get('k'), '2')
  await redis.watch('k')
  assert.deepEqual(await redis.multi().set('k', 3).exec(), [[null, 'OK']])
})

test('multi({ pipeline: false }) queues command by command', async () => {
  const redis = newRedis()
  assert.equal(await redis.multi({ pipeline: false }), 'OK')
  assert.equal(await redis.set('k', 'v'), 'QUEUED')
  assert.equal(await redis.get('k'), 'QUEUED')
  assert.equal(await redis.hgetall('none'), 'QUEUED')
  assert.deepEqual(await redis.exec(), [
    [null, 'OK'],
    [null, 'v'],
    [null, []],
  ])
  await redis.multi({ pipeline: false })
  await redis.incr('n')
  assert.equal(await redis.discard(), 'OK')
  assert.equal(await redis.get('n'), null)
  await assert.rejects(redis.exec(), { message: 'ERR EXEC without MULTI' })
})

test('redis.exec() takes a callback and gives null when a watched key was touched', async () => {
  const redis = newRedis()
  const other = newRedis()
  await redis.watch('k')
  await other.set('k', 1)
  await redis.multi({ pipeline: false })
  await redis.get('k')
  const all = await new Promise((resolve) => redis.exec((...args) => resolve(args)))
  assert.deepEqual(all, [null, null])
})

test('a pipeline may hold a transaction', async () => {
  const redis = newRedis()
  const results = await redis
    .pipeline()
    .set('a', 1)
    .multi()
    .incr('a')
    .hgetall('h')
    .exec()
    .get('a')
    .exec()
  assert.deepEqual(results, [
    [null, 'OK'],
    [null, 'OK'],
    [null, 'QUEUED'],
    [null, 'QUEUED'],
    [null, [2, {}]],
    [null, '2'],
  ])
})

test('discard() within multi() leaves nothing to execute', async () => {
  const redis = newRedis()
  await assert.rejects(redis.multi().set('k', 1).discard().exec(), {
    message: 'ERR EXEC without MULTI',
  })
  assert.equal(await redis.get('k'), null)
})

test('exec() with a callback gives the error of a transaction', async () => {
  const redis = newRedis()
  const error = await new Promise((resolve) => {
    redis
      .multi()
      .get()
      .exec((reason) => resolve(reason))
      .catch(() => {})
  })
  assert.match(error.message, /^EXECABORT/)
})

test('a pipeline on a closed client gives an error for each command', async () => {
  const redis = newRedis()
  await redis.ping()
  const done = new Promise((resolve) => redis.once('end', resolve))
  redis.disconnect()
  await done
  const results = await redis.pipeline().get('a').set('b', 1).exec()
  assert.deepEqual(
    results.map(([error]) => error.message),
    ['Connection is closed.', 'Connection is closed.'],
  )
  await assert.rejects(redis.multi().get('a').exec(), { message: 'Connection is closed.' })
})

test('a pipeline takes Commands', async () => {
  const redis = newRedis()
  const command = new Redis.Command('get', ['k'], { replyEncoding: 'utf8' })
  const results = await redis.pipeline().set('k', 'v').sendCommand(command).exec()
  assert.deepEqual(results, [
    [null, 'OK'],
    [null, 'v'],
  ])
  assert.equal(await command.promise, 'v')
})

test('a command that does not exist is a mistake in the program', () => {
  const redis = newRedis()
  assert.throws(() => redis.pipeline([['nosuch', 'k']]), TypeError)
})

test('a blocking command in a pipeline holds up those behind it', async () => {
  const redis = newRedis()
  const other = newRedis()
  const results = redis.pipeline().blpop('jobs', 5).set('after', 1).exec()
  while (!(await other.client('LIST')).includes('cmd=blpop'));
  assert.equal(await other.get('after'), null)
  await other.rpush('jobs', 'job')
  assert.deepEqual(await results, [
    [null, ['jobs', 'job']],
    [null, 'OK'],
  ])
})

test('many commands in one pipeline', async () => {
  const redis = newRedis()
  const pipeline = redis.pipeline()
  for (let i = 0; i < 10_000; i++) pipeline.incr('n')
  const results = await pipeline.exec()
  assert.equal(results.length, 10_000)
  assert.deepEqual(results[9_999], [null, 10_000])
})

test('enableAutoPipelining changes nothing that a program sees', async () => {
  const redis = newRedis({ enableAutoPipelining: true })
  assert.deepEqual(
    await Promise.all([redis.set('k', 1), redis.incr('k'), redis.get('k'), redis.call('get', 'k')]),
    ['OK', 2, '2', '2'],
  )
  await assert.rejects(redis.incr('k', 'x'), /wrong number/)
})
