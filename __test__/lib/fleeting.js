'use strict'

// Clients and stores that are closed after the test that made them.

const { afterwards } = require('./watch')
const { Redis, Store } = require('../..')

/** A client that is closed after the test. */
function newRedis(options) {
  const redis = new Redis(options)
  afterwards(() => redis.disconnect())
  return redis
}

/** A store whose time passes when it is told to. */
function newStore() {
  const store = new Store({ clock: 'manual' })
  afterwards(() => store.close())
  return store
}

module.exports = { newRedis, newStore }
