'use strict'

// latchkey/bullmq: BullMQ lives in this process without being given a client, and where it would
// have gone to a server it says so instead.

const assert = require('node:assert/strict')
const { execFile } = require('node:child_process')
const path = require('node:path')
const { afterEach, beforeEach, describe, test } = require('node:test')
const { promisify } = require('node:util')
const { Worker: Thread } = require('node:worker_threads')
const Redis = require('..')
const { connection, install } = require('../lib/bullmq.js')
const { GENERATIONS, forbidNetworkAndWarnings, next } = require('./lib/bullmq.js')

forbidNetworkAndWarnings()

for (const [name, bullmq] of Object.entries(GENERATIONS)) {
  describe(`latchkey/bullmq with ${name}`, () => {
    const { Queue, Worker, QueueEvents, FlowProducer, RedisConnection } = bullmq
    let store
    let opened

    beforeEach(() => {
      store = new Redis.Store()
      opened = []
    })

    afterEach(async () => {
      for (const thing of opened.reverse()) await thing.close()
      RedisConnection.clientFactory = undefined
      store.close()
    })

    /** Opens something, and hears its errors rather than having them printed. */
    function open(Class, ...args) {
      const thing = new Class(...args)
      thing.errors = []
      thing.on('error', (error) => thing.errors.push(error))
      opened.push(thing)
      return thing
    }

    test('install: everything without a client of its own meets in one store', async () => {
      install(bullmq, { store })
      const queue = open(Queue, 'work')
      const events = open(QueueEvents, 'work', { connection: {}, lastEventId: '0-0' })
      const flows = open(FlowProducer)
      open(Worker, 'work', async (job) => job.name, { connection: {} })
      const job = await queue.add('by the queue', {})
      assert.equal(await job.waitUntilFinished(events), 'by the queue')
      const flow = await flows.add({ name: 'by the flow', queueName: 'work' })
      assert.equal(await flow.job.waitUntilFinished(events), 'by the flow')
      const redis = new Redis({ store })
      assert.ok((await redis.dbsize()) > 3)
      redis.disconnect()
      for (const { errors } of opened) assert.deepEqual(errors, [])
    })

    test('install: without options it is the store that all clients of the process share', async () => {
      install(bullmq)
      const queue = open(Queue, 'shared')
      await queue.add('x', {})
      const redis = new Redis()
      assert.equal(await redis.exists('bull:shared:1'), 1)
      await queue.obliterate()
      await redis.flushall()
      redis.disconnect()
    })

    test('install: options of a queue are heeded, those given to install come second', async () => {
      install(bullmq, { store, db: 2 })
      const queue = open(Queue, 'here')
      const elsewhere = open(Queue, 'there', { connection: { db: 3 } })
      await queue.add('x', {})
      await elsewhere.add('x', {})
      const redis = new Redis({ store, db: 2 })
      assert.equal(await redis.exists('bull:here:1', 'bull:there:1'), 1)
      await redis.select(3)
      assert.equal(await redis.exists('bull:here:1', 'bull:there:1'), 1)
      redis.disconnect()
    })

    test('install: taken back, it leaves what was there', () => {
      const mine = () => {}
      RedisConnection.clientFactory = mine
      const uninstall = install(bullmq)
      assert.notEqual(RedisConnection.clientFactory, mine)
      uninstall()
      assert.equal(RedisConnection.clientFactory, mine)
    })

    test('install: an address is refused, in words that say what to do', async () => {
      install(bullmq, { store })
      const addresses = [
        { host: 'redis.example' },
        { port: 6380 },
        { host: 'localhost', port: 6379 },
        { url: 'redis://redis.example:6379/1' },
        { path: '/run/redis.sock' },
        { tls: {} },
        { sentinels: [{ host: 'a', port: 1 }], name: 'b' },
      ]
      for (const address of addresses) {
        const queue = open(Queue, 'away', { connection: address })
        await assert.rejects(queue.add('x', {}), (error) => {
          assert.match(error.message, /is the address of a server, and latchkey cannot reach one/)
          assert.match(error.message, /LATCHKEY_EMBED=1/)
          assert.match(error.message, /new IORedis/)
          assert.equal(error.code, 'ERR_LATCHKEY_ADDRESS')
          return true
        })
        assert.match(queue.errors[0].message, /is the address of a server/)
      }
    })

    test('install: a worker that is refused says so and stays quiet', async () => {
      install(bullmq, { store })
      const options = { runRetryDelay: 1, skipStalledCheck: true } // its waits outlive it
      const connection = { host: 'elsewhere' }
      const worker = open(Worker, 'away', async () => {}, { connection, ...options })
      await next(worker, 'error')
      await new Promise((resolve) => setTimeout(resolve, 50))
      assert.ok(worker.errors.length < 6, `${worker.errors.length} errors`)
      assert.ok(
        worker.errors.every(({ message }) => message.includes('"elsewhere" is the address')),
      )
    })

    test('install: with LATCHKEY_EMBED an address is ignored', async () => {
      process.env.LATCHKEY_EMBED = '1'
      try {
        install(bullmq, { store })
        const queue = open(Queue, 'home', { connection: { url: 'redis://:pw@redis.example:1/4' } })
        await queue.add('x', {})
        const redis = new Redis({ store, db: 4 })
        assert.equal(await redis.exists('bull:home:1'), 1)
        redis.disconnect()
      } finally {
        delete process.env.LATCHKEY_EMBED
      }
    })

    test('connection: a client that every class takes, and that outlives them', async () => {
      const shared = connection({ store })
      const queue = open(Queue, 'work', { connection: shared })
      const events = open(QueueEvents, 'work', { connection: shared, lastEventId: '0-0' })
      open(Worker, 'work', async () => 'done', { connection: shared })
      open(FlowProducer, { connection: shared })
      const job = await queue.add('x', {})
      assert.equal(await job.waitUntilFinished(events), 'done')
      for (const thing of opened.splice(0).reverse()) await thing.close()
      assert.equal(await shared.ping(), 'PONG')
      shared.disconnect()
    })

    test('connection: a prefix for all keys is refused by BullMQ, which has its own', () => {
      const prefixed = connection({ store, keyPrefix: 'app:' })
      assert.throws(() => new Queue('work', { connection: prefixed }), /use the prefix option/)
      prefixed.disconnect()
    })

    test('a plain client without retries per request serves as well', async () => {
      const plain = new Redis({ store, maxRetriesPerRequest: null })
      const queue = open(Queue, 'work', { connection: plain })
      const worker = open(Worker, 'work', async () => {}, { connection: plain })
      const completed = next(worker, 'completed')
      await queue.add('x', {})
      await completed
      for (const thing of opened.splice(0).reverse()) await thing.close()
      plain.disconnect()
    })
  })
}

