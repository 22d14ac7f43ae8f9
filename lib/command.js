'use strict'

// `Redis.Command`: a command as an object, for `sendCommand`, and the place where transformers are
// set. Nothing in this package needs it: methods go to the native module without one.

const { native } = require('./loop')
const { decodeText } = require('./reply')
const { nodeify } = require('./callback')
const { toWord, toWords, withPrefix } = require('./words')
const table = require('./table')

const FLAGS = {
  VALID_IN_SUBSCRIBER_MODE: [
    'subscribe',
    'psubscribe',
    'unsubscribe',
    'punsubscribe',
    'ssubscribe',
    'sunsubscribe',
    'ping',
    'quit',
  ],
  VALID_IN_MONITOR_MODE: ['monitor', 'auth'],
  ENTER_SUBSCRIBER_MODE: ['subscribe', 'psubscribe', 'ssubscribe'],
  EXIT_SUBSCRIBER_MODE: ['unsubscribe', 'punsubscribe', 'sunsubscribe'],
  WILL_DISCONNECT: ['quit'],
  HANDSHAKE_COMMANDS: ['auth', 'hello', 'select', 'client', 'readonly', 'info'],
  IGNORE_RECONNECT_ON_ERROR: ['client'],
  BLOCKING_COMMANDS: [
    'blpop',
    'brpop',
    'brpoplpush',
    'blmove',
    'bzpopmin',
    'bzpopmax',
    'bzmpop',
    'blmpop',
    'xread',
    'xreadgroup',
  ],
  LAST_ARG_TIMEOUT_COMMANDS: ['blpop', 'brpop', 'brpoplpush', 'blmove', 'bzpopmin', 'bzpopmax'],
  FIRST_ARG_TIMEOUT_COMMANDS: ['bzmpop', 'blmpop'],
  BLOCK_OPTION_COMMANDS: ['xread', 'xreadgroup'],
}

/** The same, to ask by name. */
const FLAG_MAP = Object.fromEntries(
  Object.entries(FLAGS).map(([flag, names]) => {
    return [flag, Object.fromEntries(names.map((name) => [name, true]))]
  }),
)

/** The positions in `words` of what the table calls keys; none for an unknown command. */
function keyPositions(row, words) {
  return row.id === table.UNKNOWN ? [] : native.keyPositions(row.id, words)
}

/** Commands whose later words may turn out to name keys. */
const SURPRISING = new Set(['sort', 'sort_ro', 'georadius', 'georadiusbymember', 'migrate'])
const PROBE = ['1', '1', '1', '1', '1', '1']

/** Is the first word of the command its only key, whatever the others are? */
function isKeyFirst(row) {
  if (row.keyFirst === undefined) {
    const positions = keyPositions(row, PROBE)
    const alone = positions.length === 1 && positions[0] === 0
    row.keyFirst = alone && !SURPRISING.has(row.name.toLowerCase())
  }
  return row.keyFirst
}

/** Puts the client's `keyPrefix` before every key, in place. */
function prefixKeys(row, words, prefix) {
  if (words.length > 0 && isKeyFirst(row)) words[0] = withPrefix(prefix, toWord(words[0]))
  else for (const i of keyPositions(row, toWords(words))) words[i] = withPrefix(prefix, words[i])
  return words
}

class Command {
  static FLAGS = FLAGS
  static _transformer = table.transformers

  /** @returns {Record<string, Record<string, boolean>>} the commands that have each flag */
  static getFlagMap() {
    return FLAG_MAP
  }

  /**
   * Does the command have the flag?
   *
   * @param {keyof typeof FLAGS} flag
   * @param {string} name in any case
   */
  static checkFlag(flag, name) {
    return FLAGS[flag].includes(name.toLowerCase())
  }

  static setArgumentTransformer(name, func) {
    table.setArgumentTransformer(name, func)
  }

  static setReplyTransformer(name, func) {
    table.setReplyTransformer(name, func)
  }

  /**
   * @param {string} name
   * @param {unknown[]} [args]
   * @param {{ replyEncoding?: BufferEncoding | null, keyPrefix?: string | Buffer,
   *   readOnly?: boolean }} [options] without an encoding the reply has Buffers
   * @param {(error: Error | null, reply?: unknown) => void} [callback]
   */
  constructor(name, args, options, callback) {
    const { replyEncoding, keyPrefix, readOnly } = options || {}
    this.name = name
    this.replyEncoding = replyEncoding
    this.inTransaction = false
    this.isResolved = false
    this.isSettled = false
    this.protocol = 2
    this.replyMapping = 'legacy'
    /** @type {any[]} */
    this.args = (args || []).flat()
    this.callback = callback
    if (readOnly) this.isReadOnly = true
    this.promise = nodeify(
      new Promise((resolve, reject) => this.#prepare(resolve, reject, keyPrefix)),
      callback,
    )
  }

  #prepare(resolve, reject, keyPrefix) {
    this.reject = (error) => {
      this.isSettled = true
      reject(error)
    }
    this.resolve = (value) => {
      try {
        resolve(this.transformReply(value))
        this.isResolved = true
        this.isSettled = true
      } catch (error) {
        this.reject(error)
      }
      return this.promise
    }
    const transform = table.transformers.argument[this.name]
    if (transform) this.args = transform(this.args)
    this.stringifyArguments()
    if (keyPrefix) prefixKeys(table.lookup(this.name), this.args, keyPrefix)
  }

  stringifyArguments() {
    toWords(this.args)
    this.bufferMode = this.args.some((arg) => typeof arg !== 'string')
  }

  /** @returns {Array<string | Buffer>} the arguments that are keys */
  getKeys() {
    return keyPositions(table.lookup(this.name), this.args).map((i) => this.args[i])
  }

  /** Strings in the wanted encoding, then what the transformer makes of it. */
  transformReply(value) {
    const text = this.replyEncoding ? decodeText(value, this.replyEncoding) : value
    const transform = table.transformers.reply[this.name]
    if (!transform) return text
    const { name: commandName, protocol, replyMapping } = this
    return transform(text, { commandName, protocol, replyMapping })
  }
}

module.exports = { Command, isKeyFirst, prefixKeys }
