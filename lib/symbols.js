'use strict'

// What a client or a store keeps to itself. Symbols and not `#fields`: libraries wrap clients in a
// Proxy, and a private field cannot be read through one.

module.exports = {
  /** The handle while every word may go straight to the native call, else -1. */
  kHot: Symbol('hot'),
  /** The same while nothing but a key prefix keeps words from going straight, else -1. */
  kPrefixed: Symbol('prefixed'),
  /** The other private fields of a client: a `Private`. */
  kPrivate: Symbol('private'),
  /** Called when a command has succeeded that changes what the client is. */
  kAfter: Symbol('after'),
  /** `sendCommand` as it was before anybody replaced it. */
  kSendCommand: Symbol('sendCommand'),
  /** Called when the store closed this client's connection. */
  kLost: Symbol('lost'),
  /** Was the store closed? */
  kClosed: Symbol('closed'),
  /** The native store behind a `Store`. */
  kNative: Symbol('native'),
}
