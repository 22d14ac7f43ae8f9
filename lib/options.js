'use strict'

// What a client is made with: the overloads of its constructor, URLs, and the one decision that
// matters here: is the in-process store meant, or a server somewhere? No address means in-process,
// an address means the network, and nothing ever falls back from one to the other by itself.

/** @type {any} its type knows it only as a module's default */
const cluster = require('node:cluster')
const { isMainThread } = require('node:worker_threads')

/** The defaults of ioredis, save for the address: there is none. */
const defaultOptions = {
  port: undefined,
  host: undefined,
  family: 0,
  connectTimeout: 10000,
  disconnectTimeout: 2000,
  retryStrategy(times) {
    return Math.min(2 ** (times - 1) * 50, 5000) + Math.floor(Math.random() * 200)
  },
  keepAlive: 30000,
  noDelay: true,
  connectionName: null,
  disableClientInfo: false,
  clientInfoTag: undefined,
  sentinels: null,
  name: null,
  role: 'master',
  sentinelRetryStrategy(times) {
    return Math.min(times * 10, 1000)
  },
  sentinelReconnectStrategy() {
    return 60000
  },
  natMap: null,
  enableTLSForSentinelMode: false,
  updateSentinels: true,
  failoverDetector: false,
  username: null,
  password: null,
  db: 0,
  enableOfflineQueue: true,
  enableReadyCheck: true,
  autoResubscribe: true,
  autoResendUnfulfilledCommands: true,
  lazyConnect: false,
  keyPrefix: '',
  reconnectOnError: null,
  readOnly: false,
  stringNumbers: false,
  protocol: 3,
  replyMapping: 'legacy',
  maxRetriesPerRequest: 20,
  maxLoadingRetryTime: 10000,
  enableAutoPipelining: false,
  autoPipeliningIgnoredCommands: [],
  sentinelMaxConnections: 10,
  blockingTimeoutGrace: 100,
}

/** Fills in what is undefined. */
function defaults(target, source) {
  for (const key of Object.keys(source)) {
    if (target[key] === undefined) target[key] = source[key]
  }
  return target
}

const SCHEME = /^rediss?:\/\//i

/** @param {URLSearchParams} search */
function fromSearch(search) {
  const options = {}
  for (const [key, value] of search) {
    options[key] =
      key === 'family' && !Number.isNaN(parseInt(value, 10)) ? parseInt(value, 10) : value
  }
  return options
}

/**
 * What ioredis reads from a string: a port, the path of a socket, or a URL whose scheme may be
 * missing.
 *
 * @param {string} url
 */
function parseUrl(url) {
  if (/^\d+$/.test(url.trim())) return { port: url.trim() }
  const relative = url.startsWith('//')
  if (url.startsWith('/') && !relative) {
    const [path, search] = url.split('?', 2)
    return defaults({ path }, fromSearch(new URLSearchParams(search)))
  }
  const full = SCHEME.test(url) || relative
  const parsed = new URL(relative ? `redis:${url}` : full ? url : `redis://${url}`)
  const result = {}
  if (parsed.username || parsed.password) {
    result.username = decodeURIComponent(parsed.username)
    result.password = decodeURIComponent(parsed.password)
  }
  if (parsed.pathname.length > 1) {
    if (full) result.db = parsed.pathname.slice(1)
    else result.path = parsed.pathname
  }
  if (parsed.hostname) result.host = parsed.hostname.replace(/^\[|\]$/g, '')
  if (parsed.port) result.port = parsed.port
  if (/^rediss:/i.test(url)) result.tls = true
  return defaults(result, fromSearch(parsed.searchParams))
}

/** A string as it may be shown: without the password. */
function redacted(url) {
  return url.replace(/(:\/\/[^/@]*:|:)[^/@:]*@/, '$1***@')
}

/**
 * The options of a client, and where its address was found.
 *
 * @param {unknown[]} args what the constructor was given
 */
