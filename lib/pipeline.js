'use strict'

// Pipelines and transactions. Commands are collected, and `exec()` runs them in one go and gives
// `[[error, reply], ...]`; with `multi()` between MULTI and EXEC, and gives what EXEC gives.
//
// In-process a pipeline saves no round trips. It is here because code is written that way, and it
// still is the cheapest way to run many commands: one promise for all.

const loop = require('./loop')
const reply = require('./reply')
const table = require('./table')
const dispatch = require('./dispatch')
const { kHot, kPrivate } = require('./symbols')
const { Failure } = require('./errors')
const { nodeify, noop } = require('./callback')
const { attachAll, define } = require('./commander')
const { Script } = require('./script')

const { AWAY, BUFFERS } = dispatch

/** One collected command. */
class Step {
  constructor(row, flags, words, callback) {
    this.row = row
    this.flags = flags
    this.words = words
    this.callback = callback
    /** The `Redis.Command` that was passed to `sendCommand`, if it was. */
    this.command = null
    /** @type {InstanceType<typeof Script> | null} whose row is chosen when it is run */
    this.script = null
  }

  get name() {
    return this.row.name
  }
}

class Pipeline {
  /** @param {InstanceType<typeof import('./redis').Redis>} redis */
  constructor(redis) {
    this.redis = redis
    this.options = redis.options
    this.isPipeline = true
    this.isCluster = false
    this._queue = []
    /** How many MULTI have no EXEC yet. */
    this._transactions = 0
    /** Made by `redis.multi()`: `exec()` gives the replies of EXEC alone. */
    this._unwrap = false
    this._execution = null
  }

  /** What `exec()` has answered, null before. */
  get promise() {
    return this._execution
  }

  get length() {
    return this._queue.length
  }

  multi(...args) {
    this._transactions += 1
    return append(this, table.lookup('multi'), 0, args)
  }

  /**
   * Runs all that was collected. Within a transaction the first call ends it: `multi().exec()`
   * inside of a pipeline is EXEC and gives the pipeline.
   *
   * @param {(error: Error | null, results?: Array<[Error | null, unknown?]>) => void} [callback]
   */
  exec(callback) {
    if (this._transactions > 0) {
      closeTransaction(this, this._unwrap ? undefined : callback)
      if (!this._unwrap) return this
    }
    if (this._execution === null) {
      this._execution = nodeify(start(this), callback)
      // whoever calls back later is told as well; nobody else need care
      if (!this._unwrap) this._execution.catch(noop)
    }
    return this._execution
  }

  /** @deprecated like `exec`, whose commands know themselves if they want Buffers */
  execBuffer(callback) {
    return this.exec(callback)
  }

  /** @param {InstanceType<typeof import('./command').Command>} command */
  sendCommand(command) {
    const row = table.untouched(command.name)
    const flags = command.replyEncoding === 'utf8' ? 0 : BUFFERS
    const step = new Step(row, flags, command.args, undefined)
    step.command = command
    if (this._transactions > 0) command.inTransaction = true
    this._queue.push(step)
    return this
  }

  /** @param {Array<[string, ...unknown[]]>} commands */
  addBatch(commands) {
    for (const [name, ...args] of commands) this[name](...args)
    return this
  }

  call(name, ...args) {
    return append(this, table.lookup(name), 0, args)
  }

  callBuffer(name, ...args) {
    return append(this, table.lookup(name), BUFFERS, args)
  }

  send_command(name, ...args) {
    return this.call(name, ...args)
  }

  /** A custom command of this pipeline alone; see `redis.defineCommand`. */
  defineCommand(name, definition) {
    addMethods(this, name, new Script(definition, this.options.keyPrefix))
  }
}

attachAll(Pipeline.prototype, (row, flags) => {
  return function (...args) {
    return append(this, row, flags, args)
  }
})

function append(pipeline, row, flags, args) {
  const callback = typeof args[args.length - 1] === 'function' ? args.pop() : undefined
  const words = dispatch.prepare(pipeline.redis, row, args)
  pipeline._queue.push(new Step(row, flags, words, callback))
  return pipeline
}

