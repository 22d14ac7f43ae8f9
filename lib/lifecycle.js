'use strict'

// From `new Redis()` to `end`: wait → connecting → connect → ready → close → (reconnecting →) end.
//
// The status is set at once and the event of the same name is emitted in the next tick, as ioredis
// does. The steps between are turns of the event loop, so that whoever adds a listener after a few
// awaited lines still hears of them.

const { setTimeout } = require('node:timers')
const loop = require('./loop')
const table = require('./table')
const { Failure, closedError } = require('./errors')
const { noop } = require('./callback')
const s = require('./symbols')
const { read } = require('./reply')
const { storeId, isClosed } = require('./store')
const { resubscribe } = require('./subscriber')
const { run, perform, isWatched } = require('./dispatch')
const { version } = require('../package.json')

const { native, nextTick } = loop

const DATABASES = 16

function setStatus(client, status, arg) {
  client.status = status
  nextTick(() => client.emit(status, arg))
}

/** Decides if words may go straight to the native call. */
function refresh(client) {
  const own = client[s.kPrivate]
  const { options } = client
  const plain =
    own.status === 'ready' &&
    own.early === null &&
    !own.closing &&
    !options.showFriendlyErrorStack &&
    !options.stringNumbers &&
    !isWatched(client) &&
    client.mode === 'normal'
  const handle = plain ? own.handle : -1
  client[s.kHot] = options.keyPrefix ? -1 : table.placeOf(handle)
  client[s.kPrefixed] = typeof options.keyPrefix === 'string' ? table.placeOf(handle) : -1
}

/** Opens the native client and walks to `ready`. */
function connect(client) {
  const own = client[s.kPrivate]
  const epoch = ++own.epoch
  own.closing = false
  own.early ??= []
  setStatus(client, 'connecting')
  try {
    open(client)
  } catch (error) {
    // a store that was closed, or a user that this client may not be
    drop(client)
    nextTick(() => client.silentEmit('error', error))
    finish(client, error)
    return
  }
  const current = () => own.epoch === epoch && !own.closing
  loop.nextTurn(() => {
    if (!current()) return
    setStatus(client, 'connect')
    loop.nextTurn(() => {
      if (current()) ready(client)
    })
  })
}

/** Makes the native client, and tells it what a client tells a server first. */
function open(client) {
  const own = client[s.kPrivate]
  const { options } = client
  const { database } = own
  const usable = Number.isInteger(database) && database >= 0 && database < DATABASES
  // RESP3's shapes are wanted only where they are asked for: ioredis gives RESP2's by default
  const resp3 = options.protocol === 3 && options.replyMapping === 'resp3'
  const handle = native.connect(storeId(options.store), usable ? database : 0, resp3 ? 3 : 2)
  if (typeof handle !== 'number') throw read(handle, 0).reason
  own.handle = handle
  loop.enrol(client, handle)
  tellPushes(client)
  logIn(client)
  if (!usable) {
    quietly(client, 'select', [String(database)], (error) => {
      nextTick(() => client.silentEmit('error', error))
    })
  }
  if (options.connectionName) quietly(client, 'client', ['SETNAME', options.connectionName])
  if (!options.disableClientInfo) {
    const tag = options.clientInfoTag
    quietly(client, 'client', ['SETINFO', 'LIB-NAME', tag ? `latchkey(${tag})` : 'latchkey'])
    quietly(client, 'client', ['SETINFO', 'LIB-VER', version])
  }
  const tasks = own.offline
  own.offline = []
  resubscribeIfWanted(client)
  for (const task of tasks) task.run()
}

/**
 * Becomes the user of the options, if they name one.
 *
 * @throws the refusal, if the store has no such user or the password is another
 */
function logIn(client) {
  const { username, password } = client.options
  if (!username && !password) return
  const said = native.logIn(
    client[s.kPrivate].handle,
    String(username || 'default'),
    String(password || ''),
  )
  if (said !== undefined) throw read(said, 0).reason
}

