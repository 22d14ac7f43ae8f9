'use strict'

// From what the native module answers to what the caller is given.
//
// A reply that is one string, number or nothing crosses as itself. Everything else is a stream of
// tokens, pairs of kind and value, and the strings that belong to it: slices of one long string, or
// a list. Arrays, objects and errors are born here, in the realm of the caller.
//
// Two families of shapes exist: the ones of RESP2, which ioredis gives by default whatever the
// protocol, and with `replyMapping: 'resp3'` maps as objects, doubles as numbers.

const { ReplyError, ReplyTooLongError, Failure } = require('./errors')

// What `state[0]` says after a native call that returned `true`.
const JOINED = 1
const SEPARATE = 2
// 3 is an error, the rest of what is none of these
const PENDING = 4
const ODD = 5
const TOO_LONG = 6

// How a reply is to be read.
/** Strings are Buffers. */
const BUFFERS = 1
/** Maps are objects, doubles numbers. */
const RESP3 = 2
/** Integers are strings. */
const STRINGS = 4
/** A flat array of pairs is an object (HGETALL). */
const OBJECT = 8
/** The items of an array stand or fall by themselves (EXEC). */
const EACH = 16

let native
let state
let own

// The stream that is being read. Reading never calls user code, so one cursor is enough.
let tokens
let at = 0
let text = null
let list = null
let position = 0
let resp3 = false
let integersAsStrings = false
/** How long the string was that JavaScript could not hold, or 0. */
let tooLong = 0

function setUp(binding, sharedState, sharedTokens) {
  native = binding
  state = sharedState
  own = sharedTokens
}

/** Takes the strings of the reply over and puts the cursor before the first token. */
function open(how) {
  at = 0
  position = 0
  resp3 = (how & RESP3) !== 0
  integersAsStrings = (how & STRINGS) !== 0
  tokens = own
  if (state[0] === JOINED) {
    list = null
    text = native.take()
    return
  }
  text = null
  const used = state[3]
  list = NOTHING
  if (used > own.length) {
    tokens = new Float64Array(used)
    native.take(gather, tokens)
  } else {
    native.take(gather)
  }
}

const NOTHING = []

/** Called with the strings of a reply, in batches: their list is born here. */
function gather(...batch) {
  if (list === NOTHING) list = batch
  else list.push(...batch)
}

function close() {
  text = null
  list = null
  tokens = own
}

function word(length) {
  if (list !== null) {
    const item = list[position++]
    if (item === null) tooLong = length
    return item
  }
  const start = position
  position += length
  return typeof text === 'string' ? text.slice(start, position) : text.subarray(start, position)
}

function asText(value) {
  return typeof value === 'string' ? value : String(value)
}

function doubleText(value) {
  if (Number.isNaN(value)) return 'nan'
  if (value === Infinity) return 'inf'
  return value === -Infinity ? '-inf' : String(value)
}

function array(count) {
  const items = new Array(count)
  for (let i = 0; i < count; i++) {
    // the strings of a flat array, by far the most frequent items, without a call each
    if (tokens[at] === 2 && list === null && typeof text === 'string') {
      const start = position
      position += tokens[at + 1]
      at += 2
      items[i] = text.slice(start, position)
    } else {
      items[i] = node()
    }
  }
  return items
}

/** An object with own properties only: a field may be called `__proto__`. */
function put(object, key, value) {
  if (key === '__proto__') {
    Object.defineProperty(object, key, {
      value,
      configurable: true,
      enumerable: true,
      writable: true,
    })
  } else {
    object[key] = value
  }
}

/**
 * The names of the last object that was read. Objects that are read over and over have the same
 * ones, and a name that is known already need not be made and looked up again.
 */
const names = []

/** The key at the cursor, whose place among the keys is `i`. */
function name(i) {
  if (list === null && tokens[at] === 2 && typeof text === 'string') {
    const length = tokens[at + 1]
    const known = names[i]
    at += 2
    if (known !== undefined && known.length === length && text.startsWith(known, position)) {
      position += length
      return known
    }
    const start = position
    position += length
    const made = text.slice(start, position)
    if (i < NAMES_MAX) names[i] = made
    return made
  }
  const key = node()
  return typeof key === 'string' ? key : String(key)
}

/** More names than this are not remembered. */
const NAMES_MAX = 64

function object(pairs) {
  const result = {}
  for (let i = 0; i < pairs; i++) {
    const key = name(i)
    if (key === '__proto__') put(result, key, node())
    else result[key] = node()
  }
  return result
}

