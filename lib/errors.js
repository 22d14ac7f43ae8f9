'use strict'

// The errors a client is given. All are born here and not in native code, so that `instanceof
// Error` holds inside a test runner's context as well.

/** What all errors of this package that concern a command have in common. */
class RedisError extends Error {
  /** @returns {string} of the class, so that a stack begins with it */
  get name() {
    return this.constructor.name
  }
}

/** The store's answer was an error; `message` has the server's exact words. */
class ReplyError extends RedisError {}

/** The reply cannot be a JavaScript string. */
class ReplyTooLongError extends RedisError {
  constructor(message) {
    super(message)
    this.code = 'ERR_STRING_TOO_LONG'
  }
}

/** How an answer travels inside this package when it is to reject; never seen outside. */
class Failure {
  /** @param {unknown} reason */
  constructor(reason) {
    this.reason = reason
  }
}

const CLOSED = 'Connection is closed.'

/** @returns {Error} what a command on a closed client rejects with */
function closedError() {
  return new Error(CLOSED)
}

/**
 * Says on an error which command it is about.
 *
 * @param {Error & { command?: object }} error
 * @param {string} name
 * @param {Array<string | Buffer>} args
 */
function describe(error, name, args) {
  error.command = { name, args }
  return error
}

module.exports = {
  RedisError,
  ReplyError,
  ReplyTooLongError,
  Failure,
  CLOSED,
  closedError,
  describe,
}
