'use strict'

// class Redis: a client of the in-process store with the manners of ioredis. The methods of the
// commands come from commander.js; this file is about a client's life: making one, its status and
// events, what it is subscribed to, its end.
//
// There is nothing to connect to, yet a client walks through the states as one with a socket does,
// in later turns of the loop, because programs wait for them. Commands that come before `ready` run
// at once, and their promises resolve after the event.

const { EventEmitter } = require('node:events')
const { clearTimeout } = require('node:timers')
const loop = require('./loop')
const table = require('./table')
const { nodeify, noop } = require('./callback')
const { defaultOptions, parseOptions, warnOfSiblings } = require('./options')
const { Store } = require('./store')
const lifecycle = require('./lifecycle')
const { Subscriptions } = require('./subscriber')
const { Private } = require('./private')
const { attachCommands, define } = require('./commander')
const { transactions, addToPipelines } = require('./pipeline')
const { Script, methodOf } = require('./script')
const { ScanStream } = require('./scan-stream')
const { send, run, BUFFERS } = require('./dispatch')
const s = require('./symbols')

class Redis extends EventEmitter {
  static createClient(...args) {
    return new Redis(...args)
  }

  static defaultOptions = defaultOptions

  /**
   * @param {...unknown} args options, with or without an address before them, as ioredis takes them
   */
  constructor(...args) {
    super()
    this.options = parseOptions(args)
    this.isCluster = false
    /** Custom commands by name. */
    this.scriptsSet = {}
    /** Names given to `addBuiltinCommand`. */
    this.addedBuiltinSet = new Set()
    const { options } = this
    if (options.store !== undefined && !(options.store instanceof Store)) {
      throw new TypeError('the option "store" is to be a Store: new Store(...)')
    }
    if (options.store === undefined) warnOfSiblings()
    prepareState(this)
    for (const name of Object.keys(options.scripts ?? {})) {
      this.defineCommand(name, options.scripts[name])
    }
    if (options.lazyConnect) lifecycle.setStatus(this, 'wait')
    else this.connect().catch(noop)
  }

  /** Where the client is in its life; libraries write it too. */
  get status() {
    return this[s.kPrivate]?.status
  }

  set status(status) {
    this[s.kPrivate].status = status
    lifecycle.refresh(this)
  }

  /** What the client is used for: `'normal'`, `'subscriber'` or `'monitor'`. */
  get mode() {
    if (this.options.monitor) return 'monitor'
    const restricted = this.options.protocol !== 3 && this[s.kPrivate].subscriptions.size > 0
    return restricted ? 'subscriber' : 'normal'
  }

  /** Commands are not put into pipelines on their own: there are no round trips to save. */
  get autoPipelineQueueSize() {
    return 0
  }

  /**
   * Connects a client that was made with `lazyConnect`, or one that has ended.
   *
   * @param {(error: Error | null) => void} [callback]
   * @returns {Promise<void>} resolved when the client is ready
   */
  connect(callback) {
    const promise = new Promise((resolve, reject) => {
      if (['connecting', 'connect', 'ready'].includes(this.status)) {
        reject(new Error('Redis is already connecting/connected'))
        return
      }
      this[s.kPrivate].waiters.push({ resolve, reject })
      lifecycle.connect(this)
    })
    return nodeify(promise, callback)
  }

  /**
   * Ends the client at once; commands that wait are rejected.
   *
   * @param {boolean} [reconnect] begin anew afterwards
   */
  disconnect(reconnect = false) {
    const own = this[s.kPrivate]
    const { status } = this
    if (status === 'end') return
    if (own.closing) {
      if (!reconnect) own.again = false
      return
    }
    if (status === 'wait' || status === 'reconnecting') {
      clearTimeout(own.timer)
      if (status === 'wait') lifecycle.setStatus(this, 'close')
      lifecycle.finish(this)
      return
    }
    lifecycle.leave(this, reconnect)
  }

  /** @deprecated use `disconnect` */
  end() {
    this.disconnect()
  }

  /** Makes the client keep the process alive while it waits or is subscribed: the default. */
  ref() {
    loop.reference(this, true)
    return this
  }

  /** Lets the process end even if the client waits or is subscribed. */
  unref() {
    loop.reference(this, false)
    return this
  }

  /** @param {Record<string, unknown>} [override] options to differ in */
  duplicate(override) {
    return new Redis({ ...this.options, ...override })
  }

  /**
   * A client that hears of every command of the store: event `monitor` with time, arguments,
   * source and database.
   *
   * @param {(error: Error | null, monitor?: Redis) => void} [callback]
   */
  monitor(callback) {
    const monitor = this.duplicate({ monitor: true, lazyConnect: false })
    const promise = new Promise((resolve, reject) => {
      monitor.once('error', reject)
      monitor.once('monitoring', () => resolve(monitor))
    })
    return nodeify(promise, callback)
  }

  /** @param {InstanceType<typeof import('./command').Command>} command */
  sendCommand(command) {
    const row = table.untouched(command.name)
    const flags = command.replyEncoding === 'utf8' ? 0 : BUFFERS
    command.protocol = this.options.protocol
    command.replyMapping = this.options.replyMapping
    run(this, row, flags, command.args).then(command.resolve, command.reject)
    return command.promise
  }

