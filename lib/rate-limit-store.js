'use strict'

/**
 * Rate limits of express-rate-limit, counted in latchkey.
 *
 * Each hit is one command, and the command is the whole decision: fixed windows (`LK.WINDOW`),
 * sliding windows (`LK.SLIDE`) and the leaky bucket known as GCRA (`CL.THROTTLE`) are counted in
 * one atomic step by the clock of the store, so that no two requests, from whatever thread, can
 * take the same last place.
 *
 * A fixed window counts every hit. The other two count only those they let in, and answer one more
 * than the limit to the rest; what was never counted must not be given back, so the store remembers
 * refusals that express-rate-limit is going to undo.
 *
 * `rateLimit` is express-rate-limit's own, with this store put in.
 */

const { requirePeer } = require('./peer.js')
const { clientOrNew, keysWithPrefix } = require('./prefix.js')

const expressRateLimit = requirePeer('express-rate-limit')
if (!expressRateLimit) {
  throw new Error('latchkey/rate-limit needs express-rate-limit: npm install express-rate-limit')
}

/** What each algorithm asks of the client. `hits` is 1 for a hit, 0 for a look, -1 to undo one. */
const ALGORITHMS = {
  /** Every hit counts; the window begins with the first and ends as a whole. */
  'fixed-window': {
    needsLimit: false,
    async run(client, key, { windowMs }, hits) {
      const [used, resetMs] = await client.call('LK.WINDOW', key, windowMs, hits)
      return { used, resetMs }
    },
  },
  /** At most `limit` hits in any stretch of time as long as the window. */
  'sliding-window': {
    needsLimit: true,
    async run(client, key, { windowMs, limit }, hits) {
      if (isNoLimit(limit, windowMs)) return { used: hits, resetMs: 0 }
      const [used, resetMs] = await client.call('LK.SLIDE', key, windowMs, limit, hits)
      return { used, resetMs }
    },
  },
  /** A bucket of `limit` places that empties evenly, one place every `windowMs / limit`. */
  gcra: {
    needsLimit: true,
    async run(client, key, { windowMs, limit }, hits) {
      if (isNoLimit(limit, windowMs)) return { used: hits, resetMs: 0 }
      if (limit === 0) return { used: hits, resetMs: windowMs } // refused for good: no rate to keep
      const words = [key, limit - 1, limit, windowMs, hits, 'PX']
      const [refused, , left, retryMs, resetMs] = await client.call('CL.THROTTLE', ...words)
      return refused ? { used: limit + 1, resetMs: retryMs } : { used: limit - left, resetMs }
    },
  },
}

/** More than a hit per nanosecond, Infinity for one: nothing needs to be counted. */
function isNoLimit(limit, windowMs) {
  return limit > windowMs * 1e6
}

class RateLimitStore {
  #algorithm
  #fault
  #limit
  #windowMs
  #remembersRefusals = false
  /** Refusals by key that are still to be undone: how many, and until when that can happen. */
  #refusals = new Map()

  /**
   * @param {object} [options]
   * @param {object} [options.client] a latchkey client; by default a new in-process one
   * @param {string} [options.prefix] what the keys begin with: one for each limiter
   * @param {'fixed-window' | 'sliding-window' | 'gcra'} [options.algorithm]
   */
  constructor({ client, prefix = 'rl:', algorithm = 'fixed-window' } = {}) {
    if (!Object.hasOwn(ALGORITHMS, algorithm)) {
      const known = Object.keys(ALGORITHMS).join(', ')
      throw new TypeError(`There is no algorithm ${String(algorithm)}: take one of ${known}`)
    }
    this.client = clientOrNew(client, 'The rate limit store')
    this.prefix = prefix
    this.algorithm = algorithm
    /** Stores with the same prefix count together, wherever they are. */
    this.localKeys = false
    this.#algorithm = ALGORITHMS[algorithm]
    this.#fault = 'This rate limit store was not initialised: pass it to express-rate-limit'
  }

