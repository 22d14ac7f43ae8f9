'use strict'

// A command off the fast path: a callback or an odd argument was passed, its reply is more than one
// word, it failed, or its client is in no plain state. What is allowed when follows ioredis.

const loop = require('./loop')
const reply = require('./reply')
const { kHot, kPrivate, kAfter, kSendCommand } = require('./symbols')
const { Failure, RedisError, closedError, describe } = require('./errors')
const { nodeify, noop } = require('./callback')
const { areWords, toWord, toWords } = require('./words')
const { Command, prefixKeys } = require('./command')
const { UNKNOWN, isBuiltIn, placeOf } = require('./table')

const { native, state } = loop

/** Or-ed to a command's id: the strings of the reply are Buffers. */
const BUFFERS = 0x10000

/** What `perform` answers when the reply comes later. */
const AWAY = Symbol('away')

/** One command that is not answered yet. */
class Job {
  constructor(client, row, flags, words) {
    this.client = client
    this.row = row
    this.words = words
    this.how = howToRead(client, row, flags)
    this.ticket = 0
    this.timer = undefined
    /** @type {(value: unknown) => void} */
    this.done = noop
  }
}

function howToRead(client, row, flags) {
  return client[kPrivate].how | row.how | (flags & BUFFERS ? reply.BUFFERS : 0)
}

/**
 * What the arguments of a method are as words. The list itself may be given back.
 *
 * @throws what a transformer throws
 */
function prepare(client, row, args) {
  let words = args
  if (!areWords(args) || (row.argument !== null && !isBuiltIn(row.argument))) {
    const [list] = args
    // by far the most frequent oddity: one list of plain words
    const isList = args.length === 1 && Array.isArray(list) && areWords(list)
    words = isList ? list.slice() : args.flat()
    if (row.argument !== null) words = row.argument(words)
    toWords(words)
  }
  const { keyPrefix } = client.options
  return keyPrefix ? prefixKeys(row, words, keyPrefix) : words
}

/**
 * Why a command may not run now.
 *
 * @returns {InstanceType<typeof Failure> | null}
 */
function refuse(client, row) {
  const own = client[kPrivate]
  if (own.status === 'wait') client.connect().catch(noop)
  const { status } = own
  const leaving = own.closing
  if (status === 'end' || (leaving && !own.again)) return new Failure(closedError())
  const { options } = client
  if (status === 'monitoring' && !Command.checkFlag('VALID_IN_MONITOR_MODE', row.name)) {
    return new Failure(new Error("Connection is in monitoring mode, can't process commands."))
  }
  if (client.mode === 'subscriber' && !Command.checkFlag('VALID_IN_SUBSCRIBER_MODE', row.name)) {
    const words = 'Connection in subscriber mode, only subscriber commands may be used'
    return new Failure(new Error(words))
  }
  const isUp = !leaving && (status === 'ready' || status === 'monitoring')
  if (!options.enableOfflineQueue && !isUp) {
    const words = "Stream isn't writeable and enableOfflineQueue options is false"
    return new Failure(new Error(words))
  }
  return null
}

/** The native call with its words in places of their own, which costs less than a list. */
function invoke(at, words) {
  const { call } = native
  switch (words.length) {
    case 0:
      return call(at)
    case 1:
      return call(at, words[0])
    case 2:
      return call(at, words[0], words[1])
    case 3:
      return call(at, words[0], words[1], words[2])
    case 4:
      return call(at, words[0], words[1], words[2], words[3])
    default:
      return callLong(at, words)
  }
}

/** Up to so many words may have places of their own. */
const MANY = 128

function callLong(at, words) {
  return words.length <= MANY ? native.callMany(at, ...words) : native.callArray(at, words)
}

/**
 * Runs a command whose client has a handle.
 *
 * @returns {unknown} the reply, a Failure, or AWAY when the ticket is in `state`
 */
function perform(client, row, flags, words) {
  const own = client[kPrivate]
  const at = placeOf(own.handle) + (row.id | flags | own.flags)
  const v = row.id === UNKNOWN ? native.callArray(at, [row.name, ...words]) : invoke(at, words)
  if (state[2] !== 0) loop.wake()
  return conclude(client, row, flags, words, v)
}

/** The reply of a native call that returned `v`, with all that it entails. */
function conclude(client, row, flags, words, v) {
  if (v !== true && row.reply === null && !row.peculiar) {
    return flags !== 0 ? reply.bytesOf(v) : v === undefined ? 'OK' : v
  }
  if (v === true && state[0] === reply.PENDING) return AWAY
  return shape(client, row, words, reply.read(v, howToRead(client, row, flags)))
}

/** The last touch: errors know their command, transformers and the client's state are served. */
function shape(client, row, words, value) {
  if (value instanceof Failure) {
    // what the store answered, and not what became of the connection
    if (value.reason instanceof RedisError) describe(value.reason, row.name, words.map(toWord))
    return value
  }
  if (row.peculiar) client[kAfter](row.name.toLowerCase(), words, value)
  if (row.reply === null) return value
  const { protocol, replyMapping } = client.options
  try {
    return row.reply(value, { commandName: row.name, protocol, replyMapping })
  } catch (error) {
    return new Failure(error)
  }
}

