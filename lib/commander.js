// biome-ignore-all lint/complexity/noArguments: a rest parameter would make a list for every command

'use strict'

// One method per command and its `Buffer` twin, from the table inside the native module: a command
// added in Rust needs no line here.
//
// A method is on the path of every command, so it does as little as there is to do: in a plain
// state the words go to the native call as they are, positionally, and what comes back is wrapped
// in a resolved promise. The native call itself notices a callback or an odd argument and then has
// done nothing; that, and every other unusual thing, is the business of dispatch.js.

const loop = require('./loop')
const table = require('./table')
const { kHot, kPrefixed } = require('./symbols')
const { isKeyFirst } = require('./command')
const { bytesOf } = require('./reply')
const { BUFFERS, callLong, send, resume } = require('./dispatch')

const { native, state } = loop

/** Words that a native call takes one by one, and their names in a method's source. */
const POSITIONAL = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']

/** The words of a call, the first of which may have taken a prefix. */
function wordsOf(args, first) {
  const words = Array.from(args)
  if (words.length > 0) words[0] = first
  return words
}

/** What the source of a method refers to. */
const SCOPE = {
  kHot,
  kPrefixed,
  send,
  resume,
  bytesOf,
  callLong,
  wordsOf,
  state,
  loop,
  call: native.call,
}

/** A key in the first place takes its prefix on the fast path too. */
const PREFIXED = `{
        place = this[kPrefixed]
        if (place < 0 || typeof a !== 'string') return send(this, row, flags, arguments)
        a = this.options.keyPrefix + a
      }`

/**
 * How many words a call of this command has most times. V8 inlines a method only while it is short:
 * what has more words, or fewer, takes a longer way to the same native function.
 */
function usualCounts(row) {
  const least = Math.min(Math.abs(row.arity) - 1, POSITIONAL.length)
  const most = row.arity < 0 ? Math.min(least + 3, POSITIONAL.length) : least
  return Array.from({ length: most - least + 1 }, (_, n) => least + n)
}

/** The source of the fast method of a row. */
function source(row, flags) {
  const id = row.id | flags
  const cases = usualCounts(row).map((n) => {
    const words = POSITIONAL.slice(0, n).map((word) => `, ${word}`)
    return `case ${n}: v = call(place + ${id}${words.join('')}); break`
  })
  return `'use strict'
    return function (${POSITIONAL.join(', ')}) {
      let place = this[kHot]
      if (place < 0) ${isKeyFirst(row) ? PREFIXED : `return send(this, row, flags, arguments)`}
      let v
      switch (arguments.length) {
        ${cases.join('\n')}
        default: v = callLong(place + ${id}, wordsOf(arguments, a))
      }
      if (state[2] !== 0) loop.wake()
      if (v === true) return resume(this, row, flags, arguments)
      ${flags === 0 ? "if (v === undefined) v = 'OK'" : 'v = bytesOf(v)'}
      return --state[4] > 0 ? Promise.resolve(v) : loop.resolveLater(v)
    }`
}

/**
 * The method of a command that goes straight to the native call when its client's state is plain.
 *
 * Each has source of its own: closures made by one function share what V8 learns of them, so the
 * method that is called most would be compiled for what all the others do (180 against 160 ns for
 * an awaited GET). It is made at the first call; most programs use a few commands.
 */
function fastMethod(row, flags) {
  let made
  return function stub(...args) {
    made ??= compile(row, flags)
    replaceStub(this, row.name, stub, made)
    return Reflect.apply(made, this, args)
  }
}

function compile(row, flags) {
  try {
    const names = ['row', 'flags', ...Object.keys(SCOPE)]
    const make = new Function(...names, source(row, flags))
    return make(row, flags, ...Object.values(SCOPE))
  } catch (error) {
    // Node can be told to make no code from strings; then commands take the long way.
    if (error instanceof EvalError) return slowMethod(row, flags)
    throw error
  }
}

/** Puts the finished method where its stub stands, unless somebody has put something else there. */
function replaceStub(client, command, stub, made) {
  for (let at = client; at != null; at = Object.getPrototypeOf(at)) {
    for (const name of [command, `${command}Buffer`]) {
      if (Object.getOwnPropertyDescriptor(at, name)?.value === stub) define(at, name, made)
    }
  }
}

/** The method of a command that always takes the long way. */
function slowMethod(row, flags) {
  return function (...args) {
    return send(this, row, flags, args)
  }
}

/** May the method of this row be fast? Not if the table's reply is not what the caller is given. */
function isPlain(row) {
  const built = row.argument === null || table.isBuiltIn(row.argument)
  return built && row.reply === null && !row.peculiar && row.id !== table.UNKNOWN
}

function define(target, name, value) {
  Object.defineProperty(target, name, {
    value,
    configurable: true,
    enumerable: false,
    writable: true,
  })
}

function attach(target, row, make, byHand) {
  const twin = `${row.name}Buffer`
  if (!byHand.has(row.name)) define(target, row.name, make(row, 0))
  if (!byHand.has(twin)) define(target, twin, make(row, BUFFERS))
}

/**
 * Gives the class one method per command and its twin; those written by hand stay.
 *
 * @param {object} prototype
 * @param {(row: object, flags: number) => Function} make
 * @returns {(row: object) => void} makes the methods of a row anew
 */
function attachAll(prototype, make) {
  const byHand = new Set(Object.getOwnPropertyNames(prototype))
  const attachRow = (row) => attach(prototype, row, make, byHand)
  for (const row of table.rows.values()) attachRow(row)
  return attachRow
}

/** The methods of a client. */
function attachCommands(prototype) {
  const make = (row, flags) => (isPlain(row) ? fastMethod(row, flags) : slowMethod(row, flags))
  const attachRow = attachAll(prototype, make)
  // a transformer that is set later takes the method off the fast path
  table.watch(attachRow)
  define(prototype, 'call', callMethod(0))
  define(prototype, 'callBuffer', callMethod(BUFFERS))
  define(prototype, 'send_command', prototype.call)
}

/** `call(name, ...args)`: any command, known or not. */
function callMethod(flags) {
  return function (name, ...args) {
    if (Array.isArray(name)) return Reflect.apply(callMethod(flags), this, [...name, ...args])
    const row = table.lookup(name)
    const place = this[kHot]
    if (place < 0 || !isPlain(row)) return send(this, row, flags, args)
    const v = native.callArray(place + (row.id | flags), args)
    if (state[2] !== 0) loop.wake()
    if (v === true) return resume(this, row, flags, args)
    const value = flags !== 0 ? bytesOf(v) : v === undefined ? 'OK' : v
    return --state[4] > 0 ? Promise.resolve(value) : loop.resolveLater(value)
  }
}

module.exports = { POSITIONAL, attachCommands, attachAll, define }