function appendScript(pipeline, script, flags, args) {
  const callback = typeof args[args.length - 1] === 'function' ? args.pop() : undefined
  const { redis } = pipeline
  const words = script.words(redis, args)
  const step = new Step(script.choose(redis, words), flags, words, callback)
  step.script = script
  pipeline._queue.push(step)
  return pipeline
}

/** Gives pipelines the two methods of a command or a script. */
function addMethods(target, name, what) {
  const add = what instanceof Script ? appendScript : append
  const make = (flags) =>
    function (...args) {
      return add(this, what, flags, args)
    }
  define(target, name, make(0))
  define(target, `${name}Buffer`, make(BUFFERS))
}

/** A client was given a command of its own: its pipelines are from now on of a class of their own. */
function addToPipelines(client, name, what) {
  client[kPrivate].pipeline ??= class extends Pipeline {}
  addMethods(client[kPrivate].pipeline.prototype, name, what)
}

function newPipeline(client) {
  return new (client[kPrivate].pipeline ?? Pipeline)(client)
}

function closeTransaction(pipeline, callback) {
  pipeline._transactions -= 1
  return append(pipeline, table.lookup('exec'), 0, typeof callback === 'function' ? [callback] : [])
}

/** What EXEC gave, out of the results of the whole pipeline around it. */
function unwrap(results) {
  const last = results[results.length - 1]
  const error = last[0]
  if (!error) return wrapReplies(last[1])
  error.previousErrors = []
  for (const [earlier] of results.slice(0, -1)) if (earlier) error.previousErrors.push(earlier)
  return new Failure(error)
}

/** The replies of EXEC as pairs of error and reply; null when a watched key was touched. */
function wrapReplies(replies) {
  if (!Array.isArray(replies)) return replies || null
  const pairs = new Array(replies.length)
  for (let i = 0; i < replies.length; i++) {
    pairs[i] = replies[i] instanceof Error ? [replies[i]] : [null, replies[i]]
  }
  return pairs
}

/** Runs the steps, or has them wait for a connection. Answers the promise of the whole. */
function start(pipeline) {
  const { redis, _queue: steps } = pipeline
  if (steps.length === 0) return Promise.resolve([])
  if (
    redis[kHot] < 0 &&
    dispatch.refuse(redis, steps[0].row) === null &&
    redis[kPrivate].handle < 0
  ) {
    return dispatch.offline(redis, () => new Run(pipeline).start())
  }
  return new Run(pipeline).start()
}

/** One execution of a pipeline. */
class Run {
  constructor(pipeline) {
    this.pipeline = pipeline
    this.client = pipeline.redis
    this.steps = pipeline._queue
    this.results = new Array(this.steps.length)
    this.left = this.steps.length
    /** Was anything run, or all refused? */
    this.ran = false
    /** @type {(() => void) | null} called when the last reply has come */
    this.done = null
  }

  start() {
    const { steps } = this
    loop.spend(steps.length - 1)
    for (let i = 0; i < steps.length; i++) this.step(steps[i], i)
    if (this.left === 0) return this.outcome()
    return new Promise((resolve) => {
      this.done = () => resolve(this.outcome())
    })
  }

  outcome() {
    const value = this.pipeline._unwrap ? unwrap(this.results) : this.results
    if (this.ran) return loop.answered(this.client, value)
    return value instanceof Failure ? Promise.reject(value.reason) : Promise.resolve(value)
  }

  step(step, i) {
    const { client } = this
    const { row } = step
    if (client[kHot] < 0) {
      const refusal = dispatch.refuse(client, row)
      if (refusal !== null) {
        this.fill(i, refusal)
        return
      }
    }
    this.ran = true
    const flags = row.name === 'exec' ? this.execFlags(i) : step.flags
    const value =
      step.script === null
        ? dispatch.perform(client, row, flags, step.words)
        : this.performScript(step)
    if (value === AWAY) this.wait(step, i, flags)
    else this.fill(i, value)
  }

  performScript(step) {
    const { value, row } = step.script.perform(this.client, step.flags, step.words)
    step.row = row
    return value
  }

