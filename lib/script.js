// biome-ignore-all lint/complexity/noArguments: a rest parameter would make a list for every call

'use strict'

// Custom commands: scripts in Lua that have a name (`defineCommand`, the option `scripts`).
//
// As with ioredis a client sends a script whole the first time (EVAL) and by its digest from then on
// (EVALSHA). When the store has forgotten it meanwhile (SCRIPT FLUSH), it is sent whole once more
// and the caller notices nothing. By its digest a script goes straight to the native call when its
// client's state is plain, as other commands do; see commander.js.

// test runners give contexts that lack it as a global
const { Buffer } = require('node:buffer')
const { createHash } = require('node:crypto')
const loop = require('./loop')
const reply = require('./reply')
const table = require('./table')
const dispatch = require('./dispatch')
const { POSITIONAL } = require('./commander')
const { kHot, kPrefixed, kPrivate } = require('./symbols')
const { Failure } = require('./errors')

const { AWAY, callLong, toList } = dispatch
const { native, state } = loop

const EVAL = table.lookup('eval')
const EVALSHA = table.lookup('evalsha')

/** The place of no connection; nor is it what a client has that is not plain. */
const NOWHERE = -2

const QUEUED = Buffer.from('QUEUED')

class Script {
  /**
   * @param {{ lua: string, numberOfKeys?: number, readOnly?: boolean }} definition
   * @param {string | Buffer} [keyPrefix]
   */
  constructor({ lua, numberOfKeys, readOnly = false }, keyPrefix = '') {
    if (typeof lua !== 'string' && !Buffer.isBuffer(lua)) {
      throw new TypeError(`a custom command is made of a script: its "lua" is ${typeof lua}`)
    }
    this.lua = lua
    this.numberOfKeys = numberOfKeys ?? null
    this.keyPrefix = keyPrefix
    this.readOnly = readOnly
    this.sha = createHash('sha1').update(lua).digest('hex')
    /** The connection that has sent it whole: the place of its commands (`table.placeOf`). */
    this.place = NOWHERE
  }

  /** The words of EVALSHA for what the method was called with. */
  words(client, args) {
    const { sha, numberOfKeys: count } = this
    const all = typeof count === 'number' ? [sha, count, ...args] : [sha, ...args]
    return dispatch.prepare(client, EVALSHA, all)
  }

  /** The row to run these words with; the first word is made to fit it. */
  choose(client, words) {
    const known = this.place >= 0 && this.place === table.placeOf(client[kPrivate].handle)
    words[0] = known ? this.sha : this.lua
    return known ? EVALSHA : EVAL
  }

  /** EVAL has given this, or will give something. */
  sent(client, value) {
    // in a transaction, which may yet come to nothing
    const waits = value === 'QUEUED' || (Buffer.isBuffer(value) && value.equals(QUEUED))
    if (!waits) this.place = table.placeOf(client[kPrivate].handle)
  }

  /** Does this say that the script is not known any more? Then it will be sent whole again. */
  isForgotten(value) {
    const error = value instanceof Failure ? value.reason : value
    const forgotten = error instanceof Error && error.message.startsWith('NOSCRIPT')
    if (forgotten) this.place = NOWHERE
    return forgotten
  }

  /**
   * Runs the script.
   *
   * @returns what `dispatch.perform` gives, and the row that it was run with
   */
  perform(client, flags, words) {
    let row = this.choose(client, words)
    let value = dispatch.perform(client, row, flags, words)
    if (row === EVALSHA && this.isForgotten(value)) {
      row = this.choose(client, words)
      value = dispatch.perform(client, row, flags, words)
    }
    if (row === EVAL) this.sent(client, value)
    return { value, row }
  }
}

/** A custom command off the fast path. */
function send(client, script, flags, args) {
  return dispatch.attend(client, args, (list) => {
    return run(client, script, flags, script.words(client, list))
  })
}

function run(client, script, flags, words) {
  if (client[kHot] < 0) {
    const refusal = dispatch.refuse(client, EVALSHA)
    if (refusal !== null) return loop.refused(refusal.reason)
    if (client[kPrivate].handle < 0) {
      return dispatch.offline(client, () => run(client, script, flags, words))
    }
  }
  const { value, row } = script.perform(client, flags, words)
  return value === AWAY ? wait(client, script, row, flags, words) : loop.answered(client, value)
}

