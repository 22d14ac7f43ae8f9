'use strict'

// The names that ioredis exports for clusters and sentinels. They exist because programs import
// them and ask `instanceof`; what they stand for are servers, which this package does not reach yet.

const { EventEmitter } = require('node:events')
const { addressError } = require('./options')

class Cluster extends EventEmitter {
  /** @param {unknown[]} [nodes] addresses of a cluster's nodes */
  constructor(nodes) {
    super()
    if (Array.isArray(nodes) && nodes.length > 0) {
      throw addressError('the list of cluster nodes', 'this Cluster was not made')
    }
    throw new Error(
      'a Cluster wants the addresses of the nodes of a real cluster. The in-process store is one ' +
        'node and needs none: use `new Redis()`.',
    )
  }
}

/** What a connector of one's own extends in ioredis. */
class AbstractConnector {
  constructor(disconnectTimeout) {
    this.connecting = false
    this.disconnectTimeout = disconnectTimeout
    /** @type {import('node:net').Socket | undefined} */
    this.stream = undefined
  }

  check() {
    return true
  }

  disconnect() {
    this.connecting = false
    this.stream?.end()
  }
}

class SentinelConnector extends AbstractConnector {
  constructor() {
    super()
    throw addressError('the option "sentinels"', 'this connector was not made')
  }
}

/** Walks through a list of sentinels, over and over. */
class SentinelIterator {
  #sentinels
  #next = 0

  /** @param {Array<{ host?: string, port?: number }>} sentinels */
  constructor(sentinels) {
    this.#sentinels = [...sentinels]
  }

  next() {
    const done = this.#next >= this.#sentinels.length
    return { done, value: done ? undefined : this.#sentinels[this.#next++] }
  }

  /** @param {boolean} moveCurrentToFirst begin with the one that was given last */
  reset(moveCurrentToFirst) {
    if (moveCurrentToFirst && this.#next > 1) {
      this.#sentinels.unshift(...this.#sentinels.splice(this.#next - 1))
    }
    this.#next = 0
  }

  add(sentinel) {
    const known = this.#sentinels.some(
      ({ host, port }) => host === sentinel.host && port === sentinel.port,
    )
    if (!known) this.#sentinels.push(sentinel)
    return !known
  }
}

module.exports = { Cluster, AbstractConnector, SentinelConnector, SentinelIterator }
