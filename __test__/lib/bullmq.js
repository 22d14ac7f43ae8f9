'use strict'

// What the tests of BullMQ share: its two generations, a place to open queues in that is tidied up
// by itself, and the promise that nothing went to the network and nothing was printed.

const assert = require('node:assert/strict')
const net = require('node:net')
const { after, before, describe, test } = require('node:test')
const { Redis, Store } = require('../..')

const GENERATIONS = { 'bullmq 6': require('bullmq'), 'bullmq 5': require('bullmq-5') }

/** Fails the file if anything connects to a socket, prints a warning, or emits one. */
function forbidNetworkAndWarnings() {
  const { connect } = net.Socket.prototype
  const { warn, error } = console
  const said = []
  const hear = (warning) => said.push(`warning: ${warning.message}`)
  before(() => {
    net.Socket.prototype.connect = (...args) => {
      said.push(`connect: ${JSON.stringify(args[0])}`)
      throw new Error('no connection is to be made')
    }
    console.warn = (...words) => said.push(`console.warn: ${words.join(' ')}`)
    console.error = (...words) => said.push(`console.error: ${words.join(' ')}`)
    process.on('warning', hear)
  })
  after(() => {
    net.Socket.prototype.connect = connect
    console.warn = warn
    console.error = error
    process.off('warning', hear)
    assert.deepEqual(said, [])
  })
}

/**
 * Declares the same tests for both generations.
 *
 * @param {string} subject
 * @param {(bullmq: any) => void} declare
 */
function describeBoth(subject, declare) {
  for (const [name, bullmq] of Object.entries(GENERATIONS)) {
    describe(`${name}: ${subject}`, () => declare(bullmq))
  }
}

/** A test that is not waited for for ever: what never happens is what goes wrong here. */
function it(name, fn) {
  test(name, { timeout: 10_000 }, fn)
}

/**
 * A store of its own, and BullMQ in it. What is opened here is closed after the test, which fails
 * if anything emitted an error that it did not expect.
 *
 * @param {import('node:test').TestContext} t
 * @param {any} bullmq the package
 */
function openHouse(t, bullmq) {
  const store = new Store()
  const connection = new Redis({ store, maxRetriesPerRequest: null })
  const opened = []
  const errors = []

  t.after(async () => {
    for (const thing of opened.reverse()) await thing.close()
    connection.disconnect()
    store.close()
    assert.deepEqual(errors, [])
  })

  function open(Class, args, options) {
    const thing = new Class(...args, { connection, ...options })
    thing.on('error', (error) => errors.push(error))
    opened.push(thing)
    return thing
  }

  return {
    store,
    connection,
    errors,
    queue: (options, name = 'work') => open(bullmq.Queue, [name], options),
    worker: (processor, options, name = 'work') => open(bullmq.Worker, [name, processor], options),
    flows: (options) => open(bullmq.FlowProducer, [], options),
    producer: (options, name = 'work') => open(bullmq.QueueEventsProducer, [name], options),
    /** Hears everything from the beginning, whenever its first look is. */
    events: (options, name = 'work') =>
      open(bullmq.QueueEvents, [name], { lastEventId: '0-0', ...options }),
  }
}

/**
 * What an emitter says in its next `count` events of a name: the arguments of each.
 *
 * @param {import('node:events').EventEmitter} emitter
 */
async function next(emitter, event, count = 1) {
  const heard = []
  await new Promise((resolve) => {
    emitter.on(event, function hear(...args) {
      heard.push(args)
      if (heard.length < count) return
      emitter.off(event, hear)
      resolve(undefined)
    })
  })
  return heard
}

/** How many jobs are in each of the states, and in no others. */
async function countsOf(queue, ...states) {
  const counts = await queue.getJobCounts(...states)
  return Object.fromEntries(states.map((state) => [state, counts[state]]))
}

/** A promise and what settles it. */
function deferred() {
  let resolve
  const promise = new Promise((done) => {
    resolve = done
  })
  return { promise, resolve }
}

module.exports = {
  GENERATIONS,
  describeBoth,
  it,
  forbidNetworkAndWarnings,
  openHouse,
  next,
  countsOf,
  deferred,
}
