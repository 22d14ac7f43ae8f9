'use strict'

// A sandboxed processor of bullmq-sandbox.test.js: what a job asks for is its name.

const tasks = {
  async whole(job) {
    await job.updateProgress(50)
    await job.log('half-way')
    await job.updateData({ ...job.data, seen: true })
    return { pid: process.pid, children: await job.getChildrenValues() }
  },
  async fail() {
    throw new Error('not today')
  },
  async crash() {
    process.exit(7)
  },
  async plain() {
    const Redis = require('../..')
    const redis = new Redis()
    const found = await redis.get('left for the processor')
    redis.disconnect()
    return found
  },
  async connection() {
    require('../../lib/bullmq.js').connection()
  },
  async install(job) {
    const bullmq = require(job.data.package)
    require('../../lib/bullmq.js').install(bullmq)
    const queue = new bullmq.Queue('work')
    queue.on('error', () => {})
    await queue.add('never', {})
  },
  async add(job) {
    const bullmq = require(job.data.package)
    require('../../lib/bullmq.js').install(bullmq)
    const queue = new bullmq.Queue('more')
    await queue.add('from the thread', {})
    await queue.close()
  },
  async socket(job) {
    const IORedis = require('ioredis')
    const redis = new IORedis(job.data.path)
    const found = await redis.get('left for the processor')
    redis.disconnect()
    return found
  },
}

module.exports = (job) => tasks[job.name](job)
