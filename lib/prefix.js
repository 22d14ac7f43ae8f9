'use strict'

/**
 * The keys that begin with a prefix, page by page.
 *
 * A shim keeps each of its values under a key of its own, so "all of them" means a scan. SCAN may
 * name a key twice and never promises a page size, and neither its pattern nor its answers know
 * about a client's `keyPrefix`: all of that is dealt with here, once.
 */

/** Characters that mean something in a pattern. */
const GLOB = /[\\*?[\]]/g

/**
 * @param {any} client a latchkey or ioredis client
 * @param {string} prefix what the keys begin with, as commands of this client would name them
 * @param {number} count how many keys SCAN should look at in one go
 * @yields {string[]} keys as commands of this client name them; each once, pages never empty
 */
async function* keysWithPrefix(client, prefix, count) {
  const hidden = client.options?.keyPrefix ?? ''
  const pattern = `${(hidden + prefix).replace(GLOB, '\\$&')}*`
  const seen = new Set()
  let cursor = '0'
  do {
    const [next, found] = await client.scan(cursor, 'MATCH', pattern, 'COUNT', count)
    const fresh = []
    for (const name of found) {
      if (seen.has(name)) continue
      seen.add(name)
      fresh.push(name.slice(hidden.length))
    }
    if (fresh.length > 0) yield fresh
    cursor = String(next)
  } while (cursor !== '0')
}

/**
 * The client to work with: the one that was given, or a new one on the process's own store.
 *
 * @param {object | undefined} client
 * @param {string} name of the shim, for the message
 * @returns {any}
 */
function clientOrNew(client, name) {
  if (client === undefined || client === null) {
    const Redis = require('../index.js')
    return new Redis()
  }
  if (typeof client !== 'object' || 'scanIterator' in client) {
    throw new TypeError(
      `${name} takes a latchkey or ioredis client. Leave \`client\` out to use the store inside ` +
        "this process, or pass one made by `new Redis()` from require('latchkey').",
    )
  }
  return client
}

module.exports = { clientOrNew, keysWithPrefix }
