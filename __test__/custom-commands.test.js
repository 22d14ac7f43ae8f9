'use strict'

// Scripts with a name: defineCommand, the option `scripts`, and what becomes of them in pipelines,
// transactions and duplicates.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { once } = require('node:events')
const { Redis, newRedis } = require('./lib/twin')

const ECHO = 'return {KEYS[1],KEYS[2],ARGV[1],ARGV[2]}'

/** A script that no other test has sent. */
let made = 0
function unheard(lua) {
  made += 1
  return `${lua} -- ${process.pid}.${made}`
}

async function failure(promise) {
  return promise.then(
    () => assert.fail('it should have been rejected'),
    (error) => error,
  )
}

test('with numberOfKeys so many words are keys, and the others are arguments', async () => {
  const redis = newRedis()
  redis.defineCommand('two', { numberOfKeys: 2, lua: ECHO })
  for (let times = 0; times < 3; times++) {
    assert.deepEqual(await redis.two('k1', 'k2', 'a1', 'a2'), ['k1', 'k2', 'a1', 'a2'])
  }
  redis.defineCommand('none', { numberOfKeys: 0, lua: 'return {#KEYS, #ARGV}' })
  assert.deepEqual(await redis.none('a', 'b'), [0, 2])
  assert.deepEqual(await redis.none(), [0, 0])
})

test('without numberOfKeys the first word says how many are keys', async () => {
  const redis = newRedis()
  redis.defineCommand('some', { lua: 'return {#KEYS, #ARGV}' })
  assert.deepEqual(await redis.some(1, 'a', 'b'), [1, 1])
  assert.deepEqual(await redis.some('2', 'a', 'b'), [2, 0])
  assert.deepEqual(await redis.some(0), [0, 0])
  const error = await failure(redis.some('many', 'a'))
  assert.match(error.message, /^ERR value is not an integer or out of range/)
})

test('any count of words does', async () => {
  const redis = newRedis()
  redis.defineCommand('joined', { numberOfKeys: 1, lua: "return table.concat(ARGV, ',')" })
  for (const count of [0, 1, 3, 4, 5, 6, 7, 8, 20, 126, 127, 128, 500]) {
    const words = Array.from({ length: count }, (_, i) => `w${i}`)
    assert.equal(await redis.joined('k', ...words), words.join(','), `${count} words`)
    assert.equal(await redis.joined(['k', ...words]), words.join(','), `${count} in a list`)
    assert.equal(await redis.joined('k', words), words.join(','), `${count} behind a key`)
  }
})

test('words may be numbers, Buffers, booleans and nothing, in lists too', async () => {
  const redis = newRedis()
  redis.defineCommand('lengths', {
    numberOfKeys: 1,
    lua: 'local r = {KEYS[1]} for i, v in ipairs(ARGV) do r[i + 1] = #v end return r',
  })
  const bytes = Buffer.from([0, 255, 254])
  for (let times = 0; times < 2; times++) {
    assert.deepEqual(await redis.lengths(1, bytes, 1.25, true, null, undefined, -7), [
      '1',
      ...[3, 4, 4, 0, 0, 2],
    ])
    assert.deepEqual(await redis.lengths(['k', bytes, 10, 'é']), ['k', 3, 2, 2])
    assert.deepEqual(await redis.lengths(['k', bytes, 0.5, false, null]), ['k', 3, 3, 5, 0])
    assert.deepEqual(await redis.lengths('k', [bytes, 'x'], ['yz']), ['k', 3, 1, 2])
  }
})

test('the twin answers Buffers', async () => {
  const redis = newRedis()
  redis.defineCommand('two', { numberOfKeys: 2, lua: ECHO })
  redis.defineCommand('one', { numberOfKeys: 0, lua: 'return ARGV[1]' })
  redis.defineCommand('ok', { numberOfKeys: 0, lua: "return redis.status_reply('OK')" })
  const bytes = Buffer.from([0x80, 0, 0xff])
  for (let times = 0; times < 2; times++) {
    assert.deepEqual(
      await redis.twoBuffer('k1', 'k2', 'a1', bytes),
      ['k1', 'k2', 'a1', bytes].map((word) => Buffer.from(word)),
    )
    assert.deepEqual(await redis.oneBuffer(bytes), bytes)
    assert.equal(await redis.one('text'), 'text')
    assert.equal(await redis.ok(), 'OK')
    assert.deepEqual(await redis.okBuffer(), Buffer.from('OK'))
  }
})

