'use strict'

// The life of a client: its status, its events, its end.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { once } = require('node:events')
const { newRedis, createClient } = require('./lib/twin')

const CLOSED = { message: 'Connection is closed.' }

/** Collects the events of a client's life as they come. */
function watch(redis) {
  const events = []
  for (const name of ['wait', 'connecting', 'connect', 'ready', 'close', 'reconnecting', 'end']) {
    redis.on(name, () => events.push(name))
  }
  return events
}

test('a client walks from connecting over connect to ready, and to close and end', async () => {
  const redis = newRedis()
  assert.equal(redis.status, 'connecting')
  const events = watch(redis)
  await once(redis, 'ready')
  assert.equal(redis.status, 'ready')
  redis.disconnect()
  await once(redis, 'end')
  assert.equal(redis.status, 'end')
  assert.deepEqual(events, ['connecting', 'connect', 'ready', 'close', 'end'])
})

test('a listener that is added a little later still hears of ready', async () => {
  const redis = newRedis()
  await null
  await null
  await once(redis, 'ready')
})

test('a command that comes before ready works, and is answered after it', async () => {
  const redis = newRedis()
  const events = watch(redis)
  assert.equal(await redis.set('k', 'v'), 'OK')
  assert.equal(redis.status, 'ready')
  assert.deepEqual(events, ['connecting', 'connect', 'ready'])
})

test('commands before and after ready are answered in their order', async () => {
  const redis = newRedis()
  const order = []
  const promises = [1, 2, 3].map((n) => redis.incr('n').then((value) => order.push([n, value])))
  redis.once('ready', () => promises.push(redis.incr('n').then((v) => order.push(['ready', v]))))
  await once(redis, 'ready')
  promises.push(redis.incr('n').then((value) => order.push(['later', value])))
  await Promise.all(promises)
  assert.deepEqual(
    order.map(([, value]) => value),
    [1, 2, 3, 4, 5],
  )
})

test('a lazy client waits for connect() or the first command', async () => {
  const redis = newRedis({ lazyConnect: true })
  const events = watch(redis)
  assert.equal(redis.status, 'wait')
  await once(redis, 'wait')
  await redis.connect()
  assert.equal(redis.status, 'ready')
  assert.deepEqual(events, ['wait', 'connecting', 'connect', 'ready'])
  const other = newRedis({ lazyConnect: true })
  assert.equal(await other.ping(), 'PONG')
  assert.equal(other.status, 'ready')
})

test('connect() on a client that is connected rejects', async () => {
  const redis = newRedis()
  const message = 'Redis is already connecting/connected'
  await assert.rejects(redis.connect(), { message })
  await once(redis, 'ready')
  const error = await new Promise((resolve) => redis.connect(resolve).catch(() => {}))
  assert.equal(error.message, message)
})

test('disconnect() before ready makes connect() reject', async () => {
  const redis = newRedis({ lazyConnect: true })
  const promise = redis.connect()
  redis.disconnect()
  await assert.rejects(promise, CLOSED)
  assert.equal(redis.status, 'end')
})

test('disconnect() of a lazy client ends it at once', async () => {
  const redis = newRedis({ lazyConnect: true })
  const events = watch(redis)
  redis.disconnect()
  assert.equal(redis.status, 'end')
  await once(redis, 'end')
  assert.deepEqual(events, ['wait', 'close', 'end'])
})

test('commands after disconnect() reject', async () => {
  const redis = newRedis()
  await redis.ping()
  redis.disconnect()
  await assert.rejects(redis.get('k'), CLOSED)
  await assert.rejects(redis.get('k'), CLOSED)
  await assert.rejects(redis.quit(), CLOSED)
})

test('a blocking command that waits is rejected by disconnect()', async () => {
  const redis = newRedis()
  await redis.ping()
  const promise = redis.blpop('none', 0)
  redis.disconnect()
  await assert.rejects(promise, CLOSED)
})

test('end() is disconnect()', async () => {
  const redis = newRedis()
  await redis.ping()
  redis.end()
  await once(redis, 'end')
  assert.equal(redis.status, 'end')
})

test('quit() answers OK, and the client ends', async () => {
  const redis = newRedis()
  await redis.ping()
  const before = redis.set('k', 'v')
  assert.equal(await redis.quit(), 'OK')
  assert.equal(await before, 'OK')
  if (redis.status !== 'end') await once(redis, 'end')
  assert.equal(redis.status, 'end')
  await assert.rejects(redis.get('k'), CLOSED)
})

test('the status changes behind the answer of quit()', async () => {
  const redis = newRedis()
  await once(redis, 'ready')
  const events = watch(redis)
  const ended = once(redis, 'end')
  const quit = redis.quit()
  assert.equal(redis.status, 'ready')
  assert.equal(await quit, 'OK')
  await ended
  assert.deepEqual(events, ['close', 'end'])
})

test('errors that are none of a command do not name one', async () => {
  const redis = newRedis()
  await redis.ping()
  const pop = redis.blpop('k', 0)
  redis.disconnect()
  const results = await Promise.allSettled([pop, redis.get('k')])
  for (const { reason } of results) {
    assert.deepEqual([reason.message, Object.keys(reason)], [CLOSED.message, []])
  }
})

test('end can be waited for after quit() was answered', async () => {
  const redis = newRedis()
  await redis.ping()
  await redis.quit()
  await once(redis, 'end')
})

test('quit() with a callback', async () => {
  const redis = newRedis()
  const all = await new Promise((resolve) => redis.quit((...args) => resolve(args)))
  assert.deepEqual(all, [null, 'OK'])
})

