'use strict'

// The one import of tests that must hold for ioredis and for us alike:
//
//   const { newRedis } = require('./lib/twin')
//
// They run on latchkey, or with LATCHKEY_TWIN=ioredis on the real ioredis and a redis-server of
// their own (LATCHKEY_TWIN_SERVER names another program), which shows that they ask nothing but
// what ioredis does. Clients are closed and databases emptied after each test.

const { spawn } = require('node:child_process')
const { existsSync, mkdtempSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { afterEach } = require('node:test')

/** `'ioredis'` or `'latchkey'`. */
const twin = process.env.LATCHKEY_TWIN || 'latchkey'
const Redis = twin === 'ioredis' ? require('ioredis') : require('../..')

/** Runs the server until the input ends, then removes its folder (which is `$0`). */
const GUARD = '"$@" & cat > /dev/null; kill $!; wait $!; rm -r "$0"'

/** What every client is made with: the address of the server of this process, or nothing. */
const address = twin === 'ioredis' ? { path: startServer() } : {}

let clients = []

/** A client, closed after the test. */
function newRedis(options) {
  const client = new Redis({ ...address, ...options })
  clients.push(client)
  return client
}

/** The same by the other name that ioredis has for it. */
function createClient(options) {
  const client = Redis.createClient({ ...address, ...options })
  clients.push(client)
  return client
}

afterEach(async () => {
  for (const client of clients) client.disconnect()
  clients = []
  const cleaner = new Redis(address)
  await cleaner.flushall()
  cleaner.disconnect()
})

/**
 * Starts a server that ends with this process, however this process ends: a shell waits for the
 * end of its input, which comes then. Answers the path of the server's socket.
 */
function startServer() {
  const folder = mkdtempSync(join(tmpdir(), 'twin-'))
  const path = join(folder, 'redis.sock')
  const program = process.env.LATCHKEY_TWIN_SERVER || 'redis-server'
  const options = ['--port', '0', '--unixsocket', path, '--dir', folder]
  const shell = spawn(
    'sh',
    ['-c', GUARD, folder, program, ...options, '--save', '', '--appendonly', 'no'],
    { stdio: ['pipe', 'ignore', 'ignore'], detached: true },
  )
  shell.unref()
  shell.stdin.unref()
  for (let tries = 0; !existsSync(path); tries++) {
    if (tries === 500) throw new Error(`${program} did not start`)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
  }
  return path
}

module.exports = { Redis, newRedis, createClient, twin }
