'use strict'

// Rate limits in latchkey: the commands that count, the store for express-rate-limit around them,
// and a limiter in an Express app. Time is the store's and moves when it is told to.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const { createServer } = require('node:http')
const { afterEach, test } = require('node:test')
const { Worker } = require('node:worker_threads')
const express = require('express')
const expressRateLimit = require('express-rate-limit')
const { Redis, Store } = require('..')
const { RateLimitStore, rateLimit, ...exported } = require('../lib/rate-limit-store.js')

const ALGORITHMS = ['fixed-window', 'sliding-window', 'gcra']

const closers = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

/** A client on a store of its own, whose time only moves when it is told to. */
function newRedis(options) {
  const store = new Store({ clock: 'manual' })
  const redis = new Redis({ ...options, store })
  closers.push(() => redis.disconnect())
  return { redis, advance: (ms) => store.advance(ms) }
}

/** A limiter's store, as express-rate-limit makes it ready. */
function newStore(algorithm, options = {}, more = {}) {
  const { redis, advance } = newRedis()
  const store = new RateLimitStore({ client: redis, algorithm, ...more })
  store.init({ windowMs: 60_000, limit: 3, ...options })
  const hit = async (key = 'k') => (await store.increment(key)).totalHits
  return { store, hit, redis, advance }
}

async function times(count, act) {
  const results = []
  for (let i = 0; i < count; i++) results.push(await act(i))
  return results
}

/** How far the reset is from now, in milliseconds. The Date was made by the clock on the wall. */
function waitOf({ resetTime }) {
  return resetTime - Date.now()
}

/** Close enough for what passes between two looks at the clock on the wall. */
function assertNear(actual, expected) {
  assert.ok(actual <= expected && actual > expected - 1000, `${actual} is not near ${expected}`)
}

for (const algorithm of ALGORITHMS) {
  test(`${algorithm}: hits are counted for each key up to the limit, and one more is a refusal`, async () => {
    const { hit } = newStore(algorithm)
    assert.deepEqual(await times(4, () => hit()), [1, 2, 3, 4])
    assert.equal(await hit('other'), 1)
  })

  test(`${algorithm}: decrement undoes exactly one hit`, async () => {
    const { store, hit } = newStore(algorithm)
    await times(3, () => hit())
    await store.decrement('k')
    assert.equal((await store.get('k')).totalHits, 2)
    assert.deepEqual(await times(2, () => hit()), [3, 4])
  })

  test(`${algorithm}: undoing what was never counted changes nothing`, async () => {
    const { store, hit, redis } = newStore(algorithm)
    await times(3, () => store.decrement('k'))
    assert.equal(await redis.dbsize(), 0)
    assert.deepEqual(await times(4, () => hit()), [1, 2, 3, 4])
  })

  test(`${algorithm}: hits and undoings at the same time add up`, async () => {
    const { store, hit } = newStore(algorithm, { limit: 100 })
    const calls = Array.from({ length: 90 }, (_, i) => (i % 3 === 2 ? store.decrement('k') : hit()))
    await Promise.all(calls)
    assert.equal((await store.get('k')).totalHits, 30)
  })

  test(`${algorithm}: of many at the same time, exactly the limit gets in`, async () => {
    const { hit } = newStore(algorithm, { limit: 10 })
    const answers = await Promise.all(Array.from({ length: 100 }, () => hit()))
    assert.equal(answers.filter((used) => used <= 10).length, 10)
  })

  test(`${algorithm}: get looks without counting, and knows nothing of unknown keys`, async () => {
    const { store, hit } = newStore(algorithm)
    assert.equal(await store.get('k'), undefined)
    await times(2, () => hit())
    await times(5, () => store.get('k'))
    const info = await store.get('k')
    assert.equal(info.totalHits, 2)
    assert.ok(info.resetTime instanceof Date && waitOf(info) > 0)
    assert.equal(await hit(), 3)
  })

  test(`${algorithm}: resetKey forgets one key, resetAll those of the prefix`, async () => {
    const { store, hit, redis } = newStore(algorithm, {}, { prefix: 'l[1]:' })
    await redis.set('l1:x', 'not ours')
    for (const key of ['a', 'b', 'c']) await hit(key)
    await store.resetKey('a')
    assert.equal(await store.get('a'), undefined)
    assert.equal((await store.get('b')).totalHits, 1)
    await store.resetAll()
    assert.deepEqual(await redis.keys('*'), ['l1:x'])
    assert.equal(await hit('b'), 1)
  })

  test(`${algorithm}: a keyPrefix of the client stands before every key`, async () => {
    const { redis } = newRedis({ keyPrefix: 'site:' })
    const store = new RateLimitStore({ client: redis, algorithm })
    store.init({ windowMs: 1000, limit: 1 })
    await store.increment('a')
    assert.deepEqual(await redis.keys('*'), ['site:rl:a'])
    await store.resetKey('a')
    assert.equal((await store.increment('a')).totalHits, 1)
    await store.resetAll()
    assert.deepEqual(await redis.keys('*'), [])
  })

  test(`${algorithm}: when the window is over, nothing is left behind`, async () => {
    const { store, hit, redis, advance } = newStore(algorithm)
    await times(5, () => hit())
    advance(60_000)
    assert.equal(await store.get('k'), undefined)
    assert.equal(await redis.dbsize(), 0)
    assert.equal(await hit(), 1)
  })

  test(`${algorithm}: a limit of nothing refuses everything`, async () => {
    const { hit } = newStore(algorithm, { limit: 0 })
    const used = await hit()
    assert.equal(used, 1)
  })

  test(`${algorithm}: stores with the same prefix and client count together`, async () => {
    const { store, hit, redis } = newStore(algorithm)
    const other = new RateLimitStore({ client: redis, algorithm })
    other.init({ windowMs: 60_000, limit: 3 })
    assert.equal(store.localKeys, false)
    await hit()
    assert.equal((await other.increment('k')).totalHits, 2)
  })

  test(`${algorithm}: what the client cannot do is said with a word on what to do`, async () => {
    const client = { call: () => Promise.reject(new Error("ERR unknown command 'X'")) }
    const store = new RateLimitStore({ client, algorithm })
    store.init({ windowMs: 1000, limit: 1 })
    await assert.rejects(store.increment('k'), /only latchkey has/)
  })
}

