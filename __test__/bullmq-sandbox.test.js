'use strict'

// Processors of BullMQ that are files: in a process of their own they have the job, which talks to
// its worker by messages, and no more; in a thread they have the store as well.

const assert = require('node:assert/strict')
const { execFile } = require('node:child_process')
const { mkdtempSync, rmSync } = require('node:fs')
const { tmpdir } = require('node:os')
const path = require('node:path')
const { describe, test } = require('node:test')
const { promisify } = require('node:util')
const Redis = require('..')
const { GENERATIONS, forbidNetworkAndWarnings, next, openHouse } = require('./lib/bullmq.js')

const PROCESSOR = path.join(__dirname, 'lib', 'bullmq-processor.js')
const PACKAGES = { 'bullmq 6': 'bullmq', 'bullmq 5': 'bullmq-5' }

// BullMQ starts a sandbox with the options of its own process, and among those that newer test
// runners give to a file are some that a sandbox does not start with
process.execArgv.length = 0

forbidNetworkAndWarnings()

/** A door of the store's for other processes. */
async function openSocket(t, store) {
  const folder = mkdtempSync(path.join(tmpdir(), 'latchkey-bullmq-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const socket = path.join(folder, 'redis.sock')
  await store.listen({ path: socket })
  return socket
}

for (const [name, bullmq] of Object.entries(GENERATIONS)) {
  describe(`sandboxed processors of ${name}`, () => {
    /** Runs one job in the sandbox: the job as it ended, and its result or error. */
    async function run(house, options, job, data = {}) {
      const queue = house.queue()
      const worker = house.worker(PROCESSOR, options)
      const ended = Promise.race([next(worker, 'completed'), next(worker, 'failed')])
      await queue.add(job, { package: PACKAGES[name], ...data })
      const [[done, outcome]] = await ended
      return { done, outcome, queue, worker }
    }

    for (const [where, options] of Object.entries({
      'a process': {},
      'a thread': { useWorkerThreads: true },
    })) {
      test(`in ${where} the job has progress, logs, data and children`, async (t) => {
        const house = openHouse(t, bullmq)
        const flows = house.flows()
        const queue = house.queue()
        const events = house.events()
        house.worker(async () => 'from the child', {}, 'children')
        const completed = next(events, 'completed')
        const worker = house.worker(PROCESSOR, options)
        const progress = next(worker, 'progress')
        const flow = await flows.add({
          name: 'whole',
          queueName: 'work',
          data: { a: 1 },
          children: [{ name: 'c', queueName: 'children' }],
        })
        const [[{ returnvalue }]] = await completed
        assert.deepEqual(Object.values(returnvalue.children), ['from the child'])
        assert.equal(returnvalue.pid === process.pid, where === 'a thread')
        assert.equal((await progress)[0][1], 50)
        const job = await queue.getJob(flow.job.id)
        assert.deepEqual(job.data, { a: 1, seen: true })
        assert.deepEqual((await queue.getJobLogs(job.id)).logs, ['half-way'])
      })

      test(`in ${where} an error fails the job, and so does its end`, async (t) => {
        const house = openHouse(t, bullmq)
        const failure = await run(house, options, 'fail')
        assert.equal(failure.outcome.message, 'not today')
        const failed = next(failure.worker, 'failed')
        await failure.queue.add('crash', {})
        const [[, error]] = await failed
        assert.match(error.message, /Unexpected exit code: 7/)
      })
    }

    for (const way of ['connection', 'install']) {
      test(`a queue opened in a process of its own says what it needs: ${way}`, async (t) => {
        const { outcome } = await run(openHouse(t, bullmq), {}, way)
        assert.match(outcome.message, /a sandboxed processor, a process of its own/)
        assert.match(outcome.message, /useWorkerThreads: true/)
        assert.match(outcome.message, /store\.listen/)
      })
    }

    test('a plain client in a process of its own has another store, and a warning says so', async (t) => {
      const house = openHouse(t, bullmq)
      await house.connection.set('left for the processor', 'word')
      let printed = ''
      const { write } = process.stderr
      process.stderr.write = (chunk) => {
        printed += chunk
        return true
      }
      t.after(() => {
        process.stderr.write = write
      })
      const { outcome } = await run(house, {}, 'plain')
      assert.equal(outcome, null)
      assert.match(printed, /LATCHKEY_SIBLINGS.*the sandbox of BullMQ/)
    })

    test("a processor in a thread shares the store that is the process's own", async (t) => {
      const redis = new Redis({ maxRetriesPerRequest: null })
      await redis.set('left for the processor', 'word')
      const house = { ...openHouse(t, bullmq) }
      const own = { connection: redis }
      const queue = house.queue(own)
      const more = house.queue(own, 'more')
      const worker = house.worker(PROCESSOR, { ...own, useWorkerThreads: true })
      t.after(async () => {
        await redis.flushall()
        redis.disconnect()
      })
      const completed = next(worker, 'completed', 2)
      await queue.add('plain', {})
      await queue.add('add', { package: PACKAGES[name] })
      const [[, found]] = await completed
      assert.equal(found, 'word')
      assert.equal((await more.getJob('1')).name, 'from the thread')
    })

    test('a worker of another process does jobs of a queue here, over a socket', async (t) => {
      const house = openHouse(t, bullmq)
      const socket = await openSocket(t, house.store)
      const queue = house.queue()
      const events = house.events()
      const script = `
        const { Worker } = require('${PACKAGES[name]}')
        const IORedis = require('ioredis')
        const connection = new IORedis('${socket}', { maxRetriesPerRequest: null })
        const worker = new Worker('work', async (job) => job.data.n * 2, { connection })
        worker.on('completed', async () => {
          await worker.close()
          connection.disconnect()
        })`
      const cwd = path.dirname(__dirname)
      const other = promisify(execFile)(process.execPath, ['--eval', script], { cwd })
      const job = await queue.add('x', { n: 21 })
      assert.equal(await job.waitUntilFinished(events), 42)
      assert.deepEqual(await other, { stdout: '', stderr: '' })
    })

    test('a processor in a process of its own reaches the store by a socket', async (t) => {
      const house = openHouse(t, bullmq)
      const socket = await openSocket(t, house.store)
      await house.connection.set('left for the processor', 'word')
      const { outcome } = await run(house, {}, 'socket', { path: socket })
      assert.equal(outcome, 'word')
    })
  })
}
