'use strict'

// From what a caller passes to the words a command is made of: strings and Buffers. The rules are
// ioredis's, since its users' habits are what comes in here: one level of nested arrays is
// flattened, null and undefined are the empty string, everything else is what `String()` makes.

/** @param {unknown} arg */
function isWord(arg) {
  return typeof arg === 'string' || ArrayBuffer.isView(arg)
}

/**
 * @param {unknown} arg
 * @returns {string | Uint8Array}
 */
function toWord(arg) {
  if (typeof arg === 'string' || arg instanceof Uint8Array) return arg
  // other views are bytes too: the native module takes them for what they show
  if (ArrayBuffer.isView(arg)) return Buffer.from(arg.buffer, arg.byteOffset, arg.byteLength)
  if (arg === null || arg === undefined) return ''
  if (typeof arg === 'number') {
    // String(1e21) would be an exponent, which no command takes for an integer
    return Number.isInteger(arg) && !Number.isSafeInteger(arg) ? String(BigInt(arg)) : String(arg)
  }
  return String(arg)
}

/** Are these words as they stand, in the eyes of the native call? */
function areWords(args) {
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]
    if (typeof arg !== 'string' && !Number.isSafeInteger(arg) && !(arg instanceof Uint8Array)) {
      return false
    }
  }
  return true
}

/**
 * Makes every element a word, in place.
 *
 * @param {any[]} args
 */
function toWords(args) {
  for (let i = 0; i < args.length; i++) {
    if (typeof args[i] !== 'string') args[i] = toWord(args[i])
  }
  return args
}

/** @param {Map<unknown, unknown> | object} pairs */
function pairsToArray(pairs) {
  const flat = []
  if (pairs instanceof Map) for (const [key, value] of pairs) flat.push(key, value)
  else for (const key of Object.keys(pairs)) flat.push(key, pairs[key])
  return flat
}

/** `mset({ a: 1 })` and `mset(new Map(...))`. */
function msetWords(args) {
  const [pairs] = args
  return args.length === 1 && typeof pairs === 'object' && pairs !== null && !isWord(pairs)
    ? pairsToArray(pairs)
    : args
}

/** `hset(key, { a: 1 })` and `hset(key, new Map(...))`. */
function hsetWords(args) {
  const [key, pairs] = args
  return args.length === 2 && typeof pairs === 'object' && pairs !== null && !isWord(pairs)
    ? [key].concat(pairsToArray(pairs))
    : args
}

/**
 * @param {string | Buffer} prefix
 * @param {string | Uint8Array} key
 */
function withPrefix(prefix, key) {
  if (typeof prefix === 'string' && typeof key === 'string') return prefix + key
  return Buffer.concat([Buffer.from(prefix), typeof key === 'string' ? Buffer.from(key) : key])
}

module.exports = { areWords, toWord, toWords, msetWords, hsetWords, withPrefix }
