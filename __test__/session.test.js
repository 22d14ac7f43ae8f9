'use strict'

// Sessions in latchkey, as express-session and as an application ask for them: our store, and the
// connect-redis packages that people already have, on our client.

const assert = require('node:assert/strict')
const { EventEmitter, once } = require('node:events')
const { createServer } = require('node:http')
const { afterEach, test } = require('node:test')
const express = require('express')
const session = require('express-session')
const { Redis, Store } = require('..')
const { SessionStore } = require('../lib/session-store.js')

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

/** A session as express-session hands it to a store. */
function someSession(cookie = {}, more = {}) {
  return { cookie: { originalMaxAge: null, path: '/', ...cookie }, ...more }
}

/** A client whose every answer is a rejection. */
function brokenClient(error) {
  const fail = () => Promise.reject(error)
  return { get: fail, set: fail, del: fail, expire: fail, mget: fail, scan: fail }
}

test('a session comes back as it was stored', async () => {
  const { redis } = newRedis()
  const store = new SessionStore({ client: redis })
  const kept = someSession({}, { user: 'ada', cart: [1, { two: 'zwei' }] })
  await store.set('a', kept)
  assert.deepEqual(await store.get('a'), kept)
  assert.equal(await redis.get('sess:a'), JSON.stringify(kept))
})

test('a session that is not there is null, by callback and by promise', async () => {
  const { redis } = newRedis()
  const store = new SessionStore({ client: redis })
  assert.equal(await store.get('none'), null)
  assert.deepEqual(await called((done) => store.get('none', done)), [null, null])
})

test('a session lives as long as its cookie, to the second', async () => {
  const { redis, advance } = newRedis()
  const store = new SessionStore({ client: redis })
  await store.set('a', someSession({ expires: new Date(Date.now() + 10_000) }))
  assert.equal(await redis.ttl('sess:a'), 10)
  advance(9_999)
  assert.notEqual(await store.get('a'), null)
  advance(1)
  assert.equal(await store.get('a'), null)
})

test('the end of a cookie may be a Date, its text, or a maxAge', async () => {
  const { redis } = newRedis()
  const store = new SessionStore({ client: redis })
  const end = new Date(Date.now() + 60_000)
  await store.set('date', someSession({ expires: end }))
  await store.set('text', someSession({ expires: end.toISOString() }))
  await store.set('age', someSession({ maxAge: 60_000 }))
  for (const sid of ['date', 'text', 'age']) assert.equal(await redis.ttl(`sess:${sid}`), 60, sid)
})

test('a cookie without an end is kept for a day, or for the ttl given', async () => {
  const { redis } = newRedis()
  await new SessionStore({ client: redis }).set('a', someSession())
  await new SessionStore({ client: redis, ttl: 5 }).set('b', someSession())
  assert.equal(await redis.ttl('sess:a'), 86_400)
  assert.equal(await redis.ttl('sess:b'), 5)
})

test('a ttl function decides for every session, whatever its cookie says', async () => {
  const { redis } = newRedis()
  const store = new SessionStore({ client: redis, ttl: (session) => session.minutes * 60 })
  await store.set('a', someSession({ expires: new Date(Date.now() + 5000) }, { minutes: 2 }))
  assert.equal(await redis.ttl('sess:a'), 120)
  await store.touch('a', someSession({}, { minutes: 3 }))
  assert.equal(await redis.ttl('sess:a'), 180)
})

test('storing a session whose cookie has ended removes it', async () => {
  const { redis } = newRedis()
  const store = new SessionStore({ client: redis })
  await store.set('a', someSession())
  const ended = someSession({ expires: new Date(Date.now() - 1) })
  assert.deepEqual(await called((done) => store.set('a', ended, done)), [null, undefined])
  assert.equal(await redis.exists('sess:a'), 0)
})

test('touch moves the deadline and nothing else', async () => {
  const { redis, advance } = newRedis()
  const store = new SessionStore({ client: redis })
  await store.set('a', someSession({ maxAge: 10_000 }, { visits: 1 }))
  advance(8_000)
  await store.touch('a', someSession({ maxAge: 10_000 }, { visits: 2 }))
  assert.equal(await redis.ttl('sess:a'), 10)
  assert.equal((await store.get('a')).visits, 1)
})