function resubscribeIfWanted(client) {
  const { size } = client[s.kPrivate].subscriptions
  if (size > 0 && client.options.autoResubscribe) resubscribe(client)
}

/**
 * A command of our own, whatever the client's state; only an error is of interest.
 *
 * @param {(error: unknown) => void} [onError]
 */
function quietly(client, name, words, onError = noop) {
  const value = perform(client, table.lookup(name), 0, words)
  if (value instanceof Failure) onError(value.reason)
}

function tellPushes(client) {
  const own = client[s.kPrivate]
  if (own.buffers && own.handle >= 0 && native.pushBuffers !== undefined) {
    native.pushBuffers(own.handle, 1)
  }
}

function ready(client) {
  const own = client[s.kPrivate]
  setStatus(client, 'ready')
  own.attempts = 0
  if (client.options.monitor) startMonitor(client)
  // behind the event
  nextTick(() => {
    settleEarly(client)
    refresh(client)
    for (const { resolve } of own.waiters.splice(0)) resolve()
  })
}

function startMonitor(client) {
  run(client, table.lookup('monitor'), 0, []).then(
    () => setStatus(client, 'monitoring'),
    (error) => client.silentEmit('error', error),
  )
}

/** Settles what was answered before `ready`. */
function settleEarly(client) {
  const own = client[s.kPrivate]
  const early = own.early
  own.early = null
  if (early === null) return
  for (let i = 0; i < early.length; i += 2) early[i](early[i + 1])
  if (own.held !== null) loop.deliverHeld(client)
}

/** Gives the native client back. */
function drop(client) {
  const own = client[s.kPrivate]
  const { handle } = own
  if (handle < 0) return
  own.handle = -1
  client[s.kHot] = -1
  client[s.kPrefixed] = -1
  loop.strike(client, handle)
  native.disconnect(handle)
}

/**
 * Ends the connection: at once for commands, in the next turn for everybody who listens.
 *
 * @param {object} client
 * @param {boolean} again connect anew?
 */
function leave(client, again) {
  const own = client[s.kPrivate]
  own.closing = true
  own.again = again
  const epoch = ++own.epoch
  drop(client)
  loop.nextTurn(() => {
    if (own.epoch !== epoch) return
    own.closing = false
    setStatus(client, 'close')
    settleEarly(client)
    for (const job of [...own.pending]) loop.abandon(job, closedError())
    loop.listen(client, false)
    const delay = own.again ? nextDelay(client) : undefined
    if (delay === undefined) finish(client)
    else retry(client, delay)
  })
}

/** How long to wait before the next attempt, if there is to be one. */
function nextDelay(client) {
  const own = client[s.kPrivate]
  const { retryStrategy } = client.options
  if (typeof retryStrategy !== 'function') return undefined
  own.attempts += 1
  const delay = retryStrategy(own.attempts)
  return typeof delay === 'number' ? delay : undefined
}

function retry(client, delay) {
  const own = client[s.kPrivate]
  setStatus(client, 'reconnecting', delay)
  own.timer = setTimeout(() => {
    if (own.status !== 'reconnecting') return
    // a store that was closed meanwhile does not come back
    if (isClosed(client.options.store)) finish(client)
    else connect(client)
  }, delay)
}

/** The last step, after which only `connect()` makes the client live again. */
function finish(client, error = closedError()) {
  const own = client[s.kPrivate]
  own.closing = false
  settleEarly(client)
  setStatus(client, 'end')
  for (const task of own.offline.splice(0)) task.reject(error)
  for (const { reject } of own.waiters.splice(0)) reject(error)
}

/** SELECT has succeeded. */
function selected(client, database) {
  const own = client[s.kPrivate]
  if (own.database === database || !Number.isInteger(database)) return
  own.database = database
  nextTick(() => client.emit('select', database))
}

module.exports = { setStatus, refresh, connect, leave, finish, selected, tellPushes }
