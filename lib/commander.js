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

const { native, state, budget } = loop

/** The method of a command that goes straight to the native call when its client's state is plain. */
function fastMethod(row, flags) {
  const { call } = native
  const id = row.id | flags
  return function (a, b, c, d, e, f, g, h) {
    let handle = this[kHot]
    if (handle < 0) {
      handle = this[kPrefixed]
      if (handle < 0 || typeof a !== 'string' || !isKeyFirst(row)) {
        return send(this, row, flags, arguments)
      }
      a = this.options.keyPrefix + a
    }
    let v
    switch (arguments.length) {
      case 0:
        v = call(handle, id)
        break
      case 1:
        v = call(handle, id, a)
        break
      case 2:
        v = call(handle, id, a, b)
        break
      case 3:
        v = call(handle, id, a, b, c)
        break
      case 4:
        v = call(handle, id, a, b, c, d)
        break
      case 5:
        v = call(handle, id, a, b, c, d, e)
        break
      case 6:
        v = call(handle, id, a, b, c, d, e, f)
        break
      case 7:
        v = call(handle, id, a, b, c, d, e, f, g)
        break
      case 8:
        v = call(handle, id, a, b, c, d, e, f, g, h)
        break
      default:
        v = callLong(handle, id, [a, ...Array.from(arguments).slice(1)])
    }
    if (state[2] !== 0) loop.wake()
    if (v === true) return resume(this, row, flags, arguments)
    if (flags !== 0) v = bytesOf(v)
    else if (v === undefined) v = 'OK'
    return --budget[0] > 0 ? Promise.resolve(v) : loop.resolveLater(v)
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
    const handle = this[kHot]
    if (handle < 0 || !isPlain(row)) return send(this, row, flags, args)
    const v = native.callArray(handle, row.id | flags, args)
    if (state[2] !== 0) loop.wake()
    if (v === true) return resume(this, row, flags, args)
    const value = flags !== 0 ? bytesOf(v) : v === undefined ? 'OK' : v
    return --budget[0] > 0 ? Promise.resolve(value) : loop.resolveLater(value)
  }
}

module.exports = { attachCommands, attachAll, define }