test('touch makes no session that is not there', async () => {
  const { redis } = newRedis()
  const store = new SessionStore({ client: redis })
  await store.touch('none', someSession())
  assert.equal(await redis.dbsize(), 0)
})

test('disableTouch and disableTTL leave deadlines alone', async () => {
  const { redis, advance } = newRedis()
  const fixed = new SessionStore({ client: redis, prefix: 'f:', disableTouch: true, ttl: 10 })
  await fixed.set('a', someSession())
  advance(4_000)
  await fixed.touch('a', someSession())
  assert.equal(await redis.ttl('f:a'), 6)

  const endless = new SessionStore({ client: redis, prefix: 'e:', disableTTL: true })
  await endless.set('a', someSession({ maxAge: 1000 }))
  await endless.touch('a', someSession({ maxAge: 1000 }))
  assert.equal(await redis.ttl('e:a'), -1)
})

test('destroy removes one session and does not mind that it is gone', async () => {
  const { redis } = newRedis()
  const store = new SessionStore({ client: redis })
  await store.set('a', someSession())
  await store.set('b', someSession())
  await store.destroy('a')
  await store.destroy('a')
  assert.deepEqual(await store.ids(), ['b'])
})

test('all, ids, length and clear see every session of the prefix and nothing else', async () => {
  const { redis } = newRedis()
  const store = new SessionStore({ client: redis, scanCount: 3 })
  const expected = Array.from({ length: 50 }, (_, i) => `s${String(i).padStart(2, '0')}`)
  for (const sid of expected) await store.set(sid, someSession({}, { sid }))
  await redis.set('other', 'x')
  await redis.set('session', 'x')

  assert.equal(await store.length(), 50)
  assert.deepEqual((await store.ids()).sort(), expected)
  const all = await store.all()
  assert.deepEqual(all.map(({ id }) => id).sort(), expected)
  assert.ok(all.every(({ id, sid }) => id === sid))

  await store.clear()
  assert.equal(await store.length(), 0)
  assert.deepEqual(await store.all(), [])
  await store.clear()
  assert.deepEqual((await redis.keys('*')).sort(), ['other', 'session'])
})

test('a prefix means its own characters, also those that are special in patterns', async () => {
  const { redis } = newRedis()
  const store = new SessionStore({ client: redis, prefix: 'app[1]*?\\:' })
  const other = new SessionStore({ client: redis, prefix: 'app1xx:' })
  await store.set('a', someSession())
  await other.set('b', someSession())
  assert.deepEqual(await store.ids(), ['a'])
  await store.clear()
  assert.deepEqual(await other.ids(), ['b'])
  assert.equal(await redis.dbsize(), 1)
})

test('an empty prefix and a keyPrefix of the client work', async () => {
  const { redis } = newRedis({ keyPrefix: 'site:' })
  const bare = new SessionStore({ client: redis, prefix: '' })
  assert.equal(bare.prefix, '')
  await bare.set('a', someSession({}, { user: 'ada' }))
  assert.deepEqual(await bare.ids(), ['a'])
  assert.equal((await bare.all())[0].user, 'ada')
  await bare.clear()
  assert.equal(await redis.dbsize(), 0)
})

test('a serializer of one’s own is used, and may take its time', async () => {
  const { redis } = newRedis()
  const serializer = {
    stringify: async (session) => Buffer.from(JSON.stringify(session)).toString('base64'),
    parse: async (text) => JSON.parse(Buffer.from(text, 'base64')),
  }
  const store = new SessionStore({ client: redis, serializer })
  await store.set('a', someSession({}, { user: 'ada' }))
  assert.match(await redis.get('sess:a'), /^[\w+/=]+$/)
  assert.equal((await store.get('a')).user, 'ada')
  assert.equal((await store.all())[0].user, 'ada')
})

/** Resolves with what the callback got; fails if it is called again later on. */
function called(act) {
  return new Promise((resolve, reject) => {
    let calls = 0
    const returned = act((...args) => {
      calls += 1
      if (calls > 1) return reject(new Error('called back twice'))
      // Later than every microtask and callback that is on its way.
      setImmediate(() => setImmediate(() => resolve(args)))
    })
    assert.equal(returned, undefined, 'with a callback there is no second way to answer')
  })
}

