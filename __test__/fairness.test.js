'use strict'

// The event loop and the order of things: nobody starves, nothing runs inside the call that caused
// it, and a client's commands are answered in their order.

const { test, after } = require('node:test')
const assert = require('node:assert/strict')
const { once } = require('node:events')
const { performance } = require('node:perf_hooks')
const Redis = require('..')

const store = new Redis.Store()
const clients = []

function newRedis() {
  const client = new Redis({ store })
  clients.push(client)
  return client
}

after(() => {
  for (const client of clients) client.disconnect()
})

test('a spin lock whose holder releases it in a timer starves nobody', async () => {
  const redis = newRedis()
  await redis.set('lock', 'holder')
  setTimeout(() => redis.del('lock'), 5)
  let tries = 0
  while (!(await redis.set('lock', 'me', 'NX'))) tries += 1
  assert.ok(tries > 10, `${tries} tries`)
})

test('who sees what was done on another thread comes after who asked for it', async () => {
  const [asking, looking] = [newRedis(), newRedis()]
  for (let round = 0; round < 30; round++) {
    // a script that nobody knows runs on a helper
    const told = []
    const asked = asking.eval(`redis.call('SET', KEYS[1], ARGV[1]) -- ${round}`, 1, 'seen', round)
    const done = (async () => {
      await asked
      told.push('asked')
    })()
    while ((await looking.get('seen')) !== String(round));
    told.push('looked')
    await done
    assert.deepEqual(told, ['asked', 'looked'], `round ${round}`)
  }
})

test('a loop of failing commands lets timers fire', async () => {
  const redis = newRedis()
  let over = false
  setTimeout(() => {
    over = true
  }, 5)
  while (!over) await redis.incr('n', 'too many').catch(() => {})
})

test('a loop of replies with many words, and one of pipelines, lets timers fire', async () => {
  const redis = newRedis()
  await redis.hset('h', { a: 1, b: 2 })
  for (const step of [
    () => redis.hgetall('h'),
    () => redis.pipeline().get('a').get('b').exec(),
    () => redis.multi().get('a').exec(),
    () => redis.call('get', 'a'),
    () => new Promise((resolve) => redis.get('a', resolve)),
  ]) {
    let over = false
    setTimeout(() => {
      over = true
    }, 5)
    while (!over) await step()
  }
})

test('two clients that publish to each other starve nobody', async () => {
  const [a, b] = [newRedis(), newRedis()]
  await a.subscribe('a')
  await b.subscribe('b')
  let over = false
  let rallies = 0
  a.on('message', () => over || (++rallies && b.publish('b', 'x')))
  b.on('message', () => over || a.publish('a', 'x'))
  a.publish('a', 'x')
  const turns = 10
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve))
  over = true
  // a turn ends when its millisecond does, but never with less than a batch of commands
  assert.ok(rallies >= 10 * turns, `${rallies} rallies in ${turns} turns`)
})

test('a busy loop of commands leaves the loop a turn about every millisecond', async (t) => {
  const redis = newRedis()
  // a clock by which a command takes 10 µs: another would measure how busy the machine is
  const commandMs = 0.01
  let now = performance.now()
  t.mock.method(performance, 'now', () => now)
  const gaps = []
  let last = now
  let over = false
  const tick = () => {
    gaps.push(now - last)
    last = now
    if (!over) setImmediate(tick)
  }
  setImmediate(tick)
  for (let i = 0; i < 20_000; i++) {
    now += commandMs
    await redis.set('k', 'v')
  }
  over = true
  gaps.sort((x, y) => x - y)
  const median = gaps[gaps.length >> 1]
  assert.ok(gaps.at(-1) < 3 && median >= 1, `turns every ${median} to ${gaps.at(-1)} ms`)
})

test('promises are resolved in the order of the commands, across clients and kinds', async () => {
  const [a, b] = [newRedis(), newRedis()]
  await Promise.all([a.ping(), b.ping()])
  const order = []
  const promises = []
  await a.hset('order', { f: 1 })
  for (let i = 0; i < 20_000; i++) {
    const client = i % 2 ? a : b
    const promise =
      i % 7 === 0 ? client.hgetall('order') : i % 5 === 0 ? client.get() : client.get('k')
    const note = () => order.push(i)
    promises.push(promise.then(note, note))
  }
  await Promise.all(promises)
  assert.deepEqual(
    order.filter((n, at) => n !== at),
    [],
  )
})

