'use strict'

/**
 * A job queue: BullMQ as it is published, with a client of latchkey for its connection.
 *
 *   bull:oven:*   BullMQ's own: orders that wait, what is known of each, the stream of events
 *
 * The worker bakes one dish at a time and says how far it is; QueueEvents hears of it, as it would in
 * any other process, and the browsers are told.
 */

const { setTimeout: sleep } = require('node:timers/promises')
const { Queue, QueueEvents, Worker } = require('bullmq')
const { Router } = require('express')

const RECENT = 5
const KEPT_SECONDS = 3600
/** How often the worker looks into the oven before a dish is done. */
const LOOKS = 50

/**
 * @param {any} connection a client; BullMQ makes more of the kind where it has to wait
 * @param {{ bakeMs: number, tell: (event: string, data: object) => void }} options
 */
function openOven(connection, { bakeMs, tell }) {
  const removeOnComplete = { age: KEPT_SECONDS }
  const queue = new Queue('oven', { connection, defaultJobOptions: { removeOnComplete } })
  const worker = new Worker('oven', bake, { connection })
  const events = new QueueEvents('oven', { connection })

  async function bake(job) {
    for (let look = 1; look <= LOOKS; look += 1) {
      await sleep(bakeMs / LOOKS)
      await job.updateProgress(Math.round((100 * look) / LOOKS))
    }
  }

  events.on('progress', ({ jobId, data }) => tell('oven-progress', { id: jobId, percent: data }))
  for (const event of ['added', 'active', 'completed']) {
    events.on(event, async () => tell('oven', await describe(queue)))
  }

  const router = Router()

  router.get('/oven', async (_request, response) => {
    response.json(await describe(queue))
  })

  router.post('/oven', async ({ body, session }, response) => {
    const dish = String(body?.dish ?? '')
      .trim()
      .slice(0, 30)
    if (!dish) return response.status(400).json({ error: 'What should we bake?' })
    const { id } = await queue.add('bake', { dish, who: session.name ?? 'somebody' })
    response.json({ id })
  })

  /** What is in the oven stays unbaked. */
  async function close() {
    await worker.close(true)
    await Promise.all([events.close(), queue.close()])
    connection.disconnect()
  }

  return { router, close }
}

/** The latest orders, and how many have to wait. */
async function describe(queue) {
  const found = await queue.getJobs(['active', 'waiting', 'completed'], 0, RECENT - 1)
  const latest = found.sort((a, b) => Number(b.id) - Number(a.id)).slice(0, RECENT)
  const jobs = latest.map((job) => ({
    id: job.id,
    ...job.data,
    state: job.finishedOn ? 'ready' : job.processedOn ? 'baking' : 'waiting',
    percent: Number(job.progress),
  }))
  return { jobs, waiting: await queue.getWaitingCount() }
}

module.exports = { openOven }