test('an ended client lives again after connect()', async () => {
  const redis = newRedis()
  await redis.set('k', 'v')
  await redis.select(3)
  redis.disconnect()
  await once(redis, 'end')
  await redis.connect()
  assert.equal(redis.status, 'ready')
  await redis.select(0)
  assert.equal(await redis.get('k'), 'v')
})

test('disconnect(true) connects again', async () => {
  const redis = newRedis({ retryStrategy: () => 1 })
  await redis.set('k', 'v')
  const events = watch(redis)
  redis.disconnect(true)
  await once(redis, 'reconnecting')
  assert.equal(await redis.get('k'), 'v')
  assert.deepEqual(events, ['close', 'reconnecting', 'connecting', 'connect', 'ready'])
})

test('disconnect() and quit() call off the connecting that disconnect(true) began', async () => {
  for (const end of [(redis) => redis.disconnect(), (redis) => redis.quit()]) {
    for (const event of [null, 'reconnecting']) {
      const redis = newRedis({ retryStrategy: () => 1 })
      await redis.ping()
      const events = watch(redis)
      redis.disconnect(true)
      if (event !== null) await once(redis, event)
      const answer = await end(redis)
      assert.ok(answer === undefined || answer === 'OK', answer)
      await new Promise((resolve) => setTimeout(resolve, 20))
      assert.equal(events.includes('connecting'), false, events.join())
    }
  }
})

test('a command given while a client connects again waits for it', async () => {
  const redis = newRedis({ retryStrategy: () => 1 })
  await redis.ping()
  const events = watch(redis)
  redis.disconnect(true)
  assert.equal(await redis.ping(), 'PONG')
  assert.deepEqual(events, ['close', 'reconnecting', 'connecting', 'connect', 'ready'])
})

test('a client that connects again is subscribed again', async () => {
  const redis = newRedis({ retryStrategy: () => 1 })
  const publisher = newRedis()
  await redis.subscribe('news')
  redis.disconnect(true)
  const heard = once(redis, 'message')
  await once(redis, 'ready')
  while ((await publisher.publish('news', 'hello')) === 0);
  assert.deepEqual(await heard, ['news', 'hello'])
})

test('without an offline queue a command before ready is refused', async () => {
  const redis = newRedis({ enableOfflineQueue: false })
  const message = "Stream isn't writeable and enableOfflineQueue options is false"
  await assert.rejects(redis.get('k'), { message })
  await once(redis, 'ready')
  assert.equal(await redis.get('k'), null)
})

test('select() chooses the database, says so, and is kept when connecting again', async () => {
  const redis = newRedis({ db: 1, retryStrategy: () => 1 })
  const databases = []
  redis.on('select', (db) => databases.push(db))
  await redis.set('k', 'one')
  await redis.select(2)
  assert.equal(await redis.get('k'), null)
  await redis.set('k', 'two')
  redis.disconnect(true)
  await once(redis, 'ready')
  assert.equal(await redis.get('k'), 'two')
  assert.equal(databases[0], 2)
  assert.equal(await newRedis({ db: '1' }).get('k'), 'one')
})

test('a database that does not exist is an error event', async () => {
  const redis = newRedis({ db: 99 })
  const [error] = await once(redis, 'error')
  assert.match(error.message, /DB index is out of range/)
})

test('duplicate() gives another client with the same options, save for some', async () => {
  const redis = newRedis({ db: 3, keyPrefix: 'p:' })
  const twin = redis.duplicate()
  const other = redis.duplicate({ db: 4, lazyConnect: true })
  assert.equal(twin.status, 'connecting')
  await once(twin, 'ready')
  await redis.set('k', 'v')
  assert.equal(await twin.get('k'), 'v')
  assert.equal(other.status, 'wait')
  assert.equal(other.options.keyPrefix, 'p:')
  assert.equal(await other.get('k'), null)
  assert.notEqual(await twin.client('ID'), await redis.client('ID'))
  twin.disconnect()
  other.disconnect()
})

test('options are kept, with the defaults of ioredis', () => {
  const redis = newRedis({ connectionName: 'me', maxRetriesPerRequest: null })
  const { options } = redis
  assert.equal(options.connectionName, 'me')
  assert.equal(options.maxRetriesPerRequest, null)
  assert.equal(options.enableReadyCheck, true)
  assert.equal(options.enableOfflineQueue, true)
  assert.equal(options.lazyConnect, false)
  assert.equal(options.keyPrefix, '')
  assert.equal(options.db, 0)
  assert.equal(options.protocol, 3)
  assert.equal(redis.isCluster, false)
  assert.equal(redis.mode, 'normal')
})

test('the connection has the name that was asked for', async () => {
  const redis = newRedis({ connectionName: 'worker' })
  assert.equal(await redis.client('GETNAME'), 'worker')
})

test('createClient makes a client', async () => {
  const redis = createClient()
  assert.equal(await redis.ping(), 'PONG')
})

test('status may be written', async () => {
  const redis = newRedis()
  await redis.ping()
  redis.status = 'end'
  assert.equal(redis.status, 'end')
  await assert.rejects(redis.get('k'), CLOSED)
  redis.status = 'ready'
  assert.equal(await redis.get('k'), null)
})

test('monitor() gives a client that hears of every command', async () => {
  const redis = newRedis()
  const monitor = await redis.monitor()
  assert.equal(monitor.mode, 'monitor')
  const heard = once(monitor, 'monitor')
  await redis.set('k', 'a "quoted" value')
  const [time, args, , database] = await heard
  assert.match(time, /^\d+\.\d+$/)
  assert.deepEqual(args, ['set', 'k', 'a "quoted" value'])
  assert.equal(database, '0')
  await assert.rejects(monitor.get('k'), {
    message: "Connection is in monitoring mode, can't process commands.",
  })
  monitor.disconnect()
})