test('callbacks, messages and events never run inside the call that caused them', async () => {
  const [redis, other] = [newRedis(), newRedis()]
  await redis.subscribe('c')
  let inside = null
  const seen = []
  const note = (what) => () => seen.push([what, inside])
  redis.on('message', note('message'))
  redis.on('select', note('select'))
  const calls = [
    () => other.publish('c', 'x'),
    () => redis.select(0),
    () => redis.get('k', note('callback')),
    () => other.lpush('awaited', 'x'),
    () => redis.pipeline().get('k', note('step')).exec(note('exec')),
    () => redis.select(1),
  ]
  const popped = redis.duplicate()
  clients.push(popped)
  popped.blpop('awaited', 5, note('blpop'))
  for (const [i, call] of calls.entries()) {
    inside = i
    call()
    inside = null
  }
  while (seen.length < 6) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(
    seen.filter(([, during]) => during !== null),
    [],
  )
})

test('messages come in the order of publishing, before the answer of a later command', async () => {
  const [redis, publisher] = [newRedis(), newRedis()]
  await redis.subscribe('o1', 'o2')
  const heard = []
  redis.on('message', (channel, message) => heard.push(`${channel} ${message}`))
  for (let i = 0; i < 10; i++) publisher.publish(`o${1 + (i % 2)}`, i)
  await publisher.ping()
  assert.deepEqual(
    heard,
    Array.from({ length: 10 }, (_, i) => `o${1 + (i % 2)} ${i}`),
  )
})

test('a waiting command is served in the same turn as the push of the same thread', async () => {
  const [waiter, pusher] = [newRedis(), newRedis()]
  await waiter.ping()
  let turned = false
  const popped = waiter.blpop('queue', 0)
  setImmediate(() => {
    turned = true
  })
  await pusher.rpush('queue', 'job')
  assert.deepEqual(await popped, ['queue', 'job'])
  assert.equal(turned, false)
})

test('waiting commands are served in the order in which they came', async () => {
  const waiters = [newRedis(), newRedis(), newRedis()]
  const served = []
  const all = waiters.map((waiter, i) =>
    waiter.blpop('fifo', 0).then(([, job]) => served.push([i, job])),
  )
  await newRedis().rpush('fifo', 'a', 'b', 'c')
  await Promise.all(all)
  assert.deepEqual(served, [
    [0, 'a'],
    [1, 'b'],
    [2, 'c'],
  ])
})

test('after a push to a waiter the list is empty already', async () => {
  const [waiter, pusher] = [newRedis(), newRedis()]
  const popped = waiter.blpop('gone', 0)
  assert.equal(await pusher.lpush('gone', 'x'), 1)
  assert.equal(await pusher.llen('gone'), 0)
  await popped
})

test('the later commands of a client that waits come after it', async () => {
  const [waiter, pusher] = [newRedis(), newRedis()]
  await waiter.ping()
  const order = []
  const all = [
    waiter.blpop('later', 0).then(() => order.push('blpop')),
    waiter.set('after', 1).then(() => order.push('set')),
    waiter
      .pipeline()
      .get('after')
      .exec()
      .then(() => order.push('pipeline')),
  ]
  assert.equal(await pusher.get('after'), null)
  await pusher.lpush('later', 'x')
  await Promise.all(all)
  assert.deepEqual(order, ['blpop', 'set', 'pipeline'])
  assert.equal(await pusher.get('after'), '1')
})

test('a fractional timeout of a blocking command is respected', async () => {
  const redis = newRedis()
  const start = performance.now()
  assert.equal(await redis.blpop('never', 0.05), null)
  const took = performance.now() - start
  assert.ok(took >= 45 && took < 1000, `${took} ms`)
})

test('no message comes before the reply of its subscription', async () => {
  const publisher = newRedis()
  await publisher.ping()
  const redis = newRedis()
  const order = []
  redis.on('message', (_channel, message) => order.push(message))
  redis.subscribe('news', () => order.push('subscribed'))
  const heard = once(redis, 'message')
  assert.equal(await publisher.publish('news', 'early'), 1)
  await heard
  await publisher.publish('news', 'later')
  assert.deepEqual(order, ['subscribed', 'early', 'later'])
})