test('fixed-window: refusals count too, and the window ends as a whole', async () => {
  const { store, hit, advance } = newStore('fixed-window')
  await hit()
  advance(59_000)
  assert.deepEqual(await times(4, () => hit()), [2, 3, 4, 5])
  assertNear(waitOf(await store.get('k')), 1_000)
  advance(999)
  assert.equal(await hit(), 6)
  advance(1)
  assert.equal(await hit(), 1)
})

test('fixed-window: an undone hit leaves the window where it is', async () => {
  const { store, hit, advance } = newStore('fixed-window')
  await hit()
  advance(20_000)
  await store.decrement('k')
  const info = await store.get('k')
  assert.equal(info.totalHits, 0)
  assertNear(waitOf(info), 40_000)
})

test('sliding-window: no stretch as long as the window sees more than the limit', async () => {
  const { store, hit, advance } = newStore('sliding-window')
  assert.equal(await hit(), 1)
  advance(30_000)
  assert.deepEqual(await times(3, () => hit()), [2, 3, 4])
  // The first hit leaves at 60 s: that is when the next one may come.
  assertNear(waitOf(await store.increment('k')), 30_000)
  advance(29_999)
  assert.equal(await hit(), 4)
  advance(1)
  assert.deepEqual(await times(2, () => hit()), [3, 4])
  assertNear(waitOf(await store.get('k')), 60_000)
})

test('gcra: a place comes free every windowMs / limit', async () => {
  const { store, hit, advance } = newStore('gcra')
  assert.deepEqual(await times(4, () => hit()), [1, 2, 3, 4])
  assertNear(waitOf(await store.increment('k')), 20_000)
  advance(19_999)
  assert.equal(await hit(), 4)
  advance(1)
  assert.deepEqual(await times(2, () => hit()), [3, 4])
  assertNear(waitOf(await store.get('k')), 60_000)
})

test('gcra: an undone hit gives its interval back to the millisecond', async () => {
  const { store, hit, advance } = newStore('gcra')
  await times(3, () => hit())
  advance(7_000)
  await store.decrement('k')
  assertNear(waitOf(await store.get('k')), 33_000)
  assert.deepEqual(await times(2, () => hit()), [3, 4])
  assertNear(waitOf(await store.increment('k')), 13_000)
})