  /**
   * Makes a script in Lua a command of this client, its pipelines and transactions: a method and
   * its `Buffer` twin.
   *
   * @param {string} name
   * @param {{ lua: string, numberOfKeys?: number, readOnly?: boolean }} definition without
   *   `numberOfKeys` the first word of every call says how many of the next ones are keys
   */
  defineCommand(name, definition) {
    const script = new Script(definition, this.options.keyPrefix)
    this.scriptsSet[name] = script
    this[name] = methodOf(script, 0)
    this[`${name}Buffer`] = methodOf(script, BUFFERS)
    addToPipelines(this, name, script)
  }

  /** @returns {string[]} */
  getBuiltinCommands() {
    return [...table.rows.keys()].filter((name) => name !== 'monitor')
  }

  /** Methods for a command of which this version knows nothing. */
  createBuiltinCommand(name) {
    const row = table.lookup(name)
    const make = (flags) =>
      function (...args) {
        return send(this, row, flags, args)
      }
    return { string: make(0), buffer: make(BUFFERS) }
  }

  addBuiltinCommand(name) {
    const { string, buffer } = this.createBuiltinCommand(name)
    this.addedBuiltinSet.add(name)
    define(this, name, string)
    define(this, `${name}Buffer`, buffer)
    addToPipelines(this, name, table.lookup(name))
  }

  on(event, listener) {
    expectBuffers(this, event)
    return super.on(event, listener)
  }

  addListener(event, listener) {
    return this.on(event, listener)
  }

  prependListener(event, listener) {
    expectBuffers(this, event)
    return super.prependListener(event, listener)
  }

  /** Emits, but an error that nobody listens to is printed rather than thrown. */
  silentEmit(event, ...args) {
    if (this.listenerCount(event) > 0) return this.emit(event, ...args)
    if (event === 'error' && args[0] instanceof Error) {
      console.error('[latchkey] Unhandled error event:', args[0].stack)
    }
    return false
  }
}

// What other files call on a client. Set here and not in the class, because a class with methods by
// symbol is taken to have methods by every symbol, and its fields by symbol are not.

/** A command has succeeded that changes what the client is. */
define(Redis.prototype, s.kAfter, function (name, words, value) {
  const own = this[s.kPrivate]
  if (name === 'select') {
    lifecycle.selected(this, Number(words[0]))
  } else if (name === 'quit') {
    lifecycle.leave(this, false)
  } else if (name === 'reset') {
    lifecycle.selected(this, 0)
    own.subscriptions = new Subscriptions()
  } else if (name !== 'monitor' && typeof value !== 'string') {
    own.subscriptions.track(name, words)
  }
  loop.listen(this, own.handle >= 0 && (own.subscriptions.size > 0 || name === 'monitor'))
  lifecycle.refresh(this)
})

/** As it was before anybody replaced it: while it stands, the methods do without. */
const { sendCommand } = Redis.prototype
define(Redis.prototype, s.kSendCommand, sendCommand)

// Tracing tools put a `sendCommand` of their own in place of this one, on the class or on a client,
// and expect every command to pass through it. Setting it is noticed, so that the fast path need
// not look; one that is put in place in another way is found when a client becomes ready.
let current = sendCommand
Object.defineProperty(Redis.prototype, 'sendCommand', {
  configurable: true,
  enumerable: false,
  get: () => current,
  set(replacement) {
    if (this === Redis.prototype) current = replacement
    else define(this, 'sendCommand', replacement)
    if (this[s.kPrivate] !== undefined) lifecycle.refresh(this)
    else for (const client of loop.connected()) lifecycle.refresh(client)
  },
})

/** The store has closed the connection: CLIENT KILL, or the store itself was closed. */
define(Redis.prototype, s.kLost, function () {
  if (!this[s.kPrivate].closing) lifecycle.leave(this, true)
})

/** Gives a client that has not begun yet its private fields. */
function prepareState(client) {
  client[s.kHot] = -1
  client[s.kPrefixed] = -1
  client[s.kPrivate] = new Private(client.options)
}

/** Listeners of `messageBuffer` and its like want the bytes as they are. */
function expectBuffers(client, event) {
  const own = client[s.kPrivate]
  if (!/^[ps]?messageBuffer$/.test(event) || own.buffers) return
  own.buffers = true
  lifecycle.tellPushes(client)
}

function scanMethod(command, method) {
  if (command === 'scan') {
    return function (options) {
      return new ScanStream({ ...options, redis: this, command: method })
    }
  }
  return function (key, options) {
    return new ScanStream({ ...options, key, redis: this, command: method })
  }
}

for (const command of ['scan', 'sscan', 'hscan', 'zscan']) {
  for (const twin of ['', 'Buffer']) {
    const method = `${command}${twin}`
    define(Redis.prototype, `${method}Stream`, scanMethod(command, method))
  }
}
for (const name of Object.keys(transactions)) define(Redis.prototype, name, transactions[name])
attachCommands(Redis.prototype)

module.exports = { Redis }
