'use strict'

/**
 * ioredis-mock: the imitation in JavaScript that tests use.
 *
 * It is written against ioredis 5, so it is given that one while the table compares with 6.
 */
const Module = require('node:module')

exports.open = async ({ fresh }) => {
  const Redis = withIoredis5(() => require('ioredis-mock'))
  const { fill, runsOf } = fresh('./subjects/ioredis-shaped.js')
  const redis = new Redis()
  await fill(redis)
  return { runs: runsOf(redis), close: () => redis.quit() }
}

function withIoredis5(load) {
  const resolve = Module._resolveFilename
  Module._resolveFilename = function resolveFilename(request, ...rest) {
    return resolve.call(this, request.replace(/^ioredis(?=\/|$)/, 'ioredis-5'), ...rest)
  }
  try {
    return load()
  } finally {
    Module._resolveFilename = resolve
  }
}