test('gcra: windows need not be whole seconds', async () => {
  const { hit, advance } = newStore('gcra', { windowMs: 300, limit: 3 })
  assert.deepEqual(await times(4, () => hit()), [1, 2, 3, 4])
  advance(100)
  assert.deepEqual(await times(2, () => hit()), [3, 4])
})

test('a limit beyond counting lets everything in and keeps nothing', async () => {
  for (const algorithm of ALGORITHMS.slice(1)) {
    const { store, hit, redis } = newStore(algorithm, { limit: Number.POSITIVE_INFINITY })
    assert.deepEqual(await times(3, () => hit()), [1, 1, 1])
    await store.decrement('k')
    assert.equal(await redis.dbsize(), 0)
  }
})

test('a bare store says at init that it cannot know a limit that is a function', async () => {
  const options = { windowMs: 1000, limit: () => 3 }
  for (const algorithm of ALGORITHMS.slice(1)) {
    const store = new RateLimitStore({ client: newRedis().redis, algorithm })
    assert.throws(
      () => store.init(options),
      /Use `rateLimit` from require\('latchkey\/rate-limit'\)/,
    )
    await assert.rejects(store.increment('k'), /Use `rateLimit`/, 'and never lets anybody pass')
  }
  const fixed = new RateLimitStore({ client: newRedis().redis })
  fixed.init(options)
  assert.equal((await fixed.increment('k')).totalHits, 1)
})

test('what cannot be an algorithm, a window or a limit is refused', async () => {
  const client = newRedis().redis
  assert.throws(() => new RateLimitStore({ client, algorithm: 'leaky' }), /fixed-window, sliding/)
  assert.throws(() => new RateLimitStore({ client, algorithm: 'toString' }), TypeError)
  assert.throws(() => new RateLimitStore({ client: { scanIterator() {} } }), /latchkey or ioredis/)
  const store = new RateLimitStore({ client, algorithm: 'gcra' })
  await assert.rejects(store.increment('k'), /not initialised/)
  assert.throws(() => store.init({ windowMs: 0, limit: 1 }), /windowMs/)
  assert.throws(() => store.init({ windowMs: 1000, limit: Number.NaN }), /limit/)
  assert.throws(() => store.init({ windowMs: 1000, limit: '5' }), /limit/)
})

test('the package names what express-rate-limit’s users import', async () => {
  assert.equal(exported.Store, RateLimitStore)
  assert.equal(exported.ipKeyGenerator, expressRateLimit.ipKeyGenerator)
  assert.equal(exported.default, rateLimit)
  assert.throws(() => rateLimit({ store: {} }), /express-rate-limit/)
})

test('without a client the store makes one on the store of the process', async () => {
  const store = new RateLimitStore({ prefix: 'rate-limit-test:' })
  closers.push(() => store.client.disconnect())
  store.init({ windowMs: 60_000, limit: 3 })
  await store.increment('k')
  const redis = new Redis()
  closers.push(() => redis.disconnect())
  assert.equal(await redis.exists('rate-limit-test:k'), 1)
  await store.resetAll()
  assert.equal(await redis.exists('rate-limit-test:k'), 0)
})

/** What the commands should do, as plainly as it can be said. Times are milliseconds. */
const MODELS = {
  'LK.WINDOW key 1000'() {
    let used = 0
    let end = 0
    return (now, hits) => {
      if (now >= end) used = 0
      if (now >= end && hits <= 0) return [0, 0]
      if (now >= end) end = now + 1000
      used = Math.max(0, used + hits)
      return [used, end - now]
    }
  },
  'LK.SLIDE key 1000 20'() {
    let times = []
    return (now, hits) => {
      times = times.filter((at) => at + 1000 > now)
      if (hits > 0 && times.length + hits > 20) {
        const wait = (at) => at + 1000 - now
        return [21, hits > 20 ? 1000 : wait(times[times.length + hits - 21])]
      }
      if (hits < 0) times = times.slice(0, hits)
      for (let i = 0; i < hits; i++) times.push(now)
      return [times.length, times.length === 0 ? 0 : times.at(-1) + 1000 - now]
    }
  },
  // An interval of 50 ms, 20 at once.
  'CL.THROTTLE key 19 20 1000 ? PX'() {
    let emptyAt = 0
    return (now, hits) => {
      const full = Math.max(emptyAt, now)
      const next = Math.max(now, full + 50 * hits)
      const wait = next - 1000 - now
      if (wait > 0)
        return [1, 20, Math.trunc((1000 - (full - now)) / 50), hits > 20 ? -1 : wait, full - now]
      emptyAt = next
      return [0, 20, Math.trunc((1000 - (next - now)) / 50), -1, next - now]
    }
  },
}

