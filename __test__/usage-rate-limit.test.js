'use strict'

// Rate limits without a library: the fixed window of INCR and EXPIRE, and the sliding window of a
// sorted set of times.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { newRedis } = require('./lib/twin')

test('a fixed window counts with INCR and ends with EXPIRE', async () => {
  const redis = newRedis()

  async function allowed(ip, limit, windowSeconds) {
    const key = `rate:${ip}`
    const hits = await redis.incr(key)
    if (hits === 1) await redis.expire(key, windowSeconds)
    return hits <= limit
  }

  const answers = []
  for (let i = 0; i < 5; i++) answers.push(await allowed('1.2.3.4', 3, 60))
  assert.deepEqual(answers, [true, true, true, false, false])
  assert.equal(await allowed('5.6.7.8', 3, 60), true)
  const ttl = await redis.ttl('rate:1.2.3.4')
  assert.ok(ttl > 55 && ttl <= 60, `ttl ${ttl}`)

  await redis.pexpire('rate:1.2.3.4', 0) // the window is over
  assert.equal(await allowed('1.2.3.4', 3, 60), true)
})

test('a fixed window in one transaction never leaves a counter without an end', async () => {
  const redis = newRedis()

  async function hit(key) {
    const [[, hits], [, ttl]] = await redis.multi().incr(key).ttl(key).exec()
    if (ttl < 0) await redis.expire(key, 60)
    return hits
  }

  assert.equal(await hit('k'), 1)
  assert.equal(await hit('k'), 2)
  assert.ok((await redis.ttl('k')) > 0)
  assert.equal(await redis.expire('k', 10, 'NX'), 0)
})

test('a sliding window forgets what is older than the window', async () => {
  const redis = newRedis()
  let serial = 0

  async function allowed(user, now, limit, windowMs) {
    const key = `sliding:${user}`
    const pipeline = redis.pipeline()
    pipeline.zremrangebyscore(key, 0, now - windowMs)
    pipeline.zcard(key)
    pipeline.zadd(key, now, `${now}-${serial++}`)
    pipeline.expire(key, Math.ceil(windowMs / 1000))
    const results = await pipeline.exec()
    for (const [err] of results) assert.equal(err, null)
    return results[1][1] < limit
  }

  const start = 1_700_000_000_000
  assert.equal(await allowed('ada', start, 2, 1000), true)
  assert.equal(await allowed('ada', start + 500, 2, 1000), true)
  assert.equal(await allowed('ada', start + 900, 2, 1000), false)
  assert.equal(await allowed('ada', start + 1901, 2, 1000), true)
  assert.equal(await redis.zcard('sliding:ada'), 1)
  assert.deepEqual(await redis.zrange('sliding:ada', 0, -1, 'WITHSCORES'), [
    `${start + 1901}-3`,
    `${start + 1901}`,
  ])
})