/** The promise of a script whose ticket is in `state`. */
function wait(client, script, row, flags, words) {
  const promise = dispatch.pending(client, row, flags, words)
  if (row === EVAL) return promise
  return promise.catch((error) => {
    if (!script.isForgotten(error)) throw error
    return run(client, script, flags, words)
  })
}

/** A native call returned `true`: a reply of several words, an error, a ticket or an odd word. */
function resume(client, script, flags, args) {
  const code = state[0]
  if (code === reply.ODD) return send(client, script, flags, args)
  if (code === reply.JOINED || code === reply.SEPARATE) {
    return loop.answered(client, reply.read(true, dispatch.howToRead(client, EVALSHA, flags)))
  }
  const words = script.words(client, toList(args))
  const value = dispatch.conclude(client, EVALSHA, flags, words, true)
  if (value === AWAY) return wait(client, script, EVALSHA, flags, words)
  return script.isForgotten(value)
    ? run(client, script, flags, words)
    : loop.answered(client, value)
}

// ---- the methods

/** What the source of a method refers to, beside its script. */
const SCOPE = {
  kHot,
  kPrefixed,
  send,
  resume,
  bytesOf: reply.bytesOf,
  callLong,
  state,
  loop,
  call: native.call,
  row: EVALSHA,
  behind,
}

/** Puts those of `args` from the given one on behind the words. */
function behind(words, args, from) {
  for (let i = from; i < args.length; i++) words.push(args[i])
  return words
}

/** How keys take their prefix on the fast path; only strings do, and only so many. */
function prefixing(count, places) {
  if (count === null || count > places) return 'return send(this, script, flags, arguments)'
  const keys = POSITIONAL.slice(0, count)
  const odd = keys.map((key) => ` || typeof ${key} !== 'string'`).join('')
  return `
        place = this[kPrefixed]
        if (place !== script.place${odd}) return send(this, script, flags, arguments)
        ${keys.map((key) => `${key} = this.options.keyPrefix + ${key}`).join('\n')}`
}

/** The source that makes the methods of all scripts with this number of keys. */
function source(count, flags) {
  const id = EVALSHA.id | flags
  const head = count === null ? 'sha' : `sha, ${count}`
  const places = count === null ? 7 : 6
  const names = POSITIONAL.slice(0, places)
  const cases = [...names.keys(), places].map((n) => {
    const words = [head, ...names.slice(0, n)].join(', ')
    const straight = `call(place + ${id}, ${words})`
    const list = `Array.isArray(a) ? callLong(place + ${id}, [${head}, ...a]) : `
    return `case ${n}: v = ${n === 1 ? list : ''}${straight}; break`
  })
  return `'use strict'
    return function (script, sha, flags) {
      return function (${names.join(', ')}) {
        let place = this[kHot]
        if (row.reply !== null || row.argument !== null) {
          return send(this, script, flags, arguments)
        }
        if (place !== script.place) {
          ${prefixing(count, places)}
        }
        let v
        switch (arguments.length) {
          ${cases.join('\n')}
          default:
            v = callLong(place + ${id}, behind([${head}, ${names.join(', ')}], arguments, ${places}))
        }
        if (state[2] !== 0) loop.wake()
        if (v === true) return resume(this, script, flags, arguments)
        ${flags === 0 ? "if (v === undefined) v = 'OK'" : 'v = bytesOf(v)'}
        return --state[4] > 0 ? Promise.resolve(v) : loop.resolveLater(v)
      }
    }`
}

/** Made sources by number of keys and flags: clients and scripts share them. */
const makers = new Map()

function makerOf(count, flags) {
  const kind = `${count} ${flags}`
  let maker = makers.get(kind)
  if (maker === undefined) {
    maker = compile(count, flags)
    makers.set(kind, maker)
  }
  return maker
}

function compile(count, flags) {
  try {
    return new Function(...Object.keys(SCOPE), source(count, flags))(...Object.values(SCOPE))
  } catch (error) {
    // Node can be told to make no code from strings; then commands take the long way.
    if (!(error instanceof EvalError)) throw error
    return (script) =>
      function (...args) {
        return send(this, script, flags, args)
      }
  }
}

/** The method of a custom command. */
function methodOf(script, flags) {
  const { numberOfKeys: count } = script
  const fixed = typeof count === 'number' ? count : null
  return makerOf(fixed, flags)(script, script.sha, flags)
}

module.exports = { Script, methodOf }
