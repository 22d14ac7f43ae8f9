'use strict'

// The private fields of a client. Symbols and not `#fields`: libraries wrap clients in a Proxy,
// and a private field cannot be read through one.

module.exports = {
  /** The handle while every word may go straight to the native call, else -1. */
  kHot: Symbol('hot'),
  /** The same while nothing but a key prefix keeps words from going straight, else -1. */
  kPrefixed: Symbol('prefixed'),
  /** The native client's handle, -1 without one. */
  kHandle: Symbol('handle'),
  /** What `status` reads. */
  kStatus: Symbol('status'),
  /** Flags that go with the id of every command of this client: integers as strings. */
  kFlags: Symbol('flags'),
  /** How its replies are read, see reply.js. */
  kHow: Symbol('how'),
  /** Pairs of function and value that wait for the `ready` event, or null after it. */
  kEarly: Symbol('early'),
  /** Messages that came before the `ready` event, or null. */
  kHeld: Symbol('held'),
  /** Commands held back between a lost connection and the next one. */
  kOffline: Symbol('offline'),
  /** Tickets of this client that are out. */
  kPending: Symbol('pending'),
  /** What it is subscribed to: a set of names per kind. */
  kSubscriptions: Symbol('subscriptions'),
  /** Is it subscribed or monitoring? */
  kListening: Symbol('listening'),
  /** Does it keep the process alive while it waits or listens? */
  kReferenced: Symbol('referenced'),
  /** `disconnect()` or `quit()` was called and the end has not been announced yet. */
  kClosing: Symbol('closing'),
  /** Is it to connect anew after that end? */
  kAgain: Symbol('again'),
  /** The database that SELECT chose last. */
  kDatabase: Symbol('database'),
  /** Attempts to connect anew since the client was last ready. */
  kAttempts: Symbol('attempts'),
  /** The timer of the next attempt. */
  kTimer: Symbol('timer'),
  /** Those who called `connect()`. */
  kWaiters: Symbol('waiters'),
  /** Counts the connections, so that what belongs to an earlier one can tell. */
  kEpoch: Symbol('epoch'),
  /** Are messages wanted as Buffers? */
  kBuffers: Symbol('buffers'),
  /** The class of its pipelines, if it has commands that others have not. */
  kPipeline: Symbol('pipeline'),
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