function gather(args) {
  /** @type {any} */
  const options = {}
  let address = null
  for (const arg of args) {
    if (arg === null || arg === undefined || arg === '') continue
    if (typeof arg === 'object') {
      defaults(options, arg)
      address ??= addressIn(arg)
    } else if (typeof arg === 'string') {
      address ??= `"${redacted(arg)}"`
      defaults(options, parseUrl(arg))
    } else if (typeof arg === 'number') {
      address ??= `port ${arg}`
      options.port = arg
    } else {
      throw new Error(`Invalid argument ${String(arg)}`)
    }
  }
  return { options, address }
}

/** What is ignored together with an address: who one is there, one need not be here. */
const OF_AN_ADDRESS = [
  'host',
  'port',
  'path',
  'tls',
  'sentinels',
  'Connector',
  'username',
  'password',
]

/** The name of the option that gives an address, or null. */
function addressIn(options) {
  for (const key of ['path', 'host', 'port']) {
    if (options[key] !== undefined) return `${key} ${JSON.stringify(options[key])}`
  }
  for (const key of ['tls', 'sentinels', 'Connector']) {
    if (options[key]) return `the option "${key}"`
  }
  return null
}

function isSet(variable) {
  const value = process.env[variable]
  return value !== undefined && value !== '' && value !== '0' && value !== 'false'
}

function addressError(address, what) {
  return Object.assign(
    new Error(
      `${address} is the address of a server, and latchkey cannot reach one yet: ${what}. ` +
        'For the in-process store leave the address out (`new Redis()`), ' +
        'or set LATCHKEY_EMBED=1 to have every address ignored.',
    ),
    { code: 'ERR_LATCHKEY_ADDRESS' },
  )
}

/**
 * @param {unknown[]} args what the constructor was given
 * @returns {typeof defaultOptions & Record<string, unknown>}
 * @throws when a server is meant, or none is given where one is demanded
 */
function parseOptions(args) {
  const { options, address } = gather(args)
  if (address !== null) {
    if (!isSet('LATCHKEY_EMBED')) throw addressError(address, 'this client was not made')
    for (const key of OF_AN_ADDRESS) delete options[key]
  } else if (isSet('LATCHKEY_REQUIRE_URL') && !options.store) {
    throw Object.assign(
      new Error(
        'LATCHKEY_REQUIRE_URL is set and this client has no address: the in-process store is ' +
          'forbidden here. Pass the URL of a server, name a store (`new Redis({ store })`), ' +
          'or unset LATCHKEY_REQUIRE_URL.',
      ),
      { code: 'ERR_LATCHKEY_ADDRESS' },
    )
  }
  defaults(options, defaultOptions)
  if (typeof options.db === 'string') options.db = parseInt(options.db, 10)
  if (options.replyMapping === 'resp3' && options.protocol !== 3) {
    throw new Error('The "resp3" replyMapping is only supported with protocol 3')
  }
  return options
}

/** The programs that BullMQ and Bull run a processor in which is the name of a file. */
const SANDBOXES = {
  BullMQ: /[\\/]bullmq\b.*[\\/]classes[\\/]main\.js$/,
  Bull: /[\\/]bull[\\/]lib[\\/]process[\\/]master\.js$/,
}

/** @returns {string | null} whose sandboxed processor this process is, if it is one */
function sandbox() {
  if (process.send === undefined || !isMainThread) return null
  const program = process.argv[1] ?? ''
  return Object.keys(SANDBOXES).find((name) => SANDBOXES[name].test(program)) ?? null
}

/** What starts processes that are meant to be one application, if this is one of them. */
function managerOfSiblings() {
  if (cluster.isWorker) return 'node:cluster'
  if (process.env.pm_id !== undefined) return 'PM2'
  const owner = sandbox()
  return owner === null ? null : `the sandbox of ${owner}`
}

let warned = false

/** Says once that processes which are siblings do not see each other's keys. */
function warnOfSiblings() {
  if (warned || !isMainThread) return
  const manager = managerOfSiblings()
  if (manager === null) return
  warned = true
  process.emitWarning(
    `this process runs under ${manager}, and each process has a latchkey store of its own: ` +
      'what one writes the others do not see.',
    { type: 'LatchkeyWarning', code: 'LATCHKEY_SIBLINGS' },
  )
}

module.exports = { defaultOptions, parseOptions, sandbox, warnOfSiblings, addressError }