for (const [line, newModel] of Object.entries(MODELS)) {
  const [name, ...words] = line.split(' ')
  test(`${name} does in five thousand random steps what a plain model of it does`, async () => {
    const { redis, advance } = newRedis()
    const model = newModel()
    const random = seededRandom(7)
    let now = 0
    for (let step = 0; step < 5000; step++) {
      const hits = random(20) === 0 ? random(30) : random(6) - 2
      const filled = line.includes('?')
        ? words.map((word) => (word === '?' ? hits : word))
        : [...words, hits]
      assert.deepEqual(
        await redis.call(name, ...filled),
        model(now, hits),
        `step ${step}, ${hits} hits`,
      )
      if (random(3) === 0) {
        const ms = random(10) === 0 ? random(2000) : random(60)
        now += ms
        advance(ms)
      }
    }
  })
}

/** Whole numbers below what is asked for, the same ones in every run. */
function seededRandom(seed) {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** What each worker runs: hits as fast as it can, on the store of the process. */
const HITS_IN_A_WORKER = `
  const { parentPort, workerData } = require('node:worker_threads')
  const { RateLimitStore } = require(workerData.module)
  const { algorithm, prefix, limit, hits } = workerData
  const store = new RateLimitStore({ algorithm, prefix })
  store.init({ windowMs: 3_600_000, limit })
  const answers = Array.from({ length: hits }, () => store.increment('k'))
  Promise.all(answers).then((infos) => {
    parentPort.postMessage(infos.filter(({ totalHits }) => totalHits <= limit).length)
    store.client.disconnect()
  })
`

for (const algorithm of ALGORITHMS) {
  test(`${algorithm}: threads together get in as often as the limit says`, async () => {
    const prefix = `rate-limit-threads:${algorithm}:`
    const module = require.resolve('../lib/rate-limit-store.js')
    const workerData = { module, algorithm, prefix, limit: 100, hits: 60 }
    const workers = Array.from(
      { length: 4 },
      () => new Worker(HITS_IN_A_WORKER, { eval: true, workerData }),
    )
    const letIn = await Promise.all(
      workers.map(async (worker) => (await once(worker, 'message'))[0]),
    )
    await Promise.all(workers.map((worker) => worker.terminate()))
    assert.equal(
      letIn.reduce((sum, count) => sum + count),
      100,
    )
    const store = new RateLimitStore({ algorithm, prefix })
    closers.push(() => store.client.disconnect())
    await store.resetAll()
  })
}

/** An Express app behind the limiter; gives a way to ask it, which answers status and headers. */
async function openApp(limiter, handler = (_request, response) => response.send('in')) {
  const app = express()
  app.use(limiter, handler)
  app.use((error, _request, response, _next) => response.status(500).send(error.message))
  const server = createServer(app).listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => {
    server.close()
    server.closeAllConnections()
  })
  const url = `http://127.0.0.1:${server.address().port}`
  return async (headers = {}, path = '/') => {
    const response = await fetch(url + path, { headers })
    const text = await response.text()
    return { status: response.status, headers: response.headers, text }
  }
}

/** Collects what express-rate-limit would print. */
function newLogger() {
  const lines = []
  const add = (error, message) => lines.push(message ?? String(error))
  return { lines, error: add, warn: add }
}

async function statuses(count, ask, ...args) {
  return (await times(count, () => ask(...args))).map(({ status }) => status)
}

