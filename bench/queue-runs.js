'use strict'

/**
 * Every row of queue-trials.js with the packages as npm has them: a function of a backend, that
 * resolves to `{ prepare, perform, close }`. `perform(from, to)` does the operations of these
 * numbers; `prepare(total)`, where there is one, is called before and not counted.
 *
 * A backend has `connection()` for packages that are given a client or options, and `client()` for
 * those that need a client; who has made a client closes it.
 */
const { AT_ONCE, VISITORS, payload } = require('./queue-trials.js')

const ONE = (operate) => async (from, to) => {
  for (let i = from; i < to; i++) await operate(i)
}

const SEVERAL = (operate) => async (from, to) => {
  for (let at = from; at < to; at += AT_ONCE) {
    const length = Math.min(AT_ONCE, to - at)
    await Promise.all(Array.from({ length }, (_, i) => operate(at + i)))
  }
}

const bullmqAdd = (inTurn) => async (backend) => {
  const { Queue } = require('bullmq')
  const queue = new Queue('bench', { connection: backend.connection() })
  await queue.waitUntilReady()
  return { perform: inTurn((i) => queue.add('mail', payload(i))), close: () => queue.close() }
}

const bullmqProcess = (concurrency) => async (backend) => {
  const { Queue, Worker } = require('bullmq')
  const queue = new Queue('bench', { connection: backend.connection() })
  const options = { connection: backend.connection(), concurrency, autorun: false }
  const worker = new Worker('bench', async () => 'sent', options)
  await worker.waitUntilReady()
  return {
    prepare: (total) =>
      inBatches(total, (jobs) => queue.addBulk(jobs.map((data) => ({ name: 'mail', data })))),
    perform: completions(worker, () => worker.run()),
    close: () => Promise.all([worker.close(), queue.close()]),
  }
}

const bullAdd = (inTurn) => async (backend) => {
  const queue = newBull(backend)
  await queue.isReady()
  return { perform: inTurn((i) => queue.add(payload(i))), close: () => queue.close() }
}

const bullProcess = (concurrency) => async (backend) => {
  const queue = newBull(backend)
  await queue.isReady()
  return {
    prepare: (total) => inBatches(total, (jobs) => queue.addBulk(jobs.map((data) => ({ data })))),
    perform: completions(queue, () => queue.process(concurrency, async () => 'sent')),
    close: () => queue.close(),
  }
}

function newBull(backend) {
  const Queue = require('bull')
  return new Queue('bench', backend.bull())
}

async function inBatches(total, add) {
  for (let at = 0; at < total; at += 500) {
    const length = Math.min(500, total - at)
    await add(Array.from({ length }, (_, i) => payload(at + i)))
  }
}

/** Work that goes on by itself from the first call on: it waits until so many are completed. */
function completions(worker, start) {
  let completed = 0
  let wanted = Number.POSITIVE_INFINITY
  let reached
  worker.on('completed', () => {
    completed += 1
    if (completed === wanted) reached()
  })
  return (from, to) => {
    wanted = to
    const done = new Promise((resolve) => {
      reached = resolve
    })
    if (from === 0) start()
    return done
  }
}

const flexible = (inTurn) => async (backend) => {
  const { RateLimiterRedis } = require('rate-limiter-flexible')
  const storeClient = backend.client()
  const limiter = new RateLimiterRedis({ storeClient, points: 1_000_000, duration: 3600 })
  const perform = inTurn((i) => limiter.consume(`visitor-${i % VISITORS}`))
  return { perform, close: () => storeClient.quit() }
}

const limitRedis = (inTurn) => async (backend) => {
  const { RedisStore } = require('rate-limit-redis')
  const client = backend.client()
  const store = new RedisStore({ sendCommand: (...args) => client.call(...args) })
  await store.init({ windowMs: 3_600_000 })
  const perform = inTurn((i) => store.increment(`visitor-${i % VISITORS}`))
  return { perform, close: () => client.quit() }
}

exports.RUNS = {
  'BullMQ add': bullmqAdd(ONE),
  'BullMQ add (50 at once)': bullmqAdd(SEVERAL),
  'BullMQ process': bullmqProcess(1),
  'BullMQ process (50 at once)': bullmqProcess(AT_ONCE),
  'Bull add': bullAdd(ONE),
  'Bull add (50 at once)': bullAdd(SEVERAL),
  'Bull process': bullProcess(1),
  'Bull process (50 at once)': bullProcess(AT_ONCE),
  'rate-limiter-flexible': flexible(ONE),
  'rate-limiter-flexible (50 at once)': flexible(SEVERAL),
  'rate-limit-redis': limitRedis(ONE),
  'rate-limit-redis (50 at once)': limitRedis(SEVERAL),
}