test('replies are what Redis makes of Lua values', async () => {
  const redis = newRedis()
  redis.defineCommand('shapes', {
    numberOfKeys: 0,
    lua: "return {1, 2.9, 'text', true, {ok = 'FINE'}, {1, {2}}, false, 'after'}",
  })
  const expected = [1, 2, 'text', 1, 'FINE', [1, [2]], null, 'after']
  assert.deepEqual(await redis.shapes(), expected)
  assert.deepEqual(await redis.shapes(), expected)
  redis.defineCommand('nothing', { numberOfKeys: 0, lua: 'redis.call("PING")' })
  assert.equal(await redis.nothing(), null)
  assert.equal(await redis.nothing(), null)
  redis.defineCommand('cut', { numberOfKeys: 0, lua: 'return {1, nil, 3}' })
  assert.deepEqual(await redis.cut(), [1])
})

test('a command may have a name that is no identifier', async () => {
  const redis = newRedis()
  redis.defineCommand('addStandardJob:6.7.0', {
    numberOfKeys: 1,
    lua: "return redis.call('RPUSH', KEYS[1], ARGV[1])",
  })
  assert.equal(await redis['addStandardJob:6.7.0'](['list', Buffer.from([1, 2])]), 1)
  assert.equal(await redis['addStandardJob:6.7.0'](['list', 'x']), 2)
  assert.equal(await redis['addStandardJob:6.7.0Buffer'](['list', 'x']), 3)
  const results = await redis.pipeline()['addStandardJob:6.7.0'](['list', 'y']).exec()
  assert.deepEqual(results, [[null, 4]])
  assert.deepEqual(await redis.lrangeBuffer('list', 0, 0), [Buffer.from([1, 2])])
})

test('callbacks are called', async () => {
  const redis = newRedis()
  redis.defineCommand('one', { numberOfKeys: 1, lua: 'return KEYS[1]' })
  redis.defineCommand('bad', { numberOfKeys: 0, lua: "return redis.error_reply('BAD luck')" })
  const heard = []
  for (let times = 0; times < 2; times++) {
    await redis.one('k', (error, value) => heard.push(error, value))
    await redis.oneBuffer(['k'], (error, value) => heard.push(error, value))
    await failure(redis.bad((error) => heard.push(error.message)))
  }
  const once = [null, 'k', null, Buffer.from('k'), 'BAD luck']
  assert.deepEqual(heard, [...once, ...once])
})

test('a definition without a script is refused at once', () => {
  const redis = newRedis()
  assert.throws(() => redis.defineCommand('empty', { numberOfKeys: 1 }), TypeError)
  assert.equal(redis.empty, undefined)
})

test('the option `scripts` defines commands', async () => {
  const redis = newRedis({
    scripts: { first: { numberOfKeys: 1, lua: 'return KEYS[1]' }, second: { lua: 'return #KEYS' } },
  })
  assert.equal(await redis.first('k'), 'k')
  assert.equal(await redis.second(1, 'k'), 1)
  assert.deepEqual(Object.keys(redis.scriptsSet), ['first', 'second'])
  const { sha, lua, numberOfKeys, readOnly } = redis.scriptsSet.first
  assert.deepEqual(
    { sha, lua, numberOfKeys, readOnly },
    {
      sha: '4a2267357833227dd98abdedb8cf24b15a986445',
      lua: 'return KEYS[1]',
      numberOfKeys: 1,
      readOnly: false,
    },
  )
})

test('a duplicate has the scripts of the options and not those that were defined later', async () => {
  const redis = newRedis({ scripts: { mine: { numberOfKeys: 0, lua: 'return 1' } } })
  redis.defineCommand('later', { numberOfKeys: 0, lua: 'return 2' })
  const other = redis.duplicate()
  try {
    assert.equal(await other.mine(), 1)
    assert.equal(other.later, undefined)
    assert.equal(other.pipeline().later, undefined)
  } finally {
    other.disconnect()
  }
})

