'use strict'

// Locks of packages that are built on scripts: redlock 4 and 5, redis-semaphore. They are what npm
// has of them, and are given clients of latchkey.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { once } = require('node:events')
const { setImmediate: turn } = require('node:timers/promises')
const { takeWarnings } = require('./lib/watch')
const { crew } = require('./lib/crew')
const { LOCKERS, TTL_MS } = require('./lib/lockers')
const { newRedis, newStore } = require('./lib/fleeting')

for (const [name, newLocker] of Object.entries(LOCKERS)) {
  test(`${name}: of several workers that want a lock, one at a time has it`, async () => {
    const redis = newRedis()
    const data = { name, rounds: 25, inside: new Int32Array(new SharedArrayBuffer(4)) }
    const most = await crew(4, contend, data)
    assert.deepEqual(most, [1, 1, 1, 1])
    assert.equal(await redis.getdel('locks:counter'), '100')
    assert.deepEqual(await redis.keys('*locks:key*'), [])
  })

  test(`${name}: a lock is nobody else's until it is released`, async () => {
    const store = newStore()
    const mine = newLocker([newRedis({ store })])
    const theirs = newLocker([newRedis({ store })])
    const lock = await mine('key')
    await assert.rejects(theirs('key'))
    await (await theirs('other')).release()
    await lock.release()
    await (await theirs('key')).release()
    assert.equal(await newRedis({ store }).dbsize(), 0)
  })

  test(`${name}: a lock that is extended lasts longer`, async () => {
    const store = newStore()
    const mine = newLocker([newRedis({ store })])
    const theirs = newLocker([newRedis({ store })])
    const lock = await mine('key')
    for (let i = 0; i < 3; i++) {
      store.advance(TTL_MS * 0.7)
      await lock.extend()
    }
    await assert.rejects(theirs('key'))
    await lock.release()
    await (await theirs('key')).release()
  })

  test(`${name}: a lock that nobody extends ends by itself, and its next owner is left alone`, async () => {
    const store = newStore()
    const mine = newLocker([newRedis({ store })])
    const theirs = newLocker([newRedis({ store })])
    const lost = await mine('key')
    store.advance(TTL_MS - 1)
    await assert.rejects(theirs('key'))
    store.advance(1)
    const lock = await theirs('key')
    await assert.rejects(lost.extend())
    await lost.release().catch(() => {})
    await assert.rejects(mine('key'), 'who lost a lock must not release that of somebody else')
    await lock.release()
  })

  test(`${name}: a store that has forgotten its scripts is told them again`, async () => {
    const store = newStore()
    const redis = newRedis({ store })
    const locker = newLocker([redis])
    for (let i = 0; i < 2; i++) {
      const lock = await locker('key')
      await redis.script('FLUSH')
      await lock.extend()
      await redis.script('FLUSH')
      await lock.release()
      await redis.script('FLUSH')
    }
    assert.equal(await redis.dbsize(), 0)
  })
}

/** Goes in and out, telling how many were inside at most. */
async function contend({ load, redis, data }) {
  const { setImmediate: turn } = load('node:timers/promises')
  const { name, rounds, inside } = data
  const lock = load('./lockers').LOCKERS[name]([redis], { waits: true })
  return async () => {
    let most = 0
    for (let i = 0; i < rounds; i++) {
      const { release } = await lock('locks:key')
      most = Math.max(most, Atomics.add(inside, 0, 1) + 1)
      // Only a lock makes this exact.
      const seen = Number(await redis.get('locks:counter'))
      await turn()
      await redis.set('locks:counter', seen + 1)
      Atomics.sub(inside, 0, 1)
      await release()
    }
    return most
  }
}

const QUORUM = ['redlock 4', 'redlock 5', 'RedlockMutex of redis-semaphore']
for (const name of QUORUM) {
  test(`${name}: two of three stores are enough, one is not`, async () => {
    const stores = [newStore(), newStore(), newStore()]
    const clients = () => stores.map((store) => newRedis({ store }))
    const watchers = clients()
    const mine = LOCKERS[name](clients())
    const theirs = LOCKERS[name](clients())
    const lock = await mine('key')
    await allHold(watchers, 1)
    // one of them loses what it knew
    await watchers[0].flushall()
    await assert.rejects(theirs('key'))
    await allHold(watchers.slice(1), 1)
    await lock.release()
    await allHold(watchers, 0)
    await (await theirs('key')).release()
    await allHold(watchers, 0)
  })
}

/** Packages go on when most stores have answered; the last one follows. */
async function allHold(clients, keys) {
  const end = Date.now() + 5000
  for (;;) {
    const sizes = await Promise.all(clients.map((redis) => redis.dbsize()))
    if (sizes.every((size) => size === keys)) return
    assert.ok(Date.now() < end, `the stores hold ${sizes} keys`)
    await turn()
  }
}

test('redlock 4: callbacks are called as promises are resolved', async () => {
  const store = newStore()
  const Redlock = require('redlock-4')
  const redlock = new Redlock([newRedis({ store })], { retryCount: 0 })
  const outcomes = await new Promise((resolve) => {
    redlock.lock('key', TTL_MS, (error, lock) => {
      redlock.lock('key', TTL_MS, (refusal) => {
        lock.unlock((last) => resolve([error, refusal.name, last]))
      })
    })
  })
  assert.deepEqual(outcomes, [null, 'LockError', null])
})