const CALLS = {
  get: (store, done) => store.get('a', done),
  set: (store, done) => store.set('a', someSession(), done),
  touch: (store, done) => store.touch('a', someSession(), done),
  destroy: (store, done) => store.destroy('a', done),
  all: (store, done) => store.all(done),
  length: (store, done) => store.length(done),
  ids: (store, done) => store.ids(done),
  clear: (store, done) => store.clear(done),
}

for (const [name, call] of Object.entries(CALLS)) {
  test(`${name} calls back once when it works, and promises otherwise`, async () => {
    const store = new SessionStore({ client: newRedis().redis })
    const [error, value] = await called((done) => call(store, done))
    assert.equal(error, null)
    assert.deepEqual(await call(store), value)
  })

  test(`${name} calls back once with the error of the client`, async () => {
    const error = new Error('the client says no')
    const store = new SessionStore({ client: brokenClient(error) })
    assert.deepEqual(await called((done) => call(store, done)), [error])
    await assert.rejects(call(store), error)
  })

  test(`${name} calls back with an error even if the client gave none`, async () => {
    const store = new SessionStore({ client: brokenClient(undefined) })
    const [error] = await called((done) => call(store, done))
    assert.ok(error instanceof Error)
  })
}

test('a serializer or ttl that throws is one error, and nothing is stored', async () => {
  const { redis } = newRedis()
  const error = new Error('no such text')
  const fail = () => {
    throw error
  }
  await redis.set('sess:a', '{}')
  const parsing = new SessionStore({ client: redis, serializer: { parse: fail, stringify: fail } })
  assert.deepEqual(await called((done) => parsing.get('a', done)), [error])
  assert.deepEqual(await called((done) => parsing.all(done)), [error])
  assert.deepEqual(await called((done) => parsing.set('a', someSession(), done)), [error])
  const timing = new SessionStore({ client: redis, ttl: fail })
  assert.deepEqual(await called((done) => timing.set('a', someSession(), done)), [error])
  assert.deepEqual(await called((done) => timing.touch('a', someSession(), done)), [error])
  assert.equal(await redis.get('sess:a'), '{}')
})

test('a callback that throws is not called again, and its error is nobody’s answer', async () => {
  const { redis } = newRedis()
  const store = new SessionStore({ client: redis })
  const boom = new Error('in the callback')
  // The test runner has a listener of its own for these, which would fail the test.
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  try {
    for (const [name, call] of Object.entries(CALLS)) {
      let calls = 0
      const thrown = new Promise((resolve) => process.once('uncaughtException', resolve))
      call(store, () => {
        calls += 1
        throw boom
      })
      assert.equal(await thrown, boom, name)
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
      assert.equal(calls, 1, name)
    }
  } finally {
    for (const listener of listeners) process.on('uncaughtException', listener)
  }
})

test('a value that is no session is an error of get, and not a crash', async () => {
  const { redis } = newRedis()
  const store = new SessionStore({ client: redis })
  await redis.set('sess:a', 'not json')
  await assert.rejects(store.get('a'), SyntaxError)
  await redis.del('sess:a')
  await redis.lpush('sess:a', 'x')
  await assert.rejects(store.get('a'), /^ReplyError: WRONGTYPE/)
})

test('the store is one of express-session’s, and loads and regenerates as they do', async () => {
  const store = new SessionStore({ client: newRedis().redis })
  assert.ok(store instanceof session.Store)
  assert.ok(store instanceof EventEmitter)
  await store.set('a', someSession({ expires: new Date(Date.now() + 5000) }, { user: 'ada' }))
  const [error, loaded] = await called((done) => store.load('a', done))
  assert.equal(error, null)
  assert.equal(loaded.user, 'ada')
  assert.ok(loaded.cookie.expires instanceof Date)
})

test('without a client the store makes one on the store of the process', async () => {
  const store = new SessionStore({ prefix: 'session-test:' })
  closers.push(() => store.client.disconnect())
  await store.set('a', someSession())
  const redis = new Redis()
  closers.push(() => redis.disconnect())
  assert.equal(await redis.ttl('session-test:a'), 86_400)
  await store.clear()
  assert.equal(await redis.exists('session-test:a'), 0)
})

test('a client of node-redis is refused with a word on what to pass', () => {
  const nodeRedis = { scanIterator() {}, get() {} }
  assert.throws(() => new SessionStore({ client: nodeRedis }), /TypeError: .*latchkey or ioredis/)
  assert.throws(() => new SessionStore({ client: 'redis://localhost' }), TypeError)
})

