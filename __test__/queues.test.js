'use strict'

// Queues and limiters that live on scripts, as published: the main examples of bee-queue,
// node-resque, agenda with its Redis backend, and bottleneck, each on clients of ours.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { once } = require('node:events')
const BeeQueue = require('bee-queue')
const Bottleneck = require('bottleneck')
const resque = require('node-resque')
const { afterwards } = require('./lib/watch')
const { NO_SOCKET, listenAtSocket } = require('./lib/socket')
const { newRedis, twin } = require('./lib/twin')

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

// ---- bee-queue

/** It takes a client whose class is called `Redis`. ioredis 5 and 6 are not: there it makes one. */
function newBees(options) {
  const redis = newRedis()
  const client = twin === 'ioredis' ? { path: redis.options.path } : redis
  const queue = new BeeQueue('addition', { redis: client, ...options })
  afterwards(() => queue.close(1000))
  return queue
}

test('bee-queue: a job is done, and who created it hears of its progress and result', async () => {
  const worker = newBees()
  const creator = newBees({ isWorker: false })
  await Promise.all([worker.ready(), creator.ready()])
  const job = creator.createJob({ x: 2, y: 3 })
  const told = Promise.all([once(job, 'progress'), once(job, 'succeeded')])
  worker.process(async (running) => {
    running.reportProgress({ page: 3, totalPages: 11 })
    return running.data.x + running.data.y
  })
  await job.timeout(3000).retries(2).save()
  assert.deepEqual(await told, [[{ page: 3, totalPages: 11 }], [5]])
  assert.equal((await creator.getJob(job.id)).status, 'succeeded')
})

test('bee-queue: a job that fails is tried again, then kept among the failed', async () => {
  const queue = newBees()
  await queue.ready()
  let tries = 0
  queue.process((_job, done) => {
    tries += 1
    done(new Error(`try ${tries}`))
  })
  const job = queue.createJob({}).retries(1).backoff('immediate')
  const retrying = once(job, 'retrying')
  const failed = once(job, 'failed')
  await job.save()
  assert.equal((await retrying)[0].message, 'try 1')
  assert.equal((await failed)[0].message, 'try 2')
  const [kept] = await queue.getJobs('failed', { size: 10 })
  assert.deepEqual([kept.id, kept.status], [job.id, 'failed'])
})

test('bee-queue: jobs are shared by several workers, and each is done once', async () => {
  const workers = [newBees(), newBees()]
  await Promise.all(workers.map((worker) => worker.ready()))
  const seen = []
  for (const worker of workers) {
    worker.process(10, async ({ data }) => {
      seen.push(data.n)
    })
  }
  const [creator] = workers
  const jobs = Array.from({ length: 50 }, (_, n) => creator.createJob({ n }))
  const done = Promise.all(jobs.map((job) => once(job, 'succeeded')))
  await Promise.all(jobs.map((job) => job.save()))
  await done
  assert.deepEqual(
    seen.sort((a, b) => a - b),
    jobs.map((_, n) => n),
  )
})

test('bee-queue: a delayed job waits for its time', async () => {
  const queue = newBees({ activateDelayedJobs: true, delayedDebounce: 10 })
  await queue.ready()
  queue.process(async () => Date.now())
  const due = Date.now() + 100
  const job = queue.createJob({}).delayUntil(due)
  const succeeded = once(job, 'succeeded')
  await job.save()
  assert.equal((await queue.getJobs('delayed', { start: 0, end: 9 })).length, 1)
  assert.ok((await succeeded)[0] >= due)
})

test('bee-queue: a job whose worker fell silent is given to another one', async () => {
  const creator = newBees({ isWorker: false })
  await creator.ready()
  const job = await creator.createJob({}).save()
  const redis = newRedis()
  await redis.brpoplpush('bq:addition:waiting', 'bq:addition:active', 0)
  const worker = newBees({ stallInterval: 30 })
  await worker.ready()
  await worker.checkStalledJobs()
  const stalled = once(worker, 'stalled')
  await pause(40)
  await worker.checkStalledJobs()
  assert.deepEqual(await stalled, [job.id])
  const succeeded = once(job, 'succeeded')
  worker.process(async () => 'recovered')
  assert.deepEqual(await succeeded, ['recovered'])
})

