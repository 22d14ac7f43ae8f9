'use strict'

// A limit of memory: what goes when it is reached, and who is refused.

const { test, afterEach } = require('node:test')
const assert = require('node:assert/strict')
const Redis = require('..')
const { Store } = Redis

const MB = 1024 * 1024
const OOM = { message: "OOM command not allowed when used memory > 'maxmemory'." }

let stores = []

/** A client of a store of its own, closed after the test. */
function clientOf(options) {
  const store = new Store(options)
  stores.push(store)
  return new Redis({ store, retryStrategy: () => null })
}

afterEach(() => {
  for (const store of stores) store.close()
  stores = []
})

async function infoField(redis, name) {
  return (await redis.info()).match(new RegExp(`^${name}:(.*)\r$`, 'm'))[1]
}

const POLICIES = [
  'allkeys-lru',
  'allkeys-lfu',
  'allkeys-random',
  'volatile-lru',
  'volatile-lfu',
  'volatile-random',
  'volatile-ttl',
]

for (const maxmemoryPolicy of POLICIES) {
  test(`under ${maxmemoryPolicy} keys go when memory is at its limit`, async () => {
    const redis = clientOf({ maxmemory: '2mb', maxmemoryPolicy })
    const { store } = redis.options
    const expiry = maxmemoryPolicy.startsWith('volatile') ? ['EX', 1000] : []
    const value = 'x'.repeat(500)
    for (let i = 0; i < 6000; i++) await redis.set(`k${i}`, value, ...expiry)
    assert.ok(store.usedMemory() <= 2 * MB + 2000, `${store.usedMemory()} bytes`)
    const evicted = Number(await infoField(redis, 'evicted_keys'))
    assert.equal(evicted, 6000 - (await redis.dbsize()))
    assert.ok(evicted > 1000)
    assert.equal(await infoField(redis, 'maxmemory_policy'), maxmemoryPolicy)
    assert.equal(Number(await infoField(redis, 'used_memory')), store.usedMemory())
  })
}

test('scripts and functions have room made for them, as commands have', async () => {
  const redis = clientOf({ maxmemory: MB, maxmemoryPolicy: 'allkeys-lru' })
  const value = 'x'.repeat(500)
  const code = "function(keys, args) return redis.call('SET', keys[1], args[1]) end"
  await redis.function('LOAD', `#!lua name=lib\nredis.register_function('put', ${code})`)
  for (let i = 0; i < 3000; i++) {
    const script = "return redis.call('SET', KEYS[1], ARGV[1])"
    assert.equal(await redis.eval(script, 1, `e${i}`, value), 'OK')
    assert.equal(await redis.fcall('put', 1, `f${i}`, value), 'OK')
  }
  assert.ok(redis.options.store.usedMemory() <= MB + 4000)
  const evicted = Number(await infoField(redis, 'evicted_keys'))
  assert.equal(evicted, 6000 - (await redis.dbsize()))
})

test('without a policy writes are refused at the limit, and reads and deletions are not', async () => {
  const redis = clientOf({ maxmemory: MB })
  const fill = async () => {
    for (let i = 0; i < 5000; i++) await redis.set(`k${i}`, 'x'.repeat(500))
  }
  await assert.rejects(fill(), OOM)
  await assert.rejects(redis.multi().get('k0').incr('n').exec(), {
    message: 'EXECABORT Transaction discarded because of previous errors.',
  })
  assert.equal((await redis.get('k0')).length, 500)
  assert.equal(await redis.expire('k1', 1000), 1)
  assert.equal(await redis.del('k0', 'k1', 'k2', 'k3'), 4)
  assert.equal(await redis.set('k0', 'v'), 'OK')
  assert.equal(await infoField(redis, 'evicted_keys'), '0')
})

test('a volatile policy refuses writes when no key has an expiry', async () => {
  const redis = clientOf({ maxmemory: MB, maxmemoryPolicy: 'volatile-lru' })
  const fill = async () => {
    for (let i = 0; i < 5000; i++) await redis.set(`k${i}`, 'x'.repeat(500))
  }
  await assert.rejects(fill(), OOM)
})

test('the least recently used keys go first, and the earliest deadline under volatile-ttl', async () => {
  for (const maxmemoryPolicy of ['allkeys-lru', 'volatile-ttl']) {
    const redis = clientOf({ maxmemory: '1mb', maxmemoryPolicy, clock: 'manual', seed: 1 })
    const { store } = redis.options
    const set = (key, seconds) =>
      maxmemoryPolicy === 'volatile-ttl'
        ? redis.set(key, 'x'.repeat(300), 'EX', seconds)
        : redis.set(key, 'x'.repeat(300))
    for (let i = 0; i < 500; i++) await set(`kept${i}`, 100_000)
    for (let round = 0; round < 20; round++) {
      store.advance(1000)
      for (let i = 0; i < 500; i++) await redis.get(`kept${i}`)
      store.advance(1000)
      for (let i = 0; i < 300; i++) await set(`${round}:${i}`, 1000)
    }
    const names = Array.from({ length: 500 }, (_, i) => `kept${i}`)
    assert.ok((await redis.exists(names)) > 490, maxmemoryPolicy)
  }
})

test('big values do not outrun the small ones that make room for them', async () => {
  const redis = clientOf({ maxmemory: '4mb', maxmemoryPolicy: 'allkeys-random' })
  for (let i = 0; i < 20_000; i++) await redis.set(`k${i}`, 'x'.repeat(60))
  const big = 'y'.repeat(MB)
  for (let i = 0; i < 30; i++) {
    await redis.set(`big${i}`, big)
    const used = redis.options.store.usedMemory()
    assert.ok(used < 5.5 * MB, `${used} bytes after ${i}`)
  }
})

test('an option that a store does not have is refused', () => {
  assert.throws(() => new Store({ maxMemory: '1mb' }), /no option "maxMemory"/)
  assert.throws(() => new Store({ maxmemory: 'much' }), /maxmemory/)
})
