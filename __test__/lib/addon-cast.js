'use strict'

// A cast for transcripts (`golden/README.md`) that plays them at the addon's wall: below the faces,
// which give replies other shapes, and above everything native. How the notation is read and
// printed is `scripts/lib/transcript.mjs`'s; here stands how a command goes through and comes back.

const assert = require('node:assert/strict')
const { setImmediate: turn } = require('node:timers/promises')
const native = require('../../lib/native')

const START_MS = 1_700_000_000_000

const UNKNOWN = 0xffff
const BUFFERS = 0x10000
const STRING_NUMBERS = 0x20000
const [JOINED, SEPARATE, ERROR, PENDING] = [1, 2, 3, 4]
const [COMPLETED, PUSHED, CLOSED_EVENT] = [1, 2, 3]

const state = new Int32Array(16)
const tokens = new Float64Array(4096)

/** Connections by handle, and tickets by number, of the transcript that is being played. */
const connections = new Map()
const tickets = new Map()

native.attach(state, tokens, drain)

/** Takes every event that waits for this thread. */
function drain() {
  for (;;) {
    const value = native.next()
    const event = state[5]
    if (event === 0) return
    if (event === COMPLETED) {
      tickets.get(state[1])?.(read(value))
      tickets.delete(state[1])
    } else if (event === PUSHED) hear(connections.get(state[6]), value)
    else if (event === CLOSED_EVENT) {
      const connection = connections.get(state[6])
      if (connection) connection.closed = true
    }
  }
}

/** A message. On a RESP2 socket it would be an array. */
function hear(connection, value) {
  const message = read(value)
  if (connection?.protocol === 2) message.kind = 'array'
  connection?.heard.push(message)
}

/** What a native call returned, as a reply of the transcript's making. */
function read(value) {
  if (value === undefined) return { kind: 'status', value: 'OK' }
  if (value === null) return { kind: 'nil' }
  if (typeof value === 'number') return { kind: 'integer', value }
  // A short one comes as a string of its bytes, which JavaScript makes a Buffer of more cheaply.
  if (typeof value === 'string') return { kind: 'string', value: Buffer.from(value, 'latin1') }
  if (value !== true) return { kind: 'string', value }
  const code = state[0]
  if (code === ERROR) return { kind: 'error', value: native.take() }
  assert.ok(code === JOINED || code === SEPARATE, `the native call answered with code ${code}`)
  return readTree(code)
}

const [NIL, INT, STRING, ARRAY, MAP, SET, DOUBLE, BOOL, FAULT, STATUS, PUSH, VERBATIM, BIG, TEXT] =
  [...Array(14).keys()]
const AGGREGATES = { [ARRAY]: 'array', [SET]: 'set', [PUSH]: 'push' }
const TEXTS = { [FAULT]: 'error', [STATUS]: 'status', [BIG]: 'bignum', [TEXT]: 'integer' }

function readTree(code) {
  let stream = tokens
  const list = []
  let joined = null
  if (state[3] > tokens.length) {
    stream = new Float64Array(state[3])
    native.take(list, stream)
  } else if (code === SEPARATE) native.take(list)
  else joined = native.take()
  let at = 0
  let from = 0
  const bytes = (length) => {
    if (joined === null) return Buffer.from(list[from++])
    from += length
    return Buffer.from(joined.slice(from - length, from))
  }
  const next = () => {
    const kind = stream[at++]
    const value = stream[at++]
    const many = (count) => Array.from({ length: count }, next)
    if (kind === NIL) return { kind: 'nil' }
    if (kind === INT) return { kind: 'integer', value }
    if (kind === DOUBLE) return { kind: 'double', value: printed(value) }
    if (kind === BOOL) return { kind: 'bool', value: value === 1 }
    if (kind === STRING) return { kind: 'string', value: bytes(value) }
    if (kind === VERBATIM) return { kind: 'verbatim', value: bytes(value) }
    if (kind === MAP) {
      return { kind: 'map', value: Array.from({ length: value }, () => [next(), next()]) }
    }
    if (AGGREGATES[kind]) return { kind: AGGREGATES[kind], value: many(value) }
    return { kind: TEXTS[kind], value: bytes(value).toString() }
  }
  return next()
}

