'use strict'

/**
 * Sessions of express-session, kept in latchkey.
 *
 * One session is one string key: prefix and session id, the serialized session, and as deadline the
 * cookie's. The names and meanings of the options are those of connect-redis, so that either store
 * can take over the other's keys.
 *
 * Every method answers exactly once: through its callback, or by the promise it returns when there
 * is none. A callback runs outside of the promise that led to it, so that an error it throws is the
 * application's uncaught exception and not a second answer.
 */

const { clientOrNew, keysWithPrefix } = require('./prefix.js')
const BaseStore = require('./session-base.js')

const ONE_DAY_SECONDS = 86_400

/** Answers through `callback` if there is one, else by the promise itself. */
function answer(promise, callback) {
  if (typeof callback !== 'function') return promise
  promise.then(
    (value) => process.nextTick(callback, null, value),
    (error) => process.nextTick(callback, error ?? new Error('The session store failed')),
  )
}

class SessionStore extends BaseStore {
  /**
   * @param {object} [options]
   * @param {object} [options.client] a latchkey or ioredis client; by default a new in-process one
   * @param {string} [options.prefix] what the keys begin with
   * @param {number | ((session: object) => number)} [options.ttl] seconds for a session whose cookie
   *   has no end, or a function that decides for every session
   * @param {boolean} [options.disableTTL] keys get no deadline
   * @param {boolean} [options.disableTouch] `touch` leaves the deadline alone
   * @param {{ parse: Function, stringify: Function }} [options.serializer]
   * @param {number} [options.scanCount] keys per step of a scan
   */
  constructor(options = {}) {
    super()
    this.client = clientOrNew(options.client, 'SessionStore')
    this.prefix = options.prefix ?? 'sess:'
    this.ttl = options.ttl || ONE_DAY_SECONDS
    this.disableTTL = Boolean(options.disableTTL)
    this.disableTouch = Boolean(options.disableTouch)
    this.serializer = options.serializer ?? JSON
    this.scanCount = Number(options.scanCount) || 100
  }

  /** The session, or null if there is none. */
  get(sid, callback) {
    return answer(this.#get(sid), callback)
  }

  /** Keeps the session until its cookie ends; one whose cookie has ended is removed. */
  set(sid, session, callback) {
    return answer(this.#set(sid, session), callback)
  }

  /** Moves the deadline to where the cookie has it now. */
  touch(sid, session, callback) {
    return answer(this.#touch(sid, session), callback)
  }

  destroy(sid, callback) {
    return answer(this.#destroy(sid), callback)
  }

  /** Every session, with its id as `id`. */
  all(callback) {
    return answer(this.#all(), callback)
  }

  /** How many sessions there are. */
  length(callback) {
    return answer(
      this.#ids().then((ids) => ids.length),
      callback,
    )
  }

  /** The ids of all sessions. */
  ids(callback) {
    return answer(this.#ids(), callback)
  }

  /** Removes every session, and nothing else. */
  clear(callback) {
    return answer(this.#clear(), callback)
  }

  async #get(sid) {
    const text = await this.client.get(this.prefix + sid)
    return text ? this.serializer.parse(text) : null
  }

  async #set(sid, session) {
    const seconds = await this.#secondsLeft(session)
    if (!(seconds > 0)) return this.#destroy(sid)
    const key = this.prefix + sid
    const text = await this.serializer.stringify(session)
    if (this.disableTTL) await this.client.set(key, text)
    else await this.client.set(key, text, 'EX', seconds)
  }

  async #touch(sid, session) {
    if (this.disableTouch || this.disableTTL) return
    await this.client.expire(this.prefix + sid, await this.#secondsLeft(session))
  }

  async #destroy(sid) {
    await this.client.del(this.prefix + sid)
  }

  async #all() {
    const sessions = []
    for await (const keys of this.#pages()) {
      const texts = await this.client.mget(keys)
      for (const [at, text] of texts.entries()) {
        if (!text) continue // ended or destroyed since the scan saw it
        const session = await this.serializer.parse(text)
        session.id = keys[at].slice(this.prefix.length)
        sessions.push(session)
      }
    }
    return sessions
  }

  async #ids() {
    const ids = []
    for await (const keys of this.#pages()) {
      for (const key of keys) ids.push(key.slice(this.prefix.length))
    }
    return ids
  }

  async #clear() {
    for await (const keys of this.#pages()) await this.client.del(keys)
  }

  #pages() {
    return keysWithPrefix(this.client, this.prefix, this.scanCount)
  }

  /** Whole seconds until the session ends, rounded up so that it never ends before its cookie. */
  async #secondsLeft(session) {
    if (typeof this.ttl === 'function') return Math.ceil(await this.ttl(session))
    const { expires, maxAge } = session?.cookie ?? {}
    if (expires) return Math.ceil((Number(new Date(expires)) - Date.now()) / 1000)
    if (typeof maxAge === 'number') return Math.ceil(maxAge / 1000)
    return this.ttl
  }
}

module.exports = { SessionStore }
