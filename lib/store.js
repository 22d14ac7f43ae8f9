'use strict'

// A store of its own, beside the one that all clients of the process share: for tests, for
// isolation, for a memory limit or a clock of one's own.

const { native, state, connected, wake } = require('./loop')
const server = require('./server')
const { kNative, kClosed } = require('./symbols')

const OPTIONS = new Set(['maxmemory', 'maxmemoryPolicy', 'seed', 'clock', 'startTime', 'aclfile'])

class Store {
  /**
   * @param {{ maxmemory?: number | string, maxmemoryPolicy?: string, seed?: number,
   *   clock?: 'system' | 'manual', startTime?: number, aclfile?: string }} [options]
   */
  constructor(options) {
    this[kClosed] = false
    for (const name of Object.keys(options || {})) {
      if (!OPTIONS.has(name)) throw new TypeError(`a Store has no option "${name}"`)
    }
    try {
      this[kNative] = new native.Store(options || {})
    } catch (error) {
      // made natively, it would not be an Error in the eyes of a test runner's context
      throw new Error(error.message, { cause: error })
    }
  }

  /** What the native module knows the store by. */
  get id() {
    return this[kNative].id
  }

  /** Moves a manual clock on. */
  advance(ms) {
    this[kNative].advance(ms)
    if (state[2] !== 0) wake()
  }

  /** Sets a manual clock to milliseconds since 1970. */
  setTime(ms) {
    this[kNative].setTime(ms)
    if (state[2] !== 0) wake()
  }

  /** @returns {number} the store's time in milliseconds since 1970 */
  now() {
    return this[kNative].now()
  }

  /** @returns {number} bytes that the store's keys and values take */
  usedMemory() {
    return this[kNative].usedMemory()
  }

  /**
   * Opens the store to clients of other processes.
   *
   * @param {Parameters<typeof server.listen>[1]} [options]
   * @returns {Promise<InstanceType<typeof server.Server>>}
   */
  async listen(options) {
    if (this[kClosed]) throw new Error('The store is closed.')
    return server.listen(this[kNative], options)
  }

  /** Ends the servers and clients of the store and frees what it holds. */
  close() {
    if (this[kClosed]) return
    this[kClosed] = true
    for (const client of connected()) if (client.options.store === this) client.disconnect()
    server.closeAll(this[kNative])
    this[kNative].close()
  }
}

/** @param {Store} [store] */
function isClosed(store) {
  return store?.[kClosed] === true
}

/**
 * @param {Store} [store] without one, the store that all such clients share, in every thread
 * @returns {number} what the native module knows it by
 */
function storeId(store) {
  if (store === undefined) return native.defaultStore().id
  if (isClosed(store)) throw new Error('The store is closed.')
  return store.id
}

module.exports = { Store, storeId, isClosed }
