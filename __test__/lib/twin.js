'use strict'

// The one import of tests that must hold for ioredis and for us alike:
//
//   const { newRedis } = require('./lib/twin')
//
// They run on latchkey, or with LATCHKEY_TWIN=ioredis on the real ioredis and a redis-server of
// their own (LATCHKEY_TWIN_SERVER names another program), which shows that they ask nothing but
// what ioredis does. Clients are closed and databases emptied after each test.

const { spawnSync } = require('node:child_process')
const { existsSync, mkdtempSync, readFileSync, rmSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { afterEach } = require('node:test')

/** `'ioredis'` or `'latchkey'`. */
const twin = process.env.LATCHKEY_TWIN || 'latchkey'
const Redis = twin === 'ioredis' ? require('ioredis') : require('../..')

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

/** Starts a server that ends with this process; answers the path of its socket. */
function startServer() {
  const folder = mkdtempSync(join(tmpdir(), 'twin-'))
  const path = join(folder, 'redis.sock')
  const pidFile = join(folder, 'redis.pid')
  const program = process.env.LATCHKEY_TWIN_SERVER || 'redis-server'
  const options = ['--port', '0', '--unixsocket', path, '--dir', folder, '--pidfile', pidFile]
  const quiet = ['--save', '', '--appendonly', 'no', '--daemonize', 'yes']
  const { error } = spawnSync(program, [...options, ...quiet], { stdio: 'ignore' })
  if (error) throw error
  while (!existsSync(path) || !existsSync(pidFile)) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
  }
  process.once('exit', () => {
    process.kill(Number(readFileSync(pidFile, 'utf8')))
    rmSync(folder, { recursive: true, force: true })
  })
  return path
}

module.exports = { Redis, newRedis, createClient, twin }
