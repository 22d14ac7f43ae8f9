'use strict'

// Scripts that take long: who waits, who is told that the store is busy, and who ends them. The
// event loop goes on meanwhile.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { once } = require('node:events')
const { join } = require('node:path')
const { spawn } = require('node:child_process')
const { setImmediate: turn, setTimeout: after } = require('node:timers/promises')
const { Worker } = require('node:worker_threads')
const IORedis = require('ioredis')
const Redis = require('..')

const ROOT = join(__dirname, '..')
const BUSY = /BUSY Valkey is busy running a script\./
const KILLED = /ERR Script killed by user with SCRIPT KILL\.\.\. script: [0-9a-f]{40}, on @user_/
const NOTBUSY = /NOTBUSY No scripts in execution right now\.$/
const UNKILLABLE = /UNKILLABLE Sorry the script already executed write commands against the datas/

/** Ends only when it is ended. */
const ENDLESS = 'while true do end'
/** Takes about half a second, and writes. */
const WRITES = `
  redis.call('SET', 'written', 'yes')
  local function now() local t = redis.call('TIME') return t[1] * 1000 + t[2] / 1000 end
  local until_ms = now() + 500
  while now() < until_ms do end
  return 'done'`

/** A store that is busy after 50 ms, with a client. */
async function open(t, milliseconds = 50) {
  const store = new Redis.Store()
  const redis = new Redis({ store })
  await redis.config('SET', 'busy-reply-threshold', milliseconds)
  t.after(() => store.close())
  return { store, redis }
}

/** Waits until a command is refused because the store is busy. */
async function untilBusy(redis) {
  for (;;) {
    try {
      await redis.ping()
      await turn()
    } catch (error) {
      assert.match(error.message, BUSY)
      return
    }
  }
}

/** Waits until a script runs: from then on FUNCTION STATS is refused. */
async function untilRunning(redis) {
  while ((await redis.function('STATS').then(turn, () => false)) !== false);
}

async function kill(redis) {
  for (;;) {
    try {
      return await redis.script('KILL')
    } catch (error) {
      assert.match(error.message, NOTBUSY)
      await turn()
    }
  }
}

test('a script leaves the event loop free until another client kills it', async (t) => {
  const { redis } = await open(t, 0)
  const other = redis.duplicate()
  const killed = assert.rejects(redis.eval(ENDLESS, 0), KILLED)
  const waiting = other.get('k')
  for (let turns = 0; turns < 100; turns++) await turn()
  await after(5)
  const third = redis.duplicate()
  assert.equal(await kill(third), 'OK')
  await killed
  assert.equal(await waiting, null)
  await assert.rejects(third.script('KILL'), NOTBUSY)
})

test('who comes while the store is busy is told so, and what came before too', async (t) => {
  const { redis } = await open(t)
  const [early, late] = [redis.duplicate(), redis.duplicate()]
  const killed = assert.rejects(redis.eval(ENDLESS, 0), KILLED)
  await untilRunning(late)
  await assert.rejects(early.get('k'), BUSY)
  for (const call of [late.get('k'), late.mget('a', 'b'), late.eval('return 1', 0), late.ping()]) {
    await assert.rejects(call, BUSY)
  }
  assert.equal(await late.script('KILL'), 'OK')
  await killed
  assert.equal(await late.get('k'), null)
})

test('a transaction is not run while the store is busy', async (t) => {
  const { redis } = await open(t)
  const other = redis.duplicate()
  const killed = assert.rejects(redis.eval(ENDLESS, 0), KILLED)
  await untilBusy(other)
  await assert.rejects(
    other.multi().set('k', 'v').exec(),
    /EXECABORT Transaction discarded because of/,
  )
  assert.equal(await other.script('KILL'), 'OK')
  await killed
  assert.equal(await other.get('k'), null)
})

test('a script that has written is waited for', async (t) => {
  const { redis } = await open(t)
  const other = redis.duplicate()
  const done = redis.eval(WRITES, 0)
  await untilBusy(other)
  await assert.rejects(other.script('KILL'), UNKILLABLE)
  assert.equal(await done, 'done')
  assert.equal(await other.get('written'), 'yes')
})

test('a script that proved short and then does not end is moved away from the event loop', async (t) => {
  const { redis } = await open(t)
  const other = redis.duplicate()
  const script = "if ARGV[1] == 'short' then return 1 end while true do end"
  for (let i = 0; i < 3; i++) assert.equal(await redis.eval(script, 0, 'short'), 1)
  const killed = assert.rejects(redis.eval(script, 0, 'long'), KILLED)
  await after(5)
  assert.equal(await kill(other), 'OK')
  await killed
  const stats = await redis.info('commandstats')
  assert.match(stats, /cmdstat_eval:calls=4,.*failed_calls=1/)
})

test('a transaction takes a script that is not known to be short off the event loop', async (t) => {
  const { redis } = await open(t)
  const other = redis.duplicate()
  const killed = redis.multi().set('a', 1).eval(ENDLESS, 0).set('b', 2).exec()
  await untilBusy(other)
  assert.equal(await kill(other), 'OK')
  const [[, first], [error], [, last]] = await killed
  assert.deepEqual([first, last], ['OK', 'OK'])
  assert.match(error.message, KILLED)
})