/** The value at the cursor, with all that is inside. */
function node() {
  const kind = tokens[at]
  const value = tokens[at + 1]
  at += 2
  if (kind === 2) return word(value)
  switch (kind) {
    case 0:
      return null
    case 1:
      return value
    case 3:
    case 5:
    case 10:
      return array(value)
    case 4:
      return resp3 ? object(value) : array(value * 2)
    case 6:
      return resp3 && !integersAsStrings ? value : doubleText(value)
    case 7:
      return resp3 ? value === 1 : value
    case 8:
      return new ReplyError(asText(word(value)))
    case 12:
      return asText(word(value))
    case 13:
      return bigInteger(asText(word(value)))
    default:
      return word(value)
  }
}

/** The error about a string in the reply that was too long, if there was one. */
function takeTooLong() {
  if (tooLong === 0) return null
  const error = new ReplyTooLongError(
    `ERR a string of the reply has ${tooLong} bytes, more than the longest string of this ` +
      "JavaScript engine; ask for it with the command's Buffer twin (as mgetBuffer is mget's)",
  )
  tooLong = 0
  return error
}

/** An array whose items fail by themselves. */
function eachItem(count) {
  const items = new Array(count)
  for (let i = 0; i < count; i++) {
    const item = node()
    items[i] = takeTooLong() || item
  }
  return items
}

/** Beyond 2^53 a number is what JavaScript makes of it, unless strings were asked for. */
function bigInteger(digits) {
  return integersAsStrings ? digits : Number(digits)
}

function failure() {
  const message = native.take()
  return new Failure(
    state[0] === TOO_LONG ? new ReplyTooLongError(message) : new ReplyError(message),
  )
}

/**
 * A reply of one word, for a caller who wants Buffers. Short ones come as strings of as many
 * characters as there are bytes, because a Buffer is made faster here.
 *
 * @param {unknown} v
 */
function bytesOf(v) {
  if (typeof v === 'string') return Buffer.from(v, 'latin1')
  return v === undefined ? Buffer.from('OK') : v
}

/**
 * The reply of a native call that returned `v`. An error comes as a Failure; nothing is thrown.
 *
 * @param {unknown} v
 * @param {number} how BUFFERS, RESP3, STRINGS, OBJECT and EACH, or-ed
 */
function read(v, how) {
  if (v !== true) return how & BUFFERS ? bytesOf(v) : v === undefined ? 'OK' : v
  if (state[0] !== JOINED && state[0] !== SEPARATE) return failure()
  open(how)
  let value
  try {
    value = root(how)
  } catch (error) {
    value = tooDeep(error)
  }
  close()
  const error = takeTooLong()
  return error === null ? value : new Failure(error)
}

/** @param {number} how */
function root(how) {
  const kind = tokens[0]
  if (how & OBJECT && !resp3 && (kind === 3 || kind === 4)) {
    at = 2
    return object(kind === 3 ? tokens[1] / 2 : tokens[1])
  }
  if (how & EACH && kind === 3) {
    at = 2
    return eachItem(tokens[1])
  }
  return node()
}

/** A script may answer with a table that is in itself: thousands of arrays, each in the last. */
function tooDeep(error) {
  if (!(error instanceof RangeError)) throw error
  return new Failure(
    new ReplyError('ERR the reply has more arrays inside each other than JavaScript can read'),
  )
}

/**
 * Buffers to strings, at any depth.
 *
 * @param {any} value
 * @param {BufferEncoding} encoding
 */
function decodeText(value, encoding) {
  if (Buffer.isBuffer(value)) return value.toString(encoding)
  if (Array.isArray(value)) return value.map((item) => decodeText(item, encoding))
  if (value !== null && typeof value === 'object' && !(value instanceof Error)) {
    const result = {}
    for (const key of Object.keys(value)) put(result, key, decodeText(value[key], encoding))
    return result
  }
  return value
}

/**
 * HGETALL as an object.
 *
 * @param {unknown} value
 */
function pairsToObject(value) {
  if (!Array.isArray(value)) return value
  const result = {}
  for (let i = 0; i < value.length; i += 2) put(result, String(value[i]), value[i + 1])
  return result
}

module.exports = {
  JOINED,
  SEPARATE,
  PENDING,
  ODD,
  BUFFERS,
  RESP3,
  STRINGS,
  OBJECT,
  EACH,
  setUp,
  read,
  bytesOf,
  decodeText,
  pairsToObject,
}
