'use strict'

// What this thread shares with the native module, and the manners towards the event loop.
//
// A command runs within the call and its promise is already resolved, so a loop that only awaits
// commands would never let the event loop turn: timers would not fire, sockets would not be read.
// Hence the slice: commands are counted, the clock is looked at once per batch, and when a slice
// was used up without a turn of the loop, the promises that follow are settled from
// `setImmediate`, in the order of their commands, across all clients of the thread.
//
// The other direction: completions, messages and closings wait in the native module until they are
// drained, in a microtask after the call that caused them, or from the event loop when another
// thread did. User code therefore never runs inside a command.

const { setImmediate, clearTimeout, setTimeout } = require('node:timers')
const { performance } = require('node:perf_hooks')
const native = require('./native')
const reply = require('./reply')
const { Failure } = require('./errors')
const { kPrivate, kLost } = require('./symbols')

// as it is when this file is loaded: a test may replace it by one that it turns by hand
const { nextTick } = process

/** Commands between two looks at the clock. */
const BATCH = 32
/**
 * Where `state` has how many commands are left in this batch; at most 0 as long as promises have to
 * wait. In that array because every command reads it anyway.
 */
const BUDGET = 4
/** What commands may use of a turn before the others get theirs. */
const SLICE_MS = 1

/** What `state[2]` says when an answer from another thread waits. */
const ANSWER = 2

// What `state[5]` says after `native.next()`.
const NOTHING = 0
const COMPLETION = 1
const PUSH = 2

// over memory of the native module, which so need not keep these arrays
const state = new Int32Array(native.memory(16 * 4))
const tokens = new Float64Array(native.memory(4096 * 8))

state[BUDGET] = BATCH

let sliceStart = 0
/** Is there an immediate that will tell of the loop's next turn? */
let turnAnnounced = false
/** Is the slice used up? */
let yielding = false
/** Pairs of function and value for the next turn. */
let waiting = []
/** Stands among those where answers from other threads are to be told. */
const answersFirst = () => {}
let answersAnnounced = false

function announceTurn() {
  if (turnAnnounced) return
  turnAnnounced = true
  setImmediate(onTurn)
}

function onTurn() {
  turnAnnounced = false
  yielding = false
  state[BUDGET] = BATCH
  const batch = waiting
  waiting = []
  for (let i = 0; i < batch.length; i += 2) {
    if (batch[i] === answersFirst) {
      answersAnnounced = false
      drain()
      holdBack(batch.slice(i + 2))
      break
    }
    batch[i](batch[i + 1])
  }
  if (drainDue) wake()
}

/** Has what was not settled yet, and all that follows, wait for the next turn. */
function holdBack(rest) {
  if (rest.length === 0) return
  waiting = waiting.concat(rest)
  yielding = true
  state[BUDGET] = 0
  announceTurn()
}

/** Has this thread used its slice? Asked when a batch is used up. */
function sliceUsed() {
  if (yielding) return true
  const now = performance.now()
  if (!turnAnnounced) {
    sliceStart = now
    announceTurn()
  } else if (now - sliceStart > SLICE_MS) {
    yielding = true
    return true
  }
  state[BUDGET] = BATCH
  return false
}

/**
 * Counts `commands` against the slice.
 *
 * @param {number} commands
 * @returns {boolean} must what follows wait for the loop?
 */
function spend(commands) {
  state[BUDGET] -= commands
  if (state[BUDGET] > 0) return false
  if (!sliceUsed()) return false
  state[BUDGET] = 0
  return true
}

/** The promise of a command after which the batch is used up. */
function resolveLater(value) {
  if (!sliceUsed()) return Promise.resolve(value)
  state[BUDGET] = 0
  return new Promise((resolve) => {
    waiting.push(resolve, value)
  })
}

/**
 * Calls `settle(value)` when the client may hear of it: now, after its `ready` event, or when the
 * loop has turned.
 */
function settle(client, settler, value) {
  const { early } = client[kPrivate]
  if (early !== null) early.push(settler, value)
  else if (spend(1)) waiting.push(settler, value)
  else settler(value)
}

/**
 * The promise of a command that has been answered.
 *
 * @param {object} client
 * @param {any} value a Failure rejects
 */
function answered(client, value) {
  const own = client[kPrivate]
  const failed = value instanceof Failure
  if (failed) value = value.reason
  if (own.early === null && !spend(1)) {
    return failed ? Promise.reject(value) : Promise.resolve(value)
  }
  return new Promise((resolve, reject) => {
    const settler = failed ? reject : resolve
    if (own.early !== null) own.early.push(settler, value)
    else waiting.push(settler, value)
  })
}

/** The promise of a command that was not run at all; nothing that was run waits behind it. */
function refused(reason) {
  if (!spend(1)) return Promise.reject(reason)
  return new Promise((_resolve, reject) => {
    waiting.push(reject, reason)
  })
}

// ---- what waits in the native module

/** Jobs by ticket: commands that were not answered at once. */
const tickets = new Map()
/** Clients by handle, weakly: a forgotten client shall be collected. */
const clients = new Map()
/** Clients that something may still happen to, though nobody else may know them any more. */
const listening = new Set()

const forgotten = new FinalizationRegistry((handle) => {
  clients.delete(handle)
  native.disconnect(handle)
})

let drainQueued = false
let draining = false
let drainDue = false
const settled = Promise.resolve()
/**
 * Delivers a push to its client; the subscriber's part, which is built on this one.
 *
 * @type {(client: object, push: unknown) => void}
 */
