'use strict'

/** latchkey itself, over a store of its own. */
exports.open = async ({ fresh }) => {
  const Redis = require('../../index.js')
  const { fill, runsOf } = fresh('./subjects/ioredis-shaped.js')
  const store = new Redis.Store()
  const redis = new Redis({ store })
  await fill(redis)
  return { runs: runsOf(redis), close: () => redis.quit() }
}
