'use strict'

// A thread with a worker of BullMQ, for bullmq-install.test.js; a message ends it.

const { parentPort, threadId, workerData } = require('node:worker_threads')
const { install } = require('../../lib/bullmq.js')

const bullmq = require(workerData)
install(bullmq)
const worker = new bullmq.Worker('threads', async () => threadId, { connection: {} })
parentPort.once('message', async () => {
  await worker.close()
  parentPort.close()
})
