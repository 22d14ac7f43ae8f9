'use strict'

// EVAL, SCRIPT and their kin as methods: words in, replies out, keys with a prefix.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { Redis, newRedis, twin } = require('./lib/twin')

const ECHO = 'return {KEYS[1],KEYS[2],ARGV[1],ARGV[2]}'

async function failure(promise) {
  return promise.then(
    () => assert.fail('it should have been rejected'),
    (error) => error,
  )
}

test('eval takes its words one by one and in lists', async () => {
  const redis = newRedis()
  const expected = ['k1', 'k2', 'a1', 'a2']
  assert.deepEqual(await redis.eval(ECHO, 2, 'k1', 'k2', 'a1', 'a2'), expected)
  assert.deepEqual(await redis.eval(ECHO, '2', 'k1', 'k2', 'a1', 'a2'), expected)
  assert.deepEqual(await redis.eval(ECHO, 2, ['k1', 'k2'], ['a1', 'a2']), expected)
  assert.deepEqual(await redis.eval([ECHO, 2, 'k1', 'k2', 'a1', 'a2']), expected)
  assert.deepEqual(await redis.call('EVAL', ECHO, 2, 'k1', 'k2', 'a1', 'a2'), expected)
  assert.deepEqual(
    await redis.evalBuffer(Buffer.from(ECHO), 2, 'k1', 'k2', 'a1', 'a2'),
    expected.map((word) => Buffer.from(word)),
  )
})

test('Lua values become what Redis makes of them', async () => {
  const redis = newRedis()
  const cases = [
    ['return 1', 1],
    ['return 3.99', 3],
    ['return -3.99', -3],
    ["return 'text'", 'text'],
    ['return true', 1],
    ['return false', null],
    ['return nil', null],
    ['return', null],
    ['return {}', []],
    ['return {1, {2, {3, "x"}}, false}', [1, [2, [3, 'x']], null]],
    ['return {1, nil, 3}', [1]],
    ["return {ok = 'FINE'}", 'FINE'],
    ["return redis.status_reply('OK')", 'OK'],
    ["return redis.call('SET', 'k', 'v')", 'OK'],
    ["return redis.call('GET', 'none')", null],
    ["return redis.call('MGET', 'k', 'none')", ['v', null]],
    ["redis.setresp(3) return redis.call('HGETALL', 'h')", ['f', '1']],
    ['return {double = 2.5}', '2.5'],
  ]
  await redis.hset('h', 'f', 1)
  for (const [lua, expected] of cases) {
    for (let times = 0; times < 2; times++) {
      assert.deepEqual(await redis.eval(lua, 0), expected, lua)
    }
  }
  assert.deepEqual(await redis.evalBuffer("return {1, 'x', {ok = 'FINE'}, false}", 0), [
    1,
    Buffer.from('x'),
    Buffer.from('FINE'),
    null,
  ])
  assert.equal(await redis.eval('return ARGV[1]', 0, 'ü€\u{1f600}'), 'ü€\u{1f600}')
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
  assert.deepEqual(await redis.evalBuffer('return ARGV[1]', 0, bytes), bytes)
})

