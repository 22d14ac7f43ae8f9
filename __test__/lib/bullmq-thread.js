'use strict'

// A thread with a worker of BullMQ, for bullmq-install.test.js; a message ends it.

const { parentPort, threadId, workerData } = require('node:worker_threads')
const { install } = require('../../lib/bullmq.js')

const bullmq = require(workerData)
install(bullmq)
// closed while it looks for stalled jobs, a worker of BullMQ 5 waits for the next look
const options = { connection: {}, stalledInterval: 100 }
const worker = new bullmq.Worker('threads', async () => threadId, options)
parentPort.once('message', async () => {
  await worker.close()
  parentPort.close()
})