/** Keeps a job for the ticket in `state`. */
function away(job) {
  const { commandTimeout } = job.client.options
  if (typeof commandTimeout === 'number') loop.limit(job, commandTimeout)
  loop.pend(job)
}

/** The promise of the command whose ticket is in `state`. */
function pending(client, row, flags, words) {
  return new Promise((resolve, reject) => {
    const job = new Job(client, row, flags, words)
    job.done = (value) => {
      const result = shape(client, row, words, value)
      if (result instanceof Failure) loop.settle(client, reject, result.reason)
      else loop.settle(client, resolve, result)
    }
    away(job)
  })
}

/**
 * Runs a command when its client can.
 *
 * @param {any} client
 * @param {any} row
 * @param {number} flags
 * @param {Array<string | Uint8Array>} words
 * @returns {Promise<unknown>}
 */
function run(client, row, flags, words) {
  const own = client[kPrivate]
  if (client[kHot] < 0) {
    const refusal = refuse(client, row)
    if (refusal !== null) return loop.refused(refusal.reason)
    if (own.handle < 0) {
      if (row.name === 'quit' && own.offline.length === 0) {
        client.disconnect() // which also calls off the next attempt
        return Promise.resolve('OK')
      }
      return offline(client, () => run(client, row, flags, words))
    }
  }
  const value = perform(client, row, flags, words)
  return value === AWAY ? pending(client, row, flags, words) : loop.answered(client, value)
}

/** Holds a task back until the client has a connection again. */
function offline(client, task) {
  return new Promise((resolve, reject) => {
    client[kPrivate].offline.push({ run: () => resolve(task()), reject })
  })
}

/** `Array.from` of arguments, without its detour over the iterator. */
function toList(args) {
  const list = new Array(args.length)
  for (let i = 0; i < args.length; i++) list[i] = args[i]
  return list
}

/**
 * A method was called and is not to go straight to the native module.
 *
 * @param {any} client
 * @param {object} row
 * @param {number} flags
 * @param {ArrayLike<unknown>} args
 */
function send(client, row, flags, args) {
  return attend(client, args, (list) => {
    return isWatched(client)
      ? client.sendCommand(commandOf(client, row, flags, list))
      : run(client, row, flags, prepare(client, row, list))
  })
}

/**
 * What every method does around running its command: a callback is called, errors show where the
 * method was called if they are to, and nothing is thrown.
 *
 * @param {any} client
 * @param {ArrayLike<unknown>} args
 * @param {(list: unknown[]) => Promise<unknown>} start takes the arguments without the callback
 */
function attend(client, args, start) {
  const list = toList(args)
  const callback = typeof list[list.length - 1] === 'function' ? list.pop() : undefined
  const site = client.options.showFriendlyErrorStack ? callSite() : null
  let promise
  try {
    promise = start(list)
  } catch (error) {
    promise = Promise.reject(error)
  }
  return nodeify(site === null ? promise : withStack(promise, site), callback)
}

/** Has somebody put a `sendCommand` of their own in place of ours, on the client or its class? */
function isWatched(client) {
  return client.sendCommand !== client[kSendCommand]
}

/** What is handed to a `sendCommand` that is not ours. */
function commandOf(client, row, flags, args) {
  const { keyPrefix } = client.options
  const replyEncoding = flags & BUFFERS ? null : 'utf8'
  return new Command(row.name, args, { replyEncoding, keyPrefix })
}

/**
 * A native call returned `true`: a reply of several words, an error, a ticket or an odd argument.
 */
function resume(client, row, flags, args) {
  const code = state[0]
  if (code === reply.ODD) return send(client, row, flags, args)
  if (code === reply.JOINED || code === reply.SEPARATE) {
    const value = reply.read(true, howToRead(client, row, flags))
    if (!(value instanceof Failure)) return loop.answered(client, value)
    return loop.answered(client, shape(client, row, toWords(toList(args)), value))
  }
  const { keyPrefix } = client.options
  const plain = toWords(toList(args))
  const words = keyPrefix ? prefixKeys(row, plain, keyPrefix) : plain
  const value = conclude(client, row, flags, words, true)
  return value === AWAY ? pending(client, row, flags, words) : loop.answered(client, value)
}

function callSite() {
  const site = {}
  Error.captureStackTrace(site, attend)
  return site
}

/** Gives errors the stack of the call (`showFriendlyErrorStack`). */
function withStack(promise, site) {
  return promise.catch((error) => {
    const frames = site.stack.split('\n').slice(1)
    const first = frames.findIndex((line) => !line.includes(__dirname))
    error.stack = [`${error.name}: ${error.message}`, ...frames.slice(Math.max(first, 0))].join(
      '\n',
    )
    throw error
  })
}

module.exports = {
  AWAY,
  BUFFERS,
  callLong,
  Job,
  prepare,
  refuse,
  perform,
  conclude,
  shape,
  away,
  run,
  offline,
  send,
  attend,
  resume,
  pending,
  howToRead,
  toList,
  isWatched,
}