test('a command can be defined anew, and in place of one that was there', async () => {
  const redis = newRedis()
  redis.defineCommand('mine', { numberOfKeys: 0, lua: 'return 1' })
  assert.equal(await redis.mine(), 1)
  redis.defineCommand('mine', { numberOfKeys: 0, lua: 'return 2' })
  assert.equal(await redis.mine(), 2)
  assert.deepEqual(await redis.pipeline().mine().exec(), [[null, 2]])
  redis.defineCommand('get', { numberOfKeys: 1, lua: "return 'instead'" })
  assert.equal(await redis.get('k'), 'instead')
  assert.deepEqual(await redis.pipeline().get('k').exec(), [[null, 'instead']])
  assert.equal(await newRedis().get('k'), null)
})

test('readOnly is accepted', async () => {
  const redis = newRedis()
  redis.defineCommand('look', { numberOfKeys: 1, readOnly: true, lua: 'return KEYS[1]' })
  assert.equal(await redis.look('k'), 'k')
  assert.equal(redis.scriptsSet.look.readOnly, true)
})

test('the prefix stands before the keys alone', async () => {
  for (const keyPrefix of ['app:', Buffer.from('app:')]) {
    const redis = newRedis({ keyPrefix })
    redis.defineCommand('two', { numberOfKeys: 2, lua: ECHO })
    redis.defineCommand('any', { lua: ECHO })
    redis.defineCommand('none', { numberOfKeys: 0, lua: 'return ARGV[1]' })
    for (let times = 0; times < 3; times++) {
      assert.deepEqual(await redis.two('a', 'b', 'c', 'd'), ['app:a', 'app:b', 'c', 'd'])
      assert.deepEqual(await redis.two(['a', 'b', 'c', 'd']), ['app:a', 'app:b', 'c', 'd'])
      assert.deepEqual(await redis.two(1, Buffer.from('b'), 'c', 'd'), ['app:1', 'app:b', 'c', 'd'])
      assert.deepEqual(await redis.any(2, 'a', 'b', 'c', 'd'), ['app:a', 'app:b', 'c', 'd'])
      assert.deepEqual(await redis.any('2', ['a', 'b'], 'c', 'd'), ['app:a', 'app:b', 'c', 'd'])
      assert.equal(await redis.none('a'), 'a')
    }
    const [[, piped]] = await redis.pipeline().two('a', 'b', 'c', 'd').exec()
    assert.deepEqual(piped, ['app:a', 'app:b', 'c', 'd'])
    const [[, inMulti]] = await redis.multi().two('a', 'b', 'c', 'd').exec()
    assert.deepEqual(inMulti, ['app:a', 'app:b', 'c', 'd'])
  }
})

test('errors have the words of the server and say which command they are about', async () => {
  const redis = newRedis()
  const lua = unheard("return redis.call('INCR', KEYS[1])")
  redis.defineCommand('up', { numberOfKeys: 1, lua })
  await redis.set('text', 'abc')
  const first = await failure(redis.up('text'))
  assert.ok(first instanceof Redis.ReplyError)
  assert.match(first.message, /^ERR value is not an integer or out of range/)
  assert.deepEqual(first.command, { name: 'eval', args: [lua, '1', 'text'] })
  const { sha } = redis.scriptsSet.up
  for (let times = 0; times < 2; times++) {
    const second = await failure(redis.up(['text']))
    assert.equal(second.message, first.message)
    assert.deepEqual(second.command, { name: 'evalsha', args: [sha, '1', 'text'] })
  }
})

test('a script that cannot be compiled is refused at every call', async () => {
  const redis = newRedis()
  redis.defineCommand('broken', { numberOfKeys: 0, lua: unheard('retrun 1') })
  for (let times = 0; times < 3; times++) {
    const error = await failure(redis.broken())
    assert.match(error.message, /^ERR Error compiling script \(new function\): user_script:1:/)
    assert.equal(error.command.name, 'eval')
  }
})

test('a client sends a script whole once, then by its digest', async () => {
  const watcher = await newRedis().monitor()
  const lua = unheard('return KEYS[1]')
  const redis = newRedis()
  redis.defineCommand('one', { numberOfKeys: 1, lua })
  const seen = []
  watcher.on('monitor', (_time, args) => {
    const name = args[0].toLowerCase()
    if (name.startsWith('eval')) seen.push([name, ...args.slice(1)])
  })
  try {
    await redis.one('a')
    await redis.one('b')
    await redis.oneBuffer(['c', 'd'])
    await redis.pipeline().one('e').exec()
    while (seen.length < 4) await once(watcher, 'monitor')
    const { sha } = redis.scriptsSet.one
    assert.deepEqual(seen, [
      ['eval', lua, '1', 'a'],
      ['evalsha', sha, '1', 'b'],
      ['evalsha', sha, '1', 'c', 'd'],
      ['evalsha', sha, '1', 'e'],
    ])
  } finally {
    watcher.disconnect()
  }
})