test('errors of scripts are errors of their command', async () => {
  const redis = newRedis()
  const bad = await failure(redis.eval("return redis.error_reply('BAD luck')", 0))
  assert.ok(bad instanceof Redis.ReplyError)
  assert.equal(bad.message, 'BAD luck')
  assert.deepEqual(bad.command, {
    name: 'eval',
    args: ["return redis.error_reply('BAD luck')", '0'],
  })
  await redis.set('text', 'x')
  const inside = await failure(redis.eval("return redis.call('LPOP', KEYS[1])", 1, 'text'))
  assert.match(
    inside.message,
    /^WRONGTYPE Operation against a key holding the wrong kind of value script: [0-9a-f]{40}, on @user_script:1\.$/,
  )
  const thrown = await failure(redis.eval("\nerror('my own')", 0))
  assert.match(thrown.message, /^ERR user_script:2: my own script: [0-9a-f]{40}, on @user_script:2/)
  const caught = await redis.eval("return redis.pcall('LPOP', KEYS[1]).err", 1, 'text')
  assert.equal(caught, 'WRONGTYPE Operation against a key holding the wrong kind of value')
  const list = await redis.eval("return {1, redis.pcall('LPOP', KEYS[1])}", 1, 'text')
  assert.equal(list[0], 1)
  assert.ok(list[1] instanceof Error)
  assert.match(list[1].message, /^WRONGTYPE/)
  for (const [words, message] of [
    [['return 1'], /^ERR wrong number of arguments for 'eval' command$/],
    [['return 1', 'x'], /^ERR value is not an integer or out of range$/],
    [['return 1', -1], /^ERR Number of keys can't be negative$/],
    [['return 1', 2, 'k'], /^ERR Number of keys can't be greater than number of args$/],
  ]) {
    assert.match((await failure(redis.eval(...words))).message, message)
  }
})

test('a script is known by its digest once it was loaded', async () => {
  const redis = newRedis()
  const sha = await redis.script('LOAD', 'return ARGV[1]')
  assert.equal(sha, '098e0f0d1448c0a81dafe820f66d460eb09263da')
  assert.equal(await redis.evalsha(sha, 0, 'x'), 'x')
  assert.equal(await redis.evalsha(sha.toUpperCase(), '0', ['x']), 'x')
  assert.deepEqual(await redis.evalshaBuffer(sha, 0, 'x'), Buffer.from('x'))
  assert.deepEqual(await redis.script('EXISTS', sha, 'f'.repeat(40)), [1, 0])
  assert.equal(await redis.script('FLUSH', 'SYNC'), 'OK')
  assert.deepEqual(await redis.script('EXISTS', [sha]), [0])
  const error = await failure(redis.evalsha(sha, 0, 'x'))
  assert.match(error.message, /^NOSCRIPT No matching script\./)
  assert.deepEqual(error.command, { name: 'evalsha', args: [sha, '0', 'x'] })
})

test('a script that may only read is refused when it writes', async () => {
  const redis = newRedis()
  await redis.set('k', 'v')
  assert.equal(await redis.eval_ro("return redis.call('GET', KEYS[1])", 1, 'k'), 'v')
  const sha = await redis.script('LOAD', "return redis.call('GET', KEYS[1])")
  assert.equal(await redis.evalsha_ro(sha, 1, 'k'), 'v')
  assert.deepEqual(await redis.evalsha_roBuffer(sha, 1, 'k'), Buffer.from('v'))
  const error = await failure(redis.eval_ro("return redis.call('SET', KEYS[1], 1)", 1, 'k'))
  assert.match(error.message, /^ERR Write commands are not allowed from read-only scripts/)
})

test('keys have the prefix, and what follows them has not', async () => {
  const redis = newRedis({ keyPrefix: 'app:' })
  const expected = ['app:k1', 'app:k2', 'k1', 'k2']
  const words = ['k1', 'k2', 'k1', 'k2']
  const sha = await redis.script('LOAD', ECHO)
  assert.deepEqual(await redis.eval(ECHO, 2, ...words), expected)
  assert.deepEqual(await redis.eval(ECHO, 2, words), expected)
  assert.deepEqual(await redis.evalsha(sha, '2', ...words), expected)
  assert.deepEqual(await redis.eval_ro(ECHO, 2, ...words), expected)
  assert.deepEqual(await redis.evalsha_ro(sha, 2, ...words), expected)
  assert.deepEqual(
    await redis
      .pipeline()
      .eval(ECHO, 2, ...words)
      .exec(),
    [[null, expected]],
  )
  assert.deepEqual(
    await redis
      .multi()
      .evalsha(sha, 2, ...words)
      .exec(),
    [[null, expected]],
  )
  assert.deepEqual(await redis.eval('return ARGV[1]', 0, 'k'), 'k')
})

test('scripts in pipelines and transactions answer in their places', async () => {
  const redis = newRedis()
  const up = "return redis.call('INCR', KEYS[1])"
  const piped = await redis
    .pipeline()
    .eval(up, 1, 'n')
    .evalBuffer("return 'x'", 0)
    .eval('retrun', 0)
    .get('n')
    .exec()
  assert.deepEqual(piped.slice(0, 2), [
    [null, 1],
    [null, Buffer.from('x')],
  ])
  assert.match(piped[2][0].message, /^ERR Error compiling script/)
  assert.deepEqual(piped[3], [null, '1'])
  const results = await redis
    .multi()
    .eval(up, 1, 'n')
    .evalsha('f'.repeat(40), 0)
    .eval("return {1, {'x'}, false}", 0)
    .exec()
  assert.deepEqual(results[0], [null, 2])
  assert.match(results[1][0].message, /^NOSCRIPT No matching script\./)
  assert.deepEqual(results[2], [null, [1, ['x'], null]])
})

test('a script is one step, whatever else is called meanwhile', async () => {
  const redis = newRedis()
  const other = newRedis()
  const lua = `local n = redis.call('GET', KEYS[1]) or 0
    redis.call('SET', KEYS[1], n + 1)
    return n + 1`
  const calls = Array.from({ length: 100 }, (_, i) => (i % 2 ? redis : other).eval(lua, 1, 'n'))
  const numbers = (await Promise.all(calls)).sort((a, b) => a - b)
  assert.deepEqual(
    numbers,
    Array.from({ length: 100 }, (_, i) => i + 1),
  )
})

test("with replyMapping 'resp3' what a script gives under RESP3 has RESP3's shapes", async () => {
  const redis = newRedis({ replyMapping: 'resp3' })
  await redis.hset('h', 'f', 1)
  assert.deepEqual(await redis.eval("redis.setresp(3) return redis.call('HGETALL', 'h')", 0), {
    f: '1',
  })
  assert.deepEqual(await redis.eval("return redis.call('HGETALL', 'h')", 0), ['f', '1'])
  assert.equal(await redis.eval('return {double = 2.5}', 0), 2.5)
  assert.equal(await redis.eval('redis.setresp(3) return true', 0), true)
  assert.equal(await redis.eval('return true', 0), 1)
  redis.defineCommand('map', { numberOfKeys: 0, lua: 'return {map = {a = 1}}' })
  for (let times = 0; times < 2; times++) assert.deepEqual(await redis.map(), { a: 1 })
})

const TOO_DEEP =
  'a reply that is nested too deep for JavaScript is an error, and the client goes on'

test(TOO_DEEP, { skip: twin === 'ioredis' }, async () => {
  const redis = newRedis()
  const error = await failure(redis.eval('local t = {} t[1] = t return t', 0))
  assert.match(error.message, /^ERR the reply has more arrays inside each other than/)
  assert.equal(await redis.eval("return 'fine'", 0), 'fine')
})