/** An app with a login, on whatever store; gives a browser that keeps its cookie. */
async function openApp(store, cookie = {}) {
  const app = express()
  app.use(
    session({ store, secret: 's', resave: false, saveUninitialized: false, cookie, rolling: true }),
  )
  app.get('/', ({ session }, response) => {
    session.views = (session.views ?? 0) + 1
    response.json({ views: session.views, user: session.user ?? null })
  })
  app.get('/peek', ({ session }, response) => response.json({ views: session.views ?? 0 }))
  app.get('/login/:user', (request, response, next) => {
    request.session.regenerate((error) => {
      if (error) return next(error)
      request.session.user = request.params.user
      response.json({ id: request.sessionID })
    })
  })
  app.get('/logout', (request, response, next) => {
    request.session.destroy((error) => (error ? next(error) : response.json({})))
  })
  const server = createServer(app).listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => {
    server.close()
    server.closeAllConnections()
  })

  let jar
  return async (path) => {
    const url = `http://127.0.0.1:${server.address().port}${path}`
    const response = await fetch(url, { headers: jar ? { cookie: jar } : {} })
    const set = response.headers.get('set-cookie')
    if (set) jar = set.split(';')[0]
    return response.json()
  }
}

/** The stores that an Express app may plug in, each on our client. */
const STORES = {
  'latchkey/session': (client) => new SessionStore({ client }),
  'connect-redis 6': (client) => new (require('connect-redis-6')(session))({ client }),
  'connect-redis 7': (client) => new (require('connect-redis-7').default)({ client }),
  'connect-redis 8': (client) => new (require('connect-redis-8').RedisStore)({ client }),
}

for (const [name, makeStore] of Object.entries(STORES)) {
  test(`${name}: an Express 5 app keeps, renews and ends its sessions`, async () => {
    const { redis } = newRedis()
    const store = makeStore(redis)
    const browse = await openApp(store, { maxAge: 60_000 })

    assert.deepEqual(await browse('/'), { views: 1, user: null })
    assert.deepEqual(await browse('/'), { views: 2, user: null })
    assert.equal(await redis.dbsize(), 1)

    const { id } = await browse('/login/ada')
    assert.deepEqual(await redis.keys('*'), [`sess:${id}`])
    assert.equal(await redis.ttl(`sess:${id}`), 60)
    assert.deepEqual(await browse('/'), { views: 1, user: 'ada' })

    await redis.expire(`sess:${id}`, 5)
    assert.deepEqual(await browse('/peek'), { views: 1 })
    assert.equal(await redis.ttl(`sess:${id}`), 60, 'looking at a session touches it')

    await browse('/logout')
    assert.equal(await redis.dbsize(), 0)
    assert.deepEqual(await browse('/'), { views: 1, user: null })
  })

  test(`${name}: an app forgets a session at its deadline`, async () => {
    const { redis, advance } = newRedis()
    const browse = await openApp(makeStore(redis), { maxAge: 60_000 })
    await browse('/')
    advance(60_000)
    assert.deepEqual(await browse('/'), { views: 1, user: null })
  })

  test(`${name}: all, ids, length and clear`, async () => {
    const { redis } = newRedis()
    const store = makeStore(redis)
    const ask = (method, ...args) =>
      new Promise((resolve, reject) => {
        store[method](...args, (error, value) => (error ? reject(error) : resolve(value)))
      })
    for (const sid of ['a', 'b', 'c']) await ask('set', sid, someSession({}, { sid }))
    assert.deepEqual((await ask('ids')).sort(), ['a', 'b', 'c'])
    assert.equal(await ask('length'), 3)
    assert.deepEqual((await ask('all')).map(({ id }) => id).sort(), ['a', 'b', 'c'])
    await ask('destroy', 'b')
    assert.equal(await ask('length'), 2)
    await ask('clear')
    assert.equal(await ask('length'), 0)
  })
}

test('sessions written by connect-redis are ours to read, and the other way round', async () => {
  const { redis } = newRedis()
  const ours = STORES['latchkey/session'](redis)
  const theirs = STORES['connect-redis 8'](redis)
  await theirs.set('a', someSession({}, { user: 'ada' }))
  assert.equal((await ours.get('a')).user, 'ada')
  await ours.set('b', someSession({}, { user: 'bob' }))
  assert.equal((await theirs.get('b')).user, 'bob')
})