test('bee-queue: its own client, at a socket, can do all it can', {
  skip: NO_SOCKET,
}, async (t) => {
  const path = await listenAtSocket(t)
  const queue = newBees({ redis: { path } })
  await queue.ready()
  const jobs = [1, 2, 3].map((n) => queue.createJob({ n }))
  assert.equal((await queue.saveAll(jobs)).size, 0)
  assert.equal((await queue.checkHealth()).waiting, 3)
  const done = Promise.all(jobs.map((job) => once(job, 'succeeded')))
  queue.process(async ({ data }) => data.n * 2)
  assert.deepEqual((await done).flat(), [2, 4, 6])
  const { succeeded, waiting, active } = await queue.checkHealth()
  assert.deepEqual([succeeded, waiting, active], [3, 0, 0])
})

// ---- node-resque

/** What its README shows: a worker, a scheduler and a queue that share a connection. */
async function newResque(jobs) {
  const connection = { redis: newRedis() }
  const worker = new resque.Worker({ connection, queues: ['math'], timeout: 5 }, jobs)
  const scheduler = new resque.Scheduler({ connection, timeout: 5 })
  const queue = new resque.Queue({ connection }, jobs)
  for (const part of [worker, scheduler, queue]) {
    part.on('error', (error) => console.error(error))
    await part.connect()
    afterwards(() => part.end())
  }
  return { worker, scheduler, queue }
}

/** The results of so many jobs, in the order in which they succeed. */
function results(worker, count) {
  const seen = []
  return new Promise((resolve) => {
    worker.on('success', (_queue, job, result) => {
      seen.push([job.class, result])
      if (seen.length === count) resolve(seen)
    })
  })
}

test('node-resque: jobs run in order, a locked one again when its twin is done', async () => {
  const { worker, queue } = await newResque({
    add: {
      plugins: [resque.Plugins.JobLock],
      pluginOptions: { JobLock: { reEnqueue: true } },
      perform: async (a, b) => a + b,
    },
    subtract: { perform: async (a, b) => a - b },
  })
  const done = results(worker, 3)
  await queue.enqueue('math', 'add', [1, 2])
  await queue.enqueue('math', 'subtract', [2, 1])
  await queue.enqueue('math', 'add', [2, 3])
  assert.equal(await queue.length('math'), 3)
  worker.start()
  assert.deepEqual(await done, [
    ['add', 3],
    ['subtract', 1],
    ['add', 5],
  ])
  assert.equal((await queue.stats()).processed, '3')
})

test('node-resque: one scheduler leads, and hands on what was delayed', async () => {
  const { worker, scheduler, queue } = await newResque({ subtract: async (a, b) => a - b })
  const connection = { redis: newRedis() }
  const second = new resque.Scheduler({ connection, timeout: 5, name: 'second' })
  await second.connect()
  afterwards(() => second.end())
  const leader = once(scheduler, 'leader')
  const done = results(worker, 1)
  await queue.enqueueAt(Date.now() - 1000, 'math', 'subtract', [2, 1])
  assert.equal(Object.keys(await queue.allDelayed()).length, 1)
  worker.start()
  scheduler.start()
  await leader
  second.on('leader', () => assert.fail('two lead'))
  second.start()
  assert.deepEqual(await done, [['subtract', 1]])
  while (Object.keys(await queue.allDelayed()).length > 0) await pause(1)
  assert.equal(second.leader, false)
})

test('node-resque: what failed is kept with its reason, and can be tried again', async () => {
  let well = false
  const heal = async () => {
    if (!well) throw new Error('not yet')
    return 'healed'
  }
  const { worker, queue } = await newResque({ heal })
  const failure = once(worker, 'failure')
  await queue.enqueue('math', 'heal')
  worker.start()
  await failure
  while ((await queue.failedCount()) === 0) await pause(1)
  const [kept] = await queue.failed(0, -1)
  assert.equal(kept.error, 'not yet')
  const done = results(worker, 1)
  well = true
  await queue.retryAndRemoveFailed(kept)
  assert.deepEqual(await done, [['heal', 'healed']])
  assert.equal(await queue.failedCount(), 0)
})

// ---- agenda

/** An agenda on a client of ours; its packages are ES modules. */
async function newAgenda() {
  const [{ Agenda }, { RedisBackend }] = await Promise.all([
    import('agenda'),
    import('@agendajs/redis-backend'),
  ])
  const backend = new RedisBackend({ redis: newRedis() })
  // a timer that nobody clears outlives each job by half of its lock's life
  const agenda = new Agenda({ backend, processEvery: 50, defaultLockLifetime: 1000 })
  afterwards(() => agenda.stop())
  return agenda
}

