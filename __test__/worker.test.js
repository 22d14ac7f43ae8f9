'use strict'

// Worker threads: they share the store of the process, every command is atomic between them, and
// they come and go at any time.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { once } = require('node:events')
const { join } = require('node:path')
const { Worker } = require('node:worker_threads')
const Redis = require('..')

/** A worker that runs the body of an async function with `redis`, `data` and `port`. */
function work(body, data) {
  const script = `
    const { parentPort: port, workerData: data } = require('node:worker_threads')
    const Redis = require(data.latchkey)
    const redis = new Redis()
    ;(async () => { ${body} })().then((value) => port.postMessage({ value }))`
  const latchkey = join(__dirname, '..')
  return new Worker(script, { eval: true, workerData: { ...data, latchkey } })
}

async function result(worker) {
  const exited = once(worker, 'exit')
  const [{ value }] = await once(worker, 'message')
  await exited
  return value
}

test('workers see what the main thread has written, and the other way round', async () => {
  const redis = new Redis()
  await redis.set('worker:from', 'main')
  const value = await result(
    work("await redis.set('worker:to', 'worker'); return redis.get('worker:from')"),
  )
  assert.equal(value, 'main')
  assert.equal(await redis.get('worker:to'), 'worker')
  await redis.del('worker:from', 'worker:to')
  redis.disconnect()
})

test('transfers between keys from several workers never change the sum', async () => {
  const redis = new Redis()
  const accounts = Array.from({ length: 10 }, (_, i) => `worker:account:${i}`)
  await redis.mset(accounts.flatMap((account) => [account, 1000]))
  const transfer = `
    const { accounts } = data
    const pick = () => accounts[Math.floor(Math.random() * accounts.length)]
    let aborted = 0
    for (let i = 0; i < 2000; i++) {
      const [from, to] = [pick(), pick()]
      if (i % 2) {
        await redis.multi().decrby(from, 7).incrby(to, 7).exec()
        continue
      }
      await redis.watch(from, to)
      const [a, b] = (await redis.mget(from, to)).map(Number)
      const next = from === to ? [from, a] : [from, a - 3, to, b + 3]
      if (await redis.multi().mset(next).exec() === null) aborted += 1
    }
    return aborted`
  const workers = [1, 2, 3, 4].map(() => work(transfer, { accounts }))
  let running = true
  const all = Promise.all(workers.map(result)).finally(() => {
    running = false
  })
  let looked = 0
  while (running) {
    const sum = (await redis.mget(accounts)).reduce((total, n) => total + Number(n), 0)
    assert.equal(sum, 10_000)
    looked += 1
  }
  const aborted = (await all).reduce((total, n) => total + n, 0)
  assert.ok(looked > 10, `${looked} looks`)
  assert.ok(aborted > 0, 'no transaction met another one')
  await redis.del(accounts)
  redis.disconnect()
})

test('a push wakes a worker that waits', async () => {
  const redis = new Redis()
  const worker = work("port.postMessage('waiting'); return redis.blpop('worker:jobs', 10)")
  await once(worker, 'message')
  const popped = result(worker)
  await redis.rpush('worker:jobs', 'job')
  assert.deepEqual(await popped, ['worker:jobs', 'job'])
  redis.disconnect()
})

test('a push of a worker wakes the main thread', async () => {
  const redis = new Redis()
  const popped = redis.blpop('worker:back', 10)
  const pushed = result(work("return redis.rpush('worker:back', 'job')"))
  assert.deepEqual(await popped, ['worker:back', 'job'])
  assert.equal(await pushed, 1)
  redis.disconnect()
})

test('messages cross threads in order', async () => {
  const redis = new Redis()
  const heard = []
  await redis.subscribe('worker:news')
  const done = new Promise((resolve) => {
    redis.on('message', (_channel, message) => {
      heard.push(Number(message))
      if (heard.length === 1000) resolve()
    })
  })
  const worker = work("for (let i = 0; i < 1000; i++) await redis.publish('worker:news', i)")
  await Promise.all([done, once(worker, 'exit')])
  assert.deepEqual(
    heard,
    Array.from({ length: 1000 }, (_, i) => i),
  )
  redis.disconnect()
})

test('fifty workers load the addon in a row', async () => {
  for (let i = 0; i < 50; i++) {
    assert.equal(await result(work("return redis.set('worker:k', data.i, 'EX', 1)", { i })), 'OK')
  }
})

test('several workers load it at once', async () => {
  const workers = Array.from({ length: 8 }, () => work("return redis.incr('worker:n')"))
  const values = await Promise.all(workers.map(result))
  assert.deepEqual(
    values.sort(),
    Array.from({ length: 8 }, (_, i) => i + 1),
  )
  const redis = new Redis()
  await redis.del('worker:n')
  redis.disconnect()
})

test('a worker that is terminated while it waits leaves nothing behind', async () => {
  const redis = new Redis()
  const workers = Array.from({ length: 5 }, () =>
    work(`
      await redis.subscribe('worker:gone')
      redis.duplicate().blpop('worker:lost', 0)
      redis.duplicate().watch('worker:watched')
      await redis.ping()
      port.postMessage('waiting')
      await new Promise(() => {})`),
  )
  await Promise.all(workers.map((worker) => once(worker, 'message')))
  await Promise.all(workers.map((worker) => worker.terminate()))
  assert.equal(await redis.publish('worker:gone', 'x'), 0)
  assert.equal(await redis.rpush('worker:lost', 'job'), 1)
  assert.equal(await redis.lpop('worker:lost'), 'job')
  redis.disconnect()
})

test('workers that are terminated in the middle of their work harm nobody', async () => {
  const redis = new Redis()
  for (let i = 0; i < 10; i++) {
    const worker = work(`
      port.postMessage('working')
      for (;;) {
        redis.set('worker:busy', 'x'.repeat(10000))
        redis.lpush('worker:list', 'x')
        redis.publish('worker:busy', 'x')
        redis.blpop('worker:list', 1)
        await redis.pipeline().get('worker:busy').hset('worker:h', 'f', 1).exec()
      }`)
    await once(worker, 'message')
    await new Promise((resolve) => setTimeout(resolve, i))
    await worker.terminate()
  }
  assert.equal((await redis.get('worker:busy')).length, 10_000)
  await redis.del('worker:busy', 'worker:list', 'worker:h')
  redis.disconnect()
})
