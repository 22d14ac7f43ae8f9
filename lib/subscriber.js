'use strict'

// What a client is subscribed to, and the events it hears. Messages come from the native module
// when it is drained (loop.js), never inside the PUBLISH that caused them.

const loop = require('./loop')
const { kPrivate } = require('./symbols')
const { perform } = require('./dispatch')
const { lookup } = require('./table')

/** The channels, patterns and shard channels of one client. */
class Subscriptions {
  subscribe = new Set()
  psubscribe = new Set()
  ssubscribe = new Set()

  /** Follows a SUBSCRIBE, UNSUBSCRIBE or one of their relatives that has succeeded. */
  track(command, names) {
    if (command in this) {
      for (const name of names) this[command].add(String(name))
      return
    }
    const set = this[command.replace('un', '')]
    if (names.length === 0) set.clear()
    for (const name of names) set.delete(String(name))
  }

  get size() {
    return this.subscribe.size + this.psubscribe.size + this.ssubscribe.size
  }
}

const text = (word) => (typeof word === 'string' ? word : word === null ? '' : word.toString())
const bytes = (word) => (typeof word === 'string' ? Buffer.from(word) : word)

/** Emits when somebody listens; a listener that throws does not keep the next event from others. */
function tell(client, event, ...args) {
  if (client.listenerCount(event) > 0) loop.isolate(() => client.emit(event, ...args))
}

/** A line of MONITOR: `1339518083.107412 [0 127.0.0.1:60866] "keys" "*"`. */
function tellMonitor(client, line) {
  const quote = line.indexOf('"')
  const time = line.slice(0, line.indexOf(' '))
  const [database, source] = line.slice(time.length + 2, quote - 2).split(' ')
  const args = line
    .slice(quote + 1, -1)
    .split('" "')
    .map((arg) => arg.replaceAll('\\"', '"'))
  tell(client, 'monitor', time, args, source, database)
}

/**
 * Delivers a push.
 *
 * @param {import('events').EventEmitter} client
 * @param {unknown} push `[kind, ...]`, or a line of MONITOR
 */
function receive(client, push) {
  if (!Array.isArray(push)) {
    tellMonitor(client, text(push))
    return
  }
  const kind = text(push[0])
  switch (kind) {
    case 'message':
    case 'smessage':
      tell(client, kind, text(push[1]), text(push[2]))
      tell(client, `${kind}Buffer`, bytes(push[1]), bytes(push[2]))
      break
    case 'pmessage':
      tell(client, kind, text(push[1]), text(push[2]), text(push[3]))
      // the pattern is a string here too: it is what the user gave
      tell(client, 'pmessageBuffer', text(push[1]), bytes(push[2]), bytes(push[3]))
      break
    case 'invalidate':
      // null: whatever was read, all of it is stale
      tell(client, kind, push[1] === null ? null : push[1].map(text))
      break
    case 'monitor':
      tellMonitor(client, text(push[1]))
      break
    default:
      tell(client, kind, push[1] === null ? null : text(push[1]), ...push.slice(2))
  }
}

/** Subscribes again to all that a client was subscribed to before it lost its connection. */
function resubscribe(client) {
  const before = client[kPrivate].subscriptions
  client[kPrivate].subscriptions = new Subscriptions()
  for (const command of ['subscribe', 'psubscribe', 'ssubscribe']) {
    // not through the method, which would put the key prefix before shard channels once more
    if (before[command].size > 0) perform(client, lookup(command), 0, [...before[command]])
  }
}

loop.onPush(receive)

module.exports = { Subscriptions, resubscribe }