for (const algorithm of ALGORITHMS) {
  test(`${algorithm}: an app lets the limit in and answers 429 to the rest`, async () => {
    const { redis, advance } = newRedis()
    const logger = newLogger()
    const limiter = rateLimit({ client: redis, algorithm, limit: 2, windowMs: 10_000, logger })
    const ask = await openApp(limiter)
    assert.deepEqual(await statuses(3, ask), [200, 200, 429])
    const { headers, text } = await ask()
    assert.equal(headers.get('x-ratelimit-limit'), '2')
    assert.equal(headers.get('x-ratelimit-remaining'), '0')
    assert.match(text, /^Too many requests/)
    const wait = Number(headers.get('retry-after'))
    assert.equal(wait, algorithm === 'gcra' ? 5 : 10)
    advance(wait * 1000)
    assert.equal((await ask()).status, 200)

    const { totalHits } = await limiter.getKey('127.0.0.1')
    assert.equal(totalHits, algorithm === 'gcra' ? 2 : 1)
    await limiter.resetKey('127.0.0.1')
    assert.deepEqual(await statuses(3, ask), [200, 200, 429])
    assert.deepEqual(logger.lines, [])
  })

  test(`${algorithm}: the headers of drafts 6, 7 and 8`, async () => {
    for (const draft of ['draft-6', 'draft-7', 'draft-8']) {
      const { redis } = newRedis()
      const options = { algorithm, limit: 4, windowMs: 8_000, standardHeaders: draft }
      const ask = await openApp(rateLimit({ client: redis, legacyHeaders: false, ...options }))
      const { headers } = await ask()
      // After one hit a bucket is full again in a quarter of its time.
      const reset = algorithm === 'gcra' ? 2 : 8
      if (draft === 'draft-6') {
        assert.equal(headers.get('ratelimit-policy'), '4;w=8')
        assert.equal(headers.get('ratelimit-limit'), '4')
        assert.equal(headers.get('ratelimit-remaining'), '3')
        assert.equal(headers.get('ratelimit-reset'), String(reset))
      } else if (draft === 'draft-7') {
        assert.equal(headers.get('ratelimit-policy'), '4;w=8')
        assert.equal(headers.get('ratelimit'), `limit=4, remaining=3, reset=${reset}`)
      } else {
        assert.match(headers.get('ratelimit-policy'), /^"4-in-8sec"; q=4; w=8; pk=:.+:$/)
        assert.equal(headers.get('ratelimit'), `"4-in-8sec"; r=3; t=${reset}`)
      }
      assert.equal(headers.get('x-ratelimit-limit'), null)
    }
  })

  test(`${algorithm}: a limit that is a function decides for each request`, async () => {
    const { redis } = newRedis()
    const logger = newLogger()
    const limiter = rateLimit({
      client: redis,
      algorithm,
      logger,
      windowMs: 60_000,
      limit: async ({ headers }) => Number(headers.limit),
      keyGenerator: ({ headers }) => headers.user,
    })
    const ask = await openApp(limiter)
    const guest = { user: 'guest', limit: 1 }
    const member = { user: 'member', limit: 3 }
    const both = await Promise.all([statuses(3, ask, guest), statuses(4, ask, member)])
    assert.deepEqual(both, [
      [200, 429, 429],
      [200, 200, 200, 429],
    ])
    assert.equal((await ask(member)).headers.get('x-ratelimit-limit'), '3')
    // The same caller under a higher limit: the hit that was let in still counts. A window that
    // counts refusals too is past two, and the bucket is full: that hit filled it for a minute.
    const more = await statuses(2, ask, { ...guest, limit: 2 })
    assert.deepEqual(more, algorithm === 'sliding-window' ? [200, 429] : [429, 429])
    await limiter.resetKey('guest')
    assert.equal((await ask(guest)).status, 200)
    assert.deepEqual(logger.lines, [])
  })

  test(`${algorithm}: a limit function that fails is the request’s error`, async () => {
    const options = { client: newRedis().redis, algorithm, windowMs: 60_000 }
    const limit = async () => {
      throw new Error('no such plan')
    }
    const { status, text } = await (await openApp(rateLimit({ ...options, limit })))()
    assert.deepEqual([status, text], [500, 'no such plan'])
  })

  test(`${algorithm}: skipped requests are not counted, with any limit`, async () => {
    for (const limit of [1, () => 1]) {
      const skip = ({ headers }) => headers.skip === 'yes'
      const options = { client: newRedis().redis, algorithm, windowMs: 60_000, limit, skip }
      const ask = await openApp(rateLimit(options))
      assert.deepEqual(await statuses(3, ask, { skip: 'yes' }), [200, 200, 200])
      assert.deepEqual(await statuses(2, ask), [200, 429])
    }
  })

  test(`${algorithm}: with skipFailedRequests only what went well counts`, async () => {
    for (const limit of [2, () => 2]) {
      const { redis } = newRedis()
      const options = {
        client: redis,
        algorithm,
        windowMs: 60_000,
        limit,
        skipFailedRequests: true,
      }
      const ask = await openApp(rateLimit(options), ({ headers }, response) => {
        response.status(headers.fail ? 500 : 200).send('')
      })
      assert.deepEqual(await statuses(5, ask, { fail: 'yes' }), Array(5).fill(500))
      // Refusals are undone as well, and must not make room for anybody.
      assert.deepEqual(await statuses(6, ask), [200, 200, 429, 429, 429, 429])
      assert.deepEqual(await statuses(3, ask, { fail: 'yes' }), [429, 429, 429])
    }
  })

  test(`${algorithm}: with skipSuccessfulRequests only failures count`, async () => {
    for (const limit of [2, () => 2]) {
      const { redis } = newRedis()
      const options = { client: redis, algorithm, windowMs: 60_000, limit }
      const limiter = rateLimit({ ...options, skipSuccessfulRequests: true })
      const ask = await openApp(limiter, ({ headers }, response) => {
        response.status(headers.fail ? 500 : 200).send('')
      })
      assert.deepEqual(await statuses(5, ask), Array(5).fill(200))
      assert.deepEqual(await statuses(4, ask, { fail: 'yes' }), [500, 500, 429, 429])
    }
  })

  test(`${algorithm}: refusals answered as successes give nothing back`, async () => {
    const options = { algorithm, windowMs: 60_000, limit: 1, skipSuccessfulRequests: true }
    const client = newRedis().redis
    const limiter = rateLimit({ client, ...options, statusCode: 200, message: 'later' })
    const ask = await openApp(limiter, (_request, response) => response.status(500).send('in'))
    const texts = (await times(4, () => ask())).map(({ text }) => text)
    assert.deepEqual(texts, ['in', 'later', 'later', 'later'])
  })

  test(`${algorithm}: it works as a bare store of express-rate-limit’s own limiter`, async () => {
    const logger = newLogger()
    const store = new RateLimitStore({ client: newRedis().redis, algorithm })
    const options = { store, limit: 2, windowMs: 60_000, logger, skipFailedRequests: true }
    const ask = await openApp(expressRateLimit(options))
    assert.deepEqual(await statuses(5, ask), [200, 200, 429, 429, 429])
    assert.deepEqual(logger.lines, [])
  })
}