test('a script that the server has forgotten is sent again', async () => {
  const redis = newRedis()
  redis.defineCommand('up', { numberOfKeys: 1, lua: unheard("return redis.call('INCR', KEYS[1])") })
  assert.equal(await redis.up('n'), 1)
  await redis.script('FLUSH')
  assert.equal(await redis.up('n'), 2)
  assert.equal(await redis.up('n'), 3)
  await redis.script('FLUSH')
  assert.deepEqual(await redis.upBuffer(['n']), 4)
  await redis.script('FLUSH')
  assert.deepEqual(await Promise.all([redis.up('n'), redis.up('n')]), [5, 6])
  const { sha } = redis.scriptsSet.up
  assert.deepEqual(await redis.script('EXISTS', sha), [1])
})

test('what is forgotten in the middle of a pipeline is sent again', async () => {
  const redis = newRedis()
  redis.defineCommand('up', { numberOfKeys: 1, lua: unheard("return redis.call('INCR', KEYS[1])") })
  await redis.up('n')
  const heard = []
  const results = await redis
    .pipeline()
    .up('n')
    .script('FLUSH')
    .up('n', (error, value) => heard.push(error, value))
    .set('other', 1)
    .exec()
  assert.deepEqual(results, [
    [null, 2],
    [null, 'OK'],
    [null, 3],
    [null, 'OK'],
  ])
  assert.deepEqual(heard, [null, 3])
  assert.equal(await redis.up('n'), 4)
})

