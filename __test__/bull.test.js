'use strict'

// Bull 4 as published: its queues on clients of ours, made by its `createClient`.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { once } = require('node:events')
const Bull = require('bull')
const { afterwards } = require('./lib/watch')
const { NO_SOCKET, listenAtSocket } = require('./lib/socket')
const { newRedis } = require('./lib/twin')

/** What Bull demands of the clients that wait and listen. */
const BLOCKING = { maxRetriesPerRequest: null, enableReadyCheck: false }

/** A queue whose clients are made as Bull's documentation has it: two are shared, one waits. */
function newQueue(options, name = 'work') {
  const client = newRedis(BLOCKING)
  const subscriber = newRedis(BLOCKING)
  const createClient = (type) => ({ client, subscriber })[type] ?? /* bclient */ newRedis(BLOCKING)
  const queue = new Bull(name, { createClient, ...options })
  // what Bull thinks of the server's version, for one
  queue.on('error', (error) => console.error(error))
  afterwards(() => queue.close())
  return queue
}

/** The arguments of the next events of this name, so many of them. */
function several(emitter, event, count) {
  const seen = []
  return new Promise((resolve) => {
    emitter.on(event, (...args) => {
      seen.push(args)
      if (seen.length === count) resolve(seen)
    })
  })
}

test('named jobs go to the functions of their name', async () => {
  const queue = newQueue()
  queue.process('double', ({ data }) => data.n * 2)
  queue.process('greet', 2, async ({ data }) => `hello ${data.name}`)
  const done = several(queue, 'completed', 3)
  await queue.add('double', { n: 21 })
  await queue.addBulk([
    { name: 'greet', data: { name: 'ada' } },
    { name: 'double', data: { n: 1 } },
  ])
  const results = (await done).map(([job, result]) => [job.name, result])
  assert.deepEqual(results.sort(), [
    ['double', 2],
    ['double', 42],
    ['greet', 'hello ada'],
  ])
  assert.equal((await queue.getJobCounts()).completed, 3)
})

test('a job is tried again after waiting twice as long each time, and succeeds', async () => {
  const queue = newQueue()
  const tries = []
  queue.process('flaky', ({ attemptsMade }) => {
    tries.push(Date.now())
    if (attemptsMade < 2) throw new Error(`try ${attemptsMade}`)
    return 'at last'
  })
  const failures = several(queue, 'failed', 2)
  const job = await queue.add(
    'flaky',
    {},
    { attempts: 3, backoff: { type: 'exponential', delay: 40 } },
  )
  assert.equal(await job.finished(), 'at last')
  assert.deepEqual(
    (await failures).map(([{ id }, error]) => [id, error.message]),
    [
      [job.id, 'try 0'],
      [job.id, 'try 1'],
    ],
  )
  const waits = [tries[1] - tries[0], tries[2] - tries[1]]
  assert.ok(waits[0] >= 39 && waits[1] >= 119, waits.join())
  assert.equal((await queue.getJob(job.id)).attemptsMade, 2)
})

test('a job without attempts left is failed, keeps why, and can be retried', async () => {
  const queue = newQueue()
  let healed = false
  queue.process(() => (healed ? 'well' : Promise.reject(new Error('ill'))))
  const job = await queue.add({})
  await assert.rejects(job.finished(), { message: 'ill' })
  const [kept] = await queue.getFailed()
  assert.equal(kept.failedReason, 'ill')
  assert.match(kept.stacktrace[0], /Error: ill/)
  healed = true
  await kept.retry()
  assert.equal(await job.finished(), 'well')
  assert.equal(await queue.getFailedCount(), 0)
})

test('a queue elsewhere hears of a job by global events', async () => {
  const worker = newQueue()
  const elsewhere = newQueue()
  worker.process(async (job) => {
    await job.progress(50)
    return { ok: true }
  })
  await elsewhere.isReady()
  const heard = Promise.all([
    once(elsewhere, 'global:active'),
    once(elsewhere, 'global:progress'),
    once(elsewhere, 'global:completed'),
  ])
  await Promise.all(['active', 'progress', 'completed'].map((name) => listening(elsewhere, name)))
  const job = await elsewhere.add({})
  const [, [, progress], [id, result]] = await heard
  assert.equal(progress, 50)
  assert.equal(id, String(job.id))
  assert.equal(result, '{"ok":true}')
})

/** Resolves when somebody listens to a queue's events of this name. */
async function listening(queue, name) {
  const redis = newRedis()
  const channel = queue.toKey(name)
  for (;;) {
    const [[, exact], plain] = await Promise.all([
      redis.pubsub('NUMSUB', channel),
      redis.pubsub('NUMPAT'),
    ])
    if (exact + plain > 0) return
    await new Promise(setImmediate)
  }
}

test('a delayed job is done when its time has come, and not before', async () => {
  const queue = newQueue()
  queue.process(() => Date.now())
  const added = Date.now()
  const job = await queue.add({}, { delay: 80 })
  assert.equal(await job.getState(), 'delayed')
  assert.ok((await job.finished()) - added >= 80)
  const promoted = await queue.add({}, { delay: 60_000 })
  await promoted.promote()
  assert.ok((await promoted.finished()) - added < 60_000)
})

