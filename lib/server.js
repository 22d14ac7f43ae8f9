'use strict'

// A store's door for clients of other processes: RESP over sockets, served by threads of the
// native module. This file only opens and closes it.

const dns = require('node:dns/promises')
const { EventEmitter } = require('node:events')
const net = require('node:net')
const { native, holdLoop } = require('./loop')

const OPTIONS = new Set([
  'port',
  'host',
  'path',
  'unixsocketperm',
  'backlog',
  'maxclients',
  'password',
  'tls',
])

/** Servers that listen; held so that nobody collects them. */
const open = new Set()

class Server extends EventEmitter {
  #store
  #listener
  #addresses
  #referenced = true
  #closing

  /** Use `store.listen()`. */
  constructor(store, listener) {
    super()
    this.#store = store
    this.#listener = listener
    this.#addresses = listener.addresses()
    open.add(this)
    holdLoop(1)
    listener.onShutdown(() => {
      this.emit('shutdown')
      this.close()
    })
  }

  /** @returns {{ address: string, family: string, port: number } | string} where it listens */
  address() {
    return this.#addresses[0] ?? this.#listener.path()
  }

  /** Every place where it listens, as a text. */
  get places() {
    const tcp = this.#addresses.map(({ address, port }) => {
      return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
    })
    const path = this.#listener.path()
    return path ? [...tcp, path] : tcp
  }

  /** The TCP port, also where it was left open. */
  get port() {
    return this.#addresses[0]?.port
  }

  /** Lets the process end though the server listens. */
  unref() {
    if (this.#referenced && open.has(this)) holdLoop(-1)
    this.#referenced = false
    return this
  }

  /** Keeps the process alive while the server listens, which is the default. */
  ref() {
    if (!this.#referenced && open.has(this)) holdLoop(1)
    this.#referenced = true
    return this
  }

  /** Ends every connection; resolves when the last one has ended. */
  close() {
    this.#closing ??= this.#end()
    return this.#closing
  }

  async #end() {
    await this.#listener.close()
    open.delete(this)
    if (this.#referenced) holdLoop(-1)
  }

  /** Is it a door of this store? */
  belongsTo(store) {
    return this.#store === store
  }
}

/** The numeric addresses of what users call a host. */
async function lookUp(host) {
  if (net.isIP(host)) return [host]
  const found = await dns.lookup(host, { all: true })
  return found.map(({ address }) => address)
}

/**
 * @param {import('../native').Store} store the native store
 * @param {{ port?: number, host?: string | string[], path?: string, unixsocketperm?: number,
 *   backlog?: number, maxclients?: number, password?: string,
 *   tls?: TlsOptions }} [options]
 * @returns {Promise<Server>}
 */
async function listen(store, options = {}) {
  for (const name of Object.keys(options)) {
    if (!OPTIONS.has(name)) throw new TypeError(`a server has no option "${name}"`)
  }
  const { host = '127.0.0.1', path, unixsocketperm, backlog, maxclients, password } = options
  const port = options.port ?? (path === undefined ? 6379 : undefined)
  const hosts = port === undefined ? [] : (await Promise.all([host].flat().map(lookUp))).flat()
  const tls = options.tls && readTls(options.tls)
  const given = {
    tls,
    hosts,
    port,
    path,
    permissions: unixsocketperm,
    backlog,
    maxclients,
    password,
  }
  try {
    return new Server(store, new native.Listener(store, given))
  } catch (cause) {
    throw failure(cause, { address: path ?? hosts[0], port })
  }
}

/**
 * @typedef {{ cert: string | Buffer, key: string | Buffer, ca?: string | Buffer,
 *   requestCert?: boolean, rejectUnauthorized?: boolean }} TlsOptions
 */

/**
 * The names that Node's TLS servers have for it, as the native module wants it.
 *
 * @param {TlsOptions} options
 */
function readTls({ cert, key, ca, requestCert, rejectUnauthorized = true, ...others }) {
  for (const name of Object.keys(others)) throw new TypeError(`tls has no option "${name}"`)
  const text = (value) => (value === undefined ? undefined : Buffer.from(value))
  const clients = requestCert ? (rejectUnauthorized ? 'yes' : 'optional') : 'no'
  return { cert: text(cert), key: text(key), ca: text(ca), clients }
}

/** A server where the store's settings say. */
function listenAsConfigured(store) {
  try {
    return new Server(store, native.Listener.fromSettings(store))
  } catch (cause) {
    throw failure(cause, { address: store.setting('bind'), port: Number(store.setting('port')) })
  }
}

/** An error as Node's own servers tell it. */
function failure(cause, place) {
  const error = new Error(`listen ${cause.message}`, { cause })
  const code = /^E[A-Z]+(?=:)/.exec(cause.message)
  return code ? Object.assign(error, { code: code[0], syscall: 'listen', ...place }) : error
}

/** Closes every server of a store. */
function closeAll(store) {
  for (const server of open) if (server.belongsTo(store)) server.close()
}

module.exports = { Server, listen, listenAsConfigured, closeAll }
