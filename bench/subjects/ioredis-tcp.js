'use strict'

/** ioredis with a redis-server of this machine, over TCP on loopback. */
exports.needsServer = true

exports.open = async ({ fresh, server }) => {
  const Redis = require('ioredis')
  const { fill, runsOf } = fresh('./subjects/ioredis-shaped.js')
  const redis = new Redis({ host: server.host, port: server.port })
  await fill(redis)
  return { runs: runsOf(redis), close: () => redis.quit() }
}