test('a repeated job comes again and again until it is removed', async () => {
  const queue = newQueue()
  queue.process('tick', ({ data }) => data.n)
  const done = several(queue, 'completed', 3)
  await queue.add('tick', { n: 7 }, { repeat: { every: 30 } })
  await queue.add('yearly', {}, { repeat: { cron: '0 0 1 1 *' } })
  assert.deepEqual(
    (await done).map(([, result]) => result),
    [7, 7, 7],
  )
  const known = await queue.getRepeatableJobs()
  assert.deepEqual(known.map(({ name, every, cron }) => [name, every, cron]).sort(), [
    ['tick', 30, null],
    ['yearly', null, '0 0 1 1 *'],
  ])
  await queue.removeRepeatable('tick', { every: 30 })
  await queue.removeRepeatable('yearly', { cron: '0 0 1 1 *' })
  assert.deepEqual(await queue.getRepeatableJobs(), [])
  assert.equal(await queue.getDelayedCount(), 0)
})

test('jobs of higher priority come first, and a paused queue keeps them waiting', async () => {
  const queue = newQueue()
  await queue.pause()
  await queue.add('low', {}, { priority: 3 })
  await queue.add('high', {}, { priority: 1 })
  await queue.add('middle', {}, { priority: 2 })
  await queue.add('last', {}, { lifo: true, priority: 4 })
  assert.equal(await queue.getPausedCount(), 4)
  const done = several(queue, 'completed', 4)
  queue.process('*', ({ name }) => name)
  await queue.resume()
  assert.deepEqual(
    (await done).map(([, name]) => name),
    ['high', 'middle', 'low', 'last'],
  )
})

test('several workers share the jobs, and each job is done once', async () => {
  const queue = newQueue()
  const results = []
  let all
  const done = new Promise((resolve) => {
    all = resolve
  })
  const workers = ['a', 'b', 'c'].map((name) => {
    const worker = newQueue()
    worker.on('completed', (_job, result) => results.push(result) === 60 && all())
    worker.process(5, async ({ data }) => {
      await new Promise(setImmediate)
      return [data.n, name]
    })
    return worker
  })
  await queue.addBulk(Array.from({ length: 60 }, (_, n) => ({ data: { n } })))
  await done
  assert.equal(new Set(results.map(([n]) => n)).size, 60)
  assert.ok(new Set(results.map(([, name]) => name)).size > 1)
  assert.equal((await workers[0].getJobCounts()).completed, 60)
})

test('a queue with a limiter does so many jobs in its time and no more', async () => {
  const queue = newQueue({ limiter: { max: 2, duration: 150 } })
  const times = []
  queue.process(() => times.push(Date.now()))
  const added = Date.now()
  const jobs = await queue.addBulk([1, 2, 3].map((n) => ({ data: { n } })))
  await Promise.all(jobs.map((job) => job.finished()))
  assert.ok(times[1] - added < 150 && times[2] - added >= 150, times.join())
})

test('what is finished can be removed at once, later or altogether', async () => {
  const queue = newQueue({ defaultJobOptions: { removeOnComplete: true } })
  queue.process(() => 1)
  await Promise.all([1, 2].map(async (n) => (await queue.add({ n })).finished()))
  const kept = await queue.add({}, { removeOnComplete: false })
  await kept.finished()
  assert.deepEqual(
    (await queue.getCompleted()).map(({ id }) => id),
    [kept.id],
  )
  // only what was finished before this millisecond
  const end = Date.now()
  while (Date.now() === end) await new Promise(setImmediate)
  assert.deepEqual(await queue.clean(0, 'completed'), [kept.id])
  await queue.obliterate({ force: true })
  assert.deepEqual(await newRedis().keys('bull:work:*'), [])
})

test('Bull asks for three kinds of clients, and for none with an address', async () => {
  const kinds = []
  const queue = newQueue({
    createClient: (type) => {
      kinds.push(type)
      return newRedis(type === 'client' ? {} : BLOCKING)
    },
  })
  queue.process(() => 'done')
  queue.on('global:completed', () => {})
  const job = await queue.add({})
  assert.equal(await job.finished(), 'done')
  assert.deepEqual([...new Set(kinds)].sort(), ['bclient', 'client', 'subscriber'])
})

test('Bull refuses a waiting client that gives up on its own', () => {
  const queue = newQueue({ createClient: () => newRedis({ enableReadyCheck: true }) })
  assert.throws(() => queue.bclient, /enableReadyCheck or maxRetriesPerRequest/)
})

test('clients that Bull makes itself find the store at a socket', {
  skip: NO_SOCKET,
}, async (t) => {
  const queue = new Bull('work', { redis: { path: await listenAtSocket(t) } })
  afterwards(() => queue.close())
  queue.process(async ({ data }) => data.n * 2)
  const jobs = await queue.addBulk([1, 2, 3].map((n) => ({ data: { n } })))
  assert.deepEqual(await Promise.all(jobs.map((job) => job.finished())), [2, 4, 6])
})