  /** The reply comes later. */
  wait(step, i, flags) {
    const { client } = this
    const job = new dispatch.Job(client, step.row, flags, step.words)
    job.done = (value) => {
      job.done = noop
      // sent once more, and whole this time
      if (step.script?.isForgotten(value)) this.step(step, i)
      else this.fill(i, dispatch.shape(client, step.row, step.words, value))
    }
    dispatch.away(job)
  }

  /** EXEC gives Buffers if one of its commands wants them; the others are made text again. */
  execFlags(i) {
    const { steps } = this
    for (let at = i - 1; at >= 0 && steps[at].row.name !== 'multi'; at--) {
      if (steps[at].flags !== 0) return BUFFERS
    }
    return 0
  }

  /** The items of EXEC's reply in the shapes of their commands. */
  shapeExec(i, items) {
    const first = i - items.length
    const cameAsBuffers = this.execFlags(i) !== 0
    for (let n = 0; n < items.length; n++) {
      const step = this.steps[first + n]
      if (step?.script) followExec(this.client, step.script, items[n])
      if (step === undefined || items[n] instanceof Error) continue
      const { row, command } = step
      const isPlain = row.how === 0 && row.reply === null && command === null
      if (isPlain && !cameAsBuffers) continue
      items[n] = shapeItem(this.client, step, items[n], cameAsBuffers)
    }
    return items
  }

  fill(i, value) {
    const step = this.steps[i]
    if (Array.isArray(value) && step.row.name === 'exec') value = this.shapeExec(i, value)
    if (step.command !== null) {
      this.fillFrom(step.command, i, value)
      return
    }
    const failed = value instanceof Failure
    if (step.callback !== undefined) {
      nodeify(failed ? Promise.reject(value.reason) : Promise.resolve(value), step.callback)
    }
    this.put(i, failed ? [value.reason] : [null, value])
  }

  /** A `Redis.Command` shapes its reply itself. */
  fillFrom(command, i, value) {
    if (value instanceof Failure) command.reject(value.reason)
    else command.resolve(value)
    command.promise.then(
      (shaped) => this.put(i, [null, shaped]),
      (error) => this.put(i, [error]),
    )
  }

  put(i, result) {
    this.results[i] = result
    this.left -= 1
    if (this.left === 0 && this.done !== null) this.done()
  }
}

/** EXEC has run a script: now the store is sure to know it. */
function followExec(client, script, item) {
  if (!script.isForgotten(item) && !(item instanceof Error)) script.sent(client, item)
}

function shapeItem(client, step, item, cameAsBuffers) {
  if (step.command !== null) return item
  let value = cameAsBuffers && step.flags === 0 ? reply.decodeText(item, 'utf8') : item
  if (step.row.how & reply.OBJECT) value = reply.pairsToObject(value)
  const shaped = step.row.reply === null ? value : dispatch.shape(client, step.row, [], value)
  return shaped instanceof Failure ? shaped.reason : shaped
}

/**
 * The methods of a client that make pipelines.
 *
 * @type {Record<string, (this: any, ...args: any[]) => unknown>}
 */
const transactions = {
  /** @param {Array<[string, ...unknown[]]>} [commands] */
  pipeline(commands) {
    const pipeline = newPipeline(this)
    if (Array.isArray(commands)) pipeline.addBatch(commands)
    return pipeline
  },

  /**
   * @param {Array<[string, ...unknown[]]>} [commands]
   * @param {{ pipeline?: boolean }} [options] `{ pipeline: false }` sends MULTI and no more
   */
  multi(commands, options) {
    if (options === undefined && !Array.isArray(commands)) {
      options = commands
      commands = undefined
    }
    if (options && options.pipeline === false) {
      return dispatch.send(this, table.lookup('multi'), 0, [])
    }
    const pipeline = newPipeline(this)
    pipeline.multi()
    pipeline._unwrap = true
    if (Array.isArray(commands)) pipeline.addBatch(commands)
    return pipeline
  },

  /** EXEC after `multi({ pipeline: false })`. */
  exec(callback) {
    return nodeify(dispatch.send(this, table.lookup('exec'), 0, []).then(wrapReplies), callback)
  },
}

module.exports = { Pipeline, transactions, addToPipelines }
