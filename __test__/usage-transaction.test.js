'use strict'

// Transactions and locks: a transfer that tries again on a conflict, and a lock that only its
// holder releases.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { randomUUID } = require('node:crypto')
const { newRedis } = require('./lib/twin')

/** Moves money with WATCH and MULTI; `meanwhile` runs between reading and writing. */
async function transfer(redis, from, to, amount, meanwhile = async () => {}) {
  for (let attempt = 1; ; attempt++) {
    await redis.watch(from, to)
    const balance = Number(await redis.get(from))
    if (balance < amount) {
      await redis.unwatch()
      throw new Error('insufficient funds')
    }
    await meanwhile(attempt)
    const results = await redis.multi().decrby(from, amount).incrby(to, amount).exec()
    if (results !== null) return attempt
  }
}

test('a transfer moves the amount in one step', async () => {
  const redis = newRedis()
  await redis.mset('ada', 100, 'bob', 0)
  assert.equal(await transfer(redis, 'ada', 'bob', 30), 1)
  assert.deepEqual(await redis.mget('ada', 'bob'), ['70', '30'])
})

test('a transfer is tried again when somebody else changed an account meanwhile', async () => {
  const redis = newRedis()
  const other = newRedis()
  await redis.mset('ada', 100, 'bob', 0)
  const attempts = await transfer(redis, 'ada', 'bob', 30, async (attempt) => {
    if (attempt < 3) await other.decrby('ada', 10)
  })
  assert.equal(attempts, 3)
  assert.deepEqual(await redis.mget('ada', 'bob'), ['50', '30'])
})

test('a transfer of more than there is changes nothing', async () => {
  const redis = newRedis()
  await redis.mset('ada', 10, 'bob', 0)
  await assert.rejects(transfer(redis, 'ada', 'bob', 30), /insufficient funds/)
  assert.deepEqual(await redis.mget('ada', 'bob'), ['10', '0'])
})

test('many transfers at once, each on a client of its own, keep the sum', async () => {
  const accounts = ['a', 'b', 'c']
  const main = newRedis()
  await main.mset({ a: 100, b: 100, c: 100 })
  const movers = Array.from({ length: 6 }, (_, i) =>
    transfer(newRedis(), accounts[i % 3], accounts[(i + 1) % 3], 10 + i),
  )
  await Promise.all(movers)
  const sum = (await main.mget(accounts)).reduce((total, balance) => total + Number(balance), 0)
  assert.equal(sum, 300)
})

test('exec answers [error, result] pairs, and an error does not undo the others', async () => {
  const redis = newRedis()
  await redis.set('text', 'abc')
  const results = await redis.multi().set('a', 1).incr('text').get('a').exec()
  assert.deepEqual(results[0], [null, 'OK'])
  assert.match(results[1][0].message, /^ERR value is not an integer/)
  assert.deepEqual(results[2], [null, '1'])
})

test('a transaction without a pipeline queues command by command', async () => {
  const redis = newRedis()
  assert.equal(await redis.multi({ pipeline: false }), 'OK')
  assert.equal(await redis.set('a', 1), 'QUEUED')
  assert.equal(await redis.incr('a'), 'QUEUED')
  assert.deepEqual(await redis.exec(), [
    [null, 'OK'],
    [null, 2],
  ])
})

/** A lock by SET NX PX; released by its holder alone, guarded by WATCH. */
function lockOn(redis, name, ttlMs) {
  const token = randomUUID()
  return {
    acquire: async () => (await redis.set(name, token, 'PX', ttlMs, 'NX')) === 'OK',
    async release() {
      await redis.watch(name)
      if ((await redis.get(name)) !== token) {
        await redis.unwatch()
        return false
      }
      return (await redis.multi().del(name).exec()) !== null
    },
  }
}

test('a lock has one holder at a time', async () => {
  const redis = newRedis()
  const first = lockOn(redis, 'lock:report', 10_000)
  const second = lockOn(newRedis(), 'lock:report', 10_000)
  assert.equal(await first.acquire(), true)
  assert.equal(await second.acquire(), false)
  assert.equal(await second.release(), false)
  assert.equal(await first.release(), true)
  assert.equal(await second.acquire(), true)
})

test('a lock ends by itself, and its late holder does not release the next one', async () => {
  const redis = newRedis()
  const late = lockOn(redis, 'lock:report', 20)
  const next = lockOn(newRedis(), 'lock:report', 10_000)
  assert.equal(await late.acquire(), true)
  while (!(await next.acquire()));
  assert.equal(await late.release(), false)
  assert.equal(await redis.exists('lock:report'), 1)
})

test('a loop that waits for a lock lets its holder release it from a timer', async () => {
  const redis = newRedis()
  const holder = lockOn(newRedis(), 'lock:busy', 60_000)
  const waiter = lockOn(redis, 'lock:busy', 60_000)
  await holder.acquire()
  const released = new Promise((resolve) => {
    setTimeout(() => resolve(holder.release()), 10)
  })
  let tries = 1
  while (!(await waiter.acquire())) tries++
  assert.equal(await released, true)
  assert.ok(tries > 1)
})