test('limiters do not share their counts unless they are told to', async () => {
  const { redis } = newRedis()
  const options = { client: redis, limit: 1, windowMs: 60_000 }
  const app = express.Router()
  app.use('/a', rateLimit(options))
  app.use('/b', rateLimit(options))
  app.use('/c', rateLimit({ ...options, prefix: 'shared:' }))
  app.use('/d', rateLimit({ ...options, prefix: 'shared:' }))
  const ask = await openApp(app)
  const asked = await times(6, (i) => ask({}, ['/a', '/b', '/a', '/b', '/c', '/d'][i]))
  assert.deepEqual(
    asked.map(({ status }) => status),
    [200, 200, 429, 429, 200, 429],
  )
})

test('a bare store with a function as limit lets nobody pass, and the log says why', async () => {
  const logger = newLogger()
  const store = new RateLimitStore({ client: newRedis().redis, algorithm: 'gcra' })
  const ask = await openApp(expressRateLimit({ store, limit: () => 2, logger }))
  const { status, text } = await ask()
  assert.equal(status, 500)
  assert.match(text, /Use `rateLimit` from/)
  assert.equal(logger.lines.length, 1)
})

test('more limits than have a limiter of their own at a time keep their counts apart', async () => {
  const options = { client: newRedis().redis, algorithm: 'gcra', windowMs: 60_000 }
  const limiter = rateLimit({
    ...options,
    limit: ({ headers }) => Number(headers.limit),
    keyGenerator: ({ headers }) => `plan ${headers.limit}`,
  })
  const ask = await openApp(limiter)
  for (let round = 0; round < 2; round++) {
    for (let limit = 1; limit <= 130; limit++) {
      const { headers, status } = await ask({ limit })
      assert.equal(status, limit > round ? 200 : 429)
      assert.equal(headers.get('x-ratelimit-remaining'), String(Math.max(0, limit - round - 1)))
    }
  }
})
