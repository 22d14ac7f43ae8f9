'use strict'

// Where packages that make their own client find a store: at a Unix socket of this process.

const { mkdtemp, rm } = require('node:fs/promises')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { Store } = require('../..')
const { newRedis, twin } = require('./twin')

/** Why a test that needs one is left out, or false. */
const NO_SOCKET = process.platform === 'win32' && 'Windows has no Unix sockets'

/**
 * @param {import('node:test').TestContext} t when it is over, the store is closed
 * @returns {Promise<string>} the path
 */
async function listenAtSocket(t) {
  if (twin === 'ioredis') return newRedis().options.path
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-'))
  const path = join(folder, 's')
  const store = new Store()
  await store.listen({ path })
  t.after(async () => {
    store.close()
    await rm(folder, { recursive: true })
  })
  return path
}

module.exports = { NO_SOCKET, listenAtSocket }
