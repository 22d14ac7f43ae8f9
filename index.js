'use strict'

// What users import, by the names that ioredis has for it:
//
//   const Redis = require('latchkey')
//   import Redis, { Store } from 'latchkey'

const { Redis } = require('./lib/redis')
const { Pipeline } = require('./lib/pipeline')
const { Command } = require('./lib/command')
const { ScanStream } = require('./lib/scan-stream')
const { ReplyError } = require('./lib/errors')
const { Store } = require('./lib/store')
const cluster = require('./lib/cluster')

/** A callback for those who only want to see what comes. */
function print(error, reply) {
  console.log(error ? `Error: ${error}` : `Reply: ${reply}`)
}

// each name in a line of its own, in the form in which Node finds the names of a CommonJS module
module.exports = Redis
module.exports.default = Redis
module.exports.Redis = Redis
module.exports.Command = Command
module.exports.Pipeline = Pipeline
module.exports.ScanStream = ScanStream
module.exports.ReplyError = ReplyError
module.exports.AbstractConnector = cluster.AbstractConnector
module.exports.SentinelConnector = cluster.SentinelConnector
module.exports.SentinelIterator = cluster.SentinelIterator
module.exports.Cluster = cluster.Cluster
module.exports.Store = Store
module.exports.print = print

Object.defineProperty(Redis, 'Promise', {
  get: () => Promise,
  set: () => process.emitWarning('latchkey uses native promises only; Redis.Promise was not set'),
})