/** A double as the server prints it. */
function printed(value) {
  if (Object.is(value, -0)) return '-0'
  return Number.isFinite(value) ? String(value) : String(value).replace('Infinity', 'inf')
}

/** Turns the event loop until something is there; for long only if the recording promises it. */
async function until(isThere, { expected: [line] }) {
  const patienceMs = line === '(blocked)' || line === '(nothing)' ? 0 : 5000
  const end = Date.now() + patienceMs
  for (let turns = 0; !isThere() && (turns < 20 || Date.now() < end); turns++) {
    if (state[2] !== 0) drain()
    await turn()
  }
}

/** Plays one transcript on a store of its own. */
class Cast {
  name = 'latchkey'
  like = ['valkey', 'redis8', 'valkey9']
  embedded = true
  #store = new native.Store({ clock: 'manual', seed: 1 })
  #handles = new Map()

  constructor({ answersWithPushes, BLOCKED, CLOSED, NOTHING }) {
    Object.assign(this, { answersWithPushes, BLOCKED, CLOSED, NOTHING })
    this.#store.setTime(START_MS)
  }

  #connection(who) {
    const known = this.#handles.get(who)
    return known && !known.closed ? known : this.#open(who, 2)
  }

  #open(who, protocol) {
    const handle = native.connect(this.#store.id, 0, protocol)
    native.pushBuffers(handle, 1)
    const connection = { handle, protocol, heard: [], closed: false }
    connections.set(handle, connection)
    this.#handles.set(who, connection)
    return connection
  }

  #drop({ handle, closed }) {
    if (!closed) native.disconnect(handle)
    connections.delete(handle)
  }

  async send(who, words, step) {
    const connection = this.#connection(who)
    const { heard } = connection
    const before = heard.length
    const large = step.expected.some((line) => /\(integer\) -?\d{16,}/.test(line))
    const flags = large ? BUFFERS | STRING_NUMBERS : BUFFERS
    const value = native.callArray(connection.handle * 0x40000 + (UNKNOWN | flags), words)
    let reply = value === true && state[0] === PENDING ? undefined : read(value)
    if (reply === undefined) {
      const ticket = state[1]
      tickets.set(ticket, (answer) => {
        reply = answer
      })
      // The answer of work that went to another thread comes by itself; of a wait it does not.
      await until(() => reply !== undefined, step)
      if (reply === undefined) {
        tickets.set(ticket, (answer) => heard.push(answer))
        return this.BLOCKED
      }
    }
    if (state[2] !== 0) drain()
    if (this.answersWithPushes(words) && heard.length > before && reply.kind !== 'error') {
      return heard.splice(before, 1)[0]
    }
    return asRecorded(reply, step)
  }

  async receive(who, step) {
    const connection = this.#handles.get(who) ?? this.#connection(who)
    await until(() => connection.heard.length > 0 || connection.closed, step)
    const reply = connection.heard.shift()
    if (reply === undefined) return connection.closed ? this.CLOSED : this.NOTHING
    return asRecorded(reply, step)
  }

  async advance(ms) {
    this.#store.advance(ms)
    if (state[2] !== 0) drain()
  }

  async protocol(who, version) {
    const known = this.#handles.get(who)
    if (known) this.#drop(known)
    this.#open(who, version)
  }

  end() {
    for (const connection of this.#handles.values()) this.#drop(connection)
    this.#store.close()
  }
}

/** The wall does not tell a status from a string; the recording does. */
function asRecorded(reply, step) {
  const [line = ''] = step.expected
  if (reply.kind !== 'string' || line.startsWith('"') || line === '(string)' || step.pick) {
    return reply
  }
  return { kind: 'status', value: reply.value.toString() }
}

module.exports = { Cast }