test('install wants the package, and says what to do with one that is too old', () => {
  assert.throws(() => install(undefined), /install\(require\('bullmq'\)\)/)
  assert.throws(() => install({ RedisConnection: class {} }), /connection: connection\(\)/)
})

test('an address is refused where it is given, a bare one too', () => {
  const bullmq = GENERATIONS['bullmq 6']
  const before = bullmq.RedisConnection.clientFactory
  for (const address of ['redis://redis.example', 6380, { host: 'redis.example' }]) {
    const refusal = { code: 'ERR_LATCHKEY_ADDRESS', message: /is the address of a server/ }
    assert.throws(() => connection(address), refusal)
    assert.throws(() => install(bullmq, address), refusal)
    assert.equal(bullmq.RedisConnection.clientFactory, before)
  }
})

for (const name of ['bullmq', 'bullmq-5']) {
  test(`workers in threads of the process share a queue, each job to one of them: ${name}`, async () => {
    const bullmq = require(name)
    const uninstall = install(bullmq)
    const file = path.join(__dirname, 'lib', 'bullmq-thread.js')
    const threads = [1, 2].map(() => new Thread(file, { workerData: name }))
    const queue = new bullmq.Queue('threads')
    const events = new bullmq.QueueEvents('threads', { connection: {}, lastEventId: '0-0' })
    const completed = next(events, 'completed', 200)
    await queue.addBulk(Array.from({ length: 200 }, () => ({ name: 'x', data: {} })))
    const done = (await completed).map(([{ jobId }]) => jobId)
    assert.equal(new Set(done).size, 200)
    assert.equal(await queue.getCompletedCount(), 200)
    const exits = threads.map((thread) => next(thread, 'exit'))
    for (const thread of threads) thread.postMessage('end')
    await Promise.all(exits)
    await events.close()
    await queue.obliterate()
    await queue.close()
    uninstall()
    const redis = new Redis()
    await redis.flushall()
    redis.disconnect()
  })
}

test('a process ends by itself once queues and workers are closed, and has printed nothing', async () => {
  for (const name of ['bullmq', 'bullmq-5']) {
    const script = `
      const net = require('node:net')
      net.Socket.prototype.connect = () => { throw new Error('connected') }
      const bullmq = require('${name}')
      const { install } = require('./lib/bullmq.js')
      install(bullmq)
      const { Queue, QueueEvents, Worker } = bullmq
      ;(async () => {
        const queue = new Queue('work')
        const events = new QueueEvents('work', { connection: {}, lastEventId: '0-0' })
        const worker = new Worker('work', async () => 'done', { connection: {} })
        const job = await queue.add('x', {})
        console.log(await job.waitUntilFinished(events))
        for (const thing of [worker, events, queue]) await thing.close()
      })()`
    const cwd = path.dirname(__dirname)
    const options = { cwd, timeout: 10_000 }
    const run = await promisify(execFile)(process.execPath, ['--eval', script], options)
    assert.deepEqual(run, { stdout: 'done\n', stderr: '' })
  }
})
