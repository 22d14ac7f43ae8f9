'use strict'

/**
 * BullMQ in this process.
 *
 * BullMQ takes its connection from a client it is given, or makes one by itself, which is how it
 * gets to open a socket to 127.0.0.1:6379 that nobody asked for. `connection` makes the former,
 * `install` takes the place of the latter, through the hook that BullMQ documents for other drivers
 * (`RedisConnection.clientFactory`). From then on what BullMQ makes lives here, or is refused: an
 * address leads to an error, never to a socket.
 *
 * A refusal cannot be thrown, for BullMQ calls the factory from a promise of its own. So it is a
 * client that fails to connect, in words that BullMQ takes for a connection refused: it tells the
 * error once, rejects what is asked of the queue, and does not try again in a tight loop.
 */

const { EventEmitter } = require('node:events')
const { parseOptions, sandbox } = require('./options')
const { Redis } = require('./redis')

/** Where BullMQ turns to if it is told nothing, and writes into the options it hands on. */
const ASSUMED = { host: '127.0.0.1', port: 6379 }

/**
 * A client for the option `connection` of a Queue, Worker, QueueEvents or FlowProducer. Several may
 * share it; BullMQ leaves the closing of it to you.
 *
 * @param {object} [options] those of `new Redis()`: `{ store }` for one
 */
function connection(options) {
  return makeClient(named(options))
}

/**
 * Makes every Queue, Worker, QueueEvents and FlowProducer that has no client of its own live in
 * this process.
 *
 * @param {any} bullmq the package: `install(require('bullmq'))`
 * @param {object} [options] for the clients, beside those that BullMQ passes
 * @returns {() => void} puts back what was there before
 */
function install(bullmq, options) {
  const { RedisConnection, createIORedisClient } = bullmq ?? {}
  if (typeof RedisConnection !== 'function' || typeof createIORedisClient !== 'function') {
    throw new TypeError(
      "install() takes BullMQ as it comes: install(require('bullmq')). If that is what it got, " +
        'this BullMQ is too old for other drivers: give its queues and workers ' +
        '`connection: connection()` instead.',
    )
  }
  const own = named(options)
  // an address for all of them: said here rather than by each
  if (options !== undefined) parseOptions(words(own))
  const before = RedisConnection.clientFactory
  RedisConnection.clientFactory = (given) => {
    try {
      return createIORedisClient(makeClient({ ...own, ...withoutAssumed(given) }))
    } catch (error) {
      return new RefusedClient(error)
    }
  }
  return () => {
    RedisConnection.clientFactory = before
  }
}

/**
 * @param {any} given
 * @throws where the client would not be what its queue needs
 */
function makeClient(given) {
  if (sandbox() !== null && given.store === undefined) throw sandboxError()
  // BullMQ demands this of workers, and there is no request here that could be tried again
  return new Redis(...words({ ...given, maxRetriesPerRequest: null }))
}

/** Options, of which a bare word or number, as `new Redis()` takes it, is the address. */
function named(given) {
  if (typeof given === 'object' || given === undefined) return given ?? {}
  return typeof given === 'number' ? { port: given } : { url: String(given) }
}

/** What `new Redis()` takes for these options. */
function words({ url, ...options }) {
  return url === undefined ? [options] : [url, options]
}

/** The options without the address that is in all of them. */
function withoutAssumed(given) {
  const { host, port, ...rest } = given
  const assumed = host === ASSUMED.host && Number(port) === ASSUMED.port
  if (assumed || rest.url !== undefined) return rest
  return given
}

function sandboxError() {
  return Object.assign(
    new Error(
      'this is a sandboxed processor, a process of its own with a store of its own: a queue opened ' +
        'here is not the one of the application. The job it is given works as it does elsewhere. ' +
        'For more, run the processor in a thread (the option `useWorkerThreads: true` of the ' +
        'Worker), where the store is the same one; or open the store to other processes ' +
        '(`store.listen({ path })`) and connect to it from here with ioredis.',
    ),
    { code: 'ERR_LATCHKEY_SANDBOX' },
  )
}

/** What BullMQ gets in place of a client that must not be. */
class RefusedClient extends EventEmitter {
  /** @param {Error & { code?: string }} reason */
  constructor(reason) {
    super()
    this.status = 'wait'
    this.isCluster = false
    this.options = {}
    this.error = Object.assign(
      new Error(
        `ECONNREFUSED: ${reason.message} A queue that is to use a server takes a client made for ` +
          'it: `connection: new IORedis(address)`.',
      ),
      { code: reason.code, cause: reason },
    )
  }

  async connect() {
    throw this.error
  }

  async info() {
    throw this.error
  }

  async quit() {
    this.disconnect()
  }

  disconnect() {
    this.status = 'end'
    this.emit('end')
  }

  defineCommand() {}
}

module.exports = { connection, install }
