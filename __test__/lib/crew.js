'use strict'

// Several worker threads that do the same at the same time, on the store of the process. None of
// them may open a TCP connection or print anything.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const { Worker } = require('node:worker_threads')

/** What a worker runs. All wait for the last one, so that their work is really at one time. */
const script = (prepare) => `
  const { parentPort, workerData } = require('node:worker_threads')
  const { count, arrived, data } = workerData
  const load = require('node:module').createRequire(${JSON.stringify(__filename)})
  const { prototype } = load('node:net').Socket
  const { connect } = prototype
  prototype.connect = function (...args) {
    const [{ path }] = args.flat()
    if (path === undefined) throw new Error('a worker opens a TCP connection')
    return Reflect.apply(connect, this, args)
  }
  const redis = new (load('../..'))()
  async function run() {
    const work = await (${prepare})({ load, redis, data })
    await redis.ping()
    if (Atomics.add(arrived, 0, 1) === count - 1) Atomics.notify(arrived, 0)
    for (let n; (n = Atomics.load(arrived, 0)) < count; ) Atomics.wait(arrived, 0, n)
    return work()
  }
  run().then((value) => {
    redis.disconnect()
    parentPort.postMessage(value)
  })`

/**
 * Runs the same in `count` workers and answers what each has returned.
 *
 * `prepare` is given `{ load, redis, data }`, `load` being the `require` of this file and `redis` a
 * client of the process's store, and returns the function that is run when all are prepared. It
 * goes to the workers as text, so it sees nothing else.
 *
 * @param {number} count
 * @param {(tools: { load: NodeRequire, redis: any, data: any }) => any} prepare
 * @param {unknown} [data]
 */
async function crew(count, prepare, data) {
  const arrived = new Int32Array(new SharedArrayBuffer(4))
  const workerData = { count, arrived, data }
  const workers = Array.from({ length: count }, () => {
    return new Worker(script(prepare), { eval: true, workerData, stderr: true })
  })
  return Promise.all(workers.map(result))
}

async function result(worker) {
  let printed = ''
  worker.stderr.on('data', (chunk) => {
    printed += chunk
  })
  const exited = once(worker, 'exit')
  const [value] = await once(worker, 'message')
  await exited
  assert.equal(printed, '')
  return value
}

module.exports = { crew }