test('a pipeline runs custom commands that were never sent', async () => {
  const redis = newRedis()
  redis.defineCommand('two', { numberOfKeys: 2, lua: unheard(ECHO) })
  const results = await redis
    .pipeline()
    .set('k', 'v')
    .two('a', 'b', 'c', 'd')
    .twoBuffer('a', 'b', ['c', 'd'])
    .two('a')
    .get('k')
    .exec()
  const words = ['a', 'b', 'c', 'd']
  assert.deepEqual(results.slice(0, 3), [
    [null, 'OK'],
    [null, words],
    [null, words.map((word) => Buffer.from(word))],
  ])
  assert.match(results[3][0].message, /^ERR Number of keys can't be greater than number of args/)
  assert.equal(results[3][0].command.name, 'evalsha')
  assert.deepEqual(results[4], [null, 'v'])
})

test('a pipeline given as a list knows custom commands', async () => {
  const redis = newRedis({ scripts: { one: { numberOfKeys: 1, lua: 'return KEYS[1]' } } })
  const commands = [
    ['one', 'k'],
    ['oneBuffer', ['k']],
    ['set', 'k', 1],
  ]
  const expected = [
    [null, 'k'],
    [null, Buffer.from('k')],
    [null, 'OK'],
  ]
  assert.deepEqual(await redis.pipeline(commands).exec(), expected)
  assert.deepEqual(await redis.multi(commands).exec(), expected)
})

test('a transaction runs custom commands, sent before or not', async () => {
  const redis = newRedis()
  redis.defineCommand('up', { numberOfKeys: 1, lua: unheard("return redis.call('INCR', KEYS[1])") })
  redis.defineCommand('bad', { numberOfKeys: 0, lua: "return redis.error_reply('BAD luck')" })
  for (let times = 0; times < 2; times++) {
    await redis.del('n')
    const results = await redis.multi().up('n').bad().upBuffer(['n']).up('n').get('n').exec()
    assert.deepEqual(results[0], [null, 1])
    assert.equal(results[1][0].message, 'BAD luck')
    assert.deepEqual(results.slice(2), [
      [null, 2],
      [null, 3],
      [null, '3'],
    ])
  }
  const nested = await redis.pipeline().multi().up('n').exec().up('n').exec()
  assert.deepEqual(nested.slice(1), [
    [null, 'QUEUED'],
    [null, [4]],
    [null, 5],
  ])
})

test('a transaction opened on the client takes custom commands', async () => {
  const redis = newRedis()
  redis.defineCommand('up', { numberOfKeys: 1, lua: unheard("return redis.call('INCR', KEYS[1])") })
  for (let times = 0; times < 2; times++) {
    await redis.del('n')
    await redis.multi({ pipeline: false })
    assert.equal(await redis.up('n'), 'QUEUED')
    assert.equal(await redis.up('n'), 'QUEUED')
    assert.deepEqual(await redis.exec(), [
      [null, 1],
      [null, 2],
    ])
  }
})

test('calls before `ready`, and calls all at once, are answered', async () => {
  const redis = newRedis()
  redis.defineCommand('up', { numberOfKeys: 1, lua: unheard("return redis.call('INCR', KEYS[1])") })
  const early = await Promise.all([redis.up('n'), redis.up('n'), redis.incr('n')])
  assert.deepEqual(early, [1, 2, 3])
  const all = await Promise.all(Array.from({ length: 50 }, () => redis.up('n')))
  assert.deepEqual(
    all,
    Array.from({ length: 50 }, (_, i) => i + 4),
  )
})

test('a client that was closed rejects', async () => {
  const redis = newRedis()
  redis.defineCommand('one', { numberOfKeys: 1, lua: 'return KEYS[1]' })
  assert.equal(await redis.one('k'), 'k')
  const end = once(redis, 'end')
  await redis.quit()
  await end
  assert.equal((await failure(redis.one('k'))).message, 'Connection is closed.')
})

test('enableAutoPipelining takes custom commands', async () => {
  const redis = newRedis({ enableAutoPipelining: true })
  redis.defineCommand('one', { numberOfKeys: 1, lua: unheard('return KEYS[1]') })
  const replies = await Promise.all([redis.one('a'), redis.oneBuffer('b'), redis.set('k', 'v')])
  assert.deepEqual(replies, ['a', Buffer.from('b'), 'OK'])
})

test('showFriendlyErrorStack names the line of the call', async () => {
  const redis = newRedis({ showFriendlyErrorStack: true })
  redis.defineCommand('bad', { numberOfKeys: 0, lua: "return redis.error_reply('BAD luck')" })
  function theCaller() {
    return redis.bad()
  }
  for (let times = 0; times < 2; times++) {
    const error = await failure(theCaller())
    assert.match(error.stack, /^ReplyError: BAD luck/)
    assert.match(error.stack.split('\n')[1], /theCaller/)
  }
})

test('stringNumbers gives integers as strings', async () => {
  const redis = newRedis({ stringNumbers: true })
  redis.defineCommand('numbers', { numberOfKeys: 0, lua: 'return {1, {2}}' })
  redis.defineCommand('number', { numberOfKeys: 0, lua: 'return 9007199254740991' })
  for (let times = 0; times < 2; times++) {
    assert.deepEqual(await redis.numbers(), ['1', ['2']])
    assert.equal(await redis.number(), '9007199254740991')
  }
})

test('a method that was added for a command is there in pipelines too', async () => {
  const redis = newRedis()
  redis.addBuiltinCommand('lolwut')
  redis.addBuiltinCommand('ECHO')
  assert.equal(await redis.ECHO('x'), 'x')
  assert.deepEqual(await redis.pipeline().ECHO('x').ECHOBuffer('y').exec(), [
    [null, 'x'],
    [null, Buffer.from('y')],
  ])
  assert.ok(redis.addedBuiltinSet.has('ECHO'))
  const { string, buffer } = redis.createBuiltinCommand('echo')
  assert.equal(await Reflect.apply(string, redis, ['x']), 'x')
  assert.deepEqual(await Reflect.apply(buffer, redis, ['x']), Buffer.from('x'))
})

test('transformers of EVALSHA hold for custom commands', async () => {
  const redis = newRedis()
  redis.defineCommand('one', { numberOfKeys: 1, lua: unheard('return KEYS[1]') })
  await redis.one('k')
  await redis.one('k')
  Redis.Command.setReplyTransformer('evalsha', (reply) => [reply])
  try {
    assert.deepEqual(await redis.one('k'), ['k'])
  } finally {
    delete Redis.Command._transformer.reply.evalsha
    Redis.Command.setReplyTransformer('evalsha', undefined)
  }
  assert.equal(await redis.one('k'), 'k')
})