for (const [version, name] of [
  [4, 'lock'],
  [5, 'acquire'],
]) {
  test(`redlock ${version}: several keys are locked together or not at all`, async () => {
    const store = newStore()
    const redis = newRedis({ store })
    const module = require(`redlock-${version}`)
    const redlock = new (module.default ?? module)([redis], { retryCount: 0 })
    const lock = await redlock[name](['a', 'b'], TTL_MS)
    await assert.rejects(redlock[name](['b', 'c'], TTL_MS))
    assert.deepEqual((await redis.keys('*')).sort(), ['a', 'b'])
    await redlock.release(lock)
    assert.equal(await redis.dbsize(), 0)
    const ended = once(redis, 'end')
    await redlock.quit()
    await ended
  })
}

/** Extends a lock all the time: what is left of it, less this and some drift, is no time at all. */
const EAGERLY = { automaticExtensionThreshold: TTL_MS - 100 }

test('redlock 5: using() extends the lock for as long as its routine runs', async () => {
  const store = newStore()
  const redis = newRedis({ store })
  const { default: Redlock } = require('redlock-5')
  const redlock = new Redlock([redis], { retryCount: 0 })
  const result = await redlock.using(['key'], TTL_MS, EAGERLY, async (signal) => {
    for (let i = 0; i < 3; i++) {
      store.advance(TTL_MS * 0.7)
      while ((await redis.pttl('key')) < TTL_MS) await turn()
    }
    return signal.aborted
  })
  assert.equal(result, false)
  assert.equal(await redis.dbsize(), 0)
  // newer versions of Node warn of what EAGERLY makes of the time that is left
  const others = takeWarnings().filter((warning) => !warning.includes('TimeoutNegativeWarning'))
  assert.deepEqual(others, [])
})

test('redlock 5: using() tells its routine when the lock is lost', async () => {
  const redis = newRedis({ store: newStore() })
  const { default: Redlock } = require('redlock-5')
  const redlock = new Redlock([redis], { retryCount: 0, retryDelay: 1, retryJitter: 1 })
  let told = false
  const using = redlock.using(
    ['key'],
    200,
    { automaticExtensionThreshold: 100 },
    async (signal) => {
      await redis.del('key')
      await once(signal, 'abort')
      told = signal.error.name
    },
  )
  // at last there is no lock to release
  await assert.rejects(using, { name: 'ExecutionError' })
  assert.equal(told, 'ExecutionError')
})

test('redis-semaphore: a lock extends itself until its owner lets it be', async () => {
  const store = newStore()
  const { Mutex } = require('redis-semaphore')
  const redis = newRedis({ store })
  const mine = new Mutex(redis, 'key', { lockTimeout: TTL_MS, refreshInterval: 1 })
  const theirs = new Mutex(redis, 'key', { acquireAttemptsLimit: 1, refreshInterval: 0 })
  await mine.acquire()
  for (let i = 0; i < 3; i++) {
    store.advance(TTL_MS * 0.7)
    while ((await redis.pttl('mutex:key')) < TTL_MS) await turn()
  }
  assert.equal(await theirs.tryAcquire(), false)
  mine.stopRefresh()
  store.advance(TTL_MS)
  assert.equal(await theirs.tryAcquire(), true)
  await theirs.release()
})

test('redis-semaphore: the owner hears that a lock was lost', async () => {
  const { Semaphore, LostLockError } = require('redis-semaphore')
  const redis = newRedis({ store: newStore() })
  const lost = []
  const onLockLost = (error) => lost.push(error)
  const options = { lockTimeout: TTL_MS, refreshInterval: 1, onLockLost }
  const semaphore = new Semaphore(redis, 'key', 2, options)
  await semaphore.acquire()
  await redis.del('semaphore:key')
  while (semaphore.isAcquired) await turn()
  assert.equal(lost.length, 1)
  assert.ok(lost[0] instanceof LostLockError)
})

test('redis-semaphore: as many as the limit says have a semaphore, from all workers together', async () => {
  const redis = newRedis()
  const data = { inside: new Int32Array(new SharedArrayBuffer(4)) }
  const most = await crew(
    4,
    ({ load, redis, data }) => {
      const { Semaphore } = load('redis-semaphore')
      const { setImmediate: turn } = load('node:timers/promises')
      const visit = async () => {
        const semaphore = new Semaphore(redis, 'locks:three', 3, { retryInterval: 1 })
        await semaphore.acquire()
        const inside = Atomics.add(data.inside, 0, 1) + 1
        for (let i = 0; i < 5; i++) await turn()
        Atomics.sub(data.inside, 0, 1)
        await semaphore.release()
        return inside
      }
      // each has more visitors than there is room for
      return async () => Math.max(...(await Promise.all(Array.from({ length: 12 }, visit))))
    },
    data,
  )
  assert.equal(Math.max(...most), 3)
  assert.equal(await redis.exists('semaphore:locks:three'), 0)
})

test('redis-semaphore: a lock can be handed to another worker', async () => {
  const { Mutex } = require('redis-semaphore')
  const redis = newRedis()
  const mutex = new Mutex(redis, 'locks:handed', { lockTimeout: TTL_MS, refreshInterval: 0 })
  await mutex.acquire()
  const take = ({ load, redis, data }) => {
    const { Mutex } = load('redis-semaphore')
    const { identifier } = data
    const options = { identifier, acquiredExternally: true, refreshInterval: 0 }
    const mutex = new Mutex(redis, 'locks:handed', options)
    return async () => {
      const taken = await mutex.tryAcquire()
      await mutex.release()
      return taken
    }
  }
  assert.deepEqual(await crew(1, take, { identifier: mutex.identifier }), [true])
  assert.equal(await redis.exists('mutex:locks:handed'), 0)
})
