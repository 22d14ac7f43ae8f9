'use strict'

// Promises for those who prefer callbacks. A callback is called exactly once, never within the
// call that it was passed to, and what it throws is an uncaught exception, as if it had been
// called by the event loop: it may not turn into a rejection that nobody sees.

const { setTimeout } = require('node:timers')

function guarded(callback, error, value) {
  try {
    if (error) callback(error)
    else if (value === undefined) callback(null)
    else callback(null, value)
  } catch (thrown) {
    setTimeout(() => {
      throw thrown
    }, 0)
  }
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @param {unknown} [callback] anything but a function is ignored
 * @returns {Promise<T>} the same promise
 */
function nodeify(promise, callback) {
  if (typeof callback === 'function') {
    promise.then(
      (value) => guarded(callback, null, value),
      (reason) => guarded(callback, reason || Object.assign(new Error(`${reason}`), { reason })),
    )
  }
  return promise
}

const noop = () => {}

module.exports = { nodeify, noop }