test('a worker kills the script of another thread', async (t) => {
  const redis = new Redis()
  t.after(() => redis.disconnect())
  const worker = new Worker(
    `const Redis = require(${JSON.stringify(ROOT)})
     const redis = new Redis()
     const kill = () => redis.script('KILL').then(() => redis.disconnect(), () => setImmediate(kill))
     kill()`,
    { eval: true },
  )
  const exited = once(worker, 'exit')
  await assert.rejects(redis.eval(ENDLESS, 0), KILLED)
  await exited
})

test('a loop goes on while a script of a worker runs, and the worker may be terminated', async (t) => {
  const redis = new Redis()
  t.after(() => redis.disconnect())
  const worker = new Worker(
    `const Redis = require(${JSON.stringify(ROOT)})
     new Redis().eval('while true do end', 0)`,
    { eval: true },
  )
  await untilRunning(redis)
  const read = redis.get('k')
  for (let turns = 0; turns < 100; turns++) await turn()
  await worker.terminate()
  assert.equal(await redis.duplicate().script('KILL'), 'OK')
  assert.equal(await read, null)
})

test('connections of one thread are told that the store is busy, and one of them kills', async (t) => {
  const { store, redis } = await open(t)
  const { port } = await store.listen({ port: 0 })
  const clients = Array.from({ length: 6 }, () => new IORedis({ port }))
  t.after(() => {
    for (const client of clients) client.disconnect()
  })
  await Promise.all(clients.map((client) => client.ping()))
  const [first, second, ...others] = clients
  const killed = assert.rejects(first.eval(ENDLESS, 0), KILLED)
  await untilBusy(second)
  await Promise.all(others.map((other) => assert.rejects(other.get('k'), BUSY)))
  await assert.rejects(redis.get('k'), BUSY)
  assert.equal(await second.script('KILL'), 'OK')
  await killed
  assert.equal(await second.get('k'), null)
})

test('a script of a socket that proved short and then does not end is moved as well', async (t) => {
  const { store } = await open(t)
  const { port } = await store.listen({ port: 0 })
  const [first, second] = [new IORedis({ port }), new IORedis({ port })]
  t.after(() => {
    for (const client of [first, second]) client.disconnect()
  })
  const script = "if ARGV[1] == 'short' then return 1 end while true do end"
  await second.ping()
  for (let i = 0; i < 3; i++) assert.equal(await first.eval(script, 0, 'short'), 1)
  const killed = assert.rejects(first.eval(script, 0, 'long'), KILLED)
  await untilBusy(second)
  assert.equal(await second.script('KILL'), 'OK')
  await killed
})

test('a client that is gone does not end its script, nor the store with it', async (t) => {
  const { redis } = await open(t)
  const other = redis.duplicate()
  const id = await redis.client('ID')
  const gone = assert.rejects(redis.eval(ENDLESS, 0))
  await untilBusy(other) // a script that has not begun yet goes with its client
  redis.disconnect()
  await gone
  await untilBusy(other)
  assert.equal(await other.script('KILL'), 'OK')
  assert.equal(await other.get('k'), null)
  while ((await other.client('LIST')).includes(`id=${id} `)) await turn()
})

test('a client that is killed while its script runs is closed', async (t) => {
  const { redis } = await open(t, 0)
  const other = redis.duplicate()
  const id = await redis.client('ID')
  const ended = redis.eval(WRITES, 0)
  const closed = once(redis, 'close')
  await untilRunning(other)
  assert.equal(await other.client('KILL', 'ID', id), 1)
  await ended.catch(() => {})
  await closed
  assert.equal(await other.get('written'), 'yes')
})

test('FLUSHALL in a script empties the store and leaves the script', async (t) => {
  const { redis } = await open(t)
  const script = "redis.call('SET', 'a', 1) redis.call('FLUSHALL') return redis.call('DBSIZE')"
  assert.equal(await redis.eval(script, 0), 0)
  assert.equal(await redis.eval(script, 0), 0)
})

test('a store is closed while a script runs', async () => {
  const store = new Redis.Store()
  const [redis, other] = [new Redis({ store }), new Redis({ store })]
  redis.on('error', () => {})
  other.on('error', () => {})
  const ended = redis.eval("for i = 1, 1e8 do redis.call('GET', 'k') end", 0).catch(() => {})
  await untilRunning(other)
  await other.script('KILL').catch(() => {})
  store.close()
  await ended
})

test('a process ends although a script runs', async () => {
  for (const ending of [
    'process.exit()',
    'process.kill(process.pid)',
    "throw new Error('on purpose')",
  ]) {
    const child = spawn(
      process.execPath,
      [
        '-e',
        `new (require('.'))().eval('while true do end', 0); setTimeout(() => { ${ending} }, 50)`,
      ],
      { cwd: ROOT, stdio: 'ignore' },
    )
    const [code, signal] = await once(child, 'exit')
    const expected = { 'process.exit()': [0, null], 'process.kill(process.pid)': [null, 'SIGTERM'] }
    assert.deepEqual([code, signal], expected[ending] ?? [1, null], ending)
  }
})