let receive = () => {}

function onPush(handler) {
  receive = handler
}

/**
 * Drains in a microtask. To be called whenever `state[2]` is not 0 after a native call.
 *
 * If an answer has come from another thread, the command that was just called may have seen what
 * that one did. Its own answer, and all that follow, are told a turn later, as they would arrive
 * from a server: whoever asks, and then looks for the outcome, is done with the first by then.
 */
function wake() {
  if (state[2] === ANSWER) {
    if (answersAnnounced) return
    answersAnnounced = true
    holdBack([answersFirst, undefined])
    return
  }
  if (drainQueued || draining) return
  drainQueued = true
  settled.then(drain)
}

function drain() {
  drainQueued = false
  drainDue = false
  if (draining) return
  draining = true
  try {
    for (;;) {
      if (spend(1)) {
        drainDue = true
        break
      }
      const v = native.next()
      const kind = state[5]
      if (kind === NOTHING) break
      if (kind === COMPLETION) complete(state[1], v)
      else if (kind === PUSH) pushed(clients.get(state[6])?.deref(), v)
      else lost(clients.get(state[6])?.deref())
    }
  } finally {
    draining = false
  }
}

/** What user code throws is an uncaught exception and nobody else's trouble. */
function isolate(task) {
  try {
    task()
  } catch (error) {
    nextTick(() => {
      throw error
    })
  }
}

function complete(ticket, v) {
  const job = tickets.get(ticket)
  if (job === undefined) return
  tickets.delete(ticket)
  // the reply must be read before anything else calls the native module
  const value = reply.read(v, job.how)
  isolate(() => finish(job, value))
}

function finish(job, value) {
  const { client } = job
  client[kPrivate].pending.delete(job)
  keep(client, -1)
  if (job.timer !== undefined) clearTimeout(job.timer)
  job.done(value)
}

function pushed(client, v) {
  const value = reply.read(v, 0)
  if (client === undefined) return
  const own = client[kPrivate]
  if (own.early === null && own.held === null) deliver(client, value)
  else if (own.held === null) own.held = [value]
  else own.held.push(value)
}

function deliver(client, value) {
  if (value instanceof Failure) isolate(() => client.silentEmit('error', value.reason))
  else receive(client, value)
}

/** Messages that came before `ready` follow the replies that did: SUBSCRIBE's is among them. */
function deliverHeld(client) {
  const own = client[kPrivate]
  settled.then(() => {
    const held = own.held || []
    own.held = null
    for (const value of held) deliver(client, value)
  })
}

function lost(client) {
  if (client !== undefined) isolate(() => client[kLost]())
}

/**
 * Waits for the ticket that the last native call answered with.
 *
 * @param {{ client: object, how: number, done: (value: unknown) => void, ticket?: number }} job
 *   `done` is told the reply, or a Failure
 */
function pend(job) {
  job.ticket = state[1]
  tickets.set(job.ticket, job)
  job.client[kPrivate].pending.add(job)
  keep(job.client, 1)
}

/** Ends a pending job with a failure; what comes for its ticket later is thrown away. */
function abandon(job, error) {
  if (tickets.delete(job.ticket)) finish(job, new Failure(error))
}

/** Makes the caller of a pending job wait no longer than `ms`. */
function limit(job, ms) {
  job.timer = setTimeout(() => {
    job.timer = undefined
    job.done(new Failure(new Error('Command timed out')))
  }, ms)
}

// ---- who keeps the process alive

let held = 0

/** A pending command or a subscribed client came (1) or went (-1). */
function keep(client, change) {
  if (client[kPrivate].referenced) holdLoop(change)
}

/** One reason more (1) or fewer (-1) for the process to stay alive. */
function holdLoop(change) {
  const before = held
  held += change
  if (before === 0 && held > 0) native.hold()
  else if (before > 0 && held === 0) native.release()
}

/** Makes a client keep the process alive while it waits or listens, or no longer so. */
function reference(client, wanted) {
  const own = client[kPrivate]
  if (own.referenced === wanted) return
  const weight = own.pending.size + (own.listening ? 1 : 0)
  if (!wanted) keep(client, -weight)
  own.referenced = wanted
  if (wanted) keep(client, weight)
}

function listen(client, active) {
  const own = client[kPrivate]
  if (own.listening === active) return
  own.listening = active
  if (active) listening.add(client)
  else listening.delete(client)
  keep(client, active ? 1 : -1)
}

function enrol(client, handle) {
  clients.set(handle, new WeakRef(client))
  forgotten.register(client, handle, client)
}

function strike(client, handle) {
  clients.delete(handle)
  forgotten.unregister(client)
}

/** @returns {any[]} the clients of this thread that have a connection */
function connected() {
  return [...clients.values()].map((reference) => reference.deref()).filter(Boolean)
}

/** Runs `task` when the loop has turned, with real timers whatever a test has put in place. */
function nextTurn(task) {
  setImmediate(task)
}

reply.setUp(native, state, tokens)
if (native.attach(state, tokens, drain) !== undefined) throw new Error(String(native.take()))

module.exports = {
  native,
  state,
  resolveLater,
  answered,
  refused,
  settle,
  spend,
  wake,
  pend,
  abandon,
  limit,
  reference,
  holdLoop,
  listen,
  enrol,
  strike,
  connected,
  nextTurn,
  nextTick,
  isolate,
  onPush,
  deliverHeld,
}
