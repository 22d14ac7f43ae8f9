'use strict'

// What happens at the edges: faults, very long values, very many keys, the addon loaded twice.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const { once } = require('node:events')
const { freemem } = require('node:os')
const { join } = require('node:path')
const vm = require('node:vm')
const Redis = require('..')

const root = join(__dirname, '..')
const GIGABYTE = 2 ** 30

test('a fault inside a command rejects its promise and harms nothing else', () => {
  const script = `
    const Redis = require('.')
    const redis = new Redis()
    ;(async () => {
      await redis.mset('broken', 'v', 'other', 'w')
      const error = await redis.call('DEBUG', 'PANIC', 'broken').catch((reason) => reason)
      console.log(error instanceof Redis.ReplyError, error.command.name)
      console.log(await redis.get('broken').catch((reason) => reason.name))
      console.log(await redis.get('other'), await redis.del('broken'))
      console.log(await redis.set('broken', 'new'), await redis.get('broken'))
      console.log((await redis.pipeline().call('DEBUG', 'PANIC', 'other').ping().exec()).length)
    })()`
  const { stdout, status } = spawnSync(process.execPath, ['-e', script], {
    cwd: root,
    env: { ...process.env, LATCHKEY_FAULT_INJECTION: '1' },
    encoding: 'utf8',
  })
  assert.deepEqual(stdout.trim().split('\n'), ['true DEBUG', 'ReplyError', 'w 1', 'OK new', '2'])
  assert.equal(status, 0)
})

const cramped = freemem() < 4 * GIGABYTE && 'this takes some gigabytes of memory'

test('a value longer than the longest string names getBuffer, which works', {
  skip: cramped,
}, async () => {
  const redis = new Redis({ store: new Redis.Store() })
  const value = Buffer.alloc(536_870_900, 'x')
  assert.equal(await redis.set('long', value), 'OK')
  await assert.rejects(redis.get('long'), /getBuffer/)
  await assert.rejects(redis.mget('none', 'long'), {
    code: 'ERR_STRING_TOO_LONG',
    message: /Buffer twin/,
  })
  const results = await redis.multi().mget('long').ping().exec()
  assert.equal(results[0][0].code, 'ERR_STRING_TOO_LONG')
  assert.deepEqual(results[1], [null, 'PONG'])
  const back = await redis.getBuffer('long')
  assert.equal(back.length, value.length)
  assert.equal(back[value.length - 1], 120)
  assert.equal(await redis.strlen('long'), value.length)
  redis.disconnect()
})

test('a value above 512 MB is refused and changes nothing', { skip: cramped }, async () => {
  const redis = new Redis({ store: new Redis.Store() })
  await redis.set('k', 'before')
  await assert.rejects(redis.set('k', Buffer.alloc(512 * 1024 * 1024 + 1)), Redis.ReplyError)
  await assert.rejects(redis.setrange('k', 512 * 1024 * 1024, 'x'), /maximum allowed size/)
  assert.equal(await redis.get('k'), 'before')
  redis.disconnect()
})

test('an array of a million keys works', async () => {
  const redis = new Redis({ store: new Redis.Store() })
  const keys = Array.from({ length: 1_000_000 }, (_, i) => `key:${i}`)
  const pairs = keys.flatMap((key, i) => [key, i])
  assert.equal(await redis.mset(pairs), 'OK')
  const values = await redis.mget(keys)
  assert.equal(values.length, keys.length)
  for (const i of [0, 1, 1023, 1024, 1025, 500_000, 999_999]) assert.equal(values[i], String(i))
  assert.equal(await redis.del(keys), 1_000_000)
  redis.disconnect()
})

test('a list of a million items is read as it was written', async () => {
  const redis = new Redis({ store: new Redis.Store() })
  const items = Array.from({ length: 1_000_000 }, (_, i) => `item number ${i}`)
  await redis.rpush('l', items)
  assert.deepEqual(await redis.lrange('l', 0, -1), items)
  redis.disconnect()
})

test('loaded twice in one thread, both share the store and hear of each other', async () => {
  const first = new Redis()
  const Second = loadAgain()
  assert.notEqual(Second, Redis)
  const second = new Second()
  await first.set('limits:k', 'v')
  assert.equal(await second.get('limits:k'), 'v')
  const popped = second.blpop('limits:l', 5)
  await first.rpush('limits:l', 'x')
  assert.deepEqual(await popped, ['limits:l', 'x'])
  const subscriber = second.duplicate()
  const heard = once(subscriber, 'message')
  await subscriber.subscribe('limits:c')
  await first.publish('limits:c', 'hello')
  assert.deepEqual(await heard, ['limits:c', 'hello'])
  await first.del('limits:k')
  for (const client of [first, second, subscriber]) client.disconnect()
})

/** The package once more, as a test runner loads it for every file. */
function loadAgain() {
  const saved = { ...require.cache }
  for (const path of Object.keys(require.cache))
    if (path.startsWith(root)) delete require.cache[path]
  try {
    return require('..')
  } finally {
    for (const path of Object.keys(require.cache)) delete require.cache[path]
    Object.assign(require.cache, saved)
  }
}

test('what is answered belongs to the realm that asked', async () => {
  const context = vm.createContext({ process, console, setTimeout, queueMicrotask })
  const [found, ok] = await vm.runInContext(loader, context)(require, root)
  assert.deepEqual([...found], ['f'])
  assert.equal(ok, true)
})

/** Runs in a context whose Error, Array and Object are others: as test runners load packages. */
const loader = `(async (require, root) => {
  const { readFileSync } = require('node:fs')
  const path = require('node:path')
  const { createRequire } = require('node:module')
  const binding = path.join(root, 'native.js')
  const cache = new Map()
  const load = (file) => {
    if (file.endsWith('.json') || file === binding) return require(file)
    if (cache.has(file)) return cache.get(file).exports
    const module = { exports: {} }
    cache.set(file, module)
    const wrapper = (name) => {
      if (!name.startsWith('.')) return require(name)
      return load(createRequire(file).resolve(name))
    }
    const body = new Function('require', 'module', 'exports', '__dirname', readFileSync(file, 'utf8'))
    body(wrapper, module, module.exports, path.dirname(file))
    return module.exports
  }
  const Redis = load(path.join(root, 'index.js'))
  const redis = new Redis()
  await redis.hset('limits:h', 'f', 'v')
  const checks = [
    (await redis.hkeys('limits:h')) instanceof Array,
    (await redis.hgetall('limits:h')) instanceof Object,
    (await redis.get().catch((error) => error)) instanceof Error,
    (await redis.mget('a', 'x'.repeat(2000))) instanceof Array,
  ]
  const keys = [...(await redis.hkeys('limits:h'))]
  await redis.del('limits:h')
  redis.disconnect()
  return [keys, checks.every(Boolean)]
})`