test('agenda: jobs run now, later and again and again', async () => {
  const agenda = await newAgenda()
  const runs = { now: [], later: [], often: [] }
  for (const name of Object.keys(runs)) {
    agenda.define(name, async ({ attrs }) => runs[name].push(attrs.data))
  }
  await agenda.start()
  const often = new Promise((resolve) => {
    agenda.on('success:often', () => runs.often.length >= 2 && resolve())
  })
  const rest = Promise.all([once(agenda, 'success:now'), once(agenda, 'success:later')])
  await agenda.every('0.1 seconds', 'often', { n: 1 })
  await agenda.schedule(new Date(Date.now() + 60), 'later', { n: 2 })
  await agenda.now('now', { to: 'user@example.com' })
  await Promise.all([often, rest])
  assert.deepEqual(runs.now, [{ to: 'user@example.com' }])
  assert.deepEqual(runs.later, [{ n: 2 }])
  assert.deepEqual(runs.often.slice(0, 2), [{ n: 1 }, { n: 1 }])
  assert.equal(await agenda.cancel({ name: 'often' }), 1)
})

test('agenda: two of them on one store do each job once', async () => {
  const agendas = [await newAgenda(), await newAgenda()]
  const seen = []
  let all
  const done = new Promise((resolve) => {
    all = resolve
  })
  for (const agenda of agendas) {
    agenda.define('count', async ({ attrs }) => {
      if (seen.push(attrs.data.n) === 20) all()
    })
    await agenda.start()
  }
  await Promise.all(Array.from({ length: 20 }, (_, n) => agendas[n % 2].now('count', { n })))
  await done
  assert.equal(new Set(seen).size, 20)
  const { jobs, total } = await agendas[0].queryJobs({ name: 'count' })
  assert.equal(total, 20)
  assert.ok(jobs.every(({ failCount }) => failCount === undefined))
})

test('agenda: a job that throws is kept with its reason', async () => {
  const agenda = await newAgenda()
  agenda.define('fail', async () => {
    throw new Error('no luck')
  })
  await agenda.start()
  const failed = once(agenda, 'fail:fail')
  await agenda.now('fail')
  const [error] = await failed
  assert.equal(error.message, 'no luck')
  const { jobs } = await agenda.queryJobs({ name: 'fail' })
  assert.equal(jobs[0].failReason, 'no luck')
})

// ---- bottleneck

/** Limiters of one id share their state. */
function newLimiter(options) {
  const connection = new Bottleneck.IORedisConnection({ client: newRedis() })
  const limiter = new Bottleneck({ id: 'app', connection, ...options })
  afterwards(() => limiter.disconnect(false))
  afterwards(() => connection.disconnect(false))
  limiter.on('error', (error) => console.error(error))
  return limiter
}

test('bottleneck: limiters of one id run no more at a time than one may', async () => {
  const limiters = [1, 2, 3].map(() => newLimiter({ maxConcurrent: 2 }))
  let running = 0
  let most = 0
  const work = async (n) => {
    running += 1
    most = Math.max(most, running)
    await pause(5)
    running -= 1
    return n
  }
  const jobs = Array.from({ length: 18 }, (_, n) => limiters[n % 3].schedule(work, n))
  assert.deepEqual(
    await Promise.all(jobs),
    jobs.map((_, n) => n),
  )
  assert.equal(most, 2)
  assert.equal(await limiters[0].done(), 18)
})

test('bottleneck: jobs keep their distance in time', async () => {
  const limiter = newLimiter({ maxConcurrent: 1, minTime: 40 })
  const started = []
  const wrapped = limiter.wrap(async () => started.push(Date.now()))
  const begin = Date.now()
  await Promise.all([wrapped(), wrapped(), wrapped()])
  assert.ok(started[1] - begin >= 39 && started[2] - begin >= 79, started.join())
})

test('bottleneck: a reservoir is shared, and runs dry for all', async () => {
  const [one, two] = [newLimiter({ reservoir: 3 }), newLimiter({ reservoir: 3 })]
  await one.ready()
  await two.ready()
  await Promise.all([one, two, one].map((limiter) => limiter.schedule(async () => {})))
  assert.equal(await two.currentReservoir(), 0)
  const late = two.schedule(async () => 'late')
  assert.equal(await one.incrementReservoir(1), 1)
  assert.equal(await late, 'late')
})

test('bottleneck: a group has a limiter per key and deletes it', async () => {
  const connection = new Bottleneck.IORedisConnection({ client: newRedis() })
  afterwards(() => connection.disconnect(false))
  const group = new Bottleneck.Group({ id: 'users', connection, maxConcurrent: 1 })
  assert.equal(await group.key('ada').schedule(async () => 'done'), 'done')
  assert.deepEqual(await group.clusterKeys(), ['ada'])
  assert.equal(await group.deleteKey('ada'), true)
  assert.deepEqual(await group.clusterKeys(), [])
})
