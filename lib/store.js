'use strict'

// A store of its own, beside the one that all clients of the process share: for tests, for
// isolation, for a memory limit or a clock of one's own.

const { native } = require('./loop')
const { kNative } = require('./symbols')

class Store {
  /**
   * @param {{ maxmemory?: number | string, maxmemoryPolicy?: string, seed?: number,
   *   clock?: 'system' | 'manual' }} [options]
   */
  constructor(options = {}) {
    try {
      this[kNative] = new native.Store(options)
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
  }

  /** Sets a manual clock to milliseconds since 1970. */
  setTime(ms) {
    this[kNative].setTime(ms)
  }

  /** @returns {number} the store's time in milliseconds since 1970 */
  now() {
    return this[kNative].now()
  }

  /** @returns {number} bytes that the store's keys and values take */
  usedMemory() {
    return this[kNative].usedMemory()
  }

  /** Closes the store and all its clients. */
  close() {
    this[kNative].close()
  }
}

/** The store that every client without one of its own shares, across worker threads too. */
function defaultStoreId() {
  return native.defaultStore().id
}

module.exports = { Store, defaultStoreId }