  /** Takes over the options of the limiter. What cannot work is refused here and at every hit. */
  init({ windowMs, limit, skipFailedRequests }) {
    if (!(windowMs > 0 && windowMs < Number.MAX_SAFE_INTEGER)) {
      this.#refuse(`windowMs must be a number of milliseconds above 0, not ${String(windowMs)}`)
    }
    if (this.#algorithm.needsLimit) this.#checkLimit(limit)
    this.#windowMs = Math.ceil(windowMs)
    this.#limit = limit
    this.#remembersRefusals = this.#algorithm.needsLimit && Boolean(skipFailedRequests)
    this.#fault = undefined
  }

  #checkLimit(limit) {
    if (typeof limit === 'function') {
      this.#refuse(
        `A store with the algorithm ${this.algorithm} has to know the limit, and express-rate-limit ` +
          'tells it nothing about a limit that is a function. Use `rateLimit` from ' +
          "require('latchkey/rate-limit') in place of express-rate-limit's, a number as limit, or " +
          "the algorithm 'fixed-window'",
      )
    }
    if (typeof limit !== 'number' || Number.isNaN(limit)) {
      this.#refuse(`The limit must be a number, not ${String(limit)}`)
    }
  }

  #refuse(fault) {
    this.#fault = fault
    throw new TypeError(fault)
  }

  /** Counts a hit. */
  async increment(key) {
    const { used, resetTime } = await this.#run(key, 1)
    if (this.#remembersRefusals && used > this.#limit) this.#remember(key, resetTime)
    return { totalHits: used, resetTime }
  }

  /** Undoes one hit. */
  async decrement(key) {
    if (!this.#forget(key)) await this.#run(key, -1)
  }

  /** The hits that count for the key now, or undefined if there are none to speak of. */
  async get(key) {
    const { used, resetMs, resetTime } = await this.#run(key, 0)
    return resetMs > 0 ? { totalHits: used, resetTime } : undefined
  }

  /** Forgets one key. */
  async resetKey(key) {
    this.#refusals.delete(key)
    await this.client.del(this.prefix + key)
  }

  /** Forgets every key of this prefix. */
  async resetAll() {
    this.#refusals.clear()
    for await (const keys of keysWithPrefix(this.client, this.prefix, 100)) {
      await this.client.del(keys)
    }
  }

  async #run(key, hits) {
    if (this.#fault) throw new TypeError(this.#fault)
    const limit = Math.max(0, Math.floor(this.#limit))
    const { used, resetMs } = await this.#algorithm
      .run(this.client, this.prefix + key, { windowMs: this.#windowMs, limit }, hits)
      .catch(explain)
    return { used, resetMs, resetTime: new Date(Date.now() + resetMs) }
  }

  /** A refusal counted nothing, so the undoing that follows it must take nothing away. */
  #remember(key, until) {
    for (const [oldest, refusal] of this.#refusals) {
      if (refusal.until > Date.now()) break
      this.#refusals.delete(oldest)
    }
    const count = (this.#refusals.get(key)?.count ?? 0) + 1
    this.#refusals.delete(key) // so that the latest stand at the end
    this.#refusals.set(key, { count, until })
  }

  /** True if a refusal was there to be undone. express-rate-limit undoes none after its reset. */
  #forget(key) {
    const refusal = this.#refusals.get(key)
    if (!refusal) return false
    refusal.count -= 1
    if (refusal.count === 0) this.#refusals.delete(key)
    return refusal.until > Date.now()
  }
}

/** Says what to do about a server that is not latchkey. */
function explain(error) {
  if (!/^ERR unknown command/.test(error?.message)) throw error
  const advice =
    'Rate limits are counted by commands that only latchkey has. Leave `client` out, or pass one ' +
    "made by `new Redis()` from require('latchkey')"
  throw new Error(advice, { cause: error })
}

/** Limiters whose prefix was left to us so far. */
let unnamed = 0

/** Limiters do not share their counts unless they are told to. */
function nextPrefix() {
  unnamed += 1
  return unnamed === 1 ? 'rl:' : `rl:${unnamed}:`
}

/**
 * express-rate-limit with a `RateLimitStore`.
 *
 * @param {object} [options] those of express-rate-limit, and `algorithm`, `client` and `prefix`
 */
function rateLimit({ algorithm, client, prefix = nextPrefix(), ...options } = {}) {
  if (options.store !== undefined) {
    throw new TypeError('This rateLimit brings its store: with another, use express-rate-limit')
  }
  const newStore = () => new RateLimitStore({ algorithm, client, prefix })
  const store = newStore()
  client = store.client
  if (!ALGORITHMS[store.algorithm].needsLimit) return expressRateLimit({ ...options, store })

  const { limit = options.max, max: _, ...rest } = options
  const watched = { ...rest, requestWasSuccessful: successOf(rest) }
  if (typeof limit !== 'function') return expressRateLimit({ ...watched, limit, store })
  return rateLimitByLimit(watched, limit, store, newStore)
}

/** A refused request is a failed one, whatever its handler answered: see `#remember`. */
function successOf({ requestPropertyName = 'rateLimit', requestWasSuccessful }) {
  return (request, response) => {
    const { used, limit } = request[requestPropertyName]
    if (used > limit) return false
    return requestWasSuccessful?.(request, response) ?? response.statusCode < 400
  }
}

/** How many limits may have a limiter of their own at a time. */
const LIMITS_MAX = 100

/**
 * A limiter whose limit depends on the request, over algorithms that have to know it.
 *
 * express-rate-limit tells a store the key of a hit, never its limit. So each limit that comes up
 * gets a limiter of its own. They are light, and share their counts through the prefix.
 */
function rateLimitByLimit({ skip, ...options }, limitOf, store, newStore) {
  const front = expressRateLimit({ ...options, limit: 1, store }) // checks the options
  const limiters = new Map()

  function limiterFor(limit) {
    let limiter = limiters.get(limit)
    if (limiter === undefined) {
      // The checks that belong to the start of an application have been made by `front`.
      const validate = limiters.size === 0 ? checksOfRequests(options.validate) : false
      limiter = expressRateLimit({ ...options, limit, validate, store: newStore() })
    }
    limiters.delete(limit) // the one in use longest ago stands first
    limiters.set(limit, limiter)
    if (limiters.size > LIMITS_MAX) limiters.delete(limiters.keys().next().value)
    return limiter
  }

  async function choose(request, response) {
    if (await skip?.(request, response)) return undefined
    const limit = await limitOf(request, response)
    if (typeof limit === 'number' && !Number.isNaN(limit)) return limiterFor(limit)
    throw new TypeError(`The limit function must give a number, not ${String(limit)}`)
  }

  const middleware = (request, response, next) =>
    choose(request, response).then(
      (limiter) => (limiter ? limiter(request, response, next) : next()),
      next,
    )
  middleware.resetKey = front.resetKey
  middleware.getKey = async (key) => {
    if (store.algorithm === 'gcra') {
      throw new TypeError(
        'With gcra, hits can be told from a limit only, and it is a function here',
      )
    }
    return front.getKey(key)
  }
  return middleware
}

function checksOfRequests(validate = true) {
  if (typeof validate === 'boolean') return validate && { creationStack: false }
  return { ...validate, creationStack: false }
}

module.exports = rateLimit
module.exports.rateLimit = rateLimit
module.exports.Store = RateLimitStore
module.exports.RateLimitStore = RateLimitStore
module.exports.ipKeyGenerator = expressRateLimit.ipKeyGenerator
module.exports.default = rateLimit
